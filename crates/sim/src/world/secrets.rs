//! A secret, as the outside knows it: which payloads hold it, and who repeats it. It stands in some inputs, in what is made of them, in what
//! targets answer to them, and in the words with which a target or an evaluation fails that has seen it.

use agendum_core::{Bound, Dispatch, Evaluate, Make, Purpose};
use agendum_types::graph::DataRef;
use agendum_types::{Failure, Graph, Labels, Outcome, PayloadRef};

use super::World;
use super::answers::payload;
use super::fleet::GUARDED;

/// The secret.
const SECRET: &str = "the secret";
/// Stands in the hash of a payload that holds it, where one can see it.
const MARK: u8 = 0xFF;

/// The same payload with the secret in it.
pub(super) fn secret(mut payload: PayloadRef) -> PayloadRef {
    payload.hash.0[3] = MARK;
    payload
}

/// True if the secret is in it.
pub(crate) fn holds(payload: &PayloadRef) -> bool {
    payload.hash.0[3] == MARK
}

/// True if its words repeat the secret.
pub(crate) fn repeats(failure: &Failure) -> bool {
    failure.message.contains(SECRET)
}

/// What is said by somebody who has seen it, or has not.
pub(super) fn quoting(text: &str, has_seen: bool) -> String {
    if has_seen { format!("{text} of {SECRET}") } else { text.to_owned() }
}

/// True if whoever serves this attempt sees the secret.
pub(super) fn knows(dispatch: &Dispatch) -> bool {
    dispatch.input.as_ref().is_some_and(holds) || dispatch.refused.as_ref().is_some_and(|told| told.contains(SECRET))
}

fn gives(bound: &Bound) -> bool {
    match bound {
        Bound::Payload(payload) | Bound::Item { items: payload, .. } => holds(payload),
        Bound::Outputs(outputs) => outputs.iter().any(|(_, output)| holds(output)),
        Bound::Error(why) => repeats(&why.failure),
        Bound::Undefined | Bound::Number(_) | Bound::Text(_) | Bound::Key { .. } => false,
    }
}

/// True if the secret goes into what is made. Of collected items, which stand in the journal, that is not told.
pub(super) fn makes_known(asked: &Evaluate) -> bool {
    match &asked.make {
        Make::Values { exprs, bindings } => {
            let into =
                |purpose: Purpose| matches!(purpose, Purpose::Items | Purpose::Input | Purpose::Wait | Purpose::Output);
            let made = exprs.iter().filter(|(purpose, _)| into(*purpose));
            let read: Vec<DataRef> = made.flat_map(|(_, expr)| asked.graph.expr(*expr).reads.clone()).collect();
            bindings.iter().any(|(what, bound)| read.contains(what) && gives(bound))
        }
        Make::Merged(of) | Make::Object(of) => of.iter().any(|(_, payload)| holds(payload)),
        Make::List(of) => of.iter().any(holds),
        Make::Collected { .. } => false,
    }
}

/// True if the secret is in anything that is read, whatever for.
pub(super) fn sees_any(asked: &Evaluate) -> bool {
    let reads = match &asked.make {
        Make::Values { bindings, .. } => bindings.iter().any(|(_, bound)| gives(bound)),
        Make::Merged(_) | Make::Object(_) | Make::List(_) | Make::Collected { .. } => makes_known(asked),
    };
    reads || asked.plan.as_ref().is_some_and(holds)
}

impl World {
    /// What a target answers repeats what it was told.
    pub(super) fn echo(&mut self, dispatch: &Dispatch) -> PayloadRef {
        let output = payload(self.chance.below(100));
        if knows(dispatch) { secret(output) } else { output }
    }

    /// The inputs of a run that is told the secret: labelled for it.
    pub(super) fn entrusted(&mut self, inputs: PayloadRef, graph: &Graph) -> PayloadRef {
        let quotes = graph.exprs.iter().any(|expr| expr.reads.contains(&DataRef::RunError));
        let is_told = !inputs.labels.words().is_empty() || quotes && self.tellers.hits(70);
        if is_told { secret(PayloadRef { labels: Labels::new([GUARDED]), ..inputs }) } else { inputs }
    }

    /// A child run may know the secret by itself. It says so.
    pub(super) fn tells_of_its_own(&mut self, outcome: &mut Outcome) {
        if !self.tellers.hits(20) {
            return;
        }
        let labels = Labels::new([GUARDED]);
        match outcome {
            Outcome::Succeeded(success) => success.output = secret(PayloadRef { labels, ..success.output.clone() }),
            Outcome::Failed(failure) => {
                let message = quoting(&failure.message, true);
                *failure = Failure { message: message.into(), labels, ..failure.clone() };
            }
        }
    }
}
