//! Which calls are alike: what one of them takes says what another will.

use agendum_types::Capability;
use agendum_types::graph::{Child, Kind, Requirement};

use crate::expr::{Text, classify};
use crate::tree::Node;

/// The kind of a call: capability, requirement, and what is constant of what it calls.
pub(super) fn kind(
    capability: Capability,
    requirement: &Requirement,
    with: Option<&Node>,
    child: Option<&Child>,
) -> Option<Kind> {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(capability.word());
    part(requirement.class.as_deref().unwrap_or_default());
    requirement.allow.iter().for_each(|target| part(target));
    let called = match capability {
        // Nobody's work: how long it takes says nothing.
        Capability::Wait => return None,
        Capability::Graph => return child.map(|child| Kind(first(&child.graph.hash.0))),
        Capability::Exec => program(with),
        Capability::Http => address(with),
        Capability::Retrieve => vec![constant(with, "index")],
        Capability::Chat | Capability::Translate | Capability::Moderate => Vec::new(),
    };
    called.iter().for_each(|word| part(word.unwrap_or_default()));
    Some(Kind(first(hasher.finalize().as_bytes())))
}

/// The program, and the word after it if that is a plain one, as in `git status` and `python plot.py`.
fn program(with: Option<&Node>) -> Vec<Option<&str>> {
    let argv = with.and_then(|with| with.get("argv"));
    let words = argv.map(Node::items).unwrap_or_default();
    let word = |place: usize| words.get(place).and_then(Node::text).filter(|text| classify(text) == Text::Plain);
    let is_plain = |text: &&str| {
        !text.starts_with('-') && text.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter))
    };
    vec![word(0), word(0).and_then(|_| word(1)).filter(is_plain)]
}

/// The method, and the address up to what is filled in or asked for.
fn address(with: Option<&Node>) -> Vec<Option<&str>> {
    let url = with.and_then(|with| with.get("url")).and_then(Node::text);
    let before = url.map(|url| url.split("${{").next().unwrap_or(url)).map(|url| url.split('?').next().unwrap_or(url));
    vec![constant(with, "method"), before]
}

fn constant<'n>(with: Option<&'n Node>, key: &str) -> Option<&'n str> {
    with.and_then(|with| with.get(key)).and_then(Node::text).filter(|text| classify(text) == Text::Plain)
}

fn first(bytes: &[u8; 32]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
