//! How the input of a call to a model begins: what helps to send it where that was read before.

use agendum_ports::TenantKey;
use agendum_types::Prefix;
use serde_json::Value as Json;

/// What a model reads, in the order in which it reads it.
const READ: [&str; 4] = ["tools", "system", "messages", "prompt"];

/// The beginnings of an input, each by a hash that only this tenant makes; `None` if it is shorter than a block.
pub(super) fn of(key: &TenantKey, input: &Json) -> Option<Prefix> {
    let mut text = Text::default();
    for part in READ.iter().filter_map(|name| input.get(name)) {
        // An item that is added at the end leaves what was before it as it was.
        match part {
            Json::String(part) => text.add(part),
            Json::Array(items) => {
                for item in items {
                    if text.is_full() {
                        break;
                    }
                    text.add(&item.to_string());
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => text.add(&part.to_string()),
        }
    }
    let blocks = text.0.chunks_exact(Prefix::BLOCK_BYTES);
    let mut so_far = [0; 32];
    let hashes = blocks.map(|block| {
        so_far = key.chain(&so_far, block).0;
        let [a, b, c, d, e, f, g, h, ..] = so_far;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    });
    let hashes: Vec<u64> = hashes.collect();
    (!hashes.is_empty()).then_some(Prefix(hashes))
}

#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    const BYTES_MAX: usize = Prefix::BLOCK_BYTES * Prefix::BLOCKS_MAX;

    fn is_full(&self) -> bool {
        self.0.len() >= Self::BYTES_MAX
    }

    /// Each part ends with a byte that no text has.
    fn add(&mut self, part: &str) {
        let left = Self::BYTES_MAX.saturating_sub(self.0.len());
        self.0.extend(part.bytes().chain([0xFF]).take(left));
    }
}

#[cfg(test)]
mod tests {
    use agendum_ports::TenantKey;
    use agendum_types::Tenant;
    use serde_json::{Value as Json, json};

    use super::of;

    fn shared(one: Option<&Vec<u64>>, other: Option<&Vec<u64>>) -> usize {
        one.into_iter().flatten().zip(other.into_iter().flatten()).take_while(|(one, other)| one == other).count()
    }

    #[test]
    fn a_conversation_that_goes_on_begins_as_it_began() {
        let key = TenantKey::derive(&[1; 32], &Tenant::new("a"));
        let turn = |number: usize| json!({"role": "user", "content": format!("{number} {}", "word ".repeat(500))});
        let talk = |turns: usize, system: &str| json!({"messages": (0..turns).map(turn).collect::<Vec<Json>>(), "system": system});
        let hashes = |input: &Json| of(&key, input).map(|prefix| prefix.0);
        let (short, long) = (hashes(&talk(4, "be kind")), hashes(&talk(9, "be kind")));
        assert_eq!((short.as_ref().map(Vec::len), long.as_ref().map(Vec::len)), (Some(4), Some(11)));
        assert_eq!(shared(short.as_ref(), long.as_ref()), 4);
        assert_eq!(shared(short.as_ref(), hashes(&talk(4, "be unkind")).as_ref()), 0, "what comes first differs");
        assert_eq!(hashes(&talk(3_000, "")).map(|all| all.len()), Some(256), "the end of a long one does not count");
        assert_eq!(hashes(&json!({"prompt": "short"})), None);
        assert_eq!(hashes(&json!(7)), None);
        let other = TenantKey::derive(&[1; 32], &Tenant::new("b"));
        let theirs = of(&other, &talk(4, "be kind")).map(|prefix| prefix.0);
        assert_eq!(shared(short.as_ref(), theirs.as_ref()), 0, "nobody knows what another tenant asks");
    }
}
