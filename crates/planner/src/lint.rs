//! Whether a plan may be taken: what speaks against it, and what whoever takes it should know.

use agendum_types::plan::MILLION;
use agendum_types::{Duration, Plan, Policy};

use crate::figures::Figure;

/// A plan is in force for that long at most, whatever its document lets through.
pub const LASTS_MAX: Duration = Duration::secs(86_400);
/// Runs below which evidence is thin.
const RUNS_FEW: u64 = 30;
/// An author who is less sure than that should look again.
const UNSURE: u32 = 800_000;
/// A figure that gets worse by more than that is told.
const WORSE: i64 = 50_000;

/// What is said of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// Why it is not taken; empty if it is.
    pub refused: Vec<Finding>,
    /// What is told with it, kept beside it, and stops nobody.
    pub flags: Vec<Finding>,
}

/// Something about a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A word for programs.
    pub code: &'static str,
    /// What it is, in a sentence.
    pub message: String,
    /// What to do about it; empty where there is nothing.
    pub help: String,
}

/// What there is to say of a plan where that policy is in force.
#[must_use]
pub fn lint(plan: &Plan, policy: &Policy) -> Lint {
    let mut lint = Lint::default();
    refusals(plan, policy, &mut lint.refused);
    evidence(plan, &mut lint.flags);
    promises(&plan.rules, policy, &mut lint.flags);
    guards(&plan.rules, policy, &mut lint.flags);
    lint
}

fn found(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding { code, message: message.into(), help: help.into() }
}

fn refusals(plan: &Plan, policy: &Policy, found_of: &mut Vec<Finding>) {
    let version = policy.version();
    if *plan.policy != *version {
        let message = format!("it changes {}, and {version} is in force", plan.policy);
        let help = format!("make it for {version}, or leave `policy` out if it suits any");
        found_of.push(found("other_policy", message, help));
    }
    if plan.rules.has_the_rules_of(policy) {
        found_of.push(found("no_change", "it changes nothing: its rules are those of the policy", ""));
    }
    if plan.lasts == Duration::ZERO || plan.lasts > LASTS_MAX {
        let message = format!("it lasts {}: a plan is in force for {LASTS_MAX} at most", plan.lasts);
        found_of.push(found("lasts", message, "what is to stay belongs into the policy"));
    }
}

fn evidence(plan: &Plan, flags: &mut Vec<Finding>) {
    let runs = plan.evidence.runs;
    if runs < RUNS_FEW {
        let message = match runs {
            0 => "it says nothing of what speaks for it".to_owned(),
            runs => format!("it was found from {runs} runs: few"),
        };
        flags.push(found("thin_evidence", message, "`agendum plan propose` finds plans from a journal, with evidence"));
    }
    // Nothing is what somebody says who does not say.
    if (1..UNSURE).contains(&plan.confidence) {
        let percent = f64::from(plan.confidence) * 100.0 / MILLION as f64;
        flags.push(found("unsure", format!("its author is sure of it by {percent:.0} %"), ""));
    }
    if plan.horizon < plan.lasts {
        let message = format!("it reckons {} ahead and lasts {}", plan.horizon, plan.lasts);
        flags.push(found("horizon", message, "let it run out sooner, and publish the next one"));
    }
    for (figure, change) in plan.expected.iter().filter(|(_, change)| *change > WORSE) {
        let change = *change as f64 / MILLION as f64;
        let by = Figure::from_word(figure).map_or_else(|| format!("{:.1} %", change * 100.0), |of| of.told(change));
        flags.push(found("worse", format!("it expects {figure} to rise by {by}"), ""));
    }
    flags.extend(plan.risks.iter().map(|risk| found("risk", &**risk, "")));
}

