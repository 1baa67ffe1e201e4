//! What a life had learned, over a restart: for the worse, where nobody knows.

use insta::assert_snapshot;

use super::world::World;
use super::{dialogue, sent, trace};
use crate::Checkpoint;

/// Plays a scenario and gives what was learned.
fn learned(scenario: &str) -> Checkpoint {
    let mut world = World::default();
    scenario.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| world.step(line));
    let mut learned = world.core().checkpoint();
    // By what was used last, which a life is not told.
    learned.graphs.sort_by_key(|of| of.graph);
    learned
}

/// What is done after the restart.
fn after_restart(scenario: &str) -> String {
    let told = trace(scenario);
    let from = told.lines().position(|line| line.ends_with(" restart")).unwrap();
    told.lines().skip(from + 1).collect::<Vec<_>>().join("\n")
}

/// `acme` has had four attempts, in runs that are over, `best` one: it goes on with three before it is the turn of `acme`.
#[test]
fn whoever_had_much_does_not_come_first_after_a_restart() {
    let scenario = |kept: &str| {
        let (acme, best) = ("submit r2 tenant=acme e; f; g", "submit r3 tenant=best h; i; j; k; l");
        let had = "submit r1 tenant=acme a; b; c; d\nsubmit r4 tenant=best z\ndrain 1s";
        format!("targets t=1:call=1c\nsubmit r0 tenant=last y\n{had}\n{acme}\n{best}\n{kept}\nrestart\ndrain 1s")
    };
    assert_snapshot!(sent(&scenario("")), @"y a z b c d e e h f i g j k l");
    assert_snapshot!(sent(&scenario("checkpoint")), @"y a z b c d e h i j k e l f g");
}

/// What was sent after it, and what open runs have spent since, counts on top.
#[test]
fn what_is_later_than_the_checkpoint_counts_too() {
    let scenario = |checkpoint: &str| {
        let runs = "submit r1 tenant=acme a; b needs a; c needs b; d needs c\nsubmit r2 tenant=best e; f; g; h; i; j";
        let ends = "ok a\nok e\nok b\nok f";
        format!(
            "targets t=2:call=1c\n{runs}\n{}restart\ndrain 1s",
            ends.replace("ok b", &format!("{checkpoint}\nok b")) + "\n"
        )
    };
    assert_snapshot!(sent(&scenario("checkpoint")), @"a e f b g c c g h d i j");
}

/// A tenant of which the checkpoint knows nothing stands where one does that comes back, and not before all others.
#[test]
fn who_came_after_it_stands_where_one_does_that_comes_back() {
    let first: String = (0..8).map(|index| format!("wait 1s\nok b{index}\n")).collect();
    let tasks =
        |name: &str, count: u32| (0..count).map(|index| format!("{name}{index}")).collect::<Vec<_>>().join("; ");
    let (b, a) = (tasks("b", 16), tasks("a", 8));
    let scenario = |kept: &str| {
        format!(
            "policy credit=1\ntargets t=1:call=1c\nsubmit r1 tenant=best {b}\n{first}{kept}\nsubmit r2 tenant=acme {a}\nrestart\ndrain 1s"
        )
    };
    assert_snapshot!(sent(&scenario("checkpoint")), @"b0 b1 b2 b3 b4 b5 b6 b7 b8 a0 a1 b8 a2 b9 a3 b10 a4 b11 a5 b12 a6 b13 a7 b14 b15");
}

