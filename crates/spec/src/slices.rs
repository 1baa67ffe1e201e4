//! Names in front of a slice: `tasks.a.output.list[:3]`, `(tasks.a.output | lines)[1:]`.
//!
//! MiniJinja 3.1 does not count them among the names that a template reads (its `compiler/meta.rs` visits a slice's bounds, not what
//! is sliced). A name that is missed would be a dependency that is missed, so they are looked for here.

use crate::shape::{self, after_string, is_word};

/// Roots that stand for data of a run; any other name before a slice is local to its template.
const ROOTS: [&str; 6] = ["tasks", "outer", "inputs", "item", "output", "run"];

/// The dotted paths of data that some slice in the source is taken of. `template`: only what stands between delimiters is read.
pub(crate) fn names(source: &str, template: bool) -> Vec<String> {
    let mut found = Vec::new();
    if template {
        shape::codes(source).iter().for_each(|code| scan(code.source, false, &mut found));
    } else {
        scan(source, false, &mut found);
    }
    found
}

/// Notes what is sliced; with `all`, every name: then the whole code stands in front of a slice.
fn scan(code: &str, all: bool, found: &mut Vec<String>) {
    let bytes = code.as_bytes();
    let mut opened = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => at = after_string(bytes, at),
            byte if is_word(byte) => at = chain(code, at, all, found),
            byte => {
                match byte {
                    b'(' | b'[' | b'{' => opened.push(at + 1),
                    b')' | b']' | b'}' => {
                        let begin = opened.pop().filter(|_| !all && is_sliced(bytes, at + 1));
                        begin.into_iter().for_each(|begin| scan(&code[begin..at], true, found));
                    }
                    _ => {}
                }
                at += 1;
            }
        }
    }
}

/// Reads `a.b[0].c` from `begin`; notes its dotted path if a slice follows somewhere in it, or `always`. Gives where it ends.
fn chain(code: &str, begin: usize, always: bool, found: &mut Vec<String>) -> usize {
    let bytes = code.as_bytes();
    let mut at = begin;
    while at < bytes.len()
        && (is_word(bytes[at]) || (bytes[at] == b'.' && bytes.get(at + 1).is_some_and(|next| is_word(*next))))
    {
        at += 1;
    }
    let path = &code[begin..at];
    let is_attribute = begin > 0 && bytes[begin - 1] == b'.';
    let root = path.split('.').next().unwrap_or_default();
    let is_data = ROOTS.contains(&root) || path.starts_with("loop.previous");
    if !is_attribute && is_data && (always || is_sliced(bytes, at)) {
        found.push(path.to_owned());
    }
    // What stands between brackets has names of its own.
    at
}

/// True if brackets that follow directly hold a `:` of their own, or those after them do.
fn is_sliced(bytes: &[u8], mut at: usize) -> bool {
    loop {
        while bytes.get(at).is_some_and(|byte| is_word(*byte) || matches!(byte, b'.' | b' ')) {
            at += 1;
        }
        if bytes.get(at) != Some(&b'[') {
            return false;
        }
        let mut depth = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'"' | b'\'' => {
                    at = after_string(bytes, at);
                    continue;
                }
                b'[' | b'(' | b'{' => depth += 1,
                b']' | b')' | b'}' => depth -= 1,
                b':' if depth == 1 => return true,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn what_is_sliced_is_found() {
        for (source, expected) in [
            ("tasks.a.output.list[:3]", "tasks.a.output.list"),
            ("tasks.a.output[1:] + outer.tasks.b.output[2:3]", "tasks.a.output outer.tasks.b.output"),
            ("tasks.a.output.list[0].text[:5]", "tasks.a.output.list"),
            ("x(inputs.y[ : ])", "inputs.y"),
            ("tasks.a.output[0]", ""),
            ("{'a': tasks.a.output}", ""),
            ("'tasks.a.output[:3]'", ""),
            ("p.text[:3]", ""),
            ("p.tasks[:3]", ""),
            ("tasks.a.output[{'x': 1}['x']]", ""),
            ("tasks.ä.output[:1]", "tasks.ä.output"),
            ("loop.previous.tasks.a.output[:1] ~ loop.index[:2]", "loop.previous.tasks.a.output"),
            ("(tasks.a.output.text | lines)[1:]", "tasks.a.output.text"),
            (
                "((tasks.a.output or inputs.x) | f('(tasks.b.output', inputs.y))[0][:2]",
                "tasks.a.output inputs.x inputs.y",
            ),
            ("(tasks.a.output)[0] + (tasks.b.output)", ""),
            ("tasks.a.output[inputs.k][:2]", "tasks.a.output inputs.k"),
            ("f(tasks.a.output)[:2]", "tasks.a.output"),
            ("tasks.a.output[", ""),
            ("(]})[:", ""),
            ("'", ""),
        ] {
            assert_eq!(names(source, false).join(" "), expected, "{source}");
        }
        assert!(names("see tasks.a.output[:3] here", true).is_empty());
        assert_eq!(
            names("a ${{ inputs.x[:2] }} {% for y in tasks.b.output[1:] %}", true),
            ["inputs.x", "tasks.b.output"]
        );
    }
}
