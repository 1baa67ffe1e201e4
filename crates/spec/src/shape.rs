//! How deep a source is, measured before anything recursive reads it.
//!
//! A parser, a compiler and a destructor walk an expression by recursion: `x or x or …` a thousand times over would end the process
//! and not the check. What is counted here is never less than the depth of the syntax tree: tokens since the last comma, over all
//! brackets that are open.

/// Brackets inside brackets.
const BRACKETS_MAX: usize = 32;
/// Tokens on the way from an expression's root to any of its leaves; a reference such as `tasks.a.output` has five.
const TOKENS_MAX: usize = 512;
/// Tokens of all `set` statements of a template: each may double what the one before it made, and fuel counts neither bytes nor depth.
const SET_TOKENS_MAX: usize = 128;
/// Blocks inside blocks; each `elif` is one more.
const BLOCKS_MAX: usize = 64;

/// Bytes of a line: the parser counts columns in sixteen bits.
const LINE_MAX: usize = 60_000;

/// A piece of code of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code<'a> {
    /// What stands between the delimiters.
    pub(crate) source: &'a str,
    /// True between `{%` and `%}`.
    pub(crate) is_statement: bool,
}

/// Refuses a source that is too deep; `template`: only what stands between delimiters is code.
pub(crate) fn check(source: &str, template: bool) -> Result<(), String> {
    if source.len() > LINE_MAX && source.split('\n').any(|line| line.len() > LINE_MAX) {
        return Err(format!("it has a line of more than {LINE_MAX} bytes: give long data as an argument of its own"));
    }
    if !template {
        return depth(source).map(drop);
    }
    let mut blocks: Vec<usize> = Vec::new();
    let mut nested = 0;
    let mut set = 0;
    for code in codes(source) {
        let deep = depth(code.source)?;
        if !code.is_statement {
            continue;
        }
        let word = word(code.source);
        match word {
            "set" => set += deep,
            "elif" => nested += 1,
            "if" | "for" | "macro" | "call" | "filter" | "with" | "autoescape" | "block" => {
                blocks.push(nested);
                nested += 1;
            }
            _ if word.starts_with("end") && word != "endset" => nested = blocks.pop().unwrap_or(0),
            _ => {}
        }
        if nested > BLOCKS_MAX {
            return Err(format!("it has more than {BLOCKS_MAX} blocks inside each other, every `elif` counted"));
        }
        if set > SET_TOKENS_MAX {
            return Err(format!("its `set` statements have more than {SET_TOKENS_MAX} tokens together"));
        }
    }
    Ok(())
}

/// The code of a template, piece by piece; comments and raw text have none.
pub(crate) fn codes(source: &str) -> Vec<Code<'_>> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        let bytes = rest.as_bytes();
        let is_statement = match bytes.get(at + 1) {
            Some(b'%') => true,
            Some(b'{') if at > 0 && bytes[at - 1] == b'$' => false,
            Some(b'#') => {
                rest = rest[at..].split_once("#}").map_or("", |(_, after)| after);
                continue;
            }
            _ => {
                rest = &rest[at + 1..];
                continue;
            }
        };
        let inner = &rest[at + 2..];
        let end = end(inner, if is_statement { b"%}" } else { b"}}" });
        let code = Code { source: &inner[..end], is_statement };
        rest = &inner[end..];
        if is_statement && word(code.source) == "raw" {
            rest = rest.split_once("endraw").map_or("", |(_, after)| after);
        }
        found.push(code);
    }
    found
}

/// Where code ends: at its delimiter outside of texts and brackets.
fn end(code: &str, delimiter: &[u8]) -> usize {
    let bytes = code.as_bytes();
    let (mut at, mut open) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            _ if open == 0 && bytes[at..].starts_with(delimiter) => return at,
            b'"' | b'\'' => {
                at = after_string(bytes, at);
                continue;
            }
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    code.len()
}

