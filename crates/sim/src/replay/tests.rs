use std::collections::BTreeMap;
use std::sync::Arc;

use agendum_core::{Change, End, Entry, Record};
use agendum_types::policy::Index;
use agendum_types::{Duration, Graph, Hash, Plan, Policy, RunId, Timestamp};

use super::past::{Cue, Life};
use super::usual::Usual;
use super::world::{self, Course, Played};
use super::{Asked, Ground, LeftOut, Past, Published, Records, Report, Setting, page, run, text};
use crate::plans::planned;
use crate::world::{Faults, Journal, journal};

/// Runs of a seed.
const RUNS: u64 = 4;
/// Things fail and take long; nobody changes his mind.
const FAULTS: Faults = Faults { failing: 15, slow: 10, evaluations: 1, crashes: 0, unrest: false };

/// The records of each run.
fn records(entries: &[Entry], graphs: &BTreeMap<Hash, Arc<Graph>>) -> Vec<Records> {
    let mut runs: BTreeMap<RunId, Records> = BTreeMap::new();
    for entry in entries {
        let Some((run, tenant)) = entry.record.run().zip(entry.tenant.clone()) else { continue };
        let of = runs.entry(run).or_insert_with(|| Records { tenant, graphs: BTreeMap::new(), entries: Vec::new() });
        if let Some((_, hash, _)) = entry.record.names_graph() {
            of.graphs.insert(hash, Arc::clone(&graphs[&hash]));
        }
        of.entries.push(entry.clone());
    }
    runs.into_values().collect()
}

fn past(journal: &Journal) -> Past {
    let mut past = Past::default();
    records(&journal.entries, &journal.graphs).iter().for_each(|records| past.take(records));
    past
}

fn setting(journal: &Journal) -> Setting {
    let seed = journal.entries.iter().find_map(|entry| {
        let Record::Opened { seed, .. } = &entry.record else { return None };
        Some(*seed)
    });
    let (targets, pools, limits) = (journal.targets.clone(), journal.pools.clone(), journal.limits.clone());
    Setting { targets, pools, limits, windows: journal.windows, seed: seed.unwrap() }
}

/// Every order is the same: another than that of most seeds.
fn other() -> Arc<Policy> {
    let mut policy = Policy { name: "other".into(), ..Policy::default() };
    for band in &mut policy.bands {
        (band.index, band.deadline_index, band.share) = (Index::Fifo, Index::Fifo, 1);
    }
    Arc::new(policy)
}

fn replayed(journal: &Journal) -> Report {
    let asked =
        Asked { old: (Arc::clone(&journal.policy), "it".into()), plans: vec![], new: vec![other()], notes: vec![] };
    run(&past(journal), &setting(journal), &asked, &|| 0, &|_, _, _| {})
}

fn play(journal: &Journal, lives: &BTreeMap<RunId, Life>, policy: &Arc<Policy>) -> Played {
    play_with(journal, lives, policy, &[])
}

fn play_with(journal: &Journal, lives: &BTreeMap<RunId, Life>, policy: &Arc<Policy>, plans: &[Published]) -> Played {
    let setting = setting(journal);
    let (targets, pools, limits) = (&setting.targets, &setting.pools, &setting.limits);
    let ground = Ground { targets, pools, limits, windows: setting.windows, seed: setting.seed, boundless: false };
    world::play(lives, &Usual::of(lives.values()), &ground, (policy, plans), &|| 0, true)
}

/// A world with late disks, slow evaluations, people, caches, children, plans, budgets: of its journal only that is known which a journal says.
#[test]
fn the_past_is_reproduced() {
    let (mut compared, mut same, mut medians) = (0, 0, Vec::new());
    for seed in 0..96 {
        let report = replayed(&journal(seed, &planned(seed, RUNS).unwrap(), FAULTS));
        compared += report.accuracy.compared;
        same += report.accuracy.same_answer;
        medians.push(report.accuracy.median);
        for row in &report.policies {
            let unanswered = row.figures.iter().find(|of| of.name == "unanswered").unwrap();
            assert_eq!(unanswered.value, 0.0, "seed {seed} under {}", row.policy);
        }
    }
    medians.sort_by(f64::total_cmp);
    assert!(same * 100 >= compared * 97, "{same} of {compared} runs are answered as they were");
    assert!(medians[medians.len() * 3 / 4] < 0.002, "{medians:?}");
}

