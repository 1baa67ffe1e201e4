//! The search: which rules would have done better, how much, and how sure that is.

use std::sync::Arc;

use agendum_types::plan::{Evidence, MILLION};
use agendum_types::{Duration, Hash, Plan, Policy};

use crate::figures::{Course, Figure, mean};
use crate::moves::{Move, moves};

/// Runs of the later part below which nothing is proposed: ten blocks of three.
pub const RUNS_MIN: usize = 30;
/// Into so many blocks the later part is cut, one after the other: how alike they are says how sure a difference is.
const BLOCKS: usize = 10;

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

/// Which part of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// On which steps are chosen.
    Earlier,
    /// By which they are judged.
    Later,
}

/// What rules came to in a part.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Its runs, in the order in which they came.
    pub courses: Vec<Course>,
    /// Attempts of them.
    pub attempts: u64,
    /// By what part half of the runs are off where the past is played under its own rules: less is no news.
    pub error: f64,
}

/// Who can play the past again.
pub trait Bench {
    /// The same part under each of these rules, in their order; fewer where time is up. `what` says what is tried, for whoever watches.
    fn play(&mut self, part: Part, rules: &[Arc<Policy>], what: &str) -> Vec<Played>;
}

/// Rules that were tried on the earlier part.
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
    /// Of the later part: each figure under the policy and under what was found.
    pub judged: Vec<(Figure, f64, f64)>,
    /// How sure one may be that the goal becomes less there; `None` where nothing was judged.
    pub confidence: Option<f64>,
    /// By what part the replay of the past is off, in the worse of the two parts.
    pub error: f64,
    /// Runs of the earlier and of the later part.
    pub runs: (usize, usize),
}

/// Looks for rules that would have done better than `policy`.
pub fn propose(policy: &Arc<Policy>, asked: &Asked, bench: &mut dyn Bench) -> Proposal {
    let mut found = Proposal {
        outcome: Outcome::Nothing(String::new()),
        steps: Vec::new(),
        trials: Vec::new(),
        judged: Vec::new(),
        confidence: None,
        error: 0.0,
        runs: (0, 0),
    };
    let base = bench.play(Part::Earlier, &[Arc::clone(policy)], "the policy in force").pop().unwrap_or_default();
    found.runs.0 = base.courses.len();
    found.error = base.error;
    let Some(goal) = asked.goal.of(&base.courses).filter(|goal| *goal > 0.0) else {
        found.outcome = Outcome::Nothing(format!("there is no {} to lower", asked.goal.word()));
        return found;
    };
    let best = climb(policy, asked, (&base, goal), bench, &mut found);
    if found.steps.is_empty() {
        let least = found.error.max(asked.gain_min) * 100.0;
        let word = asked.goal.word();
        found.outcome =
            Outcome::Nothing(format!("no step lowers {word} by more than {least:.1} % without harm to another figure"));
        return found;
    }
    let mut later = bench.play(Part::Later, &[Arc::clone(policy), Arc::clone(&best)], "the later part").into_iter();
    let (old, new) = (later.next().unwrap_or_default(), later.next().unwrap_or_default());
    found.runs.1 = old.courses.len();
    found.error = found.error.max(old.error);
    found.outcome = judge(asked, (policy, &best), (&old, &new), &mut found);
    found
}

/// Steps, each the best of all that lead on from where one stands, as long as one helps.
fn climb(
    policy: &Arc<Policy>,
    asked: &Asked,
    (base, goal): (&Played, f64),
    bench: &mut dyn Bench,
    found: &mut Proposal,
) -> Arc<Policy> {
    let (mut at, mut stands) = (Arc::clone(policy), goal);
    for step in 0..asked.steps_max {
        let options = moves(&at);
        let rules: Vec<_> = options.iter().map(|option| Arc::clone(&option.rules)).collect();
        let what = format!("step {}: {} variants", step + 1, rules.len());
        let played = bench.play(Part::Earlier, &rules, &what);
        let mut best: Option<(f64, Move)> = None;
        for (option, played) in options.into_iter().zip(&played) {
            let steps = found.steps.iter().cloned().chain([option.says.clone()]).collect();
            let value = asked.goal.of(&played.courses);
            let harms = harm(asked, &base.courses, &played.courses);
            let change = value.map(|value| asked.goal.change(goal, value));
            found.trials.push(Trial { steps, goal: value, change, harms });
            let Some(value) = value.filter(|_| harms.is_none()) else { continue };
            let enough = asked.goal.change(stands, value) < -found.error.max(asked.gain_min);
            if enough && best.as_ref().is_none_or(|(least, _)| value < *least) {
                best = Some((value, option));
            }
        }
        let Some((value, option)) = best else { break };
        found.steps.push(option.says);
        (at, stands) = (option.rules, value);
    }
    at
}

