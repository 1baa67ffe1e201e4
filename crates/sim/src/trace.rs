//! What the core wants, as text: the same bytes for the same wish.

use std::fmt::Write as _;

use agendum_core::{Action, Deed};

/// Writes down what the core wants, every field of it; of a graph the hash.
pub(crate) fn write(action: &Action, text: &mut String) {
    let after = action.after;
    let written = match &action.deed {
        Deed::Evaluate(asked) => {
            let (graph, make) = (asked.graph.hash, (&asked.make, &asked.plan));
            writeln!(
                text,
                "{after:?} evaluate {}/{:?} {:?} {graph} {} {make:?}",
                asked.run, asked.path, asked.step, asked.now
            )
        }
        Deed::Dispatch(out) => {
            let (attempt, graph, data) = (&out.attempt, out.graph.hash, (&out.input, &out.labels, out.key_origin));
            let place = (out.node, out.target, out.effect, out.output_cap, out.timeouts, out.expires);
            let shown = (out.live, out.held_back, &out.reattach, &out.tenant, &out.principal, &out.refused);
            writeln!(text, "{after:?} dispatch {attempt:?} {graph} {place:?} {data:?} {shown:?}")
        }
        deed @ (Deed::Append(_)
        | Deed::LookUp(_)
        | Deed::Keep(_)
        | Deed::CancelAttempt(_)
        | Deed::Publish { .. }
        | Deed::Answer(_)
        | Deed::Close { .. }) => writeln!(text, "{after:?} {deed:?}"),
    };
    written.expect("a String takes any text");
}
