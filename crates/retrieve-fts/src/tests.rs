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
    8-13 [Top › Sub] "one\n`two`\n```\ncode\n```"
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
fn nothing_of_a_long_block_is_lost() {
    let words =
        |text: &str| text.split_whitespace().filter(|word| *word != "```").map(str::to_owned).collect::<Vec<_>>();
    let prose: String = (0..4_000).map(|number| format!("word{number} ")).collect();
    let code: String = (0..1_000).map(|number| format!("    line {number}\n")).collect();
    let crlf: String = (0..300).map(|number| format!("Paragraph {number}\r\nhas two lines.\r\n\r\n")).collect();
    for (format, text, expected, last_line) in [
        (Format::Text, prose.clone(), prose.clone(), 1),
        (Format::Text, "x".repeat(9_000), ["x".repeat(4_000), "x".repeat(4_000), "x".repeat(1_000)].join(" "), 1),
        (Format::Text, crlf.clone(), crlf, 899),
        (Format::Markdown, format!("# Top\n\n{prose}"), prose.clone(), 3),
        (Format::Markdown, format!("```\n{code}```\n"), code, 1_002),
        (Format::Html, format!("<p>{prose}</p>"), prose, 1),
    ] {
        let found = passages(format, &text);
        let all: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
        assert_eq!(words(&all.join(" ")), words(&expected), "{format:?}");
        assert!(all.iter().all(|text| text.len() <= 5_000), "{format:?}");
        assert!(all.iter().all(|text| text.matches("```").count() % 2 == 0), "{format:?}: code is told from prose");
        assert_eq!(found.last().unwrap().last_line, last_line, "{format:?}");
        assert!(found.is_sorted_by_key(|passage| passage.first_line), "{format:?}");
    }
}

