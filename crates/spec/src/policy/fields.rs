//! The parameters of a policy as rows: their words, and how each is read and written.

use std::collections::BTreeMap;

use agendum_types::policy::{Admission, Band, Fairness, Hedging, Index, Limits, Overload, Placement, Preemption};
use agendum_types::{Duration, Money, Tenant};
use serde_json::{Map, Value as Json};

use crate::tree::{Node, Value};
use crate::values;

/// A parameter of a part of a policy.
pub(super) struct Field<T> {
    word: &'static str,
    read: fn(&mut T, &Node),
    written: fn(&T) -> Json,
}

/// A row: the word, and the field that it is.
macro_rules! field {
    ($word:literal, $field:ident) => {
        Field {
            word: $word,
            read: |of, node| {
                if let Some(value) = Setting::read(node) {
                    of.$field = value;
                }
            },
            written: |of| of.$field.written(),
        }
    };
}

pub(super) const OF_BAND: [Field<Band>; 6] = [
    field!("index", index),
    field!("deadline_index", deadline_index),
    field!("share", share),
    field!("aging", aging),
    field!("patience", patience),
    field!("dollar", dollar),
];

pub(super) const OF_FAIRNESS: [Field<Fairness>; 5] = [
    field!("weight", weight),
    field!("weights", weights),
    field!("free_hour_usd", free_hour),
    field!("credit", credit),
    field!("locality_quantum", locality_quantum),
];

pub(super) const OF_ADMISSION: [Field<Admission>; 4] =
    [field!("samples", samples), field!("quick", quick), field!("slow", slow), field!("look", look)];

pub(super) const OF_PLACEMENT: [Field<Placement>; 2] = [field!("crowd", crowd), field!("tokens_per_s", tokens_per_s)];

pub(super) const OF_HEDGING: [Field<Hedging>; 2] = [field!("after", after), field!("share", share)];

pub(super) const OF_PREEMPTION: [Field<Preemption>; 3] =
    [field!("spent", spent), field!("times", times), field!("share", share)];

pub(super) const OF_OVERLOAD: [Field<Overload>; 3] =
    [field!("waiting", waiting), field!("stand", stand), field!("interval", interval)];

pub(super) const OF_LIMITS: [Field<Limits>; 9] = [
    field!("failures", failures),
    field!("failures_min", failures_min),
    field!("failing_for", failing_for),
    field!("pause", pause),
    field!("pause_max", pause_max),
    field!("retries", retries),
    field!("retries_per_s", retries_per_s),
    field!("turned_away", turned_away),
    field!("gain", gain),
];

/// Takes over what a document says; the rest stays.
pub(super) fn read<T>(fields: &[Field<T>], of: &mut T, node: Option<&Node>) {
    for field in fields {
        if let Some(value) = node.and_then(|node| node.get(field.word)) {
            (field.read)(of, value);
        }
    }
}

/// All of a part.
pub(super) fn written<T>(fields: &[Field<T>], of: &T) -> Json {
    fields.iter().map(|field| (field.word.to_owned(), (field.written)(of))).collect::<Map<_, _>>().into()
}

/// What a parameter can be.
trait Setting: Sized {
    /// As a document has it; `None` for what the schema does not let through.
    fn read(node: &Node) -> Option<Self>;
    /// As a normal document has it: equal values are written alike.
    fn written(&self) -> Json;
}

impl Setting for u32 {
    fn read(node: &Node) -> Option<Self> {
        node.whole()?.try_into().ok()
    }

    fn written(&self) -> Json {
        (*self).into()
    }
}

impl Setting for u8 {
    fn read(node: &Node) -> Option<Self> {
        node.whole()?.try_into().ok()
    }

    fn written(&self) -> Json {
        (*self).into()
    }
}

impl Setting for Index {
    fn read(node: &Node) -> Option<Self> {
        Self::from_word(node.text()?)
    }

    fn written(&self) -> Json {
        self.word().into()
    }
}

impl Setting for Duration {
    fn read(node: &Node) -> Option<Self> {
        values::span(node.text()?)
    }

    fn written(&self) -> Json {
        values::written_span(*self).into()
    }
}

impl Setting for Money {
    fn read(node: &Node) -> Option<Self> {
        let Value::Number(number) = &node.value else { return None };
        values::dollars(number)
    }

    fn written(&self) -> Json {
        self.dollars().into()
    }
}

impl Setting for BTreeMap<Tenant, u32> {
    fn read(node: &Node) -> Option<Self> {
        node.entries().iter().map(|(key, weight)| Some((Tenant::new(&key.name), u32::read(weight)?))).collect()
    }

    fn written(&self) -> Json {
        self.iter().map(|(tenant, weight)| (tenant.to_string(), (*weight).into())).collect::<Map<_, _>>().into()
    }
}