/// Sixty requests a minute: the next goes a second after the restart, as if one had gone just then; without a checkpoint at once.
#[test]
fn a_pace_counts_as_if_all_had_been_sent() {
    assert_snapshot!(dialogue("
        targets t=9:requests=60
        submit r1 a; b; c
        wait 1500ms
        checkpoint
        restart
        wait 3s
    "), @"
       0ms dispatch r1/a#1 on t
    1016ms woken: the pace of a target
    1016ms dispatch r1/b#1 on t
    1500ms restart
    2863ms woken: the pace of a target
    2863ms dispatch r1/a#2 on t
    4227ms woken: the pace of a target
    4227ms dispatch r1/b#2 on t
    ");
}

/// Where the process was told to stop and has told what it knew then, all is known: the next goes when it might have gone without the restart.
#[test]
fn after_a_stop_nothing_is_guessed() {
    let scenario =
        "targets t=9:requests=60\nsubmit r1 a; b; c\nwait 1500ms\nstopping\ncheckpoint\nstop\nrestart\nwait 2s";
    assert_snapshot!(after_restart(scenario), @"
    2033ms woken: the pace of a target
    2033ms dispatch r1/a#2 on t
    3050ms woken: the pace of a target
    3050ms dispatch r1/b#2 on t
    ");
}

/// It broke at 2 s for five: it is not tried before that. One that was to be tried is left alone for its pause.
#[test]
fn a_breaker_stays_open_until_its_time() {
    let fails: String = (0..6).map(|index| format!("wait 300ms\nfail a{index} unavailable\n")).collect();
    let tasks = (0..12).map(|index| format!("a{index}")).collect::<Vec<_>>().join("; ");
    let scenario = |wait: &str| {
        format!(
            "policy failures=50 failing_for=1s pause=5s\ntargets t=12\nsubmit r1 {tasks}\n{fails}\nwait {wait}\nsubmit r2 b\n
            checkpoint\nwait 100ms\nrestart\nview targets\nwait 8s"
        )
    };
    assert_snapshot!(after_restart(&scenario("1s")), @"
    2900ms close r1
    2900ms targets: t 0/12 broken until 6500ms
    6500ms woken: a target that failed may be tried
    6500ms dispatch r2/b#1 on t
    ");
    assert_snapshot!(after_restart(&scenario("6s")), @"
    7900ms close r1
    7900ms targets: t 0/12 broken until 17800ms
    ");
}

/// Whatever stands in it: nothing panics, nothing is kept shut for longer than an hour, and work gets done.
#[test]
fn nonsense_does_no_harm() {
    assert_snapshot!(trace("
        policy hedge=0 failures=50 failing_for=0s pause=5s turned_away=10
        targets t=2:requests=60:tokens=1000:call=1c
        submit r1 tenant=acme a; b needs a
        ok a tokens=10
        wait 5s
        fail b unavailable
        submit r2 tenant=acme c; d needs c
        wait 9s
        ok c
        wait 2s
        checkpoint nonsense
        restart
        wait 120m
        drain 1s
        checkpoint
        restart
        submit r3 e
        wait 120m
        drain 1s
    "), @"
       0ms dispatch r1/a#1 on t
    1016ms woken: the pace of a target
    1016ms dispatch r1/b#1 on t
    2033ms woken: the pace of a target
    5000ms answer r1 failed spent $0.0100 unavailable in b: no luck
    5000ms close r1
    5000ms dispatch r2/c#1 on t
    14000ms dispatch r2/d#1 on t
    16000ms restart
    36000ms woken: a target has turned none away for some time
    46000ms woken: a target that failed may be tried
    136000ms woken: the pace of a target
    136000ms dispatch r2/d#2 on t
    166000ms woken: a target that failed may be tried
    256000ms woken: the pace of a target
    7217000ms answer r2 succeeded spent $0.0300
    7217000ms close r2
    7217000ms restart
    7337000ms woken: the pace of a target
    7337000ms dispatch r3/e#1 on t
    7457000ms woken: the pace of a target
    14418000ms answer r3 succeeded spent $0.0100
    14418000ms close r3
    ");
}

/// What was learned is told in full, and taken in whole: the next life says the same but for what counts for the worse.
#[test]
fn what_is_taken_in_is_what_was_told() {
    let scenario = "
        policy failures=50 failing_for=1s pause=5s turned_away=10
        targets t=4:call=1c:requests=6000:tokens=1000000 u=1:class=small
        submit r1 tenant=acme a allow=t; b allow=t needs a; c allow=u
        wait 1s
        ok a tokens=10
        wait 2s
        ok b
        ok c
        submit r2 tenant=best d allow=t; e allow=t; f allow=u
        wait 1s
        ok e
        ok f
        fail d unavailable
    ";
    let mut first = learned(scenario);
    let mut second = learned(&format!("{scenario}\ncheckpoint\nrestart"));
    let third = learned(&format!("{scenario}\ncheckpoint\nrestart\ncheckpoint\nrestart"));
    let again = Checkpoint { seq: second.seq, incarnation: second.incarnation, ..third };
    assert_eq!(again, second, "it is the same the second time");
    (second.seq, second.incarnation) = (first.seq, first.incarnation);
    for (target, again) in first.targets.iter_mut().zip(&second.targets) {
        target.paces = again.paces;
    }
    assert_eq!(first, second);
    assert!(first.graphs.len() == 2 && first.tenants.len() == 2 && first.targets.len() == 2, "{first:?}");
}