#[test]
fn html_has_text_outside_of_paragraphs() {
    let html = "<html><head><title>no</title></head><body>\nStray words<br>here.\n<div>Intro <a href=x>link</a>.\n<p>Inside.</p>\nAfter it.</div>\n\
        <ul><li>outer\n<ul><li>inner</li></ul></li></ul><nav>no</nav><h2><div>Deep</div></h2>\n<section><span>Own</span> text</section></body></html>";
    insta::assert_snapshot!(shown(Format::Html, html), @r#"
    2-7 [] "Stray words here.\nIntro link.\nInside.\nAfter it.\nouter\ninner"
    8-8 [Deep] "Own text"
    "#);
}

#[test]
fn html_is_read_however_it_is_nested_or_left_open() {
    let all = |html: &str| passages(Format::Html, html).into_iter().map(|one| one.text).collect::<Vec<_>>().join("\n");
    assert_eq!(all("<head><title>no</title><meta charset=x><p>a head without an end</p>"), "a head without an end");
    assert_eq!(all("<nav>no<script>if (a < b) { '</nav>' }</script></nav>yes <b>&amp;</b> &eacute;"), "yes & é");
    assert_eq!(all("<!-- <p>no</p> --><p>a<p>b<!doctype html></span>c<br/>d"), "a\nbc d");
    assert_eq!(
        all("<head><script src=\"x\"/><title>no</title></head><body><svg><style/></svg><p>a</p><iframe/>b"),
        "a\nb"
    );
    assert_eq!(all("<head><title>no</title>bare text"), "bare text");
    assert_eq!(all("<nav>no<main><p>a</p></main>"), "a");
    assert_eq!(shown(Format::Html, "<h1>Title<p>text</p>"), "1-1 [Title] \"text\"\n");
    // What stands inside is found, and costs what its bytes cost: a reader that builds a tree would not come to an end.
    let deep = "<div>".repeat(100_000) + &"<script>".repeat(1_000) + "</script>deep" + &"<!--".repeat(1_000);
    assert_eq!(all(&deep), "deep");
    let blanks =
        " ".repeat(200_000) + "x" + &"<b>x".repeat(50_000) + &"<svg>".repeat(50_000) + &"</nav>".repeat(50_000);
    assert_eq!(all(&blanks).replace('\n', "").len(), 50_001);
    let heading = format!("<h1>{}</h1>{}", "head ".repeat(40_000), "<p>text</p>".repeat(100));
    assert!(passages(Format::Html, &heading).iter().all(|one| one.heading.len() <= 300));
    let words = "<p>&amp; word</p>".repeat(10_000);
    assert_eq!(all(&words).lines().filter(|line| *line == "& word").count(), 10_000);
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
    assert!((best.score - 0.25).abs() < 1e-9, "one of two telling words: {}", best.score);
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

#[test]
fn a_score_says_how_sure_a_passage_is() {
    let folder = tempfile::tempdir().unwrap();
    let common = (0..20).map(|number| format!("# Part {number}\n\nA run has tasks, number {number} too.\n\n"));
    let rare = "# Crash\n\nAfter a crash the journal is applied, and the incarnation fences what was started.\n";
    std::fs::write(folder.path().join("a.md"), common.collect::<String>() + rare).unwrap();
    let index = Index::in_memory().unwrap();
    index.add(&[folder.path().to_owned()]).unwrap();
    let scored = |question: &str| {
        let results = index.search(question, 1).unwrap();
        assert_eq!(results.best_score, results.documents.first().map_or(0.0, |best| best.score));
        let first = results.documents.first().map_or("nothing", |best| best.heading.as_str());
        format!("{:.2} {first}", results.best_score)
    };
    let asked = [
        "crash",
        "run",
        "run tasks",
        "crash journal",
        "What happens to the journal after a crash?",
        "Which incarnation fences what was started before the crash of the journal?",
        "Was passiert nach einem crash?",
        "capital of France",
        "the of and",
    ];
    let lines: Vec<String> = asked.iter().map(|question| format!("{question}: {}", scored(question))).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    crash: 0.50 Crash
    run: 0.02 Part 0
    run tasks: 0.04 Part 0
    crash journal: 0.75 Crash
    What happens to the journal after a crash?: 0.66 Crash
    Which incarnation fences what was started before the crash of the journal?: 0.81 Crash
    Was passiert nach einem crash?: 0.25 Crash
    capital of France: 0.00 nothing
    the of and: 0.00 Crash
    ");
}

#[test]
fn the_first_passage_has_the_best_score() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("few.md", "# Crash\n\nA crash is a crash.");
    write("all.md", &format!("# All\n\n{} the crash of a journal.", "Many words stand before it. ".repeat(40)));
    for number in 0..9 {
        write(&format!("{number}.md"), "# Other\n\nHere a journal has nothing to tell.");
    }
    let index = Index::in_memory().unwrap();
    index.add(&[folder.path().to_owned()]).unwrap();
    let results = index.search("crash journal", 3).unwrap();
    let found: Vec<_> =
        results.documents.iter().map(|one| format!("{} {} {}", one.id, one.heading, one.score)).collect();
    insta::assert_snapshot!(format!("{}, best {}", found.join(", "), results.best_score), @"p1 All 0.433, p2 Crash 0.375, p3 Other 0.003, best 0.433");
}

/// What the folder ignores counts in a repository or not; what stands further up, up to the repository's root.
#[test]
fn what_is_ignored_is_left_out() {
    for (above, repository, expected) in [
        ("*", None, vec!["open.md"]),
        ("open.md", Some("."), vec![]),
        ("apple.md", Some("."), vec!["open.md"]),
        ("*", Some("notes"), vec!["open.md"]),
        ("*", Some("notes/inner"), vec!["open.md"]),
    ] {
        let home = tempfile::tempdir().unwrap();
        let notes = home.path().join("notes");
        std::fs::create_dir_all(&notes).unwrap();
        if let Some(root) = repository {
            std::fs::create_dir_all(home.path().join(root).join(".git")).unwrap();
        }
        std::fs::write(home.path().join(".gitignore"), above).unwrap();
        for (name, text) in [(".gitignore", "private.md\n"), ("private.md", "A secret."), ("open.md", "A secret.")] {
            std::fs::write(notes.join(name), text).unwrap();
        }
        let index = Index::in_memory().unwrap();
        index.add(std::slice::from_ref(&notes)).unwrap();
        let found = index.search("secret", 5).unwrap().documents;
        let found: Vec<_> = found.iter().map(|one| one.source.rsplit(['/', ':']).nth(1).unwrap()).collect();
        assert_eq!(found, expected, "{above:?} above, a repository at {repository:?}");
    }
}

#[test]
fn an_index_can_follow_other_paths_instead() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("one.md"), "One apple.").unwrap();
    std::fs::write(path("two.md"), "Two pears.").unwrap();
    let index = Index::in_memory().unwrap();
    index.add(&[folder.path().to_owned()]).unwrap();
    assert_eq!(index.follow(&[path("two.md")]).unwrap().passages, 1);
    assert!(index.search("apple", 5).unwrap().documents.is_empty());
    assert!(index.follow(&[path("three.md")]).is_err());
    assert_eq!(index.folders().unwrap().len(), 1, "a path that is missing changes nothing");
}

#[test]
fn the_name_of_an_index_stays_among_indexes() {
    let long = "n".repeat(65);
    for wrong in ["", "a/b", "../../v/victim", "a.b", "ä", " a", &long] {
        assert!(wrong.parse::<crate::IndexName>().is_err(), "{wrong:?}");
    }
    let name: crate::IndexName = "docs-2_x".parse().unwrap();
    assert_eq!(name.file(std::path::Path::new("indexes")), std::path::Path::new("indexes/docs-2_x.db"));
}