/// Evaluations are instants: what remains is exact, but for what happens to several runs in one instant, and for pauses that are drawn.
#[test]
fn a_replay_of_a_replay_is_the_same() {
    let (mut all, mut apart) = (0, Vec::new());
    let mut gave_way = 0;
    // From 800 on there are runs that are urgent, and some gives way.
    for seed in (0..96).chain(800..848) {
        let journal = journal(seed, &planned(seed, RUNS).unwrap(), FAULTS);
        let mut past = past(&journal);
        past.lives.values_mut().flat_map(|life| life.said.values_mut()).for_each(|(took, _)| *took = Duration::ZERO);
        let first = play(&journal, &past.lives, &journal.policy);
        let mut again = Past::default();
        records(&first.entries, &journal.graphs).iter().for_each(|records| again.take(records));
        let second = play(&journal, &again.lives, &journal.policy);
        gave_way += again.lives.values().map(|life| life.gave_way.len()).sum::<usize>();
        all += first.courses.len();
        for (run, course) in &first.courses {
            let other = second.courses.get(run);
            if Some((course.answered, course.hopeless)) != other.map(|other| (other.answered, other.hopeless)) {
                apart.push((seed, *run, course.answered, other.and_then(|other| other.answered)));
            }
        }
    }
    assert!(apart.len() * 50 <= all, "{} of {all}: {apart:?}", apart.len());
    assert!(gave_way > 10, "{gave_way}");
}

/// What was decided under plans is played under them: without them it is another past.
#[test]
fn a_past_with_plans_is_reproduced_with_them() {
    let (mut apart, mut without) = (0, 0);
    for seed in 0..48 {
        let journal = journal(seed, &planned(seed, RUNS).unwrap(), FAULTS);
        let mut past = past(&journal);
        past.lives.values_mut().flat_map(|life| life.said.values_mut()).for_each(|(took, _)| *took = Duration::ZERO);
        let from = past.from().unwrap();
        let plan = Plan::bare("plan", &journal.policy.version(), other(), Duration::secs(1));
        let (one, until) = (Arc::new(plan), from.after(Duration::secs(3_600)));
        let plans = [
            Published { at: from.before(Duration::secs(5)), plan: Some((Arc::clone(&one), until)) },
            Published { at: from.after(Duration::millis(700)), plan: None },
            Published { at: from.after(Duration::millis(900)), plan: Some((one, until)) },
        ];
        let first = play_with(&journal, &past.lives, &journal.policy, &plans);
        let mut again = Past::default();
        records(&first.entries, &journal.graphs).iter().for_each(|records| again.take(records));
        assert!(again.says_of(&journal.policy).starts_with("so says") || again.policies.is_empty());
        let differs = |second: &Played| {
            let end = |course: &Course| (course.answered, course.hopeless);
            let is_other = |(run, course): (&RunId, &Course)| Some(end(course)) != second.courses.get(run).map(end);
            first.courses.iter().filter(|of| is_other(*of)).count()
        };
        apart += differs(&play_with(&journal, &again.lives, &journal.policy, &plans));
        without += differs(&play(&journal, &again.lives, &journal.policy));
    }
    assert!(apart * 3 < without, "{apart} runs went otherwise, {without} without the plans");
}

/// Where nothing gives way, what gave way takes what its next attempt took, and is not made up.
#[test]
fn what_gave_way_is_paired_with_what_came_after_it() {
    let (mut gave_way, mut paired, mut alone) = (0, 0, 0);
    for seed in 800..812 {
        let journal = journal(seed, &planned(seed, RUNS).unwrap(), Faults { failing: 0, ..FAULTS });
        let mut past = past(&journal);
        let mut patient = (*journal.policy).clone();
        patient.preemption.share = 0;
        let policy = Arc::new(patient);
        let played = play(&journal, &past.lives, &policy);
        let stops = |entry: &Entry| matches!(&entry.record, Record::Task { change: Change::Ended(of), .. } if of.end == End::Preempted);
        assert!(!played.entries.iter().any(stops), "seed {seed}");
        paired += played.made_up.attempts;
        gave_way += past.lives.values().map(|life| life.gave_way.len() as u64).sum::<u64>();
        past.lives.values_mut().for_each(|life| life.gave_way.clear());
        alone += play(&journal, &past.lives, &policy).made_up.attempts;
    }
    assert!(
        gave_way > 5 && paired + gave_way / 2 <= alone,
        "{gave_way} gave way: {paired} made up, {alone} where none is paired"
    );
}

