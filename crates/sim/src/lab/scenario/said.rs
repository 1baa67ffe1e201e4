//! What is wrong with a scenario, as people can use it: on which line, and what may have been meant.

use agendum_spec::diagnostic::nearest;
use agendum_spec::kind_of;

/// What the reader of documents says, with the word that may have been meant; of a document of another kind, that it is one.
pub(super) fn unread(said: &str, text: &str) -> String {
    let has = |key: &str| text.lines().any(|line| line.starts_with(&format!("{key}:")));
    if let Some((is, what)) = kind_of(has).filter(|_| !has("workload")) {
        return format!("this is a {is}, and no scenario\nhint: {what}");
    }
    // Who tells it says that it is an error, and of which file.
    let said = said.strip_prefix("error: ").unwrap_or(said).replace("<input>:", "scenario:");
    let said =
        ["u64", "u32"].iter().fold(said, |said, of| said.replace(&format!("invalid {of}"), "write a whole number"));
    let said = said.replace("invalid f64", "write a number");
    match meant(&said) {
        Some(word) => format!("{}\nhint: did you mean `{word}`?", said.trim_end()),
        None => said,
    }
}

/// Of "unknown field `lods`, expected one of name, loads" the nearest.
fn meant(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("unknown field `").or_else(|| said.split_once("unknown variant `"))?;
    let (word, rest) = rest.split_once("`, expected ")?;
    let known = rest.lines().next()?.trim_start_matches("one of ");
    let words = known.split(", ").flat_map(|known| known.split(" or "));
    nearest(word, words.map(|known| known.trim_matches(['`', ' '])))
}

/// What a check says, with the line on which the number stands, where only one such is.
pub(super) fn placed(said: &str, text: &str) -> String {
    let number = said.strip_prefix('`').and_then(|rest| rest.split_once("`:")).map(|(place, _)| place);
    let key = number.map(|place| place.rsplitn(3, ": ").take(2).collect::<Vec<_>>());
    let Some([value, key]) = key.as_deref() else { return said.to_owned() };
    let wanted = format!("{key}: {value}");
    let mut lines = text.lines().enumerate().filter(|(_, line)| line.contains(&wanted));
    match (lines.next(), lines.next()) {
        (Some((number, _)), None) => format!("line {}: {said}", number + 1),
        _ => said.to_owned(),
    }
}
