//! One `foreach` over as many items as there may be: what it takes in time, CPU and memory.

use std::time::Instant;

use agendum_engine::Engine;
use agendum_sim::bench::{cpu, resident};

use crate::bed;

pub(crate) const NAME: &str = "foreach 100000, 64 at once";
const ITEMS: usize = 100_000;

pub(crate) async fn measure(engine: &Engine) {
    let accepted = bed::accepted(
        "
version: 1
name: wide
inputs: { properties: { question: { type: string }, items: { type: array } } }
tasks:
  each:
    foreach: '${{ inputs.items }}'
    max_parallel: 64
    uses: chat
    with: { prompt: '${{ inputs.question }} ${{ item.text }}' }
output: '${{ tasks.each.output | length }}'
",
    );
    let items: Vec<String> =
        (0..ITEMS).map(|number| format!(r#"{{"id":{number},"text":"item number {number}"}}"#)).collect();
    let inputs = format!(r#"{{"question":"What is","items":[{}]}}"#, items.join(","));
    drop(items);
    // Peaks of what went before do not count.
    let _not_linux = std::fs::write("/proc/self/clear_refs", "5");
    let (began, used, before) = (Instant::now(), cpu(), resident());
    let answer = engine.run(bed::request(&accepted, inputs.into(), false)).await.unwrap();
    assert_eq!(answer.status.word(), "succeeded", "{:?}", answer.failure);
    println!(
        "{NAME}: {:.2} s wall, {:.2} s of CPU, {} MiB resident before, {} MiB at the peak",
        began.elapsed().as_secs_f64(),
        cpu() - used,
        before >> 20,
        peak() >> 20
    );
}

/// The most that was resident, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}
