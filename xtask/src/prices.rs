//! The table of prices that ships with the binary: what LiteLLM's public one (MIT) says of models that speak the chat format under
//! an address of their own, in integers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value as Json;

/// Where it is kept, beside the licence of its source.
const FILE: &str = "crates/cli/data/prices.tsv";

/// Providers by their name there, and the host that their models are called at.
const HOSTS: [(&str, &str); 10] = [
    ("cerebras", "api.cerebras.ai"),
    ("deepseek", "api.deepseek.com"),
    ("gemini", "generativelanguage.googleapis.com"),
    ("groq", "api.groq.com"),
    ("mistral", "api.mistral.ai"),
    ("moonshot", "api.moonshot.ai"),
    ("openai", "api.openai.com"),
    ("perplexity", "api.perplexity.ai"),
    ("together_ai", "api.together.xyz"),
    ("xai", "api.x.ai"),
];

/// Picodollars, as the core reckons.
const PER_DOLLAR: f64 = 1e12;

/// Writes the table anew from `model_prices_and_context_window.json`; `version` says which one that was.
pub(crate) fn write(source: &Path, version: &str) -> Result<()> {
    let text = std::fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    let models: BTreeMap<String, Json> = serde_json::from_str(&text)?;
    let mut rows: Vec<String> = models.iter().filter_map(|(name, model)| row(name, model)).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut table = format!(
        "# Prices of chat models, from LiteLLM {version} (MIT, see prices.LICENSE): `cargo xtask prices FILE VERSION` writes it anew.\n\
         # Host, model, and picodollars (1e-12 $) per token: input, input from the provider's cache, output, and, where that is dearer,\n\
         # input that the cache takes up; of prices that rise with the length of the prompt the highest, so that a budget holds.\n"
    );
    for row in &rows {
        writeln!(table, "{row}")?;
    }
    std::fs::write(FILE, table).with_context(|| format!("cannot write {FILE}"))?;
    println!("{FILE}: {} models", rows.len());
    Ok(())
}

fn row(name: &str, model: &Json) -> Option<String> {
    let provider = model["litellm_provider"].as_str()?;
    let (_, host) = HOSTS.iter().find(|(known, _)| *known == provider)?;
    if model["mode"] != "chat" {
        return None;
    }
    let name = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    let input = dearest(model, "input_cost_per_token")?;
    let output = dearest(model, "output_cost_per_token")?;
    let cached = dearest(model, "cache_read_input_token_cost").unwrap_or(input);
    let written = dearest(model, "cache_creation_input_token_cost").filter(|written| *written > input);
    let written = written.map(|written| format!("\t{written}")).unwrap_or_default();
    Some(format!("{host}\t{name}\t{input}\t{cached}\t{output}{written}"))
}

/// The highest of the prices for prompts of any length; those of other ways to call (batches, priority, longer in the cache) have longer names.
fn dearest(model: &Json, field: &str) -> Option<u64> {
    let is_tier = |name: &str| {
        let rest = name.strip_prefix(field)?;
        let tokens = rest.strip_prefix("_above_").and_then(|rest| rest.strip_suffix("k_tokens"));
        let plain = rest.is_empty() || tokens.is_some_and(|tokens| tokens.parse::<u32>().is_ok());
        plain.then_some(())
    };
    let prices = model.as_object()?.iter().filter(|(name, _)| is_tier(name).is_some());
    let prices = prices.filter_map(|(_, price)| price.as_f64()).filter(|price| price.is_finite() && *price >= 0.0);
    prices.map(|price| (price * PER_DOLLAR).round() as u64).max()
}