/// Where a run goes on that had ended while somebody was awaited, nobody is awaited for ever.
#[test]
fn who_was_never_heard_is_waited_for_no_longer_than_the_run_was() {
    let mut unheard = 0;
    for seed in 0..24 {
        let journal = journal(seed, &planned(seed, RUNS).unwrap(), FAULTS);
        let (mut past, setting) = (past(&journal), setting(&journal));
        for life in past.lives.values_mut() {
            let waits = life.said.iter().filter(|(_, (_, said))| said.as_ref().is_ok_and(|said| said.wait.is_some()));
            for (path, ..) in waits.map(|(of, _)| of) {
                if life.deeds.remove(&Cue::Asked(path.clone())).is_some() {
                    life.unheard.insert(path.clone(), Duration::secs(1));
                    unheard += 1;
                }
            }
        }
        let (targets, pools, limits) = (&setting.targets, &setting.pools, &setting.limits);
        let ground = Ground { targets, pools, limits, windows: setting.windows, seed: setting.seed, boundless: false };
        let usual = Usual::of(past.lives.values());
        let played = world::play(&past.lives, &usual, &ground, (&journal.policy, &[]), &|| 0, false);
        let open: Vec<_> = played.courses.iter().filter(|(_, course)| course.answered.is_none()).collect();
        assert!(open.iter().all(|(_, course)| course.refused), "seed {seed}: {open:?}");
    }
    assert!(unheard > 10, "{unheard}");
}

#[test]
fn the_report_says_all_in_text_and_as_a_page() {
    let report = replayed(&journal(1, &planned(1, RUNS).unwrap(), FAULTS));
    let text = text(&report);
    assert!(text.find("how well the past").unwrap() < text.find("what happened").unwrap(), "the error bar comes first");
    for word in ["p99", "missed", "hopeless", "made up", "ns/event", "assumed"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let page = page(&report);
    assert!(page.contains("<svg") && page.contains("url(#p1)") && page.contains("<h2>Assumed</h2>"));
    assert!(!page.contains("http") && !page.contains("<script"), "one page alone");
    assert_eq!(page.matches("<figure>").count(), page.matches("</figure>").count());
}

/// The journal names the policy that attempts were chosen by: whoever takes another for it is told.
#[test]
fn the_journal_says_whether_the_old_policy_was_in_force() {
    let journal = journal(1, &planned(1, RUNS).unwrap(), FAULTS);
    let mut past = past(&journal);
    assert!(
        past.says_of(&journal.policy).starts_with("so says the journal of all "),
        "{}",
        past.says_of(&journal.policy)
    );
    let said = past.says_of(&other());
    assert!(said.contains(&journal.policy.version()) && said.contains("name it with --was"), "{said}");
    past.policies.clear();
    assert_eq!(past.says_of(&other()), "the journal does not name it: nothing had to be chosen");
}

#[test]
fn what_cannot_be_run_again_is_left_out() {
    let journal = journal(1, &planned(1, RUNS).unwrap(), FAULTS);
    let mut past = Past::default();
    for (number, mut records) in records(&journal.entries, &journal.graphs).into_iter().enumerate() {
        match number {
            0 => records.graphs.clear(),
            1 => records.entries.retain(|entry| !matches!(entry.record, Record::Answered(_))),
            2 => drop(records.entries.remove(0)),
            _ => {}
        }
        past.take(&records);
    }
    assert_eq!(past.left_out, BTreeMap::from([(LeftOut::Open, 1), (LeftOut::Unreadable, 2)]));
    assert!(!past.is_empty());
    // What they did is known all the same, and no place of it is in the replay.
    let all = super::Places::of(&past, Timestamp(0), Timestamp::MAX);
    assert!(all.attempts > 0 && all.at_once > 0 && all.share > 0.0 && all.share < 1.0, "{all:?}");
    assert!(all.sentence().unwrap().ends_with("places that are free in each replay"), "{:?}", all.sentence());
    assert_eq!(super::Places::of(&past, Timestamp(0), Timestamp(0)).sentence(), None, "nothing was out then");
    past.leave_out(LeftOut::Unreadable, None);
    let said = super::Places::of(&past, Timestamp(0), Timestamp(0)).sentence();
    assert_eq!(said.as_deref(), Some("of 1 run that cannot be read nobody knows what places they had"));
}
