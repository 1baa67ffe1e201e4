//! What a scenario, the command line and data say that cannot be played: an error each, that says what and where.

use super::SHIPPED;
use crate::lab::run;
use crate::lab::scenario::{Scenario, Wishes};
use crate::lab::workload::{agents, azure, flows, mooncake, psplib, servegen, vtc};

fn text(name: &str) -> &'static str {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap().1
}

#[test]
fn all_that_is_shipped_can_be_played() {
    for (name, text) in SHIPPED {
        assert_eq!(Scenario::read(text).map(|scenario| scenario.check()), Ok(Ok(())), "{name}");
    }
}

#[test]
fn a_wish_that_cannot_be_played_is_an_error() {
    let wishes = |seeds, loads: &[f64]| Wishes { seeds, loads: loads.to_vec(), policies: Vec::new() };
    let nan = f64::NAN;
    for (name, wishes, says) in [
        ("e2", wishes(Some(0), &[]), "`seeds: 0`: write a number from 1 to 1000"),
        ("e2", wishes(Some(1_001), &[]), "`seeds: 1001`"),
        ("e2", wishes(None, &[nan]), "load NaN: write a number from 0.001 to 1000"),
        ("e2", wishes(None, &[0.5, f64::INFINITY]), "load inf"),
        ("e2", wishes(None, &[0.0]), "load 0:"),
        ("e2", wishes(None, &[-1.0]), "load -1:"),
        ("e2", wishes(None, &[1_001.0]), "load 1001:"),
        ("e2", wishes(Some(1_000), &[]), "jobs times seeds times policies come to"),
        ("e3-servegen", wishes(None, &[1_000.0]), "more than 2000000: write a lower load"),
        ("e3", wishes(None, &[0.5]), "a load has no effect here"),
        ("e5", wishes(None, &[nan]), "NaN workers"),
        ("e5", wishes(None, &[1e9]), "1000000000 workers"),
        ("e5-regions", wishes(None, &[1.0]), "too few to be in both regions"),
    ] {
        let scenario = Scenario::read(text(name)).unwrap().with(wishes);
        let said = run(&scenario, None, &|| 0, &|_| {}).unwrap_err();
        assert!(said.contains(says), "{name}: {said}");
    }
}

#[test]
fn a_word_that_is_not_known_is_told_with_the_nearest_and_a_number_with_its_line() {
    for (from, to, says) in [
        ("loads:", "lods:", "hint: did you mean `loads`?"),
        ("azure:", "azur:", "hint: did you mean `azure`?"),
        ("deadline_ms: 8000", "deadlin_ms: 8000", "hint: did you mean `deadline_ms`?"),
        ("fleet: { slots:", "fleet: { slotz:", "hint: did you mean `slots`?"),
        ("baseline: fifo", "baseline: fifoo", "did you mean fifo?"),
        ("front: [mean", "front: [meen", "did you mean mean?"),
        ("seeds: 8", "seeds: eight", "write a whole number"),
        ("seeds: 8", "seeds: 0", "line 16: `seeds: 0`"),
    ] {
        let said = Scenario::read(&text("e2").replace(from, to)).unwrap_err();
        assert!(said.contains(says), "{to}: {said}");
    }
    let unknown = |name: &str| crate::lab::scenario(name).unwrap_err();
    assert!(unknown("E1").ends_with("did you mean e1, which is shipped?"), "{}", unknown("E1"));
    assert!(unknown("nothing.yaml").contains("shipped are e1, e2"), "{}", unknown("nothing.yaml"));
}

