//! Feedback: added up, listed, forgotten; and verdicts, which are read once.

use std::sync::Arc;

use agendum_ports::{
    Appended, BUILT_IN_POLICY, Feedback, FeedbackBy, FeedbackFilter, FeedbackSource, Judgement, Store,
};
use agendum_types::graph::Fields;
use agendum_types::{Hash, Labels, MediaType, PayloadRef, Principal, Seq, Tenant, Timestamp, Verdict};

use super::{SHARD, batch, run_id, submitted};

pub(super) async fn adds_up_feedback(store: &dyn Store) {
    let (tenant, other) = (Tenant::new("h"), Tenant::new("i"));
    let told = |score, label: Option<&str>, target: Option<&str>, version, run, at| Feedback {
        tenant: tenant.clone(),
        run: run_id(run),
        task: target.map(|_| "judge".to_owned()),
        graph: Arc::from(if run < 70 { "g" } else { "h" }),
        graph_hash: Hash([version; 32]),
        target: target.map(str::to_owned),
        policy: BUILT_IN_POLICY.to_owned(),
        principal: Principal::new("local"),
        judge: None,
        at: Timestamp(at),
        score,
        label: label.map(str::to_owned),
        comment: None,
    };
    let all = [
        told(900_000, Some("good"), None, 1, 60, 1),
        told(500_000, None, Some("a"), 1, 60, 2),
        told(100_000, Some("good"), Some("a"), 2, 61, 3),
        told(0, None, None, 3, 70, 4),
    ];
    for one in all {
        assert!(store.keep_feedback(one, 2).await.unwrap());
    }
    assert!(!store.keep_feedback(told(1, None, None, 1, 60, 5), 2).await.unwrap(), "a run has so much and no more");
    let told = async |tenant: &Tenant, graph: Option<&str>, by| -> String {
        let of = FeedbackFilter { graph: graph.map(str::to_owned), ..FeedbackFilter::default() };
        let judged = store.feedback(tenant, &of, by, 9).await.unwrap();
        let line = |line: &agendum_ports::Judged| {
            let version = line.version.map_or(String::new(), |hash| format!("@{}", hash.0[0]));
            format!("{}{version} {} {} {} {}", line.name, line.count, line.sum, line.min, line.max)
        };
        judged.iter().map(line).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told(&tenant, None, FeedbackBy::Graph).await, "g 3 1500000 100000 900000; h 1 0 0 0");
    let versions = "g@1 2 1400000 500000 900000; g@2 1 100000 100000 100000";
    assert_eq!(told(&tenant, Some("g"), FeedbackBy::Version).await, versions);
    assert_eq!(told(&tenant, None, FeedbackBy::Target).await, " 2 900000 0 900000; a 2 600000 100000 500000");
    assert_eq!(
        told(&tenant, Some("g"), FeedbackBy::Label).await,
        "good 2 1000000 100000 900000;  1 500000 500000 500000"
    );
    assert_eq!(told(&other, None, FeedbackBy::Graph).await, "", "another tenant's is another");
    assert!(store.forget_feedback(Timestamp(3), 1).await.unwrap(), "a step at a time");
    while store.forget_feedback(Timestamp(3), 1).await.unwrap() {}
    assert_eq!(told(&tenant, None, FeedbackBy::Graph).await, "g 1 100000 100000 100000; h 1 0 0 0");
}

