//! The demo: what its beats find, and that all it starts ends with it.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use serde_json::Value as Json;

use crate::place::{Place, said, signal};

impl Place {
    /// The demo, with its temporary folders in this place.
    fn demo(&self, arguments: &[&str]) -> std::process::Command {
        std::fs::create_dir_all(self.path("tmp")).unwrap();
        let mut command = self.agendum(&[&["demo"], arguments].concat());
        command.env("TMPDIR", self.path("tmp"));
        command
    }

    fn left(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn a_crash_and_a_cap_are_measured() {
    let place = Place::new(&[]);
    let (code, out, err) = said(&place.demo(&["--json"]).output().unwrap());
    assert_eq!(code, 0, "{out}{err}");
    let lines: Vec<Json> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places = ["result", "crash", "budget"].map(|word| {
        lines.iter().position(|line| line["type"] == word || line["beat"] == word).unwrap_or_else(|| panic!("{out}"))
    });
    assert!(places.is_sorted(), "{out}");
    let (crash, budget) = (&lines[places[1]], &lines[places[2]]);
    let number = |of: &Json, field: &str| of[field].as_f64().unwrap_or_else(|| panic!("{field}: {of}"));
    assert_eq!((number(crash, "runs"), number(crash, "succeeded")), (40.0, 40.0), "{crash}");
    // Every effect is there, and none twice; whoever was in doubt was told whether it was.
    assert_eq!((number(crash, "effects"), number(crash, "effects_twice")), (120.0, 0.0), "{crash}");
    assert!(number(crash, "open_after_restart") > 0.0 && number(crash, "gap_ms") > 0.0, "{crash}");
    assert!(number(crash, "paid_before") >= 80.0 && number(crash, "kept") <= number(crash, "paid_before"), "{crash}");
    assert_eq!(crash["kept"] == crash["paid_before"], crash["lost_ms"].is_null(), "{crash}");
    // The cap binds, and holds; what the run has booked is what the provider charged.
    assert!(number(budget, "over_usd") <= 0.0 && number(budget, "spent_usd") <= number(budget, "cap_usd"), "{budget}");
    assert_eq!(budget["spent_usd"], budget["booked_usd"], "{budget}");
    assert_eq!(number(budget, "made") + number(budget, "refused"), 40.0, "{budget}");
    assert!(number(budget, "made") > 0.0 && number(budget, "refused") > 0.0, "{budget}");
    assert_eq!(place.left(), [] as [PathBuf; 0]);
}

#[test]
fn a_beat_can_be_repeated_alone() {
    let place = Place::new(&[]);
    let (code, out, err) = said(&place.demo(&["--beat", "budget"]).output().unwrap());
    assert!(code == 0 && out.trim_start().starts_with("40 calls at once, and $0.50"), "{code} {out} {err}");
    assert!(
        out.contains("spent, as the provider counts") && err == "again: agendum demo --beat budget\n",
        "{out}{err}"
    );
    // It touches nothing of the user's.
    assert!(!place.path("data").exists());
}

/// How long anything took, and what was refused, is the machine's affair: what both sides did is not.
#[test]
fn one_rate_limit_is_used_up_in_two_ways() {
    let place = Place::new(&[]);
    let (code, out, err) = said(&place.demo(&["--json", "--beat", "rate-limit"]).output().unwrap());
    assert_eq!((code, &*err), (0, ""), "{out}");
    let told: Json = serde_json::from_str(&out).unwrap();
    let number = |of: &Json, field: &str| of[field].as_u64().unwrap_or_else(|| panic!("{field}: {told}"));
    assert_eq!((&*told["type"].to_string(), &*told["beat"].to_string()), ("\"beat\"", "\"rate-limit\""));
    assert_eq!((number(&told, "agents"), number(&told, "calls"), &told["same_calls"]), (40, 120, &Json::Bool(true)));
    assert!(number(&told, "requests_per_second") > 0 && told["wanted_ms"].is_number(), "{told}");
    // On a busy machine a call may take so long that Agendum sends a second attempt beside it.
    for (side, seconds) in [(&told["direct"], 0), (&told["agendum"], 12)] {
        assert_eq!(number(side, "answered"), 40, "{told}");
        let through = number(side, "requests") - number(side, "refused");
        assert!((120..=120 + seconds).contains(&through), "{told}");
        assert!(number(side, "in_time") <= 40, "{told}");
        for field in ["mean_ms", "p95_ms", "longest_ms", "light_wait_mean_ms", "light_wait_longest_ms"] {
            assert!(side[field].is_number(), "{field}: {told}");
        }
    }
    assert!(number(&told["direct"], "beyond_retries") <= 40, "{told}");
    let slowest = &told["slowest"];
    assert!(slowest["sentence"].is_string() && slowest["critical_path"].as_array().unwrap().len() == 3, "{told}");
    // It leaves nothing, and touches nothing of the user's.
    assert!(place.left().is_empty() && !place.path("data").exists());
}

#[test]
fn what_the_demo_starts_ends_with_it() {
    for (word, code) in [("-INT", Some(130)), ("-TERM", Some(130)), ("-KILL", None)] {
        let place = Place::new(&[]);
        let mut demo = place.demo(&["--beat", "crash"]).spawn().unwrap();
        let server = served(&place, &mut demo);
        signal(&demo, word);
        assert_eq!(demo.wait().unwrap().code(), code, "{word}");
        gone(&server, word);
        assert_eq!(place.left().is_empty(), code.is_some(), "{word}");
    }
}

/// The process of the server, once it has one.
fn served(place: &Place, demo: &mut Child) -> PathBuf {
    loop {
        let owner = place.left().first().and_then(|folder| std::fs::read(folder.join("data/owner.json")).ok());
        if let Some(owner) = owner.and_then(|text| serde_json::from_slice::<Json>(&text).ok()) {
            return Path::new("/proc").join(owner["pid"].to_string());
        }
        assert!(demo.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn gone(server: &Path, word: &str) {
    for _ in 0..1_000 {
        if !server.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{word}: the server goes on");
}
