//! What providers say of usage, in one normal form, and what that costs: a table of documents as they were sent. The buckets of the normal form
//! do not overlap, and add up to what the provider counts.

use agendum_types::Money;
use agendum_types::outcome::Price;
use serde_json::{Value as Json, json};

use super::chat::answered;
use super::http::plain;

/// In dollars per million tokens: input, from the cache, into the cache, output.
fn price([input, cached, written, output]: [f64; 4]) -> Price {
    let per_token = |dollars: f64| Money::from_dollars(dollars / 1e6).unwrap();
    Price {
        token_in: per_token(input),
        token_cached: per_token(cached),
        token_written: per_token(written),
        token_out: per_token(output),
        ..Price::FREE
    }
}

/// As `in+cached+written+out+reasoning=total: $`.
async fn told(usage: &Json, of: [f64; 4]) -> String {
    let message = json!({ "message": { "role": "assistant", "content": "a" }, "finish_reason": "stop" });
    let body = json!({ "choices": [message], "usage": usage }).to_string();
    let finished = answered(plain("200 OK\r\ncontent-type: application/json", &body)).await.unwrap();
    let raw: Json = serde_json::from_str(finished.raw_usage.as_deref().unwrap()).unwrap();
    assert_eq!(raw, *usage, "it is kept as it came");
    let used = finished.usage;
    let buckets = [used.tokens_in, used.tokens_cached, used.tokens_written, used.tokens_out, used.tokens_reasoning];
    let cost = price(of).cost(&used);
    format!("{}={}: {cost}", buckets.map(|tokens| tokens.to_string()).join("+"), used.tokens())
}

#[tokio::test]
async fn what_providers_count_has_one_form_and_one_price() {
    const MINI: [f64; 4] = [0.25, 0.025, 0.25, 2.0];
    const CLAUDE: [f64; 4] = [3.0, 0.3, 3.75, 15.0];
    const SEEK: [f64; 4] = [0.28, 0.028, 0.28, 0.42];
    let table = [
        ("plain", json!({ "prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500 }), MINI),
        (
            "openai: cached and reasoning are parts of the two sums",
            json!({
                "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
                "prompt_tokens_details": { "cached_tokens": 1920, "audio_tokens": 0 },
                "completion_tokens_details": { "reasoning_tokens": 192, "accepted_prediction_tokens": 0 },
            }),
            MINI,
        ),
        (
            "a gateway before claude: what the cache takes up is dearer",
            json!({
                "prompt_tokens": 5000, "completion_tokens": 100, "total_tokens": 5100,
                "prompt_tokens_details": { "cached_tokens": 3000, "cache_write_tokens": 1500 },
            }),
            CLAUDE,
        ),
        (
            "deepseek: hits and misses",
            json!({
                "prompt_tokens": 700, "completion_tokens": 20, "total_tokens": 720,
                "prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 60,
            }),
            SEEK,
        ),
        (
            "a provider whose parts are more than the whole: none is below zero",
            json!({
                "prompt_tokens": 10, "completion_tokens": 5,
                "prompt_tokens_details": { "cached_tokens": 30, "cache_write_tokens": 4 },
                "completion_tokens_details": { "reasoning_tokens": 9 },
            }),
            MINI,
        ),
    ];
    let mut lines = Vec::new();
    for (name, usage, of) in table {
        let line = told(&usage, of).await;
        if let Some(total) = usage["total_tokens"].as_u64() {
            assert!(line.contains(&format!("={total}: ")), "{name}: {line}");
        }
        lines.push(format!("{line}  {name}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    1000+0+0+500+0=1500: $0.0012  plain
    86+1920+0+108+192=2306: $0.00066  openai: cached and reasoning are parts of the two sums
    500+3000+1500+100+0=5100: $0.0095  a gateway before claude: what the cache takes up is dearer
    60+640+0+20+0=720: $0.000043  deepseek: hits and misses
    0+10+0+0+5=15: $0.000010  a provider whose parts are more than the whole: none is below zero
    ");
}