/// The figure besides the goal that rises most, if it rises by more than is allowed.
fn harm(asked: &Asked, old: &[Course], new: &[Course]) -> Option<(Figure, f64)> {
    let others = Figure::ALL.into_iter().filter(|figure| *figure != asked.goal);
    let rises = others.filter_map(|figure| Some((figure, figure.change(figure.of(old)?, figure.of(new)?))));
    // Of what is a part of all runs one in a hundred is much.
    let most = |figure: Figure| if figure.is_share() { asked.harm_max / 5.0 } else { asked.harm_max };
    rises.filter(|(figure, rise)| *rise > most(*figure)).max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// What the later part says of what the earlier one has found.
fn judge(
    asked: &Asked,
    (policy, best): (&Policy, &Arc<Policy>),
    (old, new): (&Played, &Played),
    found: &mut Proposal,
) -> Outcome {
    let figures = Figure::ALL.into_iter();
    found.judged = figures.filter_map(|of| Some((of, of.of(&old.courses)?, of.of(&new.courses)?))).collect();
    let none = |why: String| Outcome::Nothing(why);
    if old.courses.len() < RUNS_MIN || new.courses.len() < RUNS_MIN {
        return none(format!("the later part has {} runs: {RUNS_MIN} at least are needed to judge", old.courses.len()));
    }
    let word = asked.goal.word();
    let Some((_, before, after)) = found.judged.iter().find(|(figure, ..)| *figure == asked.goal).copied() else {
        return none(format!("the later part has no {word}"));
    };
    let change = asked.goal.change(before, after);
    let confidence = confidence(asked.goal, &old.courses, &new.courses);
    found.confidence = Some(confidence);
    if change > -found.error.max(asked.gain_min) {
        return none(format!(
            "what helped in the earlier part changes {word} by {:+.1} % in the later one",
            change * 100.0
        ));
    }
    if let Some((figure, rise)) = harm(asked, &old.courses, &new.courses) {
        return none(format!("in the later part {} would rise by {:.1} %", figure.word(), rise * 100.0));
    }
    if confidence < asked.confidence_min {
        return none(format!(
            "{word} is {:.1} % less in the later part, by chance as well: one may be sure of it by {:.0} %",
            -change * 100.0,
            confidence * 100.0
        ));
    }
    Outcome::Plan(Box::new(Plan {
        name: Arc::clone(&asked.name),
        hash: Hash::default(),
        policy: policy.version().into(),
        rules: Arc::clone(best),
        lasts: asked.lasts,
        horizon: asked.lasts,
        evidence: Evidence {
            how: Arc::clone(&asked.how),
            runs: (found.runs.0 + found.runs.1) as u64,
            attempts: old.attempts,
        },
        confidence: parts(confidence).clamp(0, MILLION) as u32,
        expected: found.judged.iter().map(|(of, old, new)| (of.word().into(), parts(of.change(*old, *new)))).collect(),
        risks: Vec::new(),
    }))
}

fn parts(share: f64) -> i64 {
    (share * MILLION as f64).round() as i64
}

/// How sure one may be that a figure is less under the new rules: by how alike the differences of the blocks are (a normal distribution of their mean).
fn confidence(goal: Figure, old: &[Course], new: &[Course]) -> f64 {
    let block = |courses: &[Course], number: usize| {
        let bounds = number * courses.len() / BLOCKS..(number + 1) * courses.len() / BLOCKS;
        goal.of(&courses[bounds])
    };
    let differences: Vec<f64> =
        (0..BLOCKS).filter_map(|number| Some(block(old, number)? - block(new, number)?)).collect();
    let count = differences.len() as f64;
    let Some(middle) = mean(&differences).filter(|_| count >= 2.0) else { return 0.0 };
    let squares: f64 = differences.iter().map(|difference| (difference - middle).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    if error > 0.0 { below(middle / error) } else { f64::from(u8::from(middle > 0.0)) }
}

/// The part of a normal distribution that lies below so many deviations (Abramowitz and Stegun 26.2.17, off by less than 1e-7).
fn below(deviations: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * deviations.abs());
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    let above = (-deviations * deviations / 2.0).exp() / std::f64::consts::TAU.sqrt() * sum;
    if deviations >= 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_types::Policy;

    use super::{Asked, Bench, Outcome, Part, Played, below, propose};
    use crate::figures::{Course, Figure};

    /// A past in which rules do what a function of them says.
    struct Made<F>(F, usize);

    impl<F: Fn(Part, &Policy, usize) -> Course> Bench for Made<F> {
        fn play(&mut self, part: Part, rules: &[Arc<Policy>], _what: &str) -> Vec<Played> {
            let played = |rules: &Arc<Policy>| Played {
                courses: (0..self.1).map(|run| (self.0)(part, rules, run)).collect(),
                attempts: 7,
                error: 0.01,
            };
            rules.iter().map(played).collect()
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

    fn found(runs: usize, of: impl Fn(Part, &Policy, usize) -> Course) -> String {
        let proposal = propose(&Arc::new(Policy::default()), &asked(), &mut Made(of, runs));
        match proposal.outcome {
            Outcome::Plan(plan) => {
                let mean = plan.expected.iter().find(|(figure, _)| &**figure == "mean").unwrap().1;
                format!(
                    "{}: mean {mean}, sure {}, {} runs",
                    proposal.steps.join(" + "),
                    plan.confidence,
                    plan.evidence.runs
                )
            }
            Outcome::Nothing(why) => why,
        }
    }

    /// Seconds that vary with the run, and with nothing else.
    fn usual(run: usize) -> f64 {
        10.0 + (run * 7 % 5) as f64
    }

    #[test]
    fn it_takes_the_steps_that_help_and_no_more() {
        let helps = |_: Part, rules: &Policy, run: usize| {
            let crowd = if rules.placement.crowd == 50 { 0.8 } else { 1.0 };
            let look = if rules.admission.look == 32 { 0.9 } else { 1.0 };
            course(usual(run) * crowd * look)
        };
        let said = found(100, helps);
        assert_eq!(said, "placement.crowd: 50 + admission.look: 32: mean -280000, sure 1000000, 200 runs");
        assert_eq!(found(29, helps), "the later part has 29 runs: 30 at least are needed to judge");
        let nothing = "no step lowers mean by more than 2.0 % without harm to another figure";
        assert_eq!(found(100, |_, _, run| course(usual(run))), nothing);
        let little =
            |_: Part, rules: &Policy, run: usize| course(usual(run) - f64::from(rules.placement.crowd) / 1_000.0);
        assert_eq!(found(100, little), nothing);
    }

    #[test]
    fn what_harms_others_or_helps_by_chance_is_not_proposed() {
        let dear = |_: Part, rules: &Policy, run: usize| {
            let hedged = rules.hedging.after == 90;
            Course { cost: if hedged { 1.2 } else { 1.0 }, ..course(usual(run) * if hedged { 0.5 } else { 1.0 }) }
        };
        assert_eq!(found(100, dear), "no step lowers mean by more than 2.0 % without harm to another figure");
        let once = |part: Part, rules: &Policy, run: usize| {
            let helps = part == Part::Earlier && rules.hedging.after == 90;
            course(usual(run) * if helps { 0.5 } else { 1.0 })
        };
        assert_eq!(found(100, once), "what helped in the earlier part changes mean by +0.0 % in the later one");
        // In the later part one block of ten gains much, and the others lose a little.
        let lucky = |part: Part, rules: &Policy, run: usize| {
            let factor = match (part, rules.hedging.after == 90) {
                (_, false) => 1.0,
                (Part::Earlier, true) => 0.5,
                (Part::Later, true) if run < 10 => 0.3,
                (Part::Later, true) => 1.02,
            };
            course(usual(run) * factor)
        };
        assert_eq!(
            found(100, lucky),
            "mean is 5.2 % less in the later part, by chance as well: one may be sure of it by 76 %"
        );
    }

    #[test]
    fn a_normal_distribution_is_one() {
        for (deviations, share) in [(0.0, 0.5), (1.0, 0.841_345), (-1.0, 0.158_655), (1.96, 0.975_002), (9.0, 1.0)] {
            assert!((below(deviations) - share).abs() < 1e-6, "{deviations}: {}", below(deviations));
        }
    }
}