/// What people were promised, or said themselves.
fn promises(rules: &Policy, policy: &Policy, flags: &mut Vec<Finding>) {
    let shares = |of: &Policy| of.bands.each_ref().map(|band| band.share);
    if shares(rules) != shares(policy) {
        flags.push(found("shares", "it changes the shares of priorities", ""));
    }
    let weights = |of: &Policy| (of.fairness.weight, of.fairness.weights.clone());
    if weights(rules) != weights(policy) {
        flags.push(found("weights", "it changes what tenants get beside each other", ""));
    }
    if rules.overload != policy.overload {
        flags.push(found("overload", "it changes when runs are refused", ""));
    }
    if rules.admission.quick > policy.admission.quick {
        flags.push(found("gives_up", "it gives runs up sooner", ""));
    }
}

/// What keeps a fleet from harm.
fn guards(rules: &Policy, policy: &Policy, flags: &mut Vec<Finding>) {
    let (new, old) = (&rules.limits, &policy.limits);
    let off = [
        (new.failures == 0 && old.failures > 0, "targets that fail are no longer left alone"),
        (new.turned_away == 0 && old.turned_away > 0, "targets that turn attempts away are no longer spared"),
        (new.gain == 0 && old.gain > 0, "targets that get slower with more at once are no longer spared"),
        (new.retries > 2 * old.retries.max(10), "it allows more than twice the retries"),
        (
            rules.hedging.after > 0 && rules.hedging.share > 2 * policy.hedging.share.max(5),
            "it allows more than twice the second attempts",
        ),
    ];
    flags.extend(off.into_iter().filter(|(is, _)| *is).map(|(_, message)| found("guard", message, "")));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agendum_types::plan::Evidence;
    use agendum_types::{Duration, Hash, Plan, Policy};

    use super::{Lint, lint};

    fn plan(change: impl FnOnce(&mut Policy)) -> Plan {
        let policy = Policy::default();
        let mut rules = policy.clone();
        change(&mut rules);
        rules.hash = Hash([9; 32]);
        Plan {
            evidence: Evidence { how: "".into(), runs: 100, attempts: 400 },
            confidence: 900_000,
            ..Plan::bare("test", &policy.version(), Arc::new(rules), Duration::secs(600))
        }
    }

    fn said(plan: &Plan) -> String {
        let Lint { refused, flags } = lint(plan, &Policy::default());
        let codes = |all: &[super::Finding]| all.iter().map(|one| one.code).collect::<Vec<_>>().join(" ");
        format!("{} | {}", codes(&refused), codes(&flags))
    }

    #[test]
    fn what_is_wrong_is_refused_and_what_is_bold_is_flagged() {
        let sound = || plan(|rules| rules.hedging.after = 90);
        assert_eq!(said(&sound()), " | ");
        assert_eq!(said(&plan(|_| {})), "no_change | ");
        assert_eq!(said(&Plan { policy: "other@00000000".into(), ..sound() }), "other_policy | ");
        assert_eq!(said(&Plan { lasts: Duration::ZERO, ..sound() }), "lasts | ");
        assert_eq!(said(&Plan { lasts: Duration::secs(86_401), ..sound() }), "lasts | horizon");
        assert_eq!(said(&Plan { evidence: Evidence::default(), ..sound() }), " | thin_evidence");
        assert_eq!(said(&Plan { confidence: 700_000, ..sound() }), " | unsure");
        assert_eq!(said(&Plan { confidence: 0, ..sound() }), " | ", "nobody said");
        let expected = vec![("mean".into(), -100_000), ("p99".into(), 50_001)];
        assert_eq!(said(&Plan { expected, risks: vec!["all".into()], ..sound() }), " | worse risk");
        let bold = plan(|rules| {
            rules.bands[0].share = 1;
            rules.fairness.weights.insert(agendum_types::Tenant::new("a"), 2);
            rules.overload.waiting = 1;
            rules.admission.quick = 50;
            rules.limits.failures = 0;
            rules.limits.retries = 90;
            rules.hedging.share = 50;
        });
        assert_eq!(said(&bold), " | shares weights overload gives_up guard guard guard");
    }
}
