//! The engine, and the calls that the scheduler has sent to it: they wait there in the order in which they came.

use std::cmp::Reverse;
use std::collections::VecDeque;

use agendum_core::Event;
use agendum_types::{AttemptId, Class, Failure, Outcome};

use super::{Coming, START, World, number};
use crate::lab::fleet::{Line, Offer};
use crate::lab::meter::Meter;
use crate::lab::workload::Call;
use crate::lab::workload::tenancy::Account;

pub(super) struct Inner {
    offers: VecDeque<Offer>,
    pub(super) meter: Meter,
}

impl Inner {
    pub(super) fn new(accounts: Vec<Account>) -> Self {
        Self { offers: VecDeque::new(), meter: Meter::new(accounts) }
    }

    pub(super) fn len(&self) -> usize {
        self.offers.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Offer> {
        self.offers.iter()
    }

    pub(super) fn push(&mut self, offer: Offer) {
        self.offers.push_back(offer);
    }
}

impl Line for Inner {
    fn first(&self) -> Option<Offer> {
        self.offers.front().copied()
    }

    fn take(&mut self) {
        if let Some(offer) = self.offers.pop_front() {
            self.meter.goes(offer.account);
            self.meter.serves(offer.account, offer.tokens_in);
        }
    }

    fn makes(&mut self, account: u32) {
        self.meter.serves(account, 2);
    }
}

impl World<'_> {
    /// A call comes to the engine, which turns it away at once where it has no room for it and keeps none waiting.
    pub(super) fn offers(&mut self, attempt: AttemptId, call: Call) {
        let number = number(attempt.run);
        let account = self.accounts[number];
        // What was turned away before has waited since.
        if attempt.attempt.0 > 1 && !self.turned_away.remove(&number) {
            self.line.meter.waits(account);
        }
        let (tokens_in, tokens_out) = (u64::from(call.tokens_in), u64::from(call.tokens_out.max(1)));
        let offer = Offer { number: self.calls.len(), account, tokens_in, tokens_out };
        if self.engine.as_ref().is_some_and(|engine| engine.turns_away(self.line.iter(), &offer)) {
            if !self.turned_away.insert(number) {
                self.line.meter.goes(account);
            }
            let outcome = Outcome::Failed(Failure::new(Class::Overloaded, "no room").without_effect());
            return self.inbox.push_back(Event::AttemptFinished { attempt, outcome });
        }
        self.ended[number].begins(self.now.since(START));
        self.line.push(offer);
        self.calls.push(Some((attempt, call)));
    }

    /// The engine begins its next step with what has come to it.
    pub(super) fn engine_begins(&mut self) {
        // What happens at one instant is before the step that begins then.
        if self.stepping || self.coming.peek().is_some_and(|Reverse((at, _))| *at <= self.now) {
            return;
        }
        if self.fleet.slots() == 0 {
            loop {
                if self.line.is_empty() {
                    self.lets_in(1);
                }
                if !self.engine.as_mut().is_some_and(|engine| engine.admit(&mut self.line)) {
                    break;
                }
            }
        }
        if let Some(span) = self.engine.as_mut().and_then(|engine| engine.begin(&mut self.line)) {
            self.stepping = true;
            self.at(self.now.after(span), Coming::Step);
        }
    }

    /// Where the engine says how many: the core may send so many more than are there.
    pub(super) fn lets_in(&mut self, more: usize) {
        if let Some(engine) = self.engine.as_ref().filter(|_| self.fleet.slots() == 0) {
            let count = engine.len() + self.line.len() + more;
            self.publish(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }
}
