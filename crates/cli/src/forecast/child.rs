//! What a child run takes and costs, in the place of its task: the forecast of its own graph, which its budget and its deadline bound.

use agendum_types::graph::{Child, Section, Task};
use agendum_types::{Duration, Limits, Money, Target};

use super::effort::{attempts, ladder};
use super::{Effort, Forecast, History, Learned, Node, forecast};

/// As deep as graphs stand in graphs.
pub(super) fn node(
    task: &Task,
    child: &Child,
    (table, limits): (&[Target], &Limits),
    learned: Option<&Learned>,
) -> Node {
    let one = whole(&forecast(&child.graph, table, &History::default(), limits), child);
    let tries = attempts(&task.retry).min(limits.attempts_max);
    let longest = [task.timeouts.attempt, one.worst].into_iter().flatten().min();
    let expected = learned.map_or(one.expected, |of| of.attempt);
    let effort = Effort {
        expected: task.timeouts.attempt.map_or(expected, |most| expected.min(most)),
        worst: ladder(task, tries, longest),
        cost: learned.map_or(one.cost, |of| of.cost),
        cost_max: one.cost_max.times(u64::from(tries)),
        tokens: one.tokens,
        tokens_max: one.tokens_max.saturating_mul(u64::from(tries)),
    };
    let (target, learned) = (Some(Target::CHILD.into()), learned.map_or(0, |of| of.runs));
    Node { effort, target, learned, child: Some(one), ..Node::default() }
}

/// One run of it to its end: what comes after its answer, or instead of it, is awaited too, and lies outside of its bounds.
fn whole(of: &Forecast<'_>, child: &Child) -> Effort {
    let budget = child.budget();
    let money = budget.and_then(|budget| budget.money).unwrap_or(Money::MAX);
    let tokens = budget.and_then(|budget| budget.tokens).unwrap_or(u64::MAX);
    let bound = |span: Duration| child.graph.deadline.map_or(span, |most| span.min(most));
    let main = of.main();
    let mut sum = Effort {
        expected: bound(main.expected),
        worst: main.worst.map(bound).or(child.graph.deadline),
        cost: main.cost.min(money),
        cost_max: main.cost_max.min(money),
        tokens: main.tokens.min(tokens),
        tokens_max: main.tokens_max.min(tokens),
    };
    let of = |section| of.sections.iter().find(|part| part.section == section).map(|part| part.effort);
    let ended = Effort { worst: Some(Duration::ZERO), ..Effort::default() };
    let [after, failed, last] =
        [Section::After, Section::OnFailure, Section::Finally].map(|section| of(section).unwrap_or(ended));
    for more in [after, last] {
        sum.expected = sum.expected.plus(more.expected);
        (sum.cost, sum.tokens) = (sum.cost.plus(more.cost), sum.tokens.saturating_add(more.tokens));
    }
    // At worst it fails, or ends well, whichever takes more.
    let longer = after.worst.zip(failed.worst).map(|(one, other)| one.max(other));
    sum.worst = sum.worst.zip(longer).zip(last.worst).map(|((main, more), last)| main.plus(more).plus(last));
    sum.cost_max = sum.cost_max.plus(after.cost_max.max(failed.cost_max)).plus(last.cost_max);
    sum.tokens_max =
        sum.tokens_max.saturating_add(after.tokens_max.max(failed.tokens_max)).saturating_add(last.tokens_max);
    sum
}
