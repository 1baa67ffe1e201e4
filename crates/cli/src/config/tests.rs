use super::Config;

/// Reads a file and variables; what comes of it, or what is said.
fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Config::read("agendum.toml", text, variables).map_err(|failure| failure.text())
}

const FILE: &str = "\
[limits]
needs_max = 7

[targets.\"openai/mini\"]
kind = \"chat\"
base_url = \"https://api.openai.com/v1\"
model = \"1\"
";

#[test]
fn the_environment_overrides_the_file() {
    let config = read(
        FILE,
        &[
            ("AGENDUM_LIMITS__FOREACH_ITEMS_MAX", "12"),
            ("AGENDUM_LIMITS__CLOCK_JUMP_MAX", "2m"),
            ("AGENDUM_TARGETS__OPENAI_MINI__MODEL", "2"),
            ("AGENDUM_TARGETS__OPENAI_MINI__CONCURRENCY", "3"),
            ("AGENDUM_TARGETS__OPENAI_MINI__CLASSES", "[\"small\"]"),
            ("AGENDUM_TARGETS__MORE__KIND", "exec"),
            ("AGENDUM_TARGETS__MORE__ALLOW", "[\"git\"]"),
            ("AGENDUM_OFFLINE", "false"),
            ("AGENDUM_POLICY", "fifo"),
            ("AGENDUM_DATA", "is a flag"),
            ("AGENDUM_IDEMPOTENCY_KEY", "is told to programs"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!((config.limits.0.needs_max, config.limits.0.foreach_items_max), (7, 12));
    assert_eq!(config.limits.0.clock_jump_max.to_string(), "2m 00s");
    let target = &config.targets["openai/mini"];
    assert_eq!((target.model.as_deref(), target.concurrency), (Some("2"), Some(3)));
    assert_eq!(
        (target.classes.as_slice(), config.targets.len(), config.offline),
        (&["small".to_owned()][..], 2, false)
    );
    assert_eq!(config.overrides.len(), 9);
    assert_eq!(config.policy().unwrap().name(), "fifo");
    assert_eq!(read("", &[]).unwrap().limits, super::Intake::default());
}

#[test]
fn errors_say_where_and_what_was_meant() {
    let mut seen = String::new();
    for (text, variables) in [
        ("[limit]\nneeds_max = 7\n", &[][..]),
        ("[limits]\nneeds_max = 7\nneed_max = 8\n", &[]),
        ("[targets.a]\nkind = \"chatt\"\n", &[]),
        (FILE, &[("AGENDUM_LIMITS__FOREACH_ITEM_MAX", "12")]),
        (FILE, &[("AGENDUM_LIMITS__FOREACH_ITEMS_MAX", "many")]),
        (FILE, &[("AGENDUM_LIMITS__FOREACH_ITEMS_MAX", "0")]),
        (FILE, &[("AGENDUM_TARGETS__NEW__MODEL", "m"), ("AGENDUM_OFFLINE", "true")]),
        (FILE, &[("AGENDUM_TARGETS__NEW__MODEL", "m"), ("AGENDUM_OFFLINE", "maybe")]),
        (FILE, &[("AGENDUM_LIMITS____X", "0")]),
        (FILE, &[("AGENDUM_LIMITS__NEEDS_MAX__X", "0")]),
        (FILE, &[("AGENDUM_LIMIT__NEEDS_MAX", "5")]),
        ("[indexes.a-b]\npaths = []\n[indexes.a_b]\npaths = []\n", &[("AGENDUM_INDEXES__A_B__PATHS", "[\"x\"]")]),
    ] {
        seen.push_str(&format!("{}\n\n", read(text, variables).unwrap_err().trim_end()));
    }
    insta::assert_snapshot!(seen, @r#"
    agendum.toml: TOML parse error at line 1, column 2
      |
    1 | [limit]
      |  ^^^^^
    unknown field `limit`, expected one of `data`, `policy`, `indexes`, `targets`, `pools`, `limits`, `budgets`, `retention`, `notices`, `cache`, `webhooks`, `offline`

    hint: did you mean `limits`?

    agendum.toml: TOML parse error at line 3, column 1
      |
    3 | need_max = 8
      | ^^^^^^^^
    unknown field `need_max`, expected one of `document_bytes_max`, `graph_tasks_max`, `run_tasks_max`, `needs_max`, `depth_max`, `foreach_items_max`, `attempts_max`, `crashes_max`, `live_runs_max`, `live_tasks_max`, `attempt_credits`, `evaluation_fuel`, `evaluation_bytes_max`, `payload_bytes_max`, `disk_reserve`, `clock_jump_max`, `commit_above`

    hint: did you mean `needs_max`?

    agendum.toml: TOML parse error at line 2, column 8
      |
    2 | kind = "chatt"
      |        ^^^^^^^
    unknown variant `chatt`, expected one of `chat`, `moderate`, `translate`, `http`, `exec`

    hint: did you mean `chat`?

    AGENDUM_LIMITS__FOREACH_ITEM_MAX: unknown field `foreach_item_max`, expected one of `document_bytes_max`, `graph_tasks_max`, `run_tasks_max`, `needs_max`, `depth_max`, `foreach_items_max`, `attempts_max`, `crashes_max`, `live_runs_max`, `live_tasks_max`, `attempt_credits`, `evaluation_fuel`, `evaluation_bytes_max`, `payload_bytes_max`, `disk_reserve`, `clock_jump_max`, `commit_above`
    hint: did you mean `foreach_items_max`?

    AGENDUM_LIMITS__FOREACH_ITEMS_MAX: invalid value: string "many", expected a whole number
    hint: docs/configuration.md lists every key

    AGENDUM_LIMITS__FOREACH_ITEMS_MAX: foreach_items_max = 0 is out of bounds: from 1 to 1000000
    hint: docs/configuration.md lists every key

    AGENDUM_TARGETS__NEW__MODEL: missing field `kind`
    hint: docs/configuration.md lists every key

    AGENDUM_OFFLINE, AGENDUM_TARGETS__NEW__MODEL: invalid type: string "maybe", expected a boolean
    hint: docs/configuration.md lists every key

    AGENDUM_LIMITS____X names nothing: a segment is empty
    hint: segments are parted by two underscores: AGENDUM_LIMITS__NEEDS_MAX

    AGENDUM_LIMITS__NEEDS_MAX__X: `needs_max` of the configuration is no table
    hint: none

    AGENDUM_LIMIT__NEEDS_MAX: unknown field `limit`, expected one of `data`, `policy`, `indexes`, `targets`, `pools`, `limits`, `budgets`, `retention`, `notices`, `cache`, `webhooks`, `offline`
    hint: did you mean `limits`?

    AGENDUM_INDEXES__A_B__PATHS: the segment "a_b" may be "a-b" or "a_b"; rename one of them
    hint: none
    "#);
}

#[test]
fn a_model_whose_price_nobody_knows_is_told() {
    let said = |base: &str, model: &str, more: &str| {
        let text = format!("[targets.m]\nkind = \"chat\"\nbase_url = \"{base}\"\nmodel = \"{model}\"\n{more}");
        read(&text, &[]).unwrap().faults().into_iter().map(|fault| fault.message).collect::<Vec<_>>().join("; ")
    };
    let lines = [
        said("https://api.openai.com/v1", "gpt-5-mini", ""),
        said("http://127.0.0.1:11434/v1", "llama", ""),
        said("https://llm.example.com/v1", "llama", "price = { input = 0.0 }"),
        said("https://llm.example.com/v1", "llama", ""),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"target "m": what llama costs at https://llm.example.com/v1 is not known: no budget in dollars holds it"#);
}

#[test]
fn a_key_in_the_environment_is_a_target() {
    let about = |text: &str, variables: &[(&str, &str)]| {
        let config = read(text, variables).unwrap();
        let target = config.targets.get("openai");
        let said = target.map(|target| {
            format!(
                "{} at {}, ${}",
                target.model.as_deref().unwrap(),
                target.base_url.as_deref().unwrap(),
                target.price().output
            )
        });
        format!("{}{}", said.unwrap_or_else(|| "none".to_owned()), if config.has_key_target { " by key" } else { "" })
    };
    let key = ("OPENAI_API_KEY", "sk-1");
    let lines = [
        about("", &[]),
        about("", &[("OPENAI_API_KEY", " ")]),
        about("", &[key]),
        about("", &[key, ("AGENDUM_OPENAI_MODEL", "gpt-5-nano"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]),
        about("", &[key, ("AGENDUM_OPENAI_MODEL", "nobody-knows")]),
        about("[targets.mine]\nkind = \"chat\"\nbase_url = \"offline\"\n", &[key]),
        about(FILE, &[key]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    none
    none
    gpt-5-mini at https://api.openai.com/v1, $2 by key
    gpt-5-nano at http://127.0.0.1:1/v1, $0.4 by key
    nobody-knows at https://api.openai.com/v1, $112.5 by key
    gpt-5-mini at https://api.openai.com/v1, $2 by key
    none
    ");
    let note = |model| read("", &[key, ("AGENDUM_OPENAI_MODEL", model)]).unwrap().note_on_key().unwrap();
    assert!(note("nobody-knows").ends_with("the dearest one is reckoned with") && !note("gpt-4o").contains("dearest"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = "
        [indexes.\"a/b\"]
        paths = [\"/nowhere\"]
        [targets.bare]
        kind = \"chat\"
        [targets.free]
        kind = \"chat\"
        base_url = \"ofline\"
        model = \"m\"
        concurrency = 0
        rate = { requests = 0, tokens = 1000 }
        clearance = [\"region=eu\", \"*\", \"region\"]
        price = { input = -1.0, output = nan, call = 1e300 }
        key_env = \"AGENDUM_TEST_UNSET_KEY\"
        [targets.tools]
        kind = \"exec\"
        allow = [\"no-such-program-anywhere\", \"*\"]
        folder = \"/nowhere\"
        [targets.none]
        kind = \"exec\"
    ";
    let config = read(text, &[]).unwrap();
    let lines: Vec<String> = config
        .faults()
        .into_iter()
        .map(|fault| format!("{}{} ({})", if fault.fatal { "! " } else { "" }, fault.message, fault.hint))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ! target "bare" has no `base_url` (docs/configuration.md shows a complete target)
    ! target "bare" has no `model` (docs/configuration.md shows a complete target)
    ! target "free": base_url "ofline" is no address (did you mean `offline`?)
    ! target "free" wants its key in the environment variable AGENDUM_TEST_UNSET_KEY, which is not set (export AGENDUM_TEST_UNSET_KEY=…, or remove the target)
    ! target "free": `concurrency` is 0: it would never run anything (how many attempts it may run at once; leave it out for 16)
    ! target "free": `rate.requests` is 0: it would never run anything (what its provider lets through in a minute; leave it out where nothing is limited)
    ! target "free": clearance "region" is no label (name=value, such as region=eu; or * for all of them)
    ! target "free": price.input is -1: a price is 0 or more (US dollars per million tokens; `call` per call, `egress_gib` per GiB sent)
    ! target "free": price.output is NaN: a price is 0 or more (US dollars per million tokens; `call` per call, `egress_gib` per GiB sent)
    ! target "free": price.call is 1e300: a price is 1000000 at most (US dollars, of which no budget could be reckoned beyond this)
    target "none" allows no program (allow = ["git"])
    target "tools": "no-such-program-anywhere" is not installed, or not on the PATH (install it, or take it from `allow`; agendum doctor knows the packages of the examples)
    target "tools": its folder /nowhere does not exist (it is relative to the configuration's folder; make it, or name another)
    ! "a/b" is no index name: use 1 to 64 letters, digits, - and _ (rename it, here and in the graphs that read it)
    ! index "a/b" follows /nowhere, which does not exist (paths are relative to the configuration's folder)
    "#);
    assert!(config.sound().is_err() && Config::plain().sound().is_ok());
    let wrong = "[targets.a]\nkind = \"chatt\"\n[targets.b]\nkind = \"exec\"\nalow = []\n";
    insta::assert_snapshot!(read(wrong, &[]).unwrap_err(), @r#"
    agendum.toml: TOML parse error at line 2, column 8
      |
    2 | kind = "chatt"
      |        ^^^^^^^
    unknown variant `chatt`, expected one of `chat`, `moderate`, `translate`, `http`, `exec`

    target "b": unknown field `alow`: did you mean `allow`?
    hint: did you mean `chat`?
    "#);
}

#[test]
fn all_that_cannot_be_read_is_told_at_once() {
    let wrong = r#"
offlin = true
[limits]
need_max = 8
depth_mx = 3
needs_max = "many"
[targets."my.model"]
kind = "chat"
modell = "m"
pric = 1
price = { inptu = 1.0, outptu = 2.0 }
[targets.b]
kind = "exek"
alow = []
[targets.c]
alow = []
[retention]
runns = "30d"
"#;
    insta::assert_snapshot!(read(wrong, &[]).unwrap_err(), @r#"
    agendum.toml: TOML parse error at line 5, column 1
      |
    5 | depth_mx = 3
      | ^^^^^^^^
    unknown field `depth_mx`, expected one of `document_bytes_max`, `graph_tasks_max`, `run_tasks_max`, `needs_max`, `depth_max`, `foreach_items_max`, `attempts_max`, `crashes_max`, `live_runs_max`, `live_tasks_max`, `attempt_credits`, `evaluation_fuel`, `evaluation_bytes_max`, `payload_bytes_max`, `disk_reserve`, `clock_jump_max`, `commit_above`

    [limits]: unknown field `need_max`: did you mean `needs_max`?
    [limits.needs_max]: invalid value: string "many", expected a whole number
    unknown field `offlin`: did you mean `offline`?
    [retention]: unknown field `runns`, expected `runs` or `feedback`: did you mean `runs`?
    target "b": unknown field `alow`: did you mean `allow`?
    target "b", kind: unknown variant `exek`: did you mean `exec`?
    target "c": unknown field `alow`: did you mean `allow`?
    target "my.model": unknown field `modell`: did you mean `model`?
    target "my.model": unknown field `pric`: did you mean `price`?
    target "my.model", price: unknown field `inptu`: did you mean `input`?
    target "my.model", price: unknown field `outptu`: did you mean `output`?
    hint: did you mean `depth_max`?
    "#);
}

#[test]
fn what_can_be_read_is_looked_at_beside_what_cannot() {
    let wrong = r#"
[targets.a]
kind = "chatt"
[targets.b]
kind = "exec"
allow = ["no-such-program-anywhere"]
[targets."c/d"]
kind = "chat"
base_url = "ofline"
model = "m"
[targets.e]
kind = "chat"
modell = "m"
"#;
    let failure = Config::read("agendum.toml", wrong, std::iter::empty()).unwrap_err();
    insta::assert_snapshot!(failure.message(), @r#"
    agendum.toml: TOML parse error at line 3, column 8
      |
    3 | kind = "chatt"
      |        ^^^^^^^
    unknown variant `chatt`, expected one of `chat`, `moderate`, `translate`, `http`, `exec`

    target "e": unknown field `modell`: did you mean `model`?
    target "b": "no-such-program-anywhere" is not installed, or not on the PATH
    target "c/d": base_url "ofline" is no address
    "#);
    let listed = failure.listed().unwrap();
    let paths: Vec<&str> = listed.as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["targets.a.kind", "targets.e.modell", "targets.b.allow", "targets.\"c/d\".base_url"]);
    assert_eq!(listed[0]["hint"], "did you mean `chat`?");
    assert!(listed[3]["message"].as_str().unwrap().contains("is no address"), "{listed}");
    let failure = Config::read("agendum.toml", "a = [", std::iter::empty()).unwrap_err();
    let listed = failure.listed().unwrap();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["path"]), (1, &serde_json::json!("")), "{listed}");
}

#[test]
fn a_number_that_is_too_large_is_told_beside_the_others_and_each_with_its_hint() {
    let wrong = r#"
[budgets]
hour_usd = 99999999999999999999
day_usd = -5.0
month_tokens = 18446744073709551615
on_exceeded = "wiat"
[limits]
needs_mx = 8
[targets.b]
kind = "exec"
allow = ["no-such-program-anywhere"]
"#;
    let failure = Config::read("agendum.toml", wrong, std::iter::empty()).unwrap_err();
    insta::assert_snapshot!(failure.printed(), @r#"
    error: agendum.toml: TOML parse error at line 4, column 11
      |
    4 | day_usd = -5.0
      |           ^^^^
    -5 is no budget: it is a number of US dollars from 0 to 1000000
    error: [budgets.hour_usd]: invalid type: integer `99999999999999999999` as i128, expected f64
    hint: docs/configuration.md lists every key
    error: [budgets.on_exceeded]: unknown variant `wiat`: did you mean `wait`?
    hint: did you mean `wait`?
    error: [limits]: unknown field `needs_mx`: did you mean `needs_max`?
    hint: did you mean `needs_max`?
    error: target "b": "no-such-program-anywhere" is not installed, or not on the PATH
    hint: install it, or take it from `allow`; agendum doctor knows the packages of the examples
    "#);
    let listed = failure.listed().unwrap();
    let paths: Vec<&str> = listed.as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        ["budgets.day_usd", "budgets.hour_usd", "budgets.on_exceeded", "limits.needs_mx", "targets.b.allow"]
    );
}

#[test]
fn the_built_in_model_may_have_a_price() {
    let told = ["chat", "moderate", "translate"].map(|kind| {
        faults(&format!(
            "[targets.m]\nkind = \"{kind}\"\nbase_url = \"offline\"\nprice = {{ input = 1.0, output = 2.0 }}\n"
        ))
    });
    assert_eq!(told, ["", "", ""]);
}

/// Faults of a text, a line each.
fn faults(text: &str) -> String {
    let lines = read(text, &[]).unwrap().faults().into_iter();
    lines.map(|fault| format!("{} ({})\n", fault.message, fault.hint)).collect()
}

#[test]
fn a_key_that_nothing_reads_is_refused() {
    let text = "
        [targets.chat]
        kind = \"chat\"
        base_url = \"https://example.org\"
        model = \"m\"
        price = { output = 1.0 }
        temper = { fail_every = 2 }
        allow = [\"git\"]
        [targets.built-in]
        kind = \"moderate\"
        base_url = \"offline\"
        model = \"stays, and so may a key\"
        key_env = \"AGENDUM_TEST_UNSET_KEY\"
        timeout = { connect = \"1s\", idle = \"1s\", whole = \"1s\" }
        [targets.http]
        kind = \"http\"
        base_url = \"https://example.org\"
        key_file = \"key\"
        folder = \".\"
        [targets.exec]
        kind = \"exec\"
        allow = [\"*\"]
        private = true
        model = \"m\"
        output_cap = 5
        timeout = { idle = \"1s\", whole = \"1s\" }
    ";
    insta::assert_snapshot!(faults(text), @r#"
    target "built-in": nothing reads its `timeout.connect` (take it out; it is for targets that are reached over a network)
    target "built-in": nothing reads its `timeout.idle` (take it out; it is for targets that are reached over a network)
    target "chat": nothing reads its `temper` (take it out; it is for the built-in model: base_url = "offline")
    target "chat": nothing reads its `allow` (take it out; it is for kind = "http" and kind = "exec")
    target "exec": nothing reads its `model` (take it out; it is for models: chat, moderate, translate)
    target "exec": nothing reads its `output_cap` (take it out; it is for models: chat, moderate, translate)
    target "exec": nothing reads its `private` (take it out; it is for kind = "http")
    target "exec": nothing reads its `timeout.idle` (take it out; it is for targets that are reached over a network)
    target "http": nothing reads its `base_url` (take it out; it is for models: chat, moderate, translate)
    target "http": nothing reads its `key_file` (take it out; it is for models: chat, moderate, translate)
    target "http": nothing reads its `folder` (take it out; it is for kind = "exec")
    "#);
    assert!(read(text, &[]).unwrap().sound().is_err());
}

#[test]
fn a_key_that_cannot_be_sent_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let told = ["key-1\n", "key-1\nkey-2\n", "key\0"].map(|key| {
        let path = folder.path().join("key");
        std::fs::write(&path, key).unwrap();
        let text = format!(
            "[targets.m]\nkind = \"chat\"\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\nkey_file = {:?}\n",
            path.display().to_string()
        );
        faults(&text).replace(&path.display().to_string(), "KEY")
    });
    let wrong =
        "target \"m\": its key in KEY holds characters that no header may have (one line, with nothing but the key)\n";
    assert_eq!(told, ["", wrong, wrong]);
}

#[test]
fn a_program_is_looked_for_where_it_is_started() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    for (name, mode) in [("tool", 0o755), ("text", 0o644)] {
        let file = folder.path().join(name);
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let allow = "allow = [\"./tool\", \"./text\", \"./none\", \"sh\"]";
    let text = format!("[targets.tools]\nkind = \"exec\"\nfolder = {:?}\n{allow}\n", folder.path());
    insta::assert_snapshot!(faults(&text), @r#"
    target "tools": "./text" is no program that can be started (a path leads on from the target's `folder`; it must be executable)
    target "tools": "./none" is no program that can be started (a path leads on from the target's `folder`; it must be executable)
    "#);
}

#[test]
fn a_target_waits_as_long_as_it_is_told() {
    use std::time::Duration;

    use agendum_adapters::Timeouts;

    let target = |line: &str| {
        let text = format!("[targets.web]\nkind = \"http\"\n{line}");
        read(&text, &[])
            .map(|config| config.targets["web"].timeout.or(Timeouts::HTTP))
            .map_err(|said| said.lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(target(""), Ok(Timeouts::HTTP));
    let whole = Duration::from_secs(90);
    assert_eq!(target("timeout = { whole = \"1m 30s\" }"), Ok(Timeouts { whole, ..Timeouts::HTTP }));
    let wrong =
        ["{ whole = \"0s\" }", "{ idle = \"2 days\" }", "{ idle = \"soon\" }", "{ idle = 5 }", "{ first = \"1s\" }"];
    let said = wrong.map(|wrong| target(&format!("timeout = {wrong}")).unwrap_err()).join("\n");
    insta::assert_snapshot!(said, @r#"
    agendum.toml: TOML parse error at line 3, column 21 0s is out of bounds: from 10ms to 24h  hint: docs/configuration.md lists every key
    agendum.toml: TOML parse error at line 3, column 20 invalid value: string "2 days", expected a span of time such as "30s"  hint: docs/configuration.md lists every key
    agendum.toml: TOML parse error at line 3, column 20 invalid value: string "soon", expected a span of time such as "30s"  hint: docs/configuration.md lists every key
    agendum.toml: TOML parse error at line 3, column 20 invalid type: integer `5`, expected a string  hint: docs/configuration.md lists every key
    agendum.toml: TOML parse error at line 3, column 13 unknown field `first`, expected one of `connect`, `idle`, `whole`  hint: docs/configuration.md lists every key
    "#);
}
