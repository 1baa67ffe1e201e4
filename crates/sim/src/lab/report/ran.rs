//! What was really played: a scenario as it is written, with what was asked for otherwise.

use agendum_spec::policy::otherwise;
use agendum_types::Policy;

use super::Table;
use crate::lab::scenario::Scenario;
use crate::lab::{Contender, is_document};

/// What was really played.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// The scenario's name.
    pub name: String,
    /// What it asks.
    pub about: String,
    /// At which loads, or on how many workers: `load 0.7, 0.95`.
    pub loads: String,
    /// Over how many seeds: `8 seeds`.
    pub seeds: String,
    /// Who was compared, the baseline named as such.
    pub policies: String,
    /// The rules of each policy that was compared: who it is, and what it has otherwise than `balanced`.
    pub rules: Vec<String>,
    /// From what the work came.
    pub work: String,
    /// What is otherwise than the scenario is written, and how that is: `seeds: 2 (written: 8)`.
    pub otherwise: Vec<String>,
}

impl Ran {
    /// Of a scenario as it was written, and as it was played.
    #[must_use]
    pub fn of(written: &Scenario, played: &Scenario, tables: &[Table]) -> Self {
        let numbers = |loads: &[f64]| loads.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let count = |seeds: u64| if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
        let mut otherwise = Vec::new();
        let mut differs = |what: &str, is: String, was: String| {
            if is != was {
                otherwise.push(format!("{what}: {is} (written: {was})"));
            }
        };
        differs("loads", numbers(&played.loads), numbers(&written.loads));
        differs("seeds", played.seeds.to_string(), written.seeds.to_string());
        differs("policies", played.policies.join(", "), written.policies.join(", "));
        let is_baseline = |name: &String| *name == played.baseline;
        let said = |name: &String| if is_baseline(name) { format!("{name} (the baseline)") } else { name.clone() };
        let rules = played.policies.iter().filter_map(|name| Some(format!("{name}: {}", rules(name)?))).collect();
        let is_drawn = tables.iter().any(|table| table.is_generated);
        let work = match (is_drawn, played.workload.file()) {
            (false, Some(file)) => format!("recorded: {file}"),
            (_, Some(file)) => format!("drawn anew for each seed, in place of {file}"),
            (_, None) => "drawn anew for each seed: nobody has recorded such work".to_owned(),
        };
        Self {
            name: played.name.clone(),
            about: played.about.clone(),
            loads: format!("{} {}", tables.first().map_or("load", |table| table.of), numbers(&played.loads)),
            seeds: count(played.seeds),
            policies: played.policies.iter().map(said).collect::<Vec<_>>().join(", "),
            rules,
            work,
            otherwise,
        }
    }
}

/// What a policy has otherwise than `balanced`, and the name and hash of a document; `None` of `balanced` itself, and of whoever has no rules.
pub(super) fn rules(name: &str) -> Option<String> {
    let (Contender::Core(policy, _) | Contender::Fresh(policy, _)) = Contender::named(name).ok()? else { return None };
    match (is_document(name), otherwise(&policy)) {
        (true, differs) => Some(format!("{differs} ({})", policy.version())),
        (false, differs) => (!policy.has_the_rules_of(&Policy::default())).then_some(differs),
    }
}

#[cfg(test)]
mod tests {
    use super::Ran;
    use crate::lab::SHIPPED;
    use crate::lab::scenario::{Scenario, Wishes};

    #[test]
    fn what_was_asked_for_is_told_and_not_what_is_written() {
        let written = Scenario::read(SHIPPED[0].1).unwrap();
        let wishes = Wishes { seeds: Some(2), loads: vec![0.9], policies: vec!["balanced".into()] };
        let ran = Ran::of(&written, &written.clone().with(wishes), &[]);
        insta::assert_snapshot!([vec![ran.loads, ran.seeds, ran.policies, ran.work], ran.otherwise].concat().join("\n"), @"
        load 0.9
        2 seeds
        call-fifo (the baseline), balanced
        recorded: agent-swe-traces/steps.csv
        loads: 0.9 (written: 0.7, 0.85, 0.95)
        seeds: 2 (written: 8)
        policies: call-fifo, balanced (written: call-fifo, reference:call-fifo, fifo, attained-service, gittins@8, balanced, oracle)
        ");
        assert!(Ran::of(&written, &written, &[]).otherwise.is_empty());
    }
}
