//! Plans that are still being written: their first tasks join the run before the rest is there.
//!
//! What an attempt says is scanned as it comes; whole tasks go to one follower for each attempt, which has them read on the pool, a
//! batch at a time, and offered to the shard. Whatever cannot join now is left to the end of the plan, which says what is wrong with it:
//! nothing is told from here, and nothing fails.

mod scan;

use std::sync::Arc;
use std::time::Duration as Span;

use agendum_core::{Addition, Dispatch, Rejected};
use agendum_spec::{Accepted, NormalDocument, Unloadable, planned_ahead};
use agendum_types::{AttemptId, Hash, Limits, Tenant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::inbox::Message;
use crate::shard::Surroundings;
use scan::{Item, Items};

/// A batch has at least one task for so many that have joined, so that the documents of a plan's batches are together in proportion to it.
const SHARE: usize = 4;
/// How often a batch is offered again because the run has grown meanwhile, or its records are not readable yet, and the first pause
/// before that; each further one is twice as long.
const OFFERS_MAX: u32 = 8;
const PAUSE: Span = Span::from_millis(5);

/// Takes what an attempt says, and hands on the tasks that are whole.
pub(crate) struct Scanner {
    items: Items,
    whole: UnboundedSender<Item>,
}

impl Scanner {
    /// False if nothing of the plan will join before its end any more.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let found = self.items.take(text);
        let is_wanted = found.into_iter().all(|item| self.whole.send(item).is_ok());
        is_wanted && !self.items.is_over() && !self.whole.is_closed()
    }
}

/// Follows an attempt whose plan's first tasks may run before the rest is there.
pub(crate) fn follow(around: &Arc<Surroundings>, life: u64, dispatch: &Dispatch) -> Option<Scanner> {
    let adds = dispatch.graph.task(dispatch.node).adds.as_ref();
    let is_wanted = adds.is_some_and(|adds| adds.while_streaming && !adds.made) && dispatch.reattach.is_none();
    // What an earlier attempt gave so was withdrawn: the shard takes nothing more of it.
    let was_in_vain =
        || dispatch.graph.tasks.iter().any(|task| task.ahead.is_some_and(|of| of.planner == dispatch.node));
    if !is_wanted || was_in_vain() {
        return None;
    }
    let (whole, items) = unbounded_channel();
    let follower = Follower {
        around: Arc::clone(around),
        life,
        attempt: dispatch.attempt.clone(),
        tenant: dispatch.tenant.clone(),
        planner: dispatch.graph.path_text(&dispatch.attempt.path),
        known: None,
    };
    around.runtime.spawn(follower.run(items));
    Some(Scanner { items: Items::new(around.limits.document_bytes_max), whole })
}

/// The rest of the plan waits for its end.
struct Rest;

struct Follower {
    around: Arc<Surroundings>,
    life: u64,
    attempt: AttemptId,
    tenant: Tenant,
    planner: String,
    /// The run's graph and document as this has made them.
    known: Option<(Hash, NormalDocument)>,
}

impl Follower {
    async fn run(mut self, mut items: UnboundedReceiver<Item>) {
        let (mut batch, mut joined) = (Vec::new(), 0);
        while let Some(item) = items.recv().await {
            batch.push(item);
            while let Ok(item) = items.try_recv() {
                batch.push(item);
            }
            if batch.len() * SHARE < joined {
                continue;
            }
            match self.offer(std::mem::take(&mut batch)).await {
                Ok(count) => joined += count,
                Err(Rest) => return,
            }
        }
    }

    /// How many of them have joined the run.
    async fn offer(&mut self, batch: Vec<Item>) -> Result<usize, Rest> {
        let batch = Arc::new(batch);
        for offer in 0..OFFERS_MAX {
            if offer > 0 {
                tokio::time::sleep(PAUSE * 2_u32.pow(offer - 1)).await;
            }
            let known = match self.known.take() {
                Some(known) => known,
                None => match self.around.evaluations.document(&self.tenant, self.attempt.run).await {
                    Ok(known) => known,
                    // Not durable yet.
                    Err(_) => continue,
                },
            };
            let (of, document) = known.clone();
            let (planner, limits, items) = (self.planner.clone(), self.around.limits.clone(), Arc::clone(&batch));
            let read = self.around.evaluations.pool().compute(move || read(document, &planner, &items, &limits));
            let Ok(Ok((accepted, count))) = read.await else { return Err(Rest) };
            let Some(accepted) = accepted else {
                self.known = Some(known);
                return Ok(0);
            };
            match self.send(of, &accepted).await? {
                Ok(()) => {
                    self.known = Some((accepted.graph.hash, accepted.document));
                    return Ok(count);
                }
                Err(Rejected::Overtaken(_)) => {}
                Err(_) => return Err(Rest),
            }
        }
        Err(Rest)
    }

    /// Offers the run's graph with them to the shard.
    async fn send(&self, of: Hash, accepted: &Accepted) -> Result<Result<(), Rejected>, Rest> {
        let text = &accepted.document.0;
        self.around.room.take(text.len() as u64).map_err(|_short| Rest)?;
        let document = self.around.payloads.make_blob(&self.tenant, text).await.map_err(|_unkept| Rest)?;
        let (reply, told) = oneshot::channel();
        let added = Addition { of, graph: Arc::clone(&accepted.graph), document: document.reference.clone() };
        let (life, attempt, added) = (self.life, self.attempt.clone(), Box::new(added));
        self.around.inbox.send(Message::TasksStreamed { life, attempt, added, document, reply });
        told.await.map_err(|_over| Rest)
    }
}

/// The document with as many of these tasks as can run now, and how many these are: all at once if they can, else one by one.
fn read(
    mut document: NormalDocument,
    planner: &str,
    items: &[Item],
    limits: &Limits,
) -> Result<(Option<Accepted>, usize), Unloadable> {
    if let Some(accepted) = planned_ahead(&document, planner, &scan::object(items), limits)? {
        return Ok((Some(accepted), items.len()));
    }
    let (mut last, mut count) = (None, 0);
    for item in items.iter().filter(|_| items.len() > 1) {
        if let Some(accepted) = planned_ahead(&document, planner, &scan::object([item]), limits)? {
            document = accepted.document.clone();
            (last, count) = (Some(accepted), count + 1);
        }
    }
    Ok((last, count))
}
