//! Many runs that wait for the money of one window, of which each settlement gives some back.

use std::time::Instant;

use agendum_core::Event;
use agendum_types::outcome::Price;
use agendum_types::{Duration, Money, Target, Usage, Window, Windows};

use super::{World, graph, target};

const DOCUMENT: &str = "
version: 1
name: waiting
tasks:
  a: { uses: chat, with: { prompt: a, max_tokens: 1000 } }
";

/// Runs that wait.
const RUNS: u64 = 20_000;
/// So long at most.
const SPAN: Duration = Duration::secs(20);

/// What a settlement costs while so many wait for what it gives back: each attempt holds a thousand times what it costs.
#[must_use]
pub fn waiting() -> String {
    let graph = graph(DOCUMENT);
    let mut world = World::new();
    let price = Price { token_out: Money(1_000), ..Price::FREE };
    world.usage = Usage { tokens_out: 1, calls: 1, ..Usage::default() };
    world.tell(Event::TargetsPublished(vec![Target { price, ..target() }]));
    let mut windows = Windows::default();
    // Ten attempts at once, and all that they will have cost.
    windows.caps[Window::Hour as usize].money = Some(Money(1_000 * (10 * 1_000 + 2 * RUNS)));
    world.tell(Event::WindowsPublished(windows));
    for number in 0..RUNS {
        world.submit(world.submission(&graph, number));
    }
    let began = (Instant::now(), world.events);
    while world.live > 0 && began.0.elapsed() < SPAN.to_std() {
        if !world.step() {
            world.sync();
        }
    }
    let (events, wall, done) = (world.events - began.1, began.0.elapsed().as_secs_f64(), RUNS - world.live);
    format!(
        "waiting: {:.0} events/s while {RUNS} runs wait for the money of an hour ({done} of them done in {wall:.2} s)",
        events as f64 / wall
    )
}