/// Tokens on the longest way into an expression.
fn depth(code: &str) -> Result<usize, String> {
    let bytes = code.as_bytes();
    // Tokens since the last comma, for each open bracket.
    let mut levels = vec![0_usize];
    let (mut at, mut sum, mut deepest) = (0, 0, 0);
    while at < bytes.len() {
        let here = bytes[at];
        at = if is_word(here) {
            at + bytes[at..].iter().take_while(|byte| is_word(**byte)).count()
        } else if matches!(here, b'"' | b'\'') {
            after_string(bytes, at)
        } else {
            at + 1
        };
        let top = levels.len() - 1;
        match here {
            _ if here.is_ascii_whitespace() => continue,
            b',' => {
                sum -= levels[top];
                levels[top] = 0;
            }
            b')' | b']' | b'}' if top > 0 => sum -= levels.pop().unwrap_or(0),
            _ => {
                sum += 1;
                levels[top] += 1;
                if matches!(here, b'(' | b'[' | b'{') {
                    levels.push(0);
                }
            }
        }
        deepest = deepest.max(sum);
        if levels.len() > BRACKETS_MAX + 1 {
            return Err(format!("it has more than {BRACKETS_MAX} brackets inside each other"));
        }
        if deepest > TOKENS_MAX {
            return Err(format!("it has more than {TOKENS_MAX} tokens without a comma"));
        }
    }
    Ok(deepest)
}

/// The first word of a statement.
fn word(code: &str) -> &str {
    let code = code.trim_start_matches(['-', '+']).trim_start();
    let end = code.bytes().position(|byte| !is_word(byte)).unwrap_or(code.len());
    &code[..end]
}

/// The place behind a text in quotes.
pub(crate) fn after_string(bytes: &[u8], begin: usize) -> usize {
    let quote = bytes[begin];
    let mut at = begin + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// True within a name or a number.
pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::{check, codes};

    #[test]
    fn code_is_told_from_text() {
        let found = |source| codes(source).iter().map(|code| code.source.trim()).collect::<Vec<_>>().join("|");
        for (source, expected) in [
            ("a ${{ x }} b {%- if y %}c{% endif %}", "x|- if y|endif"),
            ("${{ '}}' ~ x }} y", "'}}' ~ x"),
            ("${{ {'a': {'b': 1}} }} y", "{'a': {'b': 1}}"),
            ("{# ${{ x }} #}${{ y }}", "y"),
            ("{% raw %}${{ ' {% endraw %}${{ z }}", "raw|z"),
            ("{ {{ x }} $ {{ y }}", ""),
            ("${{ x", "x"),
            ("${{ 'x", "'x"),
        ] {
            assert_eq!(found(source), expected, "{source}");
        }
    }

    #[test]
    fn what_is_deep_is_refused() {
        let of = |open: &str, count: usize| format!("${{{{ {}1 }}}}", open.repeat(count));
        assert_eq!(check(&of("1 or ", 200), true), Ok(()));
        assert_eq!(check(&of("[1, 2, 3], ", 5_000), true), Ok(()));
        assert_eq!(check(&"${{ 1 }}\n".repeat(50_000), true), Ok(()));
        for source in [
            of("1 or ", 400),
            "${{ 1 }}".repeat(8_000),
            of("not ", 600),
            of("-", 600),
            of("(", 40),
            of("x[", 40),
            of("{'a': ", 40),
            of("1 if x else ", 300),
            of("(1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or ", 30),
            "{% if x %}".repeat(70),
            format!("{{% if x %}}{}", "{% elif x %}".repeat(70)),
            "{% set x = [x] %}".repeat(30),
            format!("{{# ' #}}{}", of("(", 40)),
            format!("{{% raw %}}${{{{ ' {{% endraw %}}{}", of("(", 40)),
            format!("${{{{ '}}}}' ~ {}1 }}}}", "(".repeat(40)),
        ] {
            assert!(check(&source, true).is_err(), "{source}");
        }
    }
}
