use std::collections::BTreeSet;

use agendum_types::Duration;
use insta::assert_snapshot;

use crate::plans::{faults, planned, words};
use crate::world::Planned;
use crate::{corpus, cut_everywhere, play};

/// Each seed twice: the core does what the reference would, breaks no promise, and wants the same both times, byte for byte. Of four
/// seeds one has a calm world, one a bad one, one crashes, and one both. Together they use the whole language and come to every kind
/// of decision.
#[test]
fn the_core_does_what_the_reference_would_and_repeats_it() {
    let (mut kinds, mut used) = (BTreeSet::new(), BTreeSet::new());
    // 204, 374, 385: checks found the effect, found none, did not find out; somebody was reminded, and refused.
    // 165: what took effect in a run that is taken over would be asked for something else.
    // 287: after a restart an attempt was taken up again before it was known when its time is over.
    // 603: an attempt that was taken up again and then abandoned was booked twice.
    // 38258: what a task had waited for before it took a rung was told again after it.
    // 108: the budget of a loop was raised.
    // 52: a raise was refused. 68: so was a plea. 128: who asked for money kept its turn to compute what others waited for.
    // 708217, 715086: one of several that rank alike had stepped aside for want of money, and the reference did not know it.
    // 90: a rung took the last good result, and another found none.
    // 91000069, 91000171: the run of whoever had the turn was paused; who had it waited for money for a moment.
    // 150016937: where a window turned no window could ever cover what waited. 150003693: an addition was made before an empty plan was read.
    // 170001293: a run came to have labels while its tasks were queued, and one of its targets may not see them.
    // 210000692: who waits for a window differed in bytes. 210007039: a bill charged again what another had released.
    // 170005493: a queued task was put where it stood. 170000533: who had waited for a window asked for more than the run's budget.
    // 145: somebody was reminded. 46: it took effect in the run before, with another input. 72: a round was not paid for, and one before counts.
    // 32: a run could not be answered in time any more, and was given up. 51: an attempt was sent beside a slow one.
    // 800: an attempt gave way to a more urgent task, which was sent in its place.
    // 122: so was one of an idempotent task. 2: one went in the place of the first, since its beginning was read.
    // 277: what was in doubt was found to be done. 600037: a race was won when a task in it had come to be skipped.
    let rare = [32, 46, 51, 72, 122, 145, 277, 800, 600_037];
    let grown = [150_003_693, 150_016_937, 170_005_493, 170_000_533, 170_001_293, 210_000_692, 210_007_039];
    // A target fails for some time, whatever it is asked.
    let failing = [703, 707, 709, 711];
    // Another has less room than is said of it, and says so.
    let crowded = [2_966, 2_908];
    let cached = [90, 91_000_069, 91_000_171, 91_000_469];
    for seed in (0..32)
        .chain([36, 52, 144, 68, 108, 128, 204, 165, 374, 385, 287, 603, 38_258, 708_217, 715_086])
        .chain(cached)
        .chain(grown)
        .chain(rare)
        .chain(failing)
        .chain(crowded)
    {
        let planned = planned(seed, 4).unwrap();
        kinds.extend(twice(seed, &planned));
        used.extend(planned.iter().flat_map(|plan| words(&plan.graph)));
        used.extend(planned.iter().filter(|plan| plan.grown.is_some()).map(|_| "tasks join a run"));
    }
    let felt = [
        "sent past one that fails",
        "tried after it failed",
        "sent past one that turns some away",
        "found no room",
        "preempted",
        "sent in the place of another",
        "remembered",
        "sent in the place of the first",
        "sent beside a slow one, with an effect",
        "planned for a while",
    ];
    for one in felt {
        assert!(kinds.remove(one), "{one}");
    }
    has_every_kind(&kinds);
    uses_the_language(&used);
}

