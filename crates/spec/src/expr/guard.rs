//! Sources as syntax trees: what they read, what they may use, and where their values are weighed.
//!
//! MiniJinja's fuel pays for its steps and for the bytes that they write. It does not pay for what a step finds inside a value: lists
//! that are joined, repeated and cut stay lazy, and a list may hold one large value many times. So the tree is built anew with
//! [`WEIGH`] around whatever makes or walks such a value. Weighing spends fuel for everything inside, and makes it whole: no step
//! walks more than has been paid for.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else a syntax tree may hold is refused, or weighed")]

use std::collections::BTreeSet;

use agendum_types::graph::Form;
use minijinja::machinery::ast::{
    BinOp, BinOpKind, Call, CallArg, Compare, CompareOp, Const, EmitExpr, EmitRaw, Expr, Filter, ForLoop, GetAttr,
    GetItem, IfCond, IfExpr, List, Map, Set, SetBlock, Slice, Spanned, Stmt, Template, Test, Tuple, UnaryOp,
    UnaryOpKind, Var,
};
use minijinja::machinery::{parse, parse_expr};
use minijinja::value::ValueKind;

use super::words::{FILTERS, FUNCTIONS, LIGHT_FILTERS, LIGHT_TESTS, TESTS};
use crate::diagnostic::nearest;

/// The filter that weighs a value; no source can name it.
pub(crate) const WEIGH: &str = "(weigh)";

/// A source that may be evaluated.
pub(crate) struct Guarded<'a> {
    pub(crate) tree: Tree<'a>,
    /// The dotted paths that it reads, as `tasks.a.output.text`.
    pub(crate) names: BTreeSet<String>,
}

/// Its syntax tree.
pub(crate) enum Tree<'a> {
    Expression(Expr<'a>),
    Template(Stmt<'a>),
}

/// Reads a source that is not deep; see [`crate::shape`].
pub(crate) fn guard(source: &str, form: Form) -> Result<Guarded<'_>, String> {
    let unread = |error: minijinja::Error| super::message(&error);
    let mut guard = Guard { names: BTreeSet::new(), scopes: vec![Vec::new()] };
    let tree = match form {
        Form::Expression => {
            let read = parse_expr(source).map_err(unread)?;
            Tree::Expression(guard.settled(&read)?)
        }
        Form::Tree | Form::Constant => {
            let read = parse(source, "text", super::syntax()).map_err(unread)?;
            Tree::Template(guard.statement(&read)?)
        }
    };
    Ok(Guarded { tree, names: guard.names })
}

type Made<T> = Result<T, String>;

struct Guard<'a> {
    names: BTreeSet<String>,
    /// The names that the template itself gives, for each block that is open.
    scopes: Vec<Vec<&'a str>>,
}

