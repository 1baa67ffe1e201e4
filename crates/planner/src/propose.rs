//! The search: which rules would have done better, how much, and how sure that is.

use std::sync::Arc;

use agendum_types::plan::{Evidence, MILLION};
use agendum_types::{Duration, Plan, Policy};

use crate::figures::{Course, Figure};
use crate::moves::{Move, moves};

/// Of a hundred runs so many are for choosing; the rest judges.
pub const EARLIER: usize = 60;
/// Runs of the later part below which nothing is proposed: ten blocks of three.
pub const RUNS_MIN: usize = 30;
/// Into so many blocks the later part is cut, one after the other, and drawn anew so often: in how many of the draws the goal becomes less says how sure that
/// is. Runs that come together wait for each other, so that single ones say too much.
const BLOCKS: usize = 10;
const DRAWS: usize = 1_000;
/// Runs that are drawn in all: of many runs fewer draws will do.
const DRAWN_MAX: usize = 4_000_000;
const DRAWS_MIN: usize = 100;

/// Nobody is surer than that of a past that is one of many.
const SURE_MAX: f64 = 0.999;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How a plan would be called.
    pub name: Arc<str>,
    /// What shall become less.
    pub goal: Figure,
    /// By that part at least, or it is not worth it.
    pub gain_min: f64,
    /// No other figure may rise by more than that part.
    pub harm_max: f64,
    /// One has to be that sure that the goal becomes less at all.
    pub confidence_min: f64,
    /// So many steps of one parameter at most.
    pub steps_max: usize,
    /// For how long a plan would be in force.
    pub lasts: Duration,
    /// What the past is, in words.
    pub how: Arc<str>,
}

/// What rules came to.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// All runs of the past, in the order in which they came.
    pub courses: Vec<Course>,
    /// Attempts of them.
    pub attempts: u64,
}

/// The past, and who can play it again.
pub trait Bench {
    /// What happened, and what comes of it where it is played under the rules that were in force: how far the two are apart is the error of all else.
    fn past(&self) -> (&[Course], &[Course]);

    /// The whole past under each of these rules, in their order; fewer where time is up. `what` says what is tried, for whoever watches.
    fn play(&mut self, rules: &[Arc<Policy>], what: &str) -> Vec<Played>;
}

/// Rules that were tried, by what they do to the earlier part.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The steps that led there.
    pub steps: Vec<String>,
    /// The goal there.
    pub goal: Option<f64>,
    /// By what part it changes.
    pub change: Option<f64>,
    /// The figure that rises by more than is allowed, and by what part.
    pub harms: Option<(Figure, f64)>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// These rules do better: without hash, which its document gives.
    Plan(Box<Plan>),
    /// Nothing does, or not enough, or not surely; why, in a sentence.
    Nothing(String),
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The plan, or why there is none.
    pub outcome: Outcome,
    /// The steps that were taken, if any.
    pub steps: Vec<String>,
    /// All that was tried.
    pub trials: Vec<Trial>,
    /// Of the later part: each figure under the policy and under what was found; empty where no step was taken.
    pub judged: Vec<(Figure, f64, f64)>,
    /// How sure one may be that the goal becomes less there; `None` where nothing was judged.
    pub confidence: Option<f64>,
    /// By what part the replay of the past is off in the goal, in the earlier and the later part.
    pub errors: [f64; 2],
    /// Runs of the earlier and of the later part.
    pub runs: [usize; 2],
}

/// How many of so many runs judge what was found by the others.
#[must_use]
pub const fn judging(runs: usize) -> usize {
    runs - runs * EARLIER / 100
}

/// The earlier part of all runs, and the later one.
fn parts_of(courses: &[Course]) -> [&[Course]; 2] {
    let (earlier, later) = courses.split_at(courses.len() - judging(courses.len()));
    [earlier, later]
}

