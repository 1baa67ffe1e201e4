//! Sources as syntax trees: what they may use, and where their values are weighed. What they read is found in [`crate::names`].
//!
//! MiniJinja's fuel pays for its steps and for the bytes that they write. It does not pay for what a step finds inside a value: lists
//! that are joined, repeated and cut stay lazy, and a list may hold one large value many times. So the tree is built anew with
//! [`WEIGH`] around whatever makes or walks such a value. Weighing spends fuel for everything inside, and makes it whole: no step
//! walks more than has been paid for.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else a syntax tree may hold is refused, or weighed")]

use agendum_types::graph::Form;
use minijinja::machinery::ast::{
    BinOp, BinOpKind, Call, CallArg, Compare, CompareOp, Const, EmitExpr, EmitRaw, Expr, Filter, ForLoop, GetAttr,
    GetItem, IfCond, IfExpr, List, Map, Set, SetBlock, Slice, Spanned, Stmt, Template, Test, Tuple, UnaryOp,
    UnaryOpKind, Var,
};
use minijinja::machinery::{parse, parse_expr};
use minijinja::value::{Value, ValueKind};

use super::words::{FILTERS, FUNCTIONS, LIGHT_FILTERS, LIGHT_TESTS, TESTS};
use crate::diagnostic::nearest;

/// The filter that weighs a value; no source can name it.
pub(crate) const WEIGH: &str = "(weigh)";
/// The filter that weighs a text and nothing else: to find a letter in it is to walk it, an item or an entry is found at once.
pub(crate) const LETTERS: &str = "(letters)";
/// Letters so near to the beginning are found without being weighed for.
const NEAR: i64 = 256;

/// The syntax tree of a source that may be evaluated.
pub(crate) enum Tree<'a> {
    Expression(Expr<'a>),
    Template(Stmt<'a>),
}

/// Reads a source that is not deep; see [`crate::shape`].
pub(crate) fn guard(source: &str, form: Form) -> Result<Tree<'_>, String> {
    let unread = |error: minijinja::Error| super::message(&error);
    Ok(match form {
        Form::Expression => {
            let read = parse_expr(source).map_err(unread)?;
            Tree::Expression(kept(&read)?)
        }
        Form::Tree | Form::Constant => {
            let read = parse(source, "text", super::syntax()).map_err(unread)?;
            Tree::Template(statement(&read)?)
        }
    })
}

type Made<T> = Result<T, String>;

fn statement<'a>(statement: &Stmt<'a>) -> Made<Stmt<'a>> {
    Ok(match statement {
        Stmt::Template(of) => Stmt::Template(Spanned::new(Template { children: statements(&of.children)? }, of.span())),
        Stmt::EmitRaw(of) => Stmt::EmitRaw(Spanned::new(EmitRaw { raw: of.raw }, of.span())),
        Stmt::EmitExpr(of) => Stmt::EmitExpr(Spanned::new(EmitExpr { expr: kept(&of.expr)? }, of.span())),
        Stmt::ForLoop(of) => Stmt::ForLoop(Spanned::new(for_loop(of)?, of.span())),
        Stmt::IfCond(of) => {
            let expr = expression(&of.expr)?;
            let (true_body, false_body) = (statements(&of.true_body)?, statements(&of.false_body)?);
            Stmt::IfCond(Spanned::new(IfCond { expr, true_body, false_body }, of.span()))
        }
        Stmt::Set(of) => {
            let expr = kept(&of.expr)?;
            Stmt::Set(Spanned::new(Set { target: target(&of.target)?, expr }, of.span()))
        }
        Stmt::SetBlock(of) => {
            let filter = of.filter.as_ref().map(|filter| expression(filter)).transpose()?;
            let body = statements(&of.body)?;
            Stmt::SetBlock(Spanned::new(SetBlock { target: target(&of.target)?, filter, body }, of.span()))
        }
        Stmt::WithBlock(_) => return Err(statement_unknown("with")),
        Stmt::AutoEscape(_) => return Err(statement_unknown("autoescape")),
        Stmt::FilterBlock(_) => return Err(statement_unknown("filter")),
        Stmt::Do(_) => return Err(statement_unknown("do")),
    })
}

fn statements<'a>(all: &[Stmt<'a>]) -> Made<Vec<Stmt<'a>>> {
    all.iter().map(statement).collect()
}

