//! Words with a value of their own: no names in them.

use agendum_types::graph::{
    Budget, Call, ExprId, Group, NodeId, OnExceeded, OnUncertain, Requirement, Retry, Section, Task, Timeouts, Work,
};
use agendum_types::{Capability, Class, ClassSet, Duration, Effect};

use crate::tree::{Node, Value};
use crate::values;

/// A task of which nothing is known but its place.
pub(super) fn blank(name: &str, parent: Option<NodeId>, section: Section, is_group: bool) -> Task {
    let work = if is_group {
        Work::Group(Group { tasks: Vec::new(), output: None, race: None })
    } else {
        Work::Call(Call {
            capability: Capability::Chat,
            input: ExprId(0),
            requirement: Requirement::default(),
            output_cap: None,
            child: None,
            kind: None,
        })
    };
    Task {
        name: name.into(),
        parent,
        section,
        work,
        needs: Vec::new(),
        needed_by: Vec::new(),
        condition: None,
        foreach: None,
        repeat: None,
        timeouts: Timeouts::default(),
        retry: Retry::STANDARD,
        catch: Vec::new(),
        fail_if: None,
        effect: Effect::None,
        effect_declared: false,
        optional: false,
        value: 50,
        no_fallback: false,
        on_uncertain: OnUncertain::Fail,
        compensate: None,
        live: false,
        publish_after: Vec::new(),
        not_before: None,
        delay: None,
        within: None,
        resources: Default::default(),
        cache: None,
        output_used: false,
        judges: None,
        adds: None,
        replaced: None,
        ahead: None,
    }
}

pub(super) fn span(node: Option<&Node>) -> Option<Duration> {
    node.and_then(Node::text).and_then(values::span)
}

pub(super) fn budget(node: Option<&Node>) -> Option<Budget> {
    let node = node?;
    let money = node
        .get("usd")
        .and_then(|usd| if let Value::Number(number) = &usd.value { values::dollars(number) } else { None });
    let tokens = node.get("tokens").and_then(Node::whole);
    let on_exceeded = node.get("on_exceeded").and_then(Node::text).and_then(OnExceeded::from_word).unwrap_or_default();
    (money.is_some() || tokens.is_some()).then_some(Budget { money, tokens, on_exceeded })
}

pub(super) fn timeouts(node: Option<&Node>) -> Timeouts {
    match node {
        Some(node) if node.text().is_some() => Timeouts { attempt: span(Some(node)), ..Timeouts::default() },
        Some(node) => Timeouts {
            attempt: span(node.get("attempt")),
            first_output: span(node.get("first_output")),
            idle: span(node.get("idle")),
            task: span(node.get("task")),
        },
        None => Timeouts::default(),
    }
}

pub(super) fn retry(node: Option<&Node>, standard: Retry) -> Retry {
    let Some(node) = node else { return standard };
    let percent = |node: &Node| if let Value::Number(number) = &node.value { number.as_f64() } else { None };
    Retry {
        attempts_max: node
            .get("max_attempts")
            .and_then(Node::whole)
            .map_or(standard.attempts_max, |count| count as u32),
        initial_delay: span(node.get("initial_delay")).unwrap_or(standard.initial_delay),
        backoff_percent: node
            .get("backoff")
            .and_then(percent)
            .map_or(standard.backoff_percent, |times| (times * 100.0) as u32),
        delay_max: span(node.get("max_delay")).unwrap_or(standard.delay_max),
        jitter: node.get("jitter").and_then(Node::bool).unwrap_or(standard.jitter),
        on: node.get("on").map_or(standard.on, classes),
    }
}

pub(super) fn classes(node: &Node) -> ClassSet {
    node.items().iter().filter_map(Node::text).fold(ClassSet::NONE, |set, word| match Class::from_word(word) {
        Some(class) => set.with(class),
        None => set.iter().chain(ClassSet::ANY.iter()).collect(),
    })
}

pub(crate) fn requirement(node: Option<&Node>) -> Requirement {
    let Some(node) = node else { return Requirement::default() };
    Requirement {
        class: node.get("class").and_then(Node::text).map(Into::into),
        allow: node
            .get("allow")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(Node::text)
            .map(Into::into)
            .collect(),
    }
}

/// The effect that a call has where the document is silent: reading over HTTP has none.
pub(super) fn default_effect(capability: Capability, with: Option<&Node>) -> Effect {
    let method = with.and_then(|with| with.get("method")).and_then(Node::text).unwrap_or("GET");
    let reads = method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD");
    if capability == Capability::Http && reads { Effect::None } else { capability.default_effect() }
}
