use agendum_types::Limits;

use super::{FIELDS, Intake};

fn read(text: &str) -> Result<Intake, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn every_limit_keeps_its_bounds_and_ships_within_them() {
    for field in &FIELDS {
        for value in [field.floor, field.ceiling] {
            let mut limits = Limits::STANDARD;
            (field.set)(&mut limits, value);
            assert_eq!((field.get)(&limits), value, "{} holds {value}", field.name);
        }
        let shipped = (field.get)(&Limits::STANDARD);
        assert!((field.floor..=field.ceiling).contains(&shipped), "{} ships with {shipped}", field.name);
        let written = match field.unit {
            super::Unit::Count | super::Unit::Bytes => shipped.to_string(),
            super::Unit::Span => "\"5m\"".to_owned(),
            super::Unit::Dollars => "0.001".to_owned(),
        };
        assert_eq!(read(&format!("{} = {written}", field.name)), Ok(Intake::default()), "{}", field.name);
    }
}

#[test]
fn every_limit_is_on_the_page() {
    let page = include_str!("../../../../../docs/configuration.md");
    for (name, value, bounds, _) in Intake::default().lines() {
        let row = format!("| `{name}` | {value} | {bounds} |");
        assert!(page.contains(&row), "docs/configuration.md must have the row {row}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let mut seen = String::new();
    for text in [
        "foreach_items_max = 0",
        "foreach_items_max = -3",
        "foreach_items_max = \"many\"",
        "payload_bytes_max = \"1KiB\"",
        "payload_bytes_max = \"1 apple\"",
        "clock_jump_max = 300",
        "clock_jump_max = \"2 weeks\"",
        "commit_above = 1001",
        "needs_max = 5\nforeach_item_max = 3",
    ] {
        seen.push_str(&format!("{}\n", read(text).unwrap_err()));
    }
    insta::assert_snapshot!(seen, @r#"
    TOML parse error at line 1, column 21
      |
    1 | foreach_items_max = 0
      |                     ^
    foreach_items_max = 0 is out of bounds: from 1 to 1000000

    TOML parse error at line 1, column 21
      |
    1 | foreach_items_max = -3
      |                     ^^
    foreach_items_max = -3 is out of bounds: from 1 to 1000000

    TOML parse error at line 1, column 21
      |
    1 | foreach_items_max = "many"
      |                     ^^^^^^
    invalid value: string "many", expected a whole number

    TOML parse error at line 1, column 21
      |
    1 | payload_bytes_max = "1KiB"
      |                     ^^^^^^
    payload_bytes_max = 1KiB is out of bounds: from 64KiB to 4GiB

    TOML parse error at line 1, column 21
      |
    1 | payload_bytes_max = "1 apple"
      |                     ^^^^^^^^^
    invalid value: string "1 apple", expected a size such as "64KiB", or a whole number of bytes

    TOML parse error at line 1, column 18
      |
    1 | clock_jump_max = 300
      |                  ^^^
    invalid type: integer `300`, expected a span of time such as "5m"

    TOML parse error at line 1, column 18
      |
    1 | clock_jump_max = "2 weeks"
      |                  ^^^^^^^^^
    invalid value: string "2 weeks", expected a span of time such as "5m"

    TOML parse error at line 1, column 16
      |
    1 | commit_above = 1001
      |                ^^^^
    commit_above = $1001.00 is out of bounds: from $0 to $1000.00

    TOML parse error at line 2, column 1
      |
    2 | foreach_item_max = 3
      | ^^^^^^^^^^^^^^^^
    unknown field `foreach_item_max`, expected one of `document_bytes_max`, `graph_tasks_max`, `run_tasks_max`, `needs_max`, `depth_max`, `foreach_items_max`, `attempts_max`, `crashes_max`, `live_runs_max`, `live_tasks_max`, `attempt_credits`, `evaluation_fuel`, `evaluation_bytes_max`, `payload_bytes_max`, `disk_reserve`, `clock_jump_max`, `commit_above`
    "#);
}

#[test]
fn a_stored_document_is_read_whatever_the_limits_are_now() {
    let intake =
        read("document_bytes_max = \"1KiB\"\ngraph_tasks_max = 1\nrun_tasks_max = 1\nneeds_max = 1\ndepth_max = 1\nattempts_max = 7")
            .unwrap();
    let stored = intake.stored();
    assert_eq!((stored.graph_tasks_max, stored.run_tasks_max), (100_000, 100_000_000));
    assert_eq!(stored.document_bytes_max, 16 << 20);
    assert_eq!(stored.attempts_max, 7);
}
