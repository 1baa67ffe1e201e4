//! What a step reads of another: places in its arguments that stand for what that one printed.

use std::collections::BTreeMap;

/// How a planner writes a reference: the number of a step between two texts.
#[derive(Debug)]
pub(super) struct Mark {
    opens: &'static str,
    closes: &'static str,
    /// True if the steps are counted, from 0, whatever they are called.
    counts: bool,
}

/// LLMCompiler's two, and HuggingGPT's.
pub(super) const LISTED: &[Mark] = &[
    Mark { opens: "${", closes: "}", counts: false },
    Mark { opens: "$", closes: "", counts: false },
    Mark { opens: "<GENERATED>-", closes: "", counts: false },
];
/// TaskBench's.
pub(super) const LINKED: &[Mark] = &[Mark { opens: "<node-", closes: ">", counts: true }];

/// A reference in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference<'t> {
    /// The whole of it.
    pub(super) text: &'t str,
    /// The number in it.
    step: &'t str,
    counts: bool,
}

impl Reference<'_> {
    /// The place of the step, if there is one.
    pub(super) fn place(self, places: &BTreeMap<&str, u32>) -> Option<u32> {
        let counted = || self.step.parse().ok().filter(|place| self.counts && (*place as usize) < places.len());
        places.get(self.step).copied().or_else(counted)
    }

    /// What can be done if none is meant, as the end of a sentence.
    pub(super) fn or_literal(self) -> String {
        if self.text.starts_with('$') { format!(", or write ${} for the text", self.text) } else { String::new() }
    }
}

/// The arguments as a template, with each reference in place of what `place_of` says is read: the step that printed it.
pub(super) fn template(
    arguments: &str,
    (prefix, marks): (&str, &[Mark]),
    mut place_of: impl FnMut(Reference<'_>) -> Option<u32>,
) -> String {
    let (mut made, mut plain, mut rest) = (String::new(), String::new(), arguments);
    while let Some(at) = rest.find(['$', '<']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // A doubled `$` stands for itself where it would begin a reference.
        let doubled = rest.strip_prefix('$').filter(|rest| rest.starts_with('$'));
        if let Some(literal) = doubled.and_then(|rest| first(rest, marks)) {
            plain.push_str(literal.text);
            rest = &rest[1 + literal.text.len()..];
        } else if let Some(found) = first(rest, marks) {
            if let Some(place) = place_of(found) {
                made.push_str(&escaped(&std::mem::take(&mut plain)));
                // A part of a text inside JSON: what was printed, without the quotes of its own.
                made.push_str(&format!(
                    "${{{{ (tasks.{prefix}{place}.output.stdout | trim('\\n') | tojson)[1:-1] }}}}"
                ));
            }
            rest = &rest[found.text.len()..];
        } else {
            plain.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    made + &escaped(&plain)
}

/// The reference that a text begins with. A sum of money is none: `$1.50`, `$1,000`, `$5k`.
fn first<'t>(text: &'t str, marks: &[Mark]) -> Option<Reference<'t>> {
    marks.iter().find_map(|mark| {
        let rest = text.strip_prefix(mark.opens)?;
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (step, rest) = rest.split_at(digits);
        let rest = rest.strip_prefix(mark.closes)?;
        let goes_on = rest.strip_prefix(['.', ',']).map_or_else(
            || rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'),
            |rest| rest.starts_with(|next: char| next.is_ascii_digit()),
        );
        let is_whole = digits > 0 && (!mark.closes.is_empty() || !goes_on);
        is_whole.then(|| Reference { text: &text[..text.len() - rest.len()], step, counts: mark.counts })
    })
}

/// Braces of templates stand in texts only, where JSON has another way to write them.
fn escaped(json: &str) -> String {
    json.replace("${{", "$\\u007b{").replace("{%", "\\u007b%").replace("{#", "\\u007b#")
}
