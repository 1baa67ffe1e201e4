//! Calls that the scheduler has sent to the engine: they wait there in the order in which they came.

use std::collections::VecDeque;

use crate::lab::fleet::{Line, Meter, Offer};

pub(super) struct Inner {
    offers: VecDeque<Offer>,
    pub(super) meter: Meter,
}

impl Inner {
    pub(super) fn new(tenants: usize) -> Self {
        Self { offers: VecDeque::new(), meter: Meter::new(tenants) }
    }

    pub(super) fn len(&self) -> usize {
        self.offers.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offers.is_empty()
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
            self.meter.goes(offer.tenant);
            self.meter.serves(offer.tenant, offer.tokens_in);
        }
    }

    fn makes(&mut self, tenant: u32) {
        self.meter.serves(tenant, 2);
    }
}
