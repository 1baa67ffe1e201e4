use std::fmt::Write as _;

use crate::{Format, Index, passages};

fn shown(format: Format, text: &str) -> String {
    passages(format, text).into_iter().fold(String::new(), |mut lines, passage| {
        let _ =
            writeln!(lines, "{}-{} [{}] {:?}", passage.first_line, passage.last_line, passage.heading, passage.text);
        lines
    })
}

#[test]
fn markdown_keeps_headings_and_lines() {
    let text = "# Top\n\nFirst *words*\nof it.\n\n## Sub\n\n- one\n- `two`\n\n```\ncode\n```\n\n# Other\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    insta::assert_snapshot!(shown(Format::Markdown, text), @r#"
    3-4 [Top] "First words of it."
    8-13 [Top › Sub] "one\ntwo\ncode"
    16-18 [Other] "a · b ·\n1 · 2 ·"
    "#);
}

#[test]
fn html_and_text_are_cut_into_blocks() {
    let html = "<html><body>\n<h1>Top</h1>\n<p>One <b>bold</b>\nword.</p><script>bad()</script>\n<ul><li>item</li></ul></body></html>";
    insta::assert_snapshot!(shown(Format::Html, html), @r#"3-5 [Top] "One bold word.\nitem""#);
    insta::assert_snapshot!(shown(Format::Text, "one\ntwo\n\nthree"), @r#"1-4 [] "one two\nthree""#);
}

#[test]
fn an_index_follows_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("crash.md", "# Crashes\n\nAfter a crash the journal is applied.\n\n# Money\n\nA hold counts as spent.");
    write("other.txt", "Nothing to see here.");
    write("image.png", "not indexed");
    let index = Index::in_memory().unwrap();
    let first = index.add(&[folder.path().to_owned()]).unwrap();
    assert_eq!((first.added, first.passages), (2, 3));
    assert_eq!(index.update().unwrap().unchanged, 2);
    let results = index.search("How does it survive a crash?", 5).unwrap();
    assert_eq!(results.documents.len(), 1);
    let best = &results.documents[0];
    assert_eq!((best.heading.as_str(), best.first_line, best.id.as_str()), ("Crashes", 3, "p1"));
    assert!(best.source.ends_with("crash.md:3-3"), "{}", best.source);
    assert!(best.score > 0.3 && best.score < 0.7, "one of two telling words: {}", best.score);
    write("crash.md", "# Crashes\n\nNow it says recovery.");
    std::fs::remove_file(folder.path().join("other.txt")).unwrap();
    let second = index.update().unwrap();
    assert_eq!((second.changed, second.removed, second.passages), (1, 1, 1));
    assert!(index.search("journal", 5).unwrap().documents.is_empty());
    assert_eq!(index.remove(folder.path()).unwrap().passages, 0);
}

#[test]
fn no_question_is_a_syntax_error() {
    let index = Index::in_memory().unwrap();
    for question in ["", "?", "\"", "a AND OR NOT", "x* NEAR(y)", "col:val ^ -", "ä ö \u{0}", "heading:x", "((("] {
        index.search(question, 5).unwrap();
    }
}

#[test]
fn a_missing_folder_is_an_error() {
    let index = Index::in_memory().unwrap();
    assert!(index.add(&["/no/such/folder".into()]).unwrap_err().to_string().contains("/no/such/folder"));
}
