//! `timeout` of a target: how long it may keep an attempt waiting, whatever the graph says.

use std::time::Duration as Span;

use agendum_adapters::Timeouts;
use serde::de::{Deserialize, Deserializer, Error as _, Unexpected};

/// Shorter ones are mistaken for a unit left out, longer ones are no limit.
const FLOOR: Span = Span::from_millis(10);
const CEILING: Span = Span::from_secs(24 * 3_600);

/// Spans as people write them; what is absent is as the adapter ships with.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeoutConfig {
    /// Until there is a connection.
    pub(crate) connect: Option<Wait>,
    /// Without a byte.
    pub(crate) idle: Option<Wait>,
    /// The whole attempt.
    pub(crate) whole: Option<Wait>,
}

/// A span between the bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait(pub(crate) Span);

impl TimeoutConfig {
    /// With what is absent taken from there.
    pub(crate) fn or(self, standard: Timeouts) -> Timeouts {
        let given = |wait: Option<Wait>, standard| wait.map_or(standard, |wait| wait.0);
        Timeouts {
            connect: given(self.connect, standard.connect),
            idle: given(self.idle, standard.idle),
            whole: given(self.whole, standard.whole),
        }
    }
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let span = agendum_spec::span(&text).map(|span| Span::from_micros(span.0));
        let span =
            span.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"a span of time such as \"30s\""))?;
        if !(FLOOR..=CEILING).contains(&span) {
            return Err(D::Error::custom(format!("{text} is out of bounds: from 10ms to 24h")));
        }
        Ok(Self(span))
    }
}