/// Looks for rules that would have done better than `policy`.
pub fn propose(policy: &Arc<Policy>, asked: &Asked, bench: &mut dyn Bench) -> Proposal {
    let base = bench.play(&[Arc::clone(policy)], "the policy in force").pop().unwrap_or_default();
    let (happened, again) = bench.past();
    let off = |part: usize| {
        let [real, again] = [happened, again].map(|all| parts_of(all)[part]);
        asked.goal.of_both(real, again).map_or(0.0, |(real, again)| asked.goal.change(real, again).abs())
    };
    let mut found = Proposal {
        outcome: Outcome::Nothing(String::new()),
        steps: Vec::new(),
        trials: Vec::new(),
        judged: Vec::new(),
        confidence: None,
        errors: [off(0), off(1)],
        runs: parts_of(&base.courses).map(<[Course]>::len),
    };
    let [earlier, _] = parts_of(&base.courses);
    let Some(goal) = asked.goal.of(earlier).filter(|goal| *goal > 0.0) else {
        let word = asked.goal.word();
        found.outcome = Outcome::Nothing(match earlier.is_empty() {
            true => "there are too few runs to choose by".to_owned(),
            false => format!("there is no {word} to lower in the earlier part"),
        });
        return found;
    };
    let Some((best, new)) = climb(policy, asked, (earlier, goal), bench, &mut found) else {
        found.outcome = Outcome::Nothing(no_step(asked, goal, &found));
        return found;
    };
    found.outcome = judge(asked, (policy, &best), (&base, &new), &mut found);
    found
}

/// Steps, each the best of all that lead on from where one stands, as long as one helps; where they lead, and what that comes to.
fn climb(
    policy: &Arc<Policy>,
    asked: &Asked,
    (base, goal): (&[Course], f64),
    bench: &mut dyn Bench,
    found: &mut Proposal,
) -> Option<(Arc<Policy>, Played)> {
    let (mut at, mut stands, mut reached) = (Arc::clone(policy), 0.0, None);
    for step in 0..asked.steps_max {
        let options = moves(&at);
        let rules: Vec<_> = options.iter().map(|option| Arc::clone(&option.rules)).collect();
        let played = bench.play(&rules, &format!("step {} of {}", step + 1, asked.steps_max));
        let mut best: Option<(f64, Move, Played)> = None;
        for (option, played) in options.into_iter().zip(played) {
            let [earlier, _] = parts_of(&played.courses);
            let (pair, harms) = (asked.goal.of_both(base, earlier), harm(asked, base, earlier));
            let change = pair.map(|(old, new)| asked.goal.change(old, new));
            let steps = found.steps.iter().cloned().chain([option.says.clone()]).collect();
            found.trials.push(Trial { steps, goal: pair.map(|(_, new)| new), change, harms });
            let Some(change) = change.filter(|_| harms.is_none()) else { continue };
            let enough = change - stands < -bar(asked, goal, found.errors[0]);
            if enough && best.as_ref().is_none_or(|(least, ..)| change < *least) {
                best = Some((change, option, played));
            }
        }
        let Some((change, option, played)) = best else { break };
        found.steps.push(option.says);
        (at, stands) = (option.rules, change);
        reached = Some((Arc::clone(&at), played));
    }
    reached
}