#[test]
fn a_number_that_cannot_be_played_is_an_error() {
    let huge = u32::MAX;
    for (name, from, to, says) in [
        ("e2", "slots: 32", "slots: 0", "`fleet: slots: 0`: write a number from 1 to 100000"),
        ("e2", "slots: 32", "slots: 4000000000", "`fleet: slots: 4000000000`"),
        ("e2", "recorded: {}", "recorded: { secs: 0 }", "`arrivals: secs: 0`"),
        ("e2", "recorded: {}", "recorded: { secs: 18446744073709551615 }", "`arrivals: secs:"),
        ("e2", "rows: 5900", "rows: 0", "`generate: rows: 0`"),
        ("e2", "rows: 5900", &format!("rows: {huge}"), "`generate: rows: 4294967295`"),
        ("e2", "base_ms: 150", "base_ms: 18446744073709551615", "`azure: base_ms:"),
        ("e2", "[0, 3]", "[0, .nan]", "quantiles must rise"),
        ("e2", "[1, 7437]", "[1, .inf]", "of finite values"),
        ("e2-runs", "calls: 4, deadline_ms: 32000", "calls: 0, deadline_ms: 32000", "`azure: calls: 0`"),
        ("e2-noise", "noise: 0.5", "noise: .nan", "`estimates: noise: NaN`"),
        ("e2-outage", "secs: 900", "secs: 18446744073709551615", "`outages: secs:"),
        ("e2-outage", "from_s: 600", "from_s: 18446744073709551615", "`outages: from_s:"),
        ("e2-storm", "times: 3", "times: 4294967295", "`again: times:"),
        ("e4-online", "[60, 60, 60, 60]", "[]", "`fleet: pools: 0`"),
        ("e4-online", "[60, 60, 60, 60]", "[60, 0, 60, 60]", "`fleet: pools: 0`"),
        ("e4-online", "{ poisson: { jobs: 1000 } }", "in-turn", "`pools` are for `psplib`"),
        (
            "e5-regions",
            "far_percent: 50",
            "far_percent: 100",
            "`regions: far_percent: 100`: write a number from 1 to 99",
        ),
        ("e5-regions", "bytes_per_s: 12500000", "bytes_per_s: 0", "`regions: bytes_per_s: 0`"),
        ("e1", "jobs: 1200", "jobs: 0", "`arrivals: jobs: 0`"),
        ("e1", "jobs: 1200", "jobs: 4294967295", "`arrivals: jobs: 4294967295`"),
        ("e1", "sessions: 400", "sessions: 0", "`generate: sessions: 0`"),
        ("e1", "sessions: 400", "sessions: 1900000", "sessions times calls come to"),
        ("e1", "[1, 200]]", "[1, 20000]]", "`generate: calls`: 20000 at most is too much"),
        ("e3", "tenants: 27", "tenants: 0", "`generate: tenants: 0`"),
        ("e3", "calls: 1500", "calls: 0", "`generate: calls: 0`"),
        ("e3", "secs: 600\n", "secs: 0\n", "`generate: secs: 0`"),
        ("e3", "step_us: 30000", "step_us: 18446744073709551615", "`engine: step_us:"),
        ("e3-servegen", "calls: 4200", "calls: 0", "`arrivals: calls: 0`"),
        ("e3-servegen", "secs: 1200", "secs: 18446744073709551615", "`arrivals: secs:"),
        ("e3-servegen", "[30, 19,", "[30, -19,", "`generate: percent: -19`"),
        ("e3-weights", "[1, 2, 4]", "[]", "`tenancy: weights` is empty"),
        ("e3-weights", "[1, 2, 4]", "[1, 0]", "`tenancy: weights: 0`: write a number from 1 to 1000"),
        ("e3-weights", "percent: 30", "percent: 100", "`tenancy: background_percent: 100`"),
        ("e2", "loads:", "tenancy: { weights: [1] }\nloads:", "`tenancy` is of calls of tenants to an engine"),
        ("e4-j30", "projects: 60", "projects: 0", "`generate: projects: 0`"),
        ("e4-j30", "tasks: 30\n", "tasks: 30000\n", "`generate: tasks: 30000`"),
        ("e5", "each: 12", "each: 0", "`generate: each: 0`"),
        ("e5", "[1, 160]", "[1, 9000]", "width times length come to"),
        ("e9", "count: 8", "count: 0", "`backends: count: 0`"),
        ("e9", "count: 8, slots: 16", "count: 10000, slots: 100000", "count times slots"),
        ("e9-luck", "luck: [[0, 0.5], ", "luck: [", "`backends: luck`"),
        ("e10", "conversations: 1200", "conversations: 0", "`generate: conversations: 0`"),
        ("e10", "common: 2", "common: 19000", "blocks of all calls come to"),
        ("quota", "requests: 600,", "requests: 0,", "`provider: requests: 0`"),
    ] {
        assert!(text(name).contains(from), "{name}: {from}");
        let said = Scenario::read(&text(name).replacen(from, to, 1)).map(drop).unwrap_err();
        assert!(said.contains(says), "{name}, {to}: {said}");
    }
}

