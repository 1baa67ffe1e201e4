//! How many tokens a prompt has before anybody has asked: an estimate from its constant parts.

use agendum_types::Graph;
use agendum_types::graph::{Call, Form};

/// Bytes of English text that make a token, as everybody estimates.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of the constant parts of a call's input, and true if more comes in when it runs.
pub(super) fn tokens(graph: &Graph, call: &Call) -> (u64, bool) {
    let expr = graph.expr(call.input);
    let bytes = match expr.form {
        Form::Constant => expr.source.len() as u64,
        Form::Tree => constant_bytes(&expr.source),
        Form::Expression => 0,
    };
    (bytes.div_ceil(BYTES_PER_TOKEN), expr.form != Form::Constant)
}

/// Bytes outside of `${{ … }}`, `{% … %}` and `{# … #}`.
fn constant_bytes(source: &str) -> u64 {
    const DELIMITERS: [(&str, &str); 3] = [("${{", "}}"), ("{%", "%}"), ("{#", "#}")];
    let mut bytes = 0;
    let mut rest = source;
    loop {
        let first = DELIMITERS.iter().filter_map(|(open, close)| rest.find(open).map(|at| (at, *close))).min();
        let Some((at, close)) = first else { return bytes + rest.len() as u64 };
        bytes += at as u64;
        // A delimiter that is never closed is text; the checker has refused it where it matters.
        let Some(end) = rest[at..].find(close) else { return bytes + (rest.len() - at) as u64 };
        rest = &rest[at + end + close.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::constant_bytes;

    #[test]
    fn templates_do_not_count() {
        let counted =
            ["abcd", "ab${{ x }}cd", "${{ a }}${{ b }}", "{% for a in b %}xy{% endfor %}", "a{# no #}b", "a${{ open"];
        assert_eq!(counted.map(constant_bytes), [4, 4, 0, 2, 2, 9]);
    }
}
