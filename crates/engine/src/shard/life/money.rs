//! Budgets that people raise, the windows of tenants, and bills.

use std::sync::Arc;

use agendum_core::{Event, Raise, Rejected};
use agendum_ports::{HourChange, Invoice, Reconciliation, StoreError};
use agendum_types::{Tenant, WindowView};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Life, Told};
use crate::inbox::{Message, OfMoney};

impl Life {
    pub(super) fn of_money(&mut self, message: OfMoney) {
        match message {
            OfMoney::Raise { tenant, raise, reply, permit: _held } => self.raise(&tenant, raise, reply),
            OfMoney::Windows { tenant, reply, permit: _held } => self.windows(&tenant, reply),
            OfMoney::Reconcile { tenant, invoice, reply, permit } => self.reconcile(tenant, invoice, reply, permit),
            OfMoney::Reconciled { life, tenant, released, recharged } => {
                self.reconciled(&tenant, if life == self.id { released } else { Vec::new() }, recharged);
            }
        }
    }

    fn raise(&mut self, tenant: &Tenant, raise: Box<Raise>, reply: oneshot::Sender<Result<(), Rejected>>) {
        let run = raise.run;
        let raised = if self.owns(tenant, run) {
            self.request(Event::BudgetRaised(raise), None)
        } else {
            Err(Rejected::Over(run))
        };
        self.tell_of_now(Told::Handed(reply, raised));
    }

    /// What stands in the windows of a tenant's budget.
    fn windows(&self, tenant: &Tenant, reply: oneshot::Sender<Vec<WindowView>>) {
        let _gone = reply.send(self.scheduler.windows(tenant, self.now()));
    }

    /// The store changes its sums first: the next life reads them there. One that begins meanwhile may have read them before, or not: it is told
    /// of what was charged again only, and so counts too much until its end, and never too little.
    fn reconcile(
        &self,
        tenant: Tenant,
        invoice: Invoice,
        reply: oneshot::Sender<Result<Option<Reconciliation>, StoreError>>,
        permit: OwnedSemaphorePermit,
    ) {
        let (around, life) = (Arc::clone(&self.around), self.id);
        self.around.runtime.spawn(async move {
            let reconciled = around.store.reconcile(&tenant, invoice).await;
            if let Ok(Some(Reconciliation { released, recharged, .. })) = &reconciled {
                let (released, recharged) = (released.clone(), recharged.clone());
                around.inbox.send(Message::Money(OfMoney::Reconciled { life, tenant, released, recharged }));
            }
            let _gone = reply.send(reconciled);
            drop(permit);
        });
    }

    fn reconciled(&mut self, tenant: &Tenant, released: Vec<HourChange>, recharged: Vec<HourChange>) {
        for (hour, money, tokens) in released {
            self.event(Event::SpendingReleased { tenant: tenant.clone(), hour, money, tokens });
        }
        for (hour, money, tokens) in recharged {
            self.event(Event::SpendingRecharged { tenant: tenant.clone(), hour, money, tokens });
        }
    }
}
