//! Work that was recorded, as whoever made it publishes it: the same as in the one file that scenarios name.

use super::SHIPPED;
use crate::lab::scenario::Scenario;
use crate::lab::workload::Workload;

const PROJECT: &str = "jobs (incl. supersource/sink ):  32
  - renewable                 :  1   R
  - nonrenewable              :  0   N
  - doubly constrained        :  0   D
";

/// A chain of 32 jobs.
fn project() -> String {
    let follows = |job: u32| if job < 32 { format!("{job} 1 1 {}\n", job + 1) } else { format!("{job} 1 0\n") };
    let takes = |job: u32| format!("{job} 1 {} 1\n", u32::from(job > 1));
    let (follows, takes): (String, String) = ((1..=32).map(follows).collect(), (1..=32).map(takes).collect());
    format!(
        "{PROJECT}PRECEDENCE RELATIONS:\njobnr.\n{follows}REQUESTS/DURATIONS:\njobnr.\n---\n{takes}RESOURCEAVAILABILITIES:\n R 1\n 2\n"
    )
}

fn read(scenario: &str, files: &[(&str, &str)]) -> Result<Workload, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let text = SHIPPED.iter().find(|(name, _)| *name == scenario).unwrap().1;
    let read = Scenario::read(text).unwrap().workload(Some(folder.path()), 0);
    read.map_err(|error| error.replace(&folder.path().display().to_string(), "DIR"))
}

#[test]
fn what_is_published_is_read_where_the_one_file_is_not_there() {
    let (project, known) = (project(), "1 1 31\n");
    let in_it = read("e4-j30", &[("psplib/j30/j301_1.sm", &project), ("psplib/j30/j30opt.sm", known)]).unwrap();
    let beside = read("e4-j30", &[("psplib/j30.sm/j301_1.sm", &project), ("psplib/j30opt.sm.txt", known)]).unwrap();
    assert_eq!((in_it.flows.len(), in_it.flows[0].tasks.len(), &*beside.flows[0].name), (1, 32, "j301_1"));
    let answer = |client: u32, at: u32| {
        format!(
            r#"{{ "adapter_dir": "dummy-lora-7b-rank-8-{client}", "prompt_len": 9, "output_len": 9, "req_time": {at} }}"#
        )
    };
    let results = format!(r#"{{ "result": {{ "responses": [{}, {}] }} }}"#, answer(3, 1), answer(5, 2));
    let calls = read("e3", &[("vtc-fairness/fair_bench/FCFS/all_results_real.jsonl", &results)]).unwrap();
    assert_eq!((calls.jobs.len(), calls.tenants), (2, vec!["c3".to_owned(), "c5".to_owned()]));
    let clients = read(
        "e3-servegen",
        &[
            ("servegen/data/language/m-small/chunk-7-trace.csv", "0,1.5,8.6,Weibull,0.37,0.39\n600,0,0,,0,0\n"),
            ("servegen/data/language/m-small/chunk-8-trace.csv", "0,0.5,1,Gamma,1,1\n"),
            ("servegen/data/language/m-small/chunk-8-dataset.json", r#"{ "0": { "input_tokens": "{5: 1.0}" } }"#),
            ("servegen/data/language/m-large/chunk-9-trace.csv", "0,0.5,1,Gamma,1,1\n"),
        ],
    );
    assert_eq!(clients.unwrap().tenants, ["c7", "c8"]);
    let rows = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n";
    let files = ["code", "conv"].map(|kind| format!("azure-llm-2023/AzureLLMInferenceTrace_{kind}.csv"));
    assert_eq!(read("e2", &files.each_ref().map(|file| (file.as_str(), rows))).unwrap().jobs.len(), 2);
}

#[test]
fn what_is_not_there_is_told_with_where_it_is_described() {
    let said = [
        read("e4-j30", &[("psplib/j30/j301_1.sm", &project())]),
        read("e4-j30", &[("psplib/j30/readme", "")]),
        read("e1", &[]),
        read("e3-servegen", &[("servegen/data/language/m-large/chunk-9-trace.csv", "0,0.5,1,Gamma,1,1\n")]),
    ];
    let said = said.map(|read| read.unwrap_err().lines().next().unwrap_or_default().to_owned());
    insta::assert_snapshot!(said.join("\n"), @r#"
    j301_1.sm: no shortest schedule of it is known: the table of its set (j30opt.sm, j60hrs.sm) belongs beside it
    DIR/psplib/j30: no file in it ends with .sm
    DIR/agent-swe-traces/steps.csv[.gz]: No such file or directory (os error 2)
    DIR/servegen/data: no clients of "m-small"
    "#);
    assert!(read("e1", &[]).unwrap_err().ends_with("without --traces the work is drawn"));
}