pub(super) async fn reads_verdicts_once(store: &dyn Store) {
    let tenant = Tenant::new("v");
    let life = store.open(SHARD).await.unwrap();
    let first = life.last.0 + 1;
    let output = PayloadRef {
        hash: Hash([4; 32]),
        size: 7,
        media: MediaType::Json,
        labels: Labels::new(["region=eu".to_owned()]),
    };
    let fields = Fields { label: "says.word".into(), ..Fields::default() };
    let judgement = |place: u64, judge: &str, target: Option<&str>| Judgement {
        seq: Seq(first + place),
        at: Timestamp((first + place) * 10),
        tenant: tenant.clone(),
        run: run_id(80),
        verdict: Verdict {
            judge: judge.to_owned(),
            task: "draft[1]".to_owned(),
            target: target.map(Arc::from),
            by: Principal::new("ann"),
            output: output.clone(),
            fields: fields.clone(),
        },
    };
    let mut rows = batch(life.incarnation, first, 3, &tenant, run_id(80));
    rows.runs.push(submitted(&tenant, run_id(80), "g"));
    rows.judged = vec![judgement(0, "a", Some("t")), judgement(1, "b", None), judgement(2, "a", None)];
    assert_eq!(store.append(rows).await, Appended::Durable);
    // What an append that fails would have brought is not there.
    let mut gap = batch(life.incarnation, first + 9, 1, &tenant, run_id(80));
    gap.judged = vec![judgement(9, "c", None)];
    assert_ne!(store.append(gap).await, Appended::Durable);
    let unread = store.unread(SHARD, 9).await.unwrap();
    assert_eq!(unread.iter().map(|one| one.seq.0 - first).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(store.unread(SHARD, 2).await.unwrap(), unread[..2]);
    let one = &unread[0];
    assert_eq!((&one.output, &one.fields), (&output, &fields));
    assert_eq!(
        (&*one.feedback.graph, one.feedback.graph_hash, one.feedback.at),
        ("g", Hash([9; 32]), Timestamp(first * 10))
    );
    assert_eq!((one.feedback.judge.as_deref(), one.feedback.target.as_deref()), (Some("a"), Some("t")));
    assert_eq!((one.feedback.task.as_deref(), &*one.feedback.principal.0), (Some("draft[1]"), "ann"));
    let kept = |place: usize, score| {
        let comment = Some("so so".to_owned());
        (unread[place].seq, Some(Feedback { score, comment, ..unread[place].feedback.clone() }))
    };
    store.verdicts_read(SHARD, vec![kept(0, 500_000), (unread[1].seq, None), kept(2, 700_000)]).await.unwrap();
    store.verdicts_read(SHARD, vec![kept(0, 1), kept(1, 2)]).await.unwrap();
    assert!(store.unread(SHARD, 9).await.unwrap().is_empty());
    lists_opinions(store, &tenant, &unread[0].feedback).await;
    store.open(SHARD).await.unwrap();
}

/// Of a run with the verdict of one judge.
async fn lists_opinions(store: &dyn Store, tenant: &Tenant, judged: &Feedback) {
    let person = Feedback { judge: None, task: None, score: 900_000, ..judged.clone() };
    assert!(store.keep_feedback(person.clone(), 1).await.unwrap(), "what judges say leaves people their room");
    assert!(!store.keep_feedback(person, 1).await.unwrap());
    let list = async |of: FeedbackFilter, count| {
        let found = store.opinions(tenant, &of, count).await.unwrap();
        let line = |(_, one): &(u64, Feedback)| format!("{} {}", one.source().word(), one.score);
        (found.iter().map(line).collect::<Vec<_>>().join(", "), found.last().map(|(number, _)| *number))
    };
    let all = FeedbackFilter { run: Some(run_id(80)), ..FeedbackFilter::default() };
    assert_eq!(list(all.clone(), 9).await.0, "people 900000, judge 500000");
    let (first_page, before) = list(all.clone(), 1).await;
    assert_eq!(
        (&*first_page, &*list(FeedbackFilter { before, ..all.clone() }, 9).await.0),
        ("people 900000", "judge 500000")
    );
    let of_judges = FeedbackFilter { source: Some(FeedbackSource::Judge), graph: Some("g".to_owned()), ..all };
    assert_eq!(list(of_judges.clone(), 9).await.0, "judge 500000");
    let judged = store.feedback(tenant, &FeedbackFilter::default(), FeedbackBy::Source, 9).await.unwrap();
    let names: Vec<_> = judged.iter().map(|line| (&*line.name, line.count)).collect();
    assert!(names.contains(&("people", 1)) && names.contains(&("judge", 1)), "{names:?}");
    assert_eq!(store.feedback(tenant, &of_judges, FeedbackBy::Graph, 9).await.unwrap()[0].sum, 500_000);
    let elsewhere = FeedbackFilter { run: Some(run_id(81)), ..FeedbackFilter::default() };
    assert_eq!(list(elsewhere, 9).await.0, "");
}
