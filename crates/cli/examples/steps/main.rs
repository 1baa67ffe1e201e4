//! What a step costs on the engine with SQLite: no-op tasks, ten in sequence and a hundred side by side, 1, 32 and 128 runs at once,
//! by default and with every step committed; and one wide `foreach`. `cargo xtask bench` runs it.
//!
//! `steps [--seconds N] [WORD…]` measures only the cases whose name holds every word.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for the terminal")]

mod bed;
mod wide;

use std::sync::Arc;
use std::time::{Duration as Span, Instant};

use agendum_engine::Engine;
use agendum_sim::bench::{cpu, resident};
use agendum_spec::Accepted;

fn graph(sequence: bool) -> Accepted {
    let mut text = "version: 1\nname: steps\ntasks:\n".to_owned();
    for number in 0..if sequence { 10 } else { 100 } {
        let needs = if sequence && number > 0 { format!("needs: [t{}], ", number - 1) } else { String::new() };
        text.push_str(&format!("  t{number}: {{ {needs}uses: chat, with: {{ prompt: x }} }}\n"));
    }
    text.push_str("output: done\n");
    bed::accepted(&text)
}

async fn measure(engine: &Arc<Engine>, accepted: &Accepted, at_once: usize, strict: bool, span: Span) -> String {
    let steps = accepted.graph.tasks.len();
    let (began, used) = (Instant::now(), cpu());
    let runner = |()| {
        let (engine, accepted) = (Arc::clone(engine), accepted.clone());
        tokio::spawn(async move {
            let mut spans = Vec::new();
            while began.elapsed() < span {
                let request = bed::request(&accepted, "{}".into(), strict);
                let one = Instant::now();
                let answer = engine.run(request).await.unwrap();
                assert_eq!(answer.status.word(), "succeeded");
                spans.push(one.elapsed());
            }
            spans
        })
    };
    let runners: Vec<_> = (0..at_once).map(|_| runner(())).collect();
    let mut spans = Vec::new();
    for runner in runners {
        spans.extend(runner.await.unwrap());
    }
    let (wall, used) = (began.elapsed().as_secs_f64(), cpu() - used);
    spans.sort();
    let at = |share: f64| spans[((spans.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let total = (spans.len() * steps) as f64;
    format!("{:>9.0} {:>9.1} {:>9.2} {:>9.2}", total / wall, used / total * 1e6, at(0.5), at(0.99))
}

/// What the command line asks for.
struct Asked {
    words: Vec<String>,
    span: Span,
}

impl Asked {
    fn read() -> Self {
        let mut asked = Self { words: Vec::new(), span: Span::from_secs(3) };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                asked.span = Span::from_secs_f64(arguments.next().unwrap().parse().unwrap());
            } else {
                asked.words.push(argument);
            }
        }
        asked
    }

    fn wants(&self, name: &str) -> bool {
        self.words.iter().all(|word| name.contains(word.as_str()))
    }
}

#[tokio::main]
async fn main() {
    let asked = Asked::read();
    let bed = bed::Bed::make().await;
    println!("idle memory: {} MiB", resident() >> 20);
    if asked.wants(wide::NAME) {
        wide::measure(&bed.engine).await;
    }
    println!("{:<34} {:>9} {:>9} {:>9} {:>9}", "", "steps/s", "CPU µs", "p50 ms", "p99 ms");
    for (sequence, name) in [(true, "10 in sequence"), (false, "100 side by side")] {
        let accepted = graph(sequence);
        for at_once in [1, 32, 128] {
            for (strict, word) in [(false, "default"), (true, "strict")] {
                let name = format!("{name}, {at_once} at once, {word}");
                if asked.wants(&name) {
                    println!("{name:<34} {}", measure(&bed.engine, &accepted, at_once, strict, asked.span).await);
                }
            }
        }
    }
    bed.clear().await;
}