/// The figure besides the goal that rises most, if it rises by more than is allowed.
fn harm(asked: &Asked, old: &[Course], new: &[Course]) -> Option<(Figure, f64)> {
    let others = Figure::ALL.into_iter().filter(|figure| *figure != asked.goal);
    let rises = others.filter_map(|figure| {
        let (old, new) = figure.of_both(old, new)?;
        Some((figure, figure.change(old, new)))
    });
    rises.filter(|(figure, rise)| *rise > allowed(asked, *figure)).max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// By how much a figure may rise. Of what is a part of all runs one in a hundred is much.
fn allowed(asked: &Asked, figure: Figure) -> f64 {
    if figure.is_share() { asked.harm_max / 5.0 } else { asked.harm_max }
}

/// What the goal has to become less by: that part of what it is, and more than the replay is off.
fn bar(asked: &Asked, goal: f64, error: f64) -> f64 {
    let gain = if asked.goal.is_share() { asked.gain_min * goal } else { asked.gain_min };
    error.max(gain)
}

/// The same in words.
fn bar_told(asked: &Asked, goal: f64, error: f64) -> String {
    let is_off = error > bar(asked, goal, 0.0);
    let why = if is_off { ", by which the replay of the past is off" } else { "" };
    format!("{}{why}", asked.goal.told(bar(asked, goal, error)))
}

/// Why no step was taken: the best that harms nothing, and the best of those that do.
fn no_step(asked: &Asked, goal: f64, found: &Proposal) -> String {
    let word = asked.goal.word();
    let least = |harms: bool| {
        let of = found.trials.iter().filter(|trial| trial.harms.is_some() == harms);
        let changes = of.filter_map(|trial| Some((trial, trial.change.filter(|change| *change < -0.000_5)?)));
        changes.min_by(|(_, one), (_, other)| one.total_cmp(other))
    };
    let bar = bar_told(asked, goal, found.errors[0]);
    let mut said = format!("no step that harms no other figure lowers {word} by more than {bar}");
    if let Some((trial, change)) = least(false) {
        said += &format!("; the best, {}, by {}", trial.steps.join(" + "), asked.goal.told(-change));
    }
    if let Some((trial, change)) = least(true)
        && let Some((figure, rise)) = trial.harms
    {
        let (steps, by) = (trial.steps.join(" + "), asked.goal.told(-change));
        let (rise, most) = (figure.told(rise), figure.told(allowed(asked, figure)));
        said += &format!("; {steps} lowers it by {by} and raises {} by {rise}, more than {most}", figure.word());
    }
    said
}

/// What the later part says of what the earlier one has found.
fn judge(
    asked: &Asked,
    (policy, best): (&Policy, &Arc<Policy>),
    (base, reached): (&Played, &Played),
    found: &mut Proposal,
) -> Outcome {
    let ([_, old], [_, new]) = (parts_of(&base.courses), parts_of(&reached.courses));
    let figures = Figure::ALL.into_iter();
    let both = |of: Figure| of.of_both(old, new).map(|(old, new)| (of, old, new));
    found.judged = figures.filter_map(both).collect();
    let (goal, word) = (asked.goal, asked.goal.word());
    let none = |why: String| Outcome::Nothing(why);
    if old.len() < RUNS_MIN {
        return none(format!("the later part has {} runs: {RUNS_MIN} at least are needed to judge", old.len()));
    }
    let Some((_, before, after)) = found.judged.iter().find(|(figure, ..)| *figure == goal).copied() else {
        return none(format!("the later part has no {word}"));
    };
    let change = goal.change(before, after);
    let confidence = confidence(goal, old, new);
    found.confidence = Some(confidence);
    if change > -bar(asked, before, found.errors[1]) {
        let (how, by) = (if change < 0.0 { "lowers" } else { "raises" }, goal.told(change.abs()));
        let bar = bar_told(asked, before, found.errors[1]);
        return none(format!(
            "what helped in the earlier part {how} {word} by {by} in the later one: it has to lower it by more than {bar}"
        ));
    }
    if let Some((figure, rise)) = harm(asked, old, new) {
        let (rise, most) = (figure.told(rise), figure.told(allowed(asked, figure)));
        return none(format!("in the later part {} would rise by {rise}, more than {most}", figure.word()));
    }
    if confidence < asked.confidence_min {
        let (by, sure) = (goal.told(-change), confidence * 100.0);
        return none(format!(
            "{word} is {by} less in the later part, by chance as well: one may be sure of it by {sure:.0} %"
        ));
    }
    Outcome::Plan(Box::new(Plan {
        evidence: Evidence { how: Arc::clone(&asked.how), runs: base.courses.len() as u64, attempts: base.attempts },
        confidence: parts(confidence).clamp(0, MILLION) as u32,
        expected: found.judged.iter().map(|(of, old, new)| (of.word().into(), parts(of.change(*old, *new)))).collect(),
        ..Plan::bare(&asked.name, &policy.version(), Arc::clone(best), asked.lasts)
    }))
}

fn parts(share: f64) -> i64 {
    (share * MILLION as f64).round() as i64
}

/// How sure one may be that a figure is less under the new rules: in so many of the draws of blocks it is.
fn confidence(goal: Figure, old: &[Course], new: &[Course]) -> f64 {
    let bounds = |number: usize| number * old.len() / BLOCKS..(number + 1) * old.len() / BLOCKS;
    let draws = (DRAWN_MAX / old.len().max(1)).clamp(DRAWS_MIN, DRAWS);
    let (mut less, mut chance) = (0, 0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..draws {
        let (mut olds, mut news) = (Vec::with_capacity(old.len()), Vec::with_capacity(new.len()));
        for _ in 0..BLOCKS {
            // Marsaglia's xorshift: the same draws each time.
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let block = bounds((chance >> 33) as usize % BLOCKS);
            olds.extend_from_slice(&old[block.clone()]);
            news.extend_from_slice(&new[block]);
        }
        less += usize::from(goal.of_both(&olds, &news).is_some_and(|(old, new)| new < old));
    }
    (less as f64 / draws as f64).min(SURE_MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_types::Policy;

    use super::{Asked, Bench, EARLIER, Outcome, Played, propose};
    use crate::figures::{Course, Figure};

    /// A past in which rules do what a function of them says, and of which the replay is off by a factor.
    struct Made<F> {
        of: F,
        runs: usize,
        past: [Vec<Course>; 2],
    }

    impl<F: Fn(bool, &Policy, usize) -> Course> Made<F> {
        fn new(of: F, runs: usize, off: f64) -> Self {
            let mut made = Self { of, runs, past: Default::default() };
            let happened = made.courses(&Policy::default());
            let again =
                happened.iter().map(|course| Course { took: course.took.map(|took| took * off), ..course.clone() });
            made.past = [happened.clone(), again.collect()];
            made
        }

        fn courses(&self, rules: &Policy) -> Vec<Course> {
            (0..self.runs).map(|run| (self.of)(run >= self.runs * EARLIER / 100, rules, run)).collect()
        }
    }

    impl<F: Fn(bool, &Policy, usize) -> Course> Bench for Made<F> {
        fn past(&self) -> (&[Course], &[Course]) {
            (&self.past[0], &self.past[1])
        }

        fn play(&mut self, rules: &[Arc<Policy>], _what: &str) -> Vec<Played> {
            rules.iter().map(|rules| Played { courses: self.courses(rules), attempts: 7 }).collect()
        }
    }

    fn asked() -> Asked {
        Asked {
            name: "found".into(),
            goal: Figure::Mean,
            gain_min: 0.02,
            harm_max: 0.05,
            confidence_min: 0.9,
            steps_max: 3,
            lasts: agendum_types::Duration::secs(600),
            how: "made up".into(),
        }
    }

    fn course(took: f64) -> Course {
        Course { tenant: "a".into(), took: Some(took), slowdown: Some(took), missed: false, cost: 1.0 }
    }

    fn found(runs: usize, of: impl Fn(bool, &Policy, usize) -> Course) -> String {
        said(&asked(), &mut Made::new(of, runs, 1.0))
    }

    fn said(asked: &Asked, bench: &mut dyn Bench) -> String {
        let proposal = propose(&Arc::new(Policy::default()), asked, bench);
        match proposal.outcome {
            Outcome::Plan(plan) => {
                let mean = plan.expected.iter().find(|(figure, _)| &**figure == "mean").unwrap().1;
                let steps = proposal.steps.join(" + ");
                format!("{steps}: mean {mean}, sure {}, {} runs", plan.confidence, plan.evidence.runs)
            }
            Outcome::Nothing(why) => why,
        }
    }

    /// Seconds that vary with the run, and with nothing else.
    fn usual(run: usize) -> f64 {
        10.0 + (run * 7 % 5) as f64
    }

    fn helps(_: bool, rules: &Policy, run: usize) -> Course {
        let crowd = if rules.placement.crowd == 50 { 0.8 } else { 1.0 };
        let look = if rules.admission.look == 32 { 0.9 } else { 1.0 };
        course(usual(run) * crowd * look)
    }

    #[test]
    fn it_takes_the_steps_that_help_and_no_more() {
        let both = "placement.crowd: 50 + admission.look: 32: mean -280000, sure 999000, 200 runs";
        assert_eq!(found(200, helps), both);
        assert_eq!(found(72, helps), "the later part has 29 runs: 30 at least are needed to judge");
        let nothing = "no step that harms no other figure lowers mean by more than 2.0 %";
        assert_eq!(found(200, |_, _, run| course(usual(run))), nothing);
        let little =
            |_: bool, rules: &Policy, run: usize| course(usual(run) - f64::from(rules.placement.crowd) / 1_000.0);
        assert_eq!(found(200, little), format!("{nothing}; the best, placement.crowd: 100, by 0.7 %"));
        let none = |_: bool, _: &Policy, _: usize| Course { took: None, ..course(1.0) };
        assert_eq!(found(200, none), "there is no mean to lower in the earlier part");
    }

    #[test]
    fn what_is_less_than_the_replay_is_off_is_no_news() {
        let off = said(&asked(), &mut Made::new(helps, 200, 1.15));
        assert_eq!(
            off, "placement.crowd: 50: mean -200000, sure 999000, 200 runs",
            "a tenth more is less than it is off"
        );
        let far = said(&asked(), &mut Made::new(helps, 200, 1.3));
        assert_eq!(
            far,
            "no step that harms no other figure lowers mean by more than 30.0 %, by which the replay of the past is off; \
             the best, placement.crowd: 50, by 20.0 %"
        );
        // The error of times says nothing of costs.
        let cheap = |_: bool, rules: &Policy, run: usize| Course {
            cost: if rules.hedging.after == 0 { 0.5 } else { 1.0 },
            ..course(usual(run))
        };
        let of_cost = Asked { goal: Figure::Cost, ..asked() };
        let told = said(&of_cost, &mut Made::new(cheap, 200, 1.3));
        assert_eq!(told, "hedging.after: 0: mean 0, sure 999000, 200 runs");
    }

    #[test]
    fn what_harms_others_or_helps_by_chance_is_not_proposed() {
        let dear = |_: bool, rules: &Policy, run: usize| {
            let hedged = rules.hedging.after == 90;
            Course { cost: if hedged { 1.2 } else { 1.0 }, ..course(usual(run) * if hedged { 0.5 } else { 1.0 }) }
        };
        assert_eq!(
            found(200, dear),
            "no step that harms no other figure lowers mean by more than 2.0 %; \
             hedging.after: 90 lowers it by 50.0 % and raises cost by 20.0 %, more than 5.0 %"
        );
        let once = |later: bool, rules: &Policy, run: usize| {
            let helps = !later && rules.hedging.after == 90;
            course(usual(run) * if helps { 0.5 } else { 1.0 })
        };
        assert_eq!(
            found(200, once),
            "what helped in the earlier part raises mean by 0.0 % in the later one: it has to lower it by more than 2.0 %"
        );
        // In the later part one block of ten gains much, and the others lose a little.
        let lucky = |later: bool, rules: &Policy, run: usize| {
            let factor = match (later, rules.hedging.after == 90) {
                (_, false) => 1.0,
                (false, true) => 0.5,
                (true, true) if run < 160 => 0.3,
                (true, true) => 1.02,
            };
            course(usual(run) * factor)
        };
        let by_chance = "mean is 5.2 % less in the later part, by chance as well: one may be sure of it by 66 %";
        assert_eq!(found(250, lucky), by_chance);
        let late = |later: bool, rules: &Policy, run: usize| {
            let hedged = rules.hedging.after == 90;
            Course {
                missed: later && hedged && run.is_multiple_of(10),
                ..course(usual(run) * if hedged { 0.5 } else { 1.0 })
            }
        };
        let missed = "in the later part missed would rise by 10.0 of 100 runs, more than 1.0 of 100 runs";
        assert_eq!(found(200, late), missed);
    }
}
