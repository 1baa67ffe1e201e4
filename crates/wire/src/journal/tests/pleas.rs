//! Tasks that ask for more than the budget of their run.

use agendum_core::{Change, Record};
use agendum_types::graph::{Budget, OnExceeded};
use agendum_types::{Money, Plea};

use super::{RUN, deep};

pub(super) fn of_pleas() -> [Record; 2] {
    let budget = Budget { money: Some(Money(5)), tokens: None, on_exceeded: OnExceeded::Ask };
    let money = Plea { needs: Money(7), needs_tokens: 66, budget, left: Money(3), left_tokens: u64::MAX };
    let budget = Budget { money: None, tokens: Some(60), ..budget };
    let tokens = Plea { needs: Money::ZERO, budget, left: Money::MAX, left_tokens: 9, ..money };
    [money, tokens].map(|plea| Record::Task { run: RUN, path: deep(), change: Change::Pleaded(Box::new(plea)) })
}