/// Every kind of decision comes up.
fn has_every_kind(kinds: &BTreeSet<&str>) {
    assert_snapshot!(lines(kinds), @"
    a budget raised
    a plan refused
    a round was not paid for, one before counts
    a signal kept
    abandoned
    abandoned, perhaps with an effect
    another round
    answered, degraded
    approved
    asked for money
    at work in a crash
    bill
    cached
    cached, once another had it
    cancelled
    caught
    caught, with its labels
    closed
    done
    expired
    failed
    found not to have happened
    found to have happened
    given up
    heard before it waited
    heard while it waited
    higher bill
    in doubt
    ineligible
    its turn
    judged
    lost
    more set aside for a child run
    no more money
    no_copy
    nobody found out
    not before
    not good enough
    paused
    pruned
    quarantined
    reattached
    refused
    reminded
    replaced
    resumed
    retried
    reused
    rounds ran out
    rounds ran out, one counts
    sent beside a slow one
    sent to a lower target
    skipped
    succeeded
    taken back
    taken back in part
    tasks added
    tasks ahead of their plan
    the budget of a loop raised
    the last good result
    the last round
    the run expired
    unaffordable
    unaffordable in a loop
    uncertain
    unevaluable
    verdict
    waited for its instant
    ");
}

/// Every part of the language is used.
fn uses_the_language(used: &BTreeSet<&str>) {
    assert_snapshot!(lines(used), @"
    a run inside a run
    adds
    background
    budget.tokens
    cache
    catch: cached
    catch: target
    compensate
    concurrency
    fail_if: as
    first_output, idle
    foreach of groups with loops
    interactive
    judges
    labels
    loop.budget
    loop.budget inside loop.budget
    loop.deadline
    model.allow
    no_fallback
    not_before: constant
    not_before: expression
    on_exhausted: TASK
    on_uncertain: check
    optional under a deadline
    output of a group
    publish_after
    race: first of several
    race: good_if
    race: the rest runs on
    resources of several pools
    run.error
    standard
    stop_if_same
    tasks join a run
    tools of an agent
    ");
}

/// Plays a seed twice; the kinds of its decisions.
fn twice(seed: u64, planned: &[Planned]) -> BTreeSet<&'static str> {
    let played = play(seed, planned, faults(seed));
    assert_eq!(played.violations.first(), None, "again: cargo run -p agendum-sim -- shrink {seed}");
    let again = play(seed, planned, faults(seed));
    let differs = played.trace.lines().zip(again.trace.lines()).find(|(one, other)| one != other);
    assert_eq!(differs, None, "seed {seed} is not repeatable");
    assert_eq!(played.trace.len(), again.trace.len(), "seed {seed} is not repeatable");
    played.kinds
}

/// The journal is cut behind every record of small seeds.
#[test]
fn every_cut_restores_what_was_there_and_comes_to_an_end() {
    cut_all(0..8);
}

/// In the first four outputs add tasks, and loops have tight budgets; 244, 332: a task asks for money, and somebody raises the budget or refuses; 848:
/// attempts give way.
#[test]
fn every_cut_of_rarer_kinds_restores_what_was_there_and_comes_to_an_end() {
    cut_all((20..24).chain([244, 332, 848]));
}

fn cut_all(seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        let cut = cut_everywhere(seed, &planned(seed, 1).unwrap(), faults(seed));
        assert_eq!(cut.violations.first(), None, "seed {seed}");
        assert!(cut.crashes > 0, "seed {seed} has no record to cut behind");
    }
}

/// A plan that is accepted has to succeed, in time; what is not read is named.
#[test]
fn a_plan_that_does_not_succeed_is_told_and_a_file_that_is_not_read() {
    let folder = std::env::temp_dir().join(format!("agendum-corpus-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let plan = r#"[{"id": 1, "tool": "a", "dependencies": []}, {"id": 2, "tool": "b", "dependencies": [1]}]"#;
    std::fs::write(folder.join("plans.json"), plan).unwrap();
    let told = corpus::within(Duration::secs(60), &folder).unwrap();
    assert_eq!(told, "plans.json: 1 plans, 1 accepted, 1 finished, 0 refused\n1 plans in all");
    let told = corpus::within(Duration::millis(1), &folder).unwrap_err();
    assert!(told.ends_with("plans.json:1: it did not end well: 0 succeeded, 1 failed, 0 cancelled"), "{told}");
    std::fs::write(folder.join("more.jsonl.gz"), "").unwrap();
    let told = corpus::within(Duration::secs(60), &folder).unwrap();
    assert!(told.contains("(unpack the .gz): more.jsonl.gz\n1 plans in all"), "{told}");
    std::fs::write(folder.join("plans.json"), "{}").unwrap();
    let told = corpus::within(Duration::secs(60), &folder).unwrap_err();
    assert!(told.starts_with("plans.json: 0 plans") && told.contains("more.jsonl.gz\nthere are no plans"), "{told}");
    std::fs::remove_dir_all(&folder).unwrap();
}

fn lines(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join("\n")
}