#[test]
fn a_policy_that_is_named_twice_is_compared_once() {
    for (policies, are) in [
        (vec!["balanced", "balanced"], vec!["fifo", "balanced"]),
        (vec!["fifo", "edf", "fifo", "edf"], vec!["fifo", "edf"]),
        (vec![], vec!["fifo", "edf", "slack", "gittins", "balanced"]),
    ] {
        let policies = policies.into_iter().map(str::to_owned).collect();
        let wishes = Wishes { seeds: None, loads: Vec::new(), policies };
        assert_eq!(Scenario::read(text("e2")).unwrap().with(wishes).policies, are);
    }
}

const AGENTS: &str = "session,side_thread,step,kind,name,start_s,dur_s,in_tokens,out_tokens\n";
const VTC: &str = "experiment,policy,client,req_time_s,prompt_tokens,output_tokens\n";
const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
const RATES: &str = "model,client,t_s,rate_req_s,dist,p1\n";

#[test]
fn data_that_cannot_be_played_is_an_error_with_its_line() {
    let Scenario { workload: crate::lab::scenario::Kind::Azure { kinds, .. }, .. } =
        Scenario::read(text("e2")).unwrap()
    else {
        panic!("calls with deadlines")
    };
    let clients = Scenario::read(text("e3-servegen")).unwrap().workload;
    let crate::lab::scenario::Kind::Servegen { lengths, .. } = clients else { panic!("clients") };
    let takes = mooncake::Takes { base_ms: 1, tokens_in_per_s: 1, tokens_out_per_s: 1 };
    let read = |kind: &str, text: &str| match kind {
        "agents" => agents::read(text),
        "vtc" => vtc::read(text, "real", "FCFS"),
        "azure" => azure::read(&[(&kinds[0], text.to_owned())]),
        "servegen" => servegen::read(text, "", "m", &lengths),
        "flows" => flows::read(text),
        "psplib" => psplib::read(text),
        _ => mooncake::read(text, takes),
    };
    let project = r#"{"name":"p","ref_makespan":5,"cap":[2],"dur":[1],"req":[[3]],"succ":[[]]}"#;
    let flow = r#"{"name":"w","tasks":[["cut",-1.5,0,0,10,20,[],[]]]}"#;
    for (kind, text, says) in [
        ("agents", String::new(), "no rows"),
        ("agents", AGENTS.into(), "no rows"),
        ("agents", format!("{AGENTS}a,0,0,llm,m,0,1,1,1\na,0,1,llm,m,NaN,1,1,1\n"), "line 3: NaN s"),
        ("agents", format!("{AGENTS}a,0,0,llm,m,0,-1,1,1\n"), "line 2: -1 s are no time"),
        ("agents", format!("{AGENTS}a,0,0,llm,m,0,inf,1,1\n"), "line 2: inf s"),
        ("agents", format!("{AGENTS}a,0,0,llm,m,0,1e300,1,1\n"), "line 2: 1"),
        ("vtc", VTC.into(), "no rows"),
        ("vtc", format!("{VTC}real,FCFS,c1,nan,1,1\n"), "line 2: NaN s"),
        ("vtc", format!("{VTC}real,FCFS,c1,-2,1,1\n"), "line 2: -2 s"),
        ("azure", AZURE.into(), "code: there are no rows in it"),
        ("azure", format!("{AZURE}2023-11-16 18:17:NaN,1,1\n"), "code: line 2: "),
        ("azure", format!("{AZURE}2023-11-16 18446744073709551615:17:01,1,1\n"), "code: line 2: "),
        ("servegen", RATES.into(), "no rows"),
        ("servegen", format!("{RATES}m,1,0,NaN,Gamma,1\n"), "line 2: client 1"),
        ("servegen", format!("{RATES}m,1,-5,1,Gamma,1\n"), "line 2: client 1"),
        ("servegen", format!("{RATES}m,1,0,1,Weibull,1e-9\n"), "line 2: client 1"),
        ("servegen", format!("{RATES}m,1,0,1,Gamma,NaN\n"), "line 2: client 1"),
        ("flows", String::new(), "no workflows"),
        ("flows", flow.into(), "line 1: -1.5 s"),
        ("psplib", String::new(), "no workflows"),
        ("psplib", project.into(), "line 1: p: a task takes more units"),
        ("mooncake", String::new(), "no calls"),
    ] {
        let said = read(kind, &text).map(drop).unwrap_err();
        assert!(said.contains(says), "{kind}, {text:?}: {said}");
    }
}
