//! What takes the effect of a task back: what is accepted, and what is said of the rest.

use agendum_types::graph::{DataRef, Retry, Work};
use agendum_types::{Duration, Effect};
use insta::assert_snapshot;

use super::{checked, said};

#[test]
fn it_reads_what_its_task_reads_and_what_that_gave() {
    let text = r#"
        tasks:
          a: { uses: exec, effect: none, with: { argv: [a] } }
          b: { uses: exec, needs: [a], with: { argv: [b, "${{ inputs.x }}"] }, compensate: { uses: exec, with: { argv: [undo, "${{ task.key }}", "${{ tasks.a.output.stdout }}", "${{ tasks.b.output.stdout }}"] } } }
          e: { uses: exec, foreach: "${{ inputs.list }}", with: { argv: [e, "${{ item }}"] }, compensate: { uses: exec, with: { argv: [undo, "${{ item }}", "${{ tasks.e.output.stdout }}"] }, retry: { max_attempts: 3 }, timeout: { attempt: 5s, task: 1m } } }
          g:
            needs: [b]
            loop: { until: "${{ tasks.c.output.code == 0 }}", max_iterations: 3, on_exhausted: fail }
            tasks:
              c: { uses: http, with: { method: POST, url: "https://x.example", json: "${{ loop.round }}" }, compensate: { uses: http, effect: none, with: { method: DELETE, url: "${{ tasks.c.output.location }}", json: ["${{ loop.previous.tasks.c.output.status }}", "${{ outer.tasks.b.output.stdout }}"] } } }
    "#;
    assert_snapshot!(said(text), @r"
    9:40 unknown_field (warning): the output of `c` has no field `code`: this is always undefined
        help: it has: status, media, json, text, base64, location
    ");
    let graph = checked(text).runnable().unwrap().graph.clone();
    let undone: Vec<_> = graph.tasks.iter().filter(|task| task.is_compensation()).collect();
    assert_eq!(undone.len(), 3);
    for task in &undone {
        let of = graph.task(task.parent.unwrap());
        assert_eq!(of.compensate.map(|node| graph.task(node)), Some(*task));
        let Work::Call(call) = &task.work else { panic!("a call") };
        assert!(graph.expr(call.input).reads.contains(&DataRef::Output(task.parent.unwrap())));
        assert!(task.effect_declared && of.effect_declared && task.needs.is_empty());
    }
    assert_eq!(undone[0].retry, Retry::PATIENT);
    assert_eq!((undone[0].effect, undone[2].effect), (Effect::Idempotent, Effect::None));
    assert_eq!((undone[1].retry.attempts_max, undone[1].timeouts.task), (3, Some(Duration::secs(60))));
    let path = graph.parse_path("e[2]/compensate").unwrap();
    assert_eq!(graph.path_text(&path), "e[2]/compensate");
}

#[test]
fn what_cannot_be_taken_back_says_why() {
    assert_snapshot!(said(r#"
        tasks:
          a: { uses: exec, effect: none, with: { argv: [a] }, compensate: { uses: exec, with: { argv: [undo] } } }
          b: { uses: chat, with: { prompt: hi }, compensate: { uses: exec, with: { argv: [undo] } } }
          c: { tasks: { d: { uses: exec, with: { argv: [d] } } }, compensate: { uses: exec, with: { argv: [undo] } } }
          e: { uses: exec, with: { argv: [e] }, compensate: { with: { argv: [undo] } } }
          f: { uses: exec, with: { argv: [f] }, compensate: { uses: exec, effect: once, with: { argv: [undo] } } }
          g: { uses: exec, with: { argv: [g] }, compensate: { uses: exec, with: { argv: [undo, "${{ tasks.h.output.stdout }}", "${{ run.error.class }}"] } } }
          h: { uses: exec, needs: [g], with: { argv: [h] } }
          i: { uses: exec, with: { argv: [i] }, compensate: { uses: exec, with: { argv: [undo, "${{ tasks.j.output.stdout }}"] } } }
          j: { uses: exec, with: { argv: [j] } }
          k: { uses: wait, with: { for: signal, name: x }, compensate: { uses: exec, with: { argv: [undo] } } }
          l: { uses: exec, with: { argv: [l] }, compensate: { uses: wait, with: { for: approval } } }
          m: { uses: exec, with: { argv: [m] }, compensate: { uses: exec, needs: [a], if: "${{ true }}", with: { argv: [undo] } } }
          n: { uses: exec, with: { argv: [n] }, compensate: { uses: exec, with: { arv: [undo], argv: ["${{ tasks.nn.output }}", "${{ tasks.n.output.stdot }}"] } } }
          o: { uses: exec, effect: once, on_uncertain: { check: p }, with: { argv: [o] } }
          p: { uses: exec, effect: idempotent, if: "${{ false }}", with: { argv: [p] }, compensate: { uses: exec, with: { argv: [undo] } } }
          q: { uses: exec, with: { argv: [q] }, compensate: undo }
        finally:
          z: { uses: exec, with: { argv: [z] }, compensate: { uses: exec, with: { argv: [undo] } } }
    "#), @r"
    4:55 contradiction: nothing is there to take back: the effect of this task is `none`
        help: write `effect: idempotent` if its target keeps the key that it is sent, else `effect: once`
    5:42 contradiction: nothing is there to take back: the effect of this task is `none`
        help: write `effect: idempotent` if its target keeps the key that it is sent, else `effect: once`
    6:71 call_only: `compensate` belongs to a task with `uses`
        help: give it to the tasks inside
    7:53 missing_key: `compensate` lacks `uses`
        help: what takes it back
    8:75 unknown_value: `effect` knows no `once`
        help: write `idempotent`: it is repeated until it has succeeded, and must bear that
    9:73 not_settled: `h` may not have settled when `g` has taken effect, which is when this is read
        help: leave it out: `h` comes after `g`
    9:73 not_settled: `compensate` cannot read how the run ends
        help: write a task under `on_failure`, which runs when all is taken back
    11:73 not_settled: `j` may not have settled when `i` has taken effect, which is when this is read
        help: let `i` need `j`, or leave it out
    13:64 call_only: `compensate` says nothing of a `wait`: it makes no attempt
        help: leave it out
    14:61 unknown_value: `uses` knows no `wait`
        help: one of: chat, retrieve, translate, moderate, http, exec, embed, rerank, search, memory, image, transcribe, speak, mcp, worker, publish, graph
    15:67 unknown_key: unknown key `needs` in `compensate`
        help: known keys: uses, with, retry, timeout, resources, model, effect
    15:79 unknown_key: unknown key `if` in `compensate`
        help: known keys: uses, with, retry, timeout, resources, model, effect
    16:75 unknown_key: unknown key `arv` in `with` of `exec`
        help: did you mean `argv`?
    16:106 unknown_task: there is no task `nn`
        help: did you mean `n`?
    16:141 unknown_field (warning): the output of `n` has no field `stdot`: this is always undefined
        help: did you mean `stdout`?
    17:57 no_check: `p` is taken back itself: what only looks leaves nothing to take back
        help: leave `compensate` out of `p`
    19:53 wrong_type: `compensate` is a text; it must be a map
    21:41 main_only: `compensate` belongs to a task of `tasks`
        help: leave it out: what runs once the run is answered is not taken back
    ");
}

#[test]
fn a_task_may_have_the_name_of_what_takes_another_back() {
    assert_snapshot!(said(r#"
        tasks:
          compensate: { uses: exec, with: { argv: [c] }, compensate: { uses: exec, with: { argv: [undo, "${{ tasks.compensate.output.stdout }}"] } } }
          g: { tasks: { d: { uses: exec, with: { argv: [d] }, compensate: { uses: exec, with: { argv: [undo] } } } } }
    "#), @"");
}