fn for_loop<'a>(of: &ForLoop<'a>) -> Made<ForLoop<'a>> {
    if of.recursive {
        return Err("`for` cannot be recursive: write one `for` inside the other".into());
    }
    let iter = kept(&of.iter)?;
    let target = target(&of.target)?;
    let filter_expr = of.filter_expr.as_ref().map(|filter| expression(filter)).transpose()?;
    let body = statements(&of.body)?;
    Ok(ForLoop { target, iter, filter_expr, recursive: false, body, else_body: statements(&of.else_body)? })
}

/// What a value is bound to.
fn target<'a>(named: &Expr<'a>) -> Made<Expr<'a>> {
    match named {
        Expr::Var(of) => Ok(var(of)),
        Expr::Tuple(of) => {
            let items = of.items.iter().map(target).collect::<Made<_>>()?;
            Ok(Expr::Tuple(Spanned::new(Tuple { items }, of.span())))
        }
        Expr::List(of) => {
            let items = of.items.iter().map(target).collect::<Made<_>>()?;
            Ok(Expr::List(Spanned::new(List { items }, of.span())))
        }
        _ => Err("`set` and `for` give values to names only, not to parts of other values".into()),
    }
}

/// An expression whose value is kept under a name, or given.
fn kept<'a>(expr: &Expr<'a>) -> Made<Expr<'a>> {
    Ok(settled(expression(expr)?))
}

fn optional<'a>(expr: Option<&Expr<'a>>) -> Made<Option<Expr<'a>>> {
    expr.map(|expr| expression(expr)).transpose()
}

/// One function for each kind of expression: without optimisation a function takes the stack of all its branches.
fn expression<'a>(expr: &Expr<'a>) -> Made<Expr<'a>> {
    match expr {
        Expr::Var(_) | Expr::GetAttr(_) => path(expr),
        Expr::Const(of) => Ok(Expr::Const(Spanned::new(Const { value: of.value.clone() }, of.span()))),
        Expr::GetItem(of) => item(of),
        Expr::Slice(of) => slice(of),
        Expr::UnaryOp(of) => prefixed(of),
        Expr::BinOp(of) => operation(of),
        Expr::Compare(of) => comparison(of),
        Expr::IfExpr(of) => choice(of),
        Expr::Filter(of) => filter(of),
        Expr::Test(of) => test(of),
        Expr::Call(of) => call(of),
        Expr::List(of) => {
            let items = expressions(&of.items)?;
            Ok(weighed(Expr::List(Spanned::new(List { items }, of.span()))))
        }
        Expr::Tuple(of) => {
            let items = expressions(&of.items)?;
            Ok(weighed(Expr::Tuple(Spanned::new(Tuple { items }, of.span()))))
        }
        Expr::Map(of) => map(of),
    }
}

fn path<'a>(expr: &Expr<'a>) -> Made<Expr<'a>> {
    if begins_at_a_name(expr) {
        return Ok(attributes(expr));
    }
    let Expr::GetAttr(of) = expr else { unreachable!("a name is a path") };
    Ok(Expr::GetAttr(Spanned::new(GetAttr { expr: expression(&of.expr)?, name: of.name }, of.span())))
}

fn item<'a>(of: &Spanned<GetItem<'a>>) -> Made<Expr<'a>> {
    let (mut expr, subscript_expr) = (expression(&of.expr)?, expression(&of.subscript_expr)?);
    let is_near = |value: &Value| value.as_str().is_some() || value.as_i64().is_some_and(|at| (0..NEAR).contains(&at));
    if !matches!(&subscript_expr, Expr::Const(of) if is_near(&of.value)) {
        let span = expr.span();
        expr = Expr::Filter(Spanned::new(Filter { name: LETTERS, expr: Some(expr), args: Vec::new() }, span));
    }
    Ok(Expr::GetItem(Spanned::new(GetItem { expr, subscript_expr }, of.span())))
}

fn slice<'a>(of: &Spanned<Slice<'a>>) -> Made<Expr<'a>> {
    let expr = expression(&of.expr)?;
    let (start, stop) = (optional(of.start.as_ref())?, optional(of.stop.as_ref())?);
    let step = optional(of.step.as_ref())?;
    Ok(weighed(Expr::Slice(Spanned::new(Slice { expr, start, stop, step }, of.span()))))
}

fn prefixed<'a>(of: &Spanned<UnaryOp<'a>>) -> Made<Expr<'a>> {
    let op = if matches!(of.op, UnaryOpKind::Not) { UnaryOpKind::Not } else { UnaryOpKind::Neg };
    Ok(Expr::UnaryOp(Spanned::new(UnaryOp { op, expr: expression(&of.expr)? }, of.span())))
}

