//! The target that a key in the environment brings: with `OPENAI_API_KEY` the same graph runs on a real model, nothing else changed.

use crate::config::{Config, Kind, PriceConfig, TargetConfig};

const KEY: &str = "OPENAI_API_KEY";
const MODEL: &str = "AGENDUM_OPENAI_MODEL";
const BASE: &str = "OPENAI_BASE_URL";
const MODEL_DEFAULT: &str = "gpt-5-mini";
const BASE_DEFAULT: &str = "https://api.openai.com/v1";
/// Its name in lists and reasons.
const NAME: &str = "openai";

/// US dollars per million tokens: input, input from the provider's cache, output. A model that is not listed costs what the dearest
/// does, so that a budget holds; `[targets.openai]` in the configuration says better.
const PRICES: [(&str, [f64; 3]); 8] = [
    ("gpt-5", [1.25, 0.125, 10.0]),
    ("gpt-5-mini", [0.25, 0.025, 2.0]),
    ("gpt-5-nano", [0.05, 0.005, 0.4]),
    ("gpt-4.1", [2.0, 0.5, 8.0]),
    ("gpt-4.1-mini", [0.4, 0.1, 1.6]),
    ("gpt-4.1-nano", [0.1, 0.025, 0.4]),
    ("gpt-4o", [2.5, 1.25, 10.0]),
    ("gpt-4o-mini", [0.15, 0.075, 0.6]),
];

impl Config {
    /// What is to be said of a target that a key has brought.
    pub(crate) fn note_on_key(&self) -> Option<String> {
        let target = self.targets.get(NAME).filter(|_| self.has_key_target)?;
        let (model, base) = (target.model.as_deref()?, target.base_url.as_deref()?);
        let known = PRICES.iter().any(|(name, _)| *name == model);
        let price = if known { "" } else { "; its price is not known: the dearest one is reckoned with" };
        Some(format!("{KEY} is set: target {NAME} is {model} at {base}, before the offline model{price}"))
    }
}

/// Adds the target if the key is set and the configuration has no model of its own.
pub(super) fn add(config: &mut Config, variable: impl Fn(&str) -> Option<String>) {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let own = |target: &TargetConfig| target.kind == Kind::Chat && target.base_url.as_deref() != Some("offline");
    if set(KEY).is_none() || config.targets.values().any(own) || config.targets.contains_key(NAME) {
        return;
    }
    let model = set(MODEL).unwrap_or_else(|| MODEL_DEFAULT.to_owned());
    let known = PRICES.iter().find(|(name, _)| *name == model).map(|(_, price)| *price);
    let dearest = |at: usize| PRICES.iter().map(|(_, price)| price[at]).fold(0.0, f64::max);
    let [input, cached, output] = known.unwrap_or_else(|| [dearest(0), dearest(1), dearest(2)]);
    let target = TargetConfig {
        base_url: Some(set(BASE).unwrap_or_else(|| BASE_DEFAULT.to_owned())),
        model: Some(model),
        key_env: Some(KEY.to_owned()),
        classes: vec!["small".to_owned(), "large".to_owned()],
        price: PriceConfig { input, cached: Some(cached), output, call: 0.0 },
        ..TargetConfig::of(Kind::Chat)
    };
    config.has_key_target = true;
    config.targets.insert(NAME.to_owned(), target);
}
