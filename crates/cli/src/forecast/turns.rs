//! What a graph says of its runs beside each other: the forecast is of one whose turn has come.

use agendum_types::graph::Form;
use agendum_types::{Duration, OnNew};
use serde_json::{Value as Json, json};

use super::Forecast;
use crate::show::counted;

impl Forecast<'_> {
    /// For people.
    pub(super) fn turns(&self) -> Option<String> {
        let (key, turns) = self.graph.concurrency?;
        let key = self.graph.expr(key);
        let of = match key.form {
            Form::Constant | Form::Tree => key.source.to_string(),
            Form::Expression => format!("${{{{ {} }}}}", key.source.trim()),
        };
        let what = match turns.on_new {
            OnNew::Queue => "a new run waits for its turn",
            OnNew::Replace => "a new run takes the place of those before it",
            OnNew::Join => "a new run is the one that there is",
        };
        let settles = match turns.settle {
            Duration::ZERO => String::new(),
            span => format!(", once it has settled for {span}"),
        };
        let limit = counted(turns.limit as usize, "run");
        Some(format!("{limit} of {of} at once{settles}; {what}; what it waits until then is not counted here"))
    }

    /// The same for machines.
    pub(super) fn turns_json(&self) -> Json {
        self.graph.concurrency.map_or(Json::Null, |(_, turns)| {
            let settle = turns.settle.0 as f64 / 1_000.0;
            json!({ "limit": turns.limit, "on_new": turns.on_new.word(), "settle_ms": settle })
        })
    }
}