fn comparison<'a>(of: &Spanned<Compare<'a>>) -> Made<Expr<'a>> {
    let expr = settled_or_light(expression(&of.expr)?);
    let mut ops = Vec::with_capacity(of.ops.len());
    for next in &of.ops {
        ops.push(CompareOp { op: next.op, expr: settled_or_light(expression(&next.expr)?) });
    }
    Ok(Expr::Compare(Spanned::new(Compare { expr, ops }, of.span())))
}

fn choice<'a>(of: &Spanned<IfExpr<'a>>) -> Made<Expr<'a>> {
    let (test_expr, true_expr) = (expression(&of.test_expr)?, expression(&of.true_expr)?);
    let false_expr = optional(of.false_expr.as_ref())?;
    Ok(Expr::IfExpr(Spanned::new(IfExpr { test_expr, true_expr, false_expr }, of.span())))
}

fn map<'a>(of: &Spanned<Map<'a>>) -> Made<Expr<'a>> {
    let (keys, values) = (expressions(&of.keys)?, expressions(&of.values)?);
    Ok(weighed(Expr::Map(Spanned::new(Map { keys, values }, of.span()))))
}

fn expressions<'a>(expressions: &[Expr<'a>]) -> Made<Vec<Expr<'a>>> {
    expressions.iter().map(|expr| expression(expr)).collect()
}

fn operation<'a>(of: &Spanned<BinOp<'a>>) -> Made<Expr<'a>> {
    let (mut left, mut right) = (expression(&of.left)?, expression(&of.right)?);
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

fn filter<'a>(of: &Spanned<Filter<'a>>) -> Made<Expr<'a>> {
    if !FILTERS.contains(&of.name) {
        return Err(unknown("filter", of.name, &FILTERS));
    }
    let expr = optional(of.expr.as_ref())?;
    let is_light = LIGHT_FILTERS.contains(&of.name);
    let expr = expr.map(|expr| if is_light { expr } else { settled_or_light(expr) });
    let args = arguments(&of.args)?;
    Ok(Expr::Filter(Spanned::new(Filter { name: of.name, expr, args }, of.span())))
}

fn test<'a>(of: &Spanned<Test<'a>>) -> Made<Expr<'a>> {
    if !TESTS.contains(&of.name) {
        return Err(unknown("test", of.name, &TESTS));
    }
    let expr = expression(&of.expr)?;
    let expr = if LIGHT_TESTS.contains(&of.name) { expr } else { settled_or_light(expr) };
    let args = arguments(&of.args)?;
    Ok(Expr::Test(Spanned::new(Test { name: of.name, expr, args }, of.span())))
}

fn call<'a>(of: &Spanned<Call<'a>>) -> Made<Expr<'a>> {
    let expr = match &of.expr {
        Expr::Var(name) if FUNCTIONS.contains(&name.id) => var(name),
        Expr::Var(name) => return Err(unknown("function", name.id, &FUNCTIONS)),
        Expr::GetAttr(method) if method.name == "cycle" && matches!(&method.expr, Expr::Var(of) if of.id == "loop") => {
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
    let args = arguments(&of.args)?;
    Ok(weighed(Expr::Call(Spanned::new(Call { expr, args }, of.span()))))
}

fn arguments<'a>(arguments: &[CallArg<'a>]) -> Made<Vec<CallArg<'a>>> {
    let made = arguments.iter().map(|argument| {
        Ok(match argument {
            CallArg::Pos(expr) => CallArg::Pos(settled_or_light(expression(expr)?)),
            CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, settled_or_light(expression(expr)?)),
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                return Err("`*` before an argument is not known here: write the arguments one by one".into());
            }
        })
    });
    made.collect()
}

fn var<'a>(of: &Spanned<Var<'a>>) -> Expr<'a> {
    Expr::Var(Spanned::new(Var { id: of.id }, of.span()))
}

/// True for a chain of attributes that begins at a name, of data or of the template's own.
fn begins_at_a_name(expr: &Expr<'_>) -> bool {
    let mut at = expr;
    while let Expr::GetAttr(of) = at {
        at = &of.expr;
    }
    matches!(at, Expr::Var(_))
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
        Expr::Filter(of) => of.name == WEIGH || (of.name == LETTERS && of.expr.as_ref().is_some_and(is_settled)),
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
