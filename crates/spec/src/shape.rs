//! How deep a source is, measured before anything recursive reads it.
//!
//! A parser, a compiler and a destructor walk an expression by recursion: `x or x or …` a thousand times over would end the process
//! and not the check. What is counted here, over the tokens that the parser will see, is never less than the depth of its syntax
//! tree: tokens since the last comma, over all brackets that are open.

#![expect(clippy::wildcard_enum_match_arm, reason = "every other token counts")]

use agendum_types::Limits;
use agendum_types::graph::Form;
use minijinja::machinery::{Token, tokenize};

use crate::expr;

/// Refuses a source that is too deep.
pub(crate) fn check(source: &str, form: Form, limits: &Limits) -> Result<(), String> {
    let mut shape = Shape { limits, levels: vec![0], sum: 0, blocks: Vec::new(), nested: 0, opens: false };
    for token in tokenize(source, form == Form::Expression, expr::syntax()) {
        let (token, _) = token.map_err(|error| expr::message(&error))?;
        shape.take(&token)?;
    }
    Ok(())
}

struct Shape<'a> {
    limits: &'a Limits,
    /// Tokens since the last comma, for each open bracket.
    levels: Vec<u32>,
    /// Their sum.
    sum: u32,
    /// Blocks around the block that is open, for each open block.
    blocks: Vec<u32>,
    nested: u32,
    /// True if the next token is the word of a statement.
    opens: bool,
}

impl Shape<'_> {
    fn take(&mut self, token: &Token<'_>) -> Result<(), String> {
        if std::mem::take(&mut self.opens) {
            self.statement(token)?;
        }
        let top = self.levels.len() - 1;
        match token {
            Token::TemplateData(_) => return Ok(()),
            Token::BlockStart => self.opens = true,
            Token::VariableStart | Token::VariableEnd | Token::BlockEnd => {}
            Token::Comma => {
                self.sum -= self.levels[top];
                self.levels[top] = 0;
                return Ok(());
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose if top > 0 => {
                self.sum -= self.levels.pop().unwrap_or(0);
                return Ok(());
            }
            _ => {
                self.sum += 1;
                self.levels[top] += 1;
                if matches!(token, Token::ParenOpen | Token::BracketOpen | Token::BraceOpen) {
                    self.levels.push(0);
                }
                return self.within_limits();
            }
        }
        // Code begins or ends.
        self.levels.clear();
        self.levels.push(0);
        self.sum = 0;
        Ok(())
    }

    fn statement(&mut self, token: &Token<'_>) -> Result<(), String> {
        let Token::Ident(word) = token else { return Ok(()) };
        match *word {
            "elif" => self.nested += 1,
            word if word.starts_with("end") => self.nested = self.blocks.pop().unwrap_or(0),
            // Whatever else may have an end is counted as a block until it comes.
            "else" => {}
            _ => {
                self.blocks.push(self.nested);
                self.nested += u32::from(*word != "set");
            }
        }
        let max = self.limits.template_blocks_max;
        if self.nested > max {
            return Err(format!(
                "it has more than {max} blocks inside each other, every `elif` counted: let one task prepare what another one prints"
            ));
        }
        Ok(())
    }

    fn within_limits(&self) -> Result<(), String> {
        let (brackets, depth) = (self.limits.expression_brackets_max, self.limits.expression_depth_max);
        if self.levels.len() > brackets as usize + 1 {
            return Err(format!(
                "it has more than {brackets} brackets inside each other: give its parts names with `set`"
            ));
        }
        if self.sum > depth {
            return Err(format!(
                "it has more than {depth} names, values and operators without a comma: give its parts names with `set`, or use a list"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agendum_types::Limits;
    use agendum_types::graph::Form;

    use super::check;

    fn of(open: &str, count: usize) -> String {
        format!("${{{{ {}1 }}}}", open.repeat(count))
    }

    fn verdict(source: &str) -> Result<(), String> {
        check(source, Form::Tree, &Limits::STANDARD)
    }

    #[test]
    fn what_is_usual_is_not_deep() {
        for source in [
            of("1 or ", 60),
            of("[1, 2, 3], ", 5_000),
            "${{ x }}".repeat(5_000),
            "{% set x = x + 1 %}".repeat(5_000),
            "{% if x %}a{% elif y %}b{% else %}c{% endif %}".repeat(5_000),
        ] {
            assert_eq!(verdict(&source), Ok(()), "{source:.80}");
        }
    }

    #[test]
    fn what_is_deep_is_refused() {
        for source in [
            of("1 or ", 200),
            of("not ", 300),
            of("-", 300),
            of("(", 40),
            of("x[", 40),
            of("{'a': ", 40),
            of("1 if x else ", 100),
            of("(1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or 1 or ", 30),
            format!("${{{{ x{} }}}}", ".a".repeat(200)),
            format!("${{{{ x{} }}}}", "|string".repeat(300)),
            format!("${{{{ x{} }}}}", "[0]".repeat(300)),
            format!("${{{{ x{} }}}}", "()".repeat(300)),
            format!("${{{{ x{} }}}}", " is defined".repeat(300)),
            "{% if x %}".repeat(40),
            format!("{{% if x %}}{}", "{% elif x %}".repeat(40)),
            "{% set x %}{% if x %}".repeat(40),
            format!("{{# ' #}}{}", of("(", 40)),
            format!("{{% raw %}}${{{{ ' {{% endraw %}}{}", of("(", 40)),
            format!("${{{{ '}}}}' ~ {}1 }}}}", "(".repeat(40)),
        ] {
            assert!(verdict(&source).is_err(), "{source:.80}");
        }
    }
}
