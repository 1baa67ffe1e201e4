//! The target that a key in the environment brings: with `OPENAI_API_KEY` the same graph runs on a real model, nothing else changed.

use crate::config::{Config, Kind, TargetConfig, prices};

const KEY: &str = "OPENAI_API_KEY";
const MODEL: &str = "AGENDUM_OPENAI_MODEL";
const BASE: &str = "OPENAI_BASE_URL";
const MODEL_DEFAULT: &str = "gpt-5-mini";
const BASE_DEFAULT: &str = "https://api.openai.com/v1";
/// Its name in lists and reasons.
const NAME: &str = "openai";

/// The host whose prices count: of a model that is not in the table the dearest one's, so that a budget holds. `[targets.openai]`
/// in the configuration says better.
const HOST: &str = "api.openai.com";

impl Config {
    /// What is to be said of a target that a key has brought.
    pub(crate) fn note_on_key(&self) -> Option<String> {
        let target = self.targets.get(NAME).filter(|_| self.has_key_target)?;
        let (model, base) = (target.model.as_deref()?, target.base_url.as_deref()?);
        let price = if prices::at(HOST, model).is_some() {
            ""
        } else {
            "; its price is not known: the dearest one is reckoned with"
        };
        Some(format!("{KEY} is set: target {NAME} is {model} at {base}, before the offline model{price}"))
    }

    /// Targets with a model that is not the built-in one.
    pub(crate) fn own_models(&self) -> Vec<&str> {
        let own = |target: &TargetConfig| target.kind == Kind::Chat && !target.is_offline();
        self.targets.iter().filter(|(_, target)| own(target)).map(|(name, _)| name.as_str()).collect()
    }
}

/// Adds the target if the key is set and the configuration has no model of its own.
pub(super) fn add(config: &mut Config, variable: impl Fn(&str) -> Option<String>) {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    if set(KEY).is_none() || !config.own_models().is_empty() || config.targets.contains_key(NAME) {
        return;
    }
    let model = set(MODEL).unwrap_or_else(|| MODEL_DEFAULT.to_owned());
    let price = prices::at(HOST, &model).unwrap_or_else(|| prices::dearest(HOST));
    let target = TargetConfig {
        base_url: Some(set(BASE).unwrap_or_else(|| BASE_DEFAULT.to_owned())),
        model: Some(model),
        key_env: Some(KEY.to_owned()),
        classes: vec!["small".to_owned(), "large".to_owned()],
        price: Some(price),
        ..TargetConfig::of(Kind::Chat)
    };
    config.has_key_target = true;
    config.targets.insert(NAME.to_owned(), target);
}
