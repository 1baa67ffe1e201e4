//! Policies on the command line: checked, shown, compared, put in force.

use insta::assert_snapshot;

use crate::place::{Place, Server};

const RULES: &str = "version: 1
policy: ours
description: Ours.
order: { background: { share: 8 } }
fairness: { weights: { acme: 2 } }
";

fn place() -> Place {
    Place::new(&[
        ("rules.yaml", RULES),
        ("wrong.yaml", "version: 1\npolicy: wrong\norder: { standard: { share: 0, indx: fifo } }\nestimates: {}\n"),
    ])
}

/// What people see, with each hash as such: it is another with each parameter that comes to be.
fn said(place: &Place, arguments: &[&str]) -> String {
    let text = place.say(arguments);
    let is_hash = |word: &&str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split([' ', ',', '\n']).filter(is_hash).fold(text.clone(), |text, hash| text.replace(hash, "HASH"))
}

#[test]
fn documents_are_checked_shown_and_compared() {
    let place = place();
    assert_snapshot!(said(&place, &["policy", "check", "rules.yaml", "wrong.yaml"]), @"
    2
    rules.yaml: ours, HASH, 2 parameters not as in balanced
    next: agendum policy show rules.yaml
    `share` is 0; it must be between 1 and 1000
        Diagnostic severity: error
    Begin snippet for wrong.yaml starting at line 2, column 1
    snippet line 2: policy: wrong
    snippet line 3: order: { standard: { share: 0, indx: fifo } }
        label at line 3, column 29
    snippet line 4: estimates: {}
    diagnostic help: its part of the attempts, in relation to the shares of the other priorities that have something to send
    diagnostic code: out_of_range
    unknown key `indx` in `standard`
        Diagnostic severity: error
    Begin snippet for wrong.yaml starting at line 2, column 1
    snippet line 2: policy: wrong
    snippet line 3: order: { standard: { share: 0, indx: fifo } }
        label at line 3, columns 32 to 35
    snippet line 4: estimates: {}
    diagnostic help: did you mean `index`?
    diagnostic code: unknown_key
    not yet: this release does not run rules of estimates
        Diagnostic severity: error
    Begin snippet for wrong.yaml starting at line 3, column 1
    snippet line 3: order: { standard: { share: 0, indx: fifo } }
    snippet line 4: estimates: {}
        label at line 4, column 12
    diagnostic code: not_yet
    error: wrong.yaml: 2 errors, 1 not yet supported
    ");
    let shown = said(&place, &["policy", "show", "rules.yaml"]);
    let told = shown.lines().filter(|line| !line.starts_with("  ") || line.contains("interactive."));
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    0
    ours, HASH, rules.yaml
    Ours.
      order.interactive.index           gittins               Which run of a tenant goes first, of those without a deadline.
      order.interactive.deadline_index  slack                 Which run of a tenant goes first, of those with a deadline.
      order.interactive.share           16                    Its part of the attempts, in relation to the shares of the other priorities that have something to send.
      order.interactive.aging           5                     For each second less that a run will take, it may have come so many seconds later and still go first.
      order.interactive.patience        10m                   By when a run without a deadline is to be answered, beside those that have one.
      order.interactive.dollar          2m                    How much time a dollar is worth: of two targets the dearer is taken if it saves more than that for each dollar that it costs more.
    * order.background.share            8        balanced: 1
    * fairness.weights.acme             2        balanced: –  The weight of this tenant: with twice that of another it gets twice as much while both wait.
    * not as in balanced
    ");
    assert_snapshot!(said(&place, &["policy", "diff", "fifo", "rules.yaml"]), @"
    0
    a  fifo, HASH, built in
    b  ours, HASH, rules.yaml
                                      a     b
    order.interactive.index           fifo  gittins  Which run of a tenant goes first, of those without a deadline.
    order.interactive.deadline_index  fifo  slack    Which run of a tenant goes first, of those with a deadline.
    order.standard.index              fifo  gittins
    order.standard.deadline_index     fifo  slack
    order.background.index            fifo  gittins
    order.background.deadline_index   fifo  slack
    order.background.share            1     8        Its part of the attempts, in relation to the shares of the other priorities that have something to send.
    fairness.weights.acme             –     2        The weight of this tenant: with twice that of another it gets twice as much while both wait.
    ");
}

#[test]
fn what_is_the_same_and_what_is_not_there_is_said() {
    let place = place();
    assert_snapshot!(said(&place, &["policy", "diff", "balanced", "balanced"]), @"
    0
    a  balanced, HASH, built in
    b  balanced, HASH, built in
    the same rules
    ");
    let alone = said(&place, &["policy", "diff", "rules.yaml"]);
    assert_eq!(alone, said(&place, &["policy", "diff", "balanced", "rules.yaml"]), "one stands beside balanced");
    assert!(alone.contains("\na  balanced, HASH, built in\nb  ours, HASH, rules.yaml\n"), "{alone}");
    assert_snapshot!(said(&place, &["policy", "diff", "fiffo", "balanced"]), @"
    2
    error: there is no file fiffo
    hint: did you mean `fifo`, which is built in?
    ");
}

#[test]
fn machines_are_told_the_same() {
    let place = place();
    let checked = place.lines(&["policy", "check", "rules.yaml", "wrong.yaml"]);
    let runnable: Vec<_> = checked.iter().map(|one| one["runnable"].as_bool().unwrap()).collect();
    assert_eq!(runnable, [true, false]);
    assert_eq!(checked[1]["diagnostics"].as_array().unwrap().len(), 3);
    let shown = place.json(&["policy", "show", "rules.yaml"]);
    assert_eq!(shown["policy"]["hash"], checked[0]["policy"]["hash"]);
    let changed: Vec<_> = shown["parameters"].as_array().unwrap().iter().filter(|one| one["changed"] == true).collect();
    let paths: Vec<_> = changed.iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["order.background.share", "fairness.weights.acme"]);
    assert_eq!((&changed[0]["balanced"], changed[1]["balanced"].is_null()), (&1.into(), true));
    let diff = place.json(&["policy", "diff", "rules.yaml", "balanced"]);
    assert_eq!(diff["differences"][0]["a"], 8);
    let (code, schema, _) = place.run(&["schema", "policy"]);
    assert!(code == 0 && schema.contains("Agendum policy document"), "{schema}");
}

#[test]
fn the_configuration_puts_one_in_force() {
    let place = place();
    let file = |name: &str| place.json(&["config", "check"])["policy"][name].clone();
    assert_eq!((file("name"), file("file").is_null()), ("balanced".into(), true));
    place.write("agendum.toml", "policy = \"wrong.yaml\"\n");
    assert_snapshot!(said(&place, &["policy", "show"]), @"
    2
    error: policy ./wrong.yaml:3:29: `share` is 0; it must be between 1 and 1000
    hint: its part of the attempts, in relation to the shares of the other priorities that have something to send
    error: policy ./wrong.yaml:3:32: unknown key `indx` in `standard`
    hint: did you mean `index`?
    error: policy ./wrong.yaml:4:12: not yet: this release does not run rules of estimates
    hint: agendum policy check ./wrong.yaml
    ");
    let (code, _, err) = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2, "{err}");
    place.write("agendum.toml", "policy = \"rules.yaml\"\n");
    assert_eq!(file("name"), "ours");
    let first = |text: String| text.lines().skip(1).take(3).collect::<Vec<_>>().join("\n");
    assert_snapshot!(first(said(&place, &["policy", "show"])), @"
    ours, HASH, ./rules.yaml
    Ours.
      order.interactive.index           gittins               Which run of a tenant goes first, of those without a deadline.
    ");

    let server = Server::start(&place, &[]);
    place.write("agendum.toml", "policy = \"fifo\"\n");
    let told = place.json(&["config", "check"]);
    assert_eq!(
        (&told["policy"]["name"], &told["in_force"]["differences"]),
        (&"fifo".into(), &["policy ours (not fifo)"].into())
    );
    assert_eq!(place.json(&["policy", "show"])["policy"]["name"], "ours", "whatever became of the file");
    drop(server);
}
