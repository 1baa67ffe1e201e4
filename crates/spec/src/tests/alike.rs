//! Which calls are of one kind.

use agendum_types::graph::{Kind, Work};

use super::checked;

fn kinds(calls: &[&str]) -> Vec<Option<Kind>> {
    let task = |(number, call): (usize, &&str)| format!("  t{number}: {{ {call} }}\n");
    let tasks: String = calls.iter().enumerate().map(task).collect();
    let inputs = "inputs: { type: object, properties: { text: { type: string } } }\n";
    let checked = checked(&format!("{inputs}tasks:\n{tasks}"));
    let wrong: Vec<_> = checked.diagnostics.iter().map(|found| found.message.to_string()).collect();
    let runnable = checked.runnable().unwrap_or_else(|| panic!("{wrong:?}"));
    let kind = |work: &Work| match work {
        Work::Call(call) => call.kind,
        Work::Group(_) => None,
    };
    runnable.graph.tasks.iter().map(|task| kind(&task.work)).collect()
}

#[test]
fn calls_of_one_program_address_or_model_are_alike() {
    // Within a list all are alike; no two lists are.
    let alike: [&[&str]; 9] = [
        &[
            "uses: exec, effect: none, with: { argv: [git, status] }",
            "uses: exec, effect: none, with: { argv: [git, status, -s], stdin: x }",
        ],
        &["uses: exec, effect: none, with: { argv: [git, log] }"],
        &[
            "uses: exec, effect: none, with: { argv: [git] }",
            "uses: exec, effect: none, with: { argv: [git, '--version'] }",
            "uses: exec, effect: none, with: { argv: [git, '${{ inputs.text }}'] }",
        ],
        &["uses: exec, effect: none, with: { argv: ['${{ inputs.text }}', status] }"],
        &[
            "uses: http, effect: none, with: { url: 'https://a.example/v1/${{ inputs.text }}' }",
            "uses: http, effect: none, with: { url: 'https://a.example/v1/?q=1' }",
        ],
        &["uses: http, effect: none, with: { url: 'https://a.example/v2/' }"],
        &["uses: chat, with: { prompt: one }", "uses: chat, with: { prompt: '${{ inputs.text }}', max_tokens: 9 }"],
        &["uses: chat, model: { class: small }, with: { prompt: one }"],
        &["uses: translate, with: { text: one, to: de }"],
    ];
    let kinds = kinds(&alike.concat());
    let mut seen: Vec<Kind> = Vec::new();
    let mut next = kinds.into_iter();
    for calls in alike {
        let of: Vec<_> = next.by_ref().take(calls.len()).collect();
        assert!(of.iter().all(|kind| kind.is_some() && *kind == of[0]), "{calls:?}");
        assert!(!seen.contains(&of[0].unwrap()), "{calls:?}");
        seen.extend(of[0]);
    }
    assert_eq!(self::kinds(&["uses: wait, with: { for: time, after: 5s }"]), [None]);
}