impl<'a> Guard<'a> {
    fn statement(&mut self, statement: &Stmt<'a>) -> Made<Stmt<'a>> {
        Ok(match statement {
            Stmt::Template(of) => {
                Stmt::Template(Spanned::new(Template { children: self.statements(&of.children)? }, of.span()))
            }
            Stmt::EmitRaw(of) => Stmt::EmitRaw(Spanned::new(EmitRaw { raw: of.raw }, of.span())),
            Stmt::EmitExpr(of) => Stmt::EmitExpr(Spanned::new(EmitExpr { expr: self.settled(&of.expr)? }, of.span())),
            Stmt::ForLoop(of) => Stmt::ForLoop(Spanned::new(self.for_loop(of)?, of.span())),
            Stmt::IfCond(of) => {
                let expr = self.expression(&of.expr)?;
                let (true_body, false_body) = (self.block(&of.true_body)?, self.block(&of.false_body)?);
                Stmt::IfCond(Spanned::new(IfCond { expr, true_body, false_body }, of.span()))
            }
            Stmt::Set(of) => {
                let expr = self.settled(&of.expr)?;
                Stmt::Set(Spanned::new(Set { target: self.target(&of.target)?, expr }, of.span()))
            }
            Stmt::SetBlock(of) => {
                let filter = of.filter.as_ref().map(|filter| self.expression(filter)).transpose()?;
                let body = self.block(&of.body)?;
                Stmt::SetBlock(Spanned::new(SetBlock { target: self.target(&of.target)?, filter, body }, of.span()))
            }
            Stmt::WithBlock(_) => return Err(statement_unknown("with")),
            Stmt::AutoEscape(_) => return Err(statement_unknown("autoescape")),
            Stmt::FilterBlock(_) => return Err(statement_unknown("filter")),
            Stmt::Do(_) => return Err(statement_unknown("do")),
        })
    }

    fn statements(&mut self, statements: &[Stmt<'a>]) -> Made<Vec<Stmt<'a>>> {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    fn block(&mut self, statements: &[Stmt<'a>]) -> Made<Vec<Stmt<'a>>> {
        self.scopes.push(Vec::new());
        let made = self.statements(statements);
        self.scopes.pop();
        made
    }

    fn for_loop(&mut self, of: &ForLoop<'a>) -> Made<ForLoop<'a>> {
        if of.recursive {
            return Err("`for` cannot be recursive: write one `for` inside the other".into());
        }
        let iter = self.settled(&of.iter)?;
        self.scopes.push(vec!["loop"]);
        let target = self.target(&of.target)?;
        let filter_expr = of.filter_expr.as_ref().map(|filter| self.expression(filter)).transpose()?;
        let body = self.statements(&of.body)?;
        self.scopes.pop();
        Ok(ForLoop { target, iter, filter_expr, recursive: false, body, else_body: self.block(&of.else_body)? })
    }

    /// What a value is bound to.
    fn target(&mut self, target: &Expr<'a>) -> Made<Expr<'a>> {
        match target {
            Expr::Var(of) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.push(of.id);
                }
                Ok(var(of))
            }
            Expr::Tuple(of) => {
                let items = of.items.iter().map(|item| self.target(item)).collect::<Made<_>>()?;
                Ok(Expr::Tuple(Spanned::new(Tuple { items }, of.span())))
            }
            Expr::List(of) => {
                let items = of.items.iter().map(|item| self.target(item)).collect::<Made<_>>()?;
                Ok(Expr::List(Spanned::new(List { items }, of.span())))
            }
            _ => Err("`set` and `for` give values to names only, not to parts of other values".into()),
        }
    }

    /// An expression whose value is kept under a name, or given.
    fn settled(&mut self, expr: &Expr<'a>) -> Made<Expr<'a>> {
        Ok(settled(self.expression(expr)?))
    }

    fn optional(&mut self, expr: Option<&Expr<'a>>) -> Made<Option<Expr<'a>>> {
        expr.map(|expr| self.expression(expr)).transpose()
    }

    /// One function for each kind of expression: without optimisation a function takes the stack of all its branches.
    fn expression(&mut self, expr: &Expr<'a>) -> Made<Expr<'a>> {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) => self.path(expr),
            Expr::Const(of) => Ok(Expr::Const(Spanned::new(Const { value: of.value.clone() }, of.span()))),
            Expr::GetItem(of) => self.item(of),
            Expr::Slice(of) => self.slice(of),
            Expr::UnaryOp(of) => self.prefixed(of),
            Expr::BinOp(of) => self.operation(of),
            Expr::Compare(of) => self.comparison(of),
            Expr::IfExpr(of) => self.choice(of),
            Expr::Filter(of) => self.filter(of),
            Expr::Test(of) => self.test(of),
            Expr::Call(of) => self.call(of),
            Expr::List(of) => {
                let items = self.expressions(&of.items)?;
                Ok(weighed(Expr::List(Spanned::new(List { items }, of.span()))))
            }
            Expr::Tuple(of) => {
                let items = self.expressions(&of.items)?;
                Ok(weighed(Expr::Tuple(Spanned::new(Tuple { items }, of.span()))))
            }
            Expr::Map(of) => self.map(of),
        }
    }

    fn path(&mut self, expr: &Expr<'a>) -> Made<Expr<'a>> {
        if self.note(expr) {
            return Ok(attributes(expr));
        }
        let Expr::GetAttr(of) = expr else { unreachable!("a name is a path") };
        Ok(Expr::GetAttr(Spanned::new(GetAttr { expr: self.expression(&of.expr)?, name: of.name }, of.span())))
    }

    fn item(&mut self, of: &Spanned<GetItem<'a>>) -> Made<Expr<'a>> {
        let (expr, subscript_expr) = (self.expression(&of.expr)?, self.expression(&of.subscript_expr)?);
        Ok(Expr::GetItem(Spanned::new(GetItem { expr, subscript_expr }, of.span())))
    }

    fn slice(&mut self, of: &Spanned<Slice<'a>>) -> Made<Expr<'a>> {
        let expr = self.expression(&of.expr)?;
        let (start, stop) = (self.optional(of.start.as_ref())?, self.optional(of.stop.as_ref())?);
        let step = self.optional(of.step.as_ref())?;
        Ok(weighed(Expr::Slice(Spanned::new(Slice { expr, start, stop, step }, of.span()))))
    }

    fn prefixed(&mut self, of: &Spanned<UnaryOp<'a>>) -> Made<Expr<'a>> {
        let op = if matches!(of.op, UnaryOpKind::Not) { UnaryOpKind::Not } else { UnaryOpKind::Neg };
        Ok(Expr::UnaryOp(Spanned::new(UnaryOp { op, expr: self.expression(&of.expr)? }, of.span())))
    }

    fn comparison(&mut self, of: &Spanned<Compare<'a>>) -> Made<Expr<'a>> {
        let expr = settled_or_light(self.expression(&of.expr)?);
        let mut ops = Vec::with_capacity(of.ops.len());
        for next in &of.ops {
            ops.push(CompareOp { op: next.op, expr: settled_or_light(self.expression(&next.expr)?) });
        }
        Ok(Expr::Compare(Spanned::new(Compare { expr, ops }, of.span())))
    }

    fn choice(&mut self, of: &Spanned<IfExpr<'a>>) -> Made<Expr<'a>> {
        let (test_expr, true_expr) = (self.expression(&of.test_expr)?, self.expression(&of.true_expr)?);
        let false_expr = self.optional(of.false_expr.as_ref())?;
        Ok(Expr::IfExpr(Spanned::new(IfExpr { test_expr, true_expr, false_expr }, of.span())))
    }

    fn map(&mut self, of: &Spanned<Map<'a>>) -> Made<Expr<'a>> {
        let (keys, values) = (self.expressions(&of.keys)?, self.expressions(&of.values)?);
        Ok(weighed(Expr::Map(Spanned::new(Map { keys, values }, of.span()))))
    }

    fn expressions(&mut self, expressions: &[Expr<'a>]) -> Made<Vec<Expr<'a>>> {
        expressions.iter().map(|expr| self.expression(expr)).collect()
    }

    fn operation(&mut self, of: &Spanned<BinOp<'a>>) -> Made<Expr<'a>> {
        let (mut left, mut right) = (self.expression(&of.left)?, self.expression(&of.right)?);
        let makes_whole = match of.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => false,
            BinOpKind::Add | BinOpKind::Mul => true,
            BinOpKind::Sub | BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem | BinOpKind::Pow => false,
            BinOpKind::Concat
            | BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte
            | BinOpKind::In => {
                (left, right) = (settled_or_light(left), settled_or_light(right));
                false
            }
        };
        let made = Expr::BinOp(Spanned::new(BinOp { op: of.op, left, right }, of.span()));
        Ok(if makes_whole { weighed(made) } else { made })
    }

    fn filter(&mut self, of: &Spanned<Filter<'a>>) -> Made<Expr<'a>> {
        if !FILTERS.contains(&of.name) {
            return Err(unknown("filter", of.name, &FILTERS));
        }
        let expr = self.optional(of.expr.as_ref())?;
        let is_light = LIGHT_FILTERS.contains(&of.name);
        let expr = expr.map(|expr| if is_light { expr } else { settled_or_light(expr) });
        let args = self.arguments(&of.args)?;
        Ok(Expr::Filter(Spanned::new(Filter { name: of.name, expr, args }, of.span())))
    }

    fn test(&mut self, of: &Spanned<Test<'a>>) -> Made<Expr<'a>> {
        if !TESTS.contains(&of.name) {
            return Err(unknown("test", of.name, &TESTS));
        }
        let expr = self.expression(&of.expr)?;
        let expr = if LIGHT_TESTS.contains(&of.name) { expr } else { settled_or_light(expr) };
        let args = self.arguments(&of.args)?;
        Ok(Expr::Test(Spanned::new(Test { name: of.name, expr, args }, of.span())))
    }

    fn call(&mut self, of: &Spanned<Call<'a>>) -> Made<Expr<'a>> {
        let expr = match &of.expr {
            Expr::Var(name) if FUNCTIONS.contains(&name.id) => var(name),
            Expr::Var(name) => return Err(unknown("function", name.id, &FUNCTIONS)),
            Expr::GetAttr(method)
                if method.name == "cycle" && matches!(&method.expr, Expr::Var(of) if of.id == "loop") =>
            {
                attributes(&of.expr)
            }
            Expr::GetAttr(method) => {
                return Err(format!(
                    "`.{}(…)` cannot be called: use a filter, as in `value | {}`",
                    method.name, method.name
                ));
            }
            _ => return Err("only functions can be called: range(…) and dict(…)".into()),
        };
        let args = self.arguments(&of.args)?;
        Ok(weighed(Expr::Call(Spanned::new(Call { expr, args }, of.span()))))
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>]) -> Made<Vec<CallArg<'a>>> {
        let made = arguments.iter().map(|argument| {
            Ok(match argument {
                CallArg::Pos(expr) => CallArg::Pos(settled_or_light(self.expression(expr)?)),
                CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, settled_or_light(self.expression(expr)?)),
                CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                    return Err("`*` before an argument is not known here: write the arguments one by one".into());
                }
            })
        });
        made.collect()
    }

    /// Notes the path of a chain of attributes that begins at a name. True if it is one, of data or of the template's own.
    fn note(&mut self, expr: &Expr<'a>) -> bool {
        let mut words = Vec::new();
        let mut at = expr;
        while let Expr::GetAttr(of) = at {
            words.push(of.name);
            at = &of.expr;
        }
        let Expr::Var(of) = at else { return false };
        let is_local = self.scopes.iter().any(|scope| scope.contains(&of.id));
        if !is_local && !FUNCTIONS.contains(&of.id) {
            words.push(of.id);
            words.reverse();
            self.names.insert(words.join("."));
        }
        true
    }
}

fn var<'a>(of: &Spanned<Var<'a>>) -> Expr<'a> {
    Expr::Var(Spanned::new(Var { id: of.id }, of.span()))
}

/// A copy of a chain of attributes.
fn attributes<'a>(expr: &Expr<'a>) -> Expr<'a> {
    match expr {
        Expr::GetAttr(of) => {
            Expr::GetAttr(Spanned::new(GetAttr { expr: attributes(&of.expr), name: of.name }, of.span()))
        }
        Expr::Var(of) => var(of),
        _ => unreachable!("a chain of attributes begins at a name"),
    }
}

fn weighed(expr: Expr<'_>) -> Expr<'_> {
    let span = expr.span();
    Expr::Filter(Spanned::new(Filter { name: WEIGH, expr: Some(expr), args: Vec::new() }, span))
}

/// Weighs what is not whole already.
fn settled(expr: Expr<'_>) -> Expr<'_> {
    if is_settled(&expr) { expr } else { weighed(expr) }
}

fn is_settled(expr: &Expr<'_>) -> bool {
    match expr {
        // What has a name was weighed when it got it, or came from outside.
        Expr::Var(_) | Expr::Const(_) | Expr::Compare(_) | Expr::Test(_) => true,
        Expr::GetAttr(of) => is_settled(&of.expr),
        Expr::GetItem(of) => is_settled(&of.expr),
        Expr::Filter(of) => of.name == WEIGH,
        Expr::IfExpr(of) => is_settled(&of.true_expr) && of.false_expr.as_ref().is_none_or(is_settled),
        Expr::BinOp(of) => match of.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => is_settled(&of.left) && is_settled(&of.right),
            _ => true,
        },
        Expr::UnaryOp(_) => true,
        Expr::Slice(_) | Expr::Call(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => false,
    }
}

/// Weighs whatever a step is about to walk, unless it is one word of the source.
fn settled_or_light(expr: Expr<'_>) -> Expr<'_> {
    match &expr {
        Expr::Const(of) if !matches!(of.value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) => expr,
        Expr::Filter(of) if of.name == WEIGH => expr,
        Expr::Compare(_) | Expr::Test(_) | Expr::UnaryOp(_) => expr,
        _ => weighed(expr),
    }
}

fn statement_unknown(word: &str) -> String {
    format!("`{{% {word} %}}` is not known here: known are if, for and set")
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(best) => format!("there is no {what} `{name}`: did you mean `{best}`?"),
        None => format!("there is no {what} `{name}`: known are {}", known.join(", ")),
    }
}
