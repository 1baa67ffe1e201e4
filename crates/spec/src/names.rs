//! What an expression or a template reads and calls, each with its place: taken from MiniJinja's syntax tree.
//!
//! MiniJinja's own `undeclared_variables` gives neither places nor what stands in front of a slice, and does not look at the names of
//! filters. Its rules of scope are kept here.

#![expect(clippy::wildcard_enum_match_arm, reason = "of all kinds of expressions a few are paths, targets or callees")]

use std::collections::BTreeSet;
use std::ops::Range;

use agendum_types::Limits;
use agendum_types::graph::Form;
use minijinja::machinery::ast::{CallArg, Expr, Stmt};
use minijinja::machinery::{parse, parse_expr};

/// All that a source names.
#[derive(Debug, Default)]
pub(crate) struct Names<'s> {
    /// Data that is read, in the order of the text.
    pub(crate) reads: Vec<Read<'s>>,
    /// Names that a `set` gives: it may hold in all that follows, whatever block it stands in.
    pub(crate) given: BTreeSet<&'s str>,
    /// Filters, tests and functions.
    pub(crate) calls: Vec<(Call, Word<'s>)>,
}

/// A word and where it stands.
pub(crate) type Word<'s> = (&'s str, Range<usize>);

/// A path of data: `tasks.a.output.list[0].text`.
#[derive(Clone, Debug)]
pub(crate) struct Read<'s> {
    pub(crate) parts: Vec<Part<'s>>,
    /// Which of [`INSERTED`] are something of the source's own there.
    pub(crate) hidden: Vec<&'static str>,
}

/// Names that an agent's texts are written with at their new place.
const INSERTED: [&str; 2] = ["item", "outer"];

/// A step of a path.
#[derive(Clone, Debug)]
pub(crate) enum Part<'s> {
    /// `.name`, or the first name.
    Field(Word<'s>),
    /// `[…]`, whatever is inside.
    Item,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Filter,
    Test,
    Function,
}

/// Why a source cannot be read, and where.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) why: String,
    pub(crate) at: Option<Range<usize>>,
}

impl<'s> Read<'s> {
    /// The names before the first brackets.
    pub(crate) fn head(&self) -> impl Iterator<Item = &Word<'s>> {
        self.parts.iter().map_while(|part| if let Part::Field(word) = part { Some(word) } else { None })
    }

    /// The head with dots.
    pub(crate) fn path(&self) -> String {
        self.head().map(|(name, _)| *name).collect::<Vec<_>>().join(".")
    }

    /// Where the head stands.
    pub(crate) fn place(&self) -> Range<usize> {
        let mut head = self.head().map(|(_, place)| place);
        let Some(first) = head.next() else { return 0..0 };
        first.start..head.last().unwrap_or(first).end
    }

    fn key(&self) -> Vec<Option<&'s str>> {
        self.parts.iter().map(|part| if let Part::Field((name, _)) = part { Some(*name) } else { None }).collect()
    }
}

/// What a source reads, once for each path.
pub(crate) fn of<'s>(limits: &Limits, form: Form, source: &'s str) -> Result<Names<'s>, Unreadable> {
    let mut found = all(limits, form, source)?;
    let mut seen = BTreeSet::new();
    found.reads.retain(|read| seen.insert(read.key()));
    Ok(found)
}

/// What a source reads, wherever it does. One that is too deep is refused before anything parses it.
pub(crate) fn all<'s>(limits: &Limits, form: Form, source: &'s str) -> Result<Names<'s>, Unreadable> {
    if form != Form::Constant {
        crate::shape::check(source, form, limits).map_err(|why| Unreadable { why, at: None })?;
    }
    let unreadable = |error: minijinja::Error| Unreadable {
        why: error.detail().unwrap_or("it cannot be read").to_owned(),
        at: error.range().filter(|range| range.end <= source.len()),
    };
    let mut walk = Walk { source, found: Names::default(), scopes: vec![BTreeSet::new()] };
    match form {
        Form::Constant => {}
        Form::Expression => walk.expr(&parse_expr(source).map_err(unreadable)?),
        Form::Tree => walk.stmt(&parse(source, "<string>", crate::expr::syntax()).map_err(unreadable)?),
    }
    Ok(walk.found)
}

struct Walk<'s> {
    source: &'s str,
    found: Names<'s>,
    scopes: Vec<BTreeSet<&'s str>>,
}

impl<'s> Walk<'s> {
    /// Where a word stands that the parser took out of the source.
    fn word(&self, word: &'s str) -> Word<'s> {
        let at = (word.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize);
        let inside = at.checked_add(word.len()).is_some_and(|end| end <= self.source.len());
        (word, if inside { at..at + word.len() } else { 0..self.source.len() })
    }

    fn is_local(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.contains(name))
    }

    fn declare(&mut self, name: &'s str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name);
        }
    }

    fn target(&mut self, target: &Expr<'s>) {
        match target {
            Expr::Var(var) => self.declare(var.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.target(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.target(item)),
            _ => {}
        }
    }

    /// The same of a `set`.
    fn give(&mut self, target: &Expr<'s>) {
        match target {
            Expr::Var(var) => {
                self.declare(var.id);
                self.found.given.insert(var.id);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.give(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.give(item)),
            _ => {}
        }
    }

    fn call(&mut self, call: Call, name: &'s str) {
        let word = self.word(name);
        self.found.calls.push((call, word));
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr<'s>>)
    where
        's: 'e,
    {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn args(&mut self, args: &[CallArg<'s>]) {
        for arg in args {
            match arg {
                CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                    self.expr(expr);
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr<'s>) {
        match expr {
            Expr::Const(_) => {}
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::Slice(_) => self.path(expr),
            Expr::UnaryOp(op) => self.expr(&op.expr),
            Expr::BinOp(op) => self.exprs([&op.left, &op.right]),
            Expr::Compare(compare) => {
                self.expr(&compare.expr);
                self.exprs(compare.ops.iter().map(|op| &op.expr));
            }
            Expr::IfExpr(choice) => {
                self.exprs([&choice.test_expr, &choice.true_expr]);
                self.exprs(&choice.false_expr);
            }
            Expr::Filter(filter) => {
                self.exprs(&filter.expr);
                self.call(Call::Filter, filter.name);
                self.args(&filter.args);
            }
            Expr::Test(test) => {
                self.expr(&test.expr);
                self.call(Call::Test, test.name);
                self.args(&test.args);
            }
            Expr::Call(call) => {
                self.callee(&call.expr);
                self.args(&call.args);
            }
            Expr::List(list) => self.exprs(&list.items),
            Expr::Tuple(tuple) => self.exprs(&tuple.items),
            Expr::Map(map) => {
                for (key, value) in map.keys.iter().zip(&map.values) {
                    self.exprs([key, value]);
                }
            }
        }
    }

    /// A function by its name; of a method, what it is called on.
    fn callee(&mut self, callee: &Expr<'s>) {
        match callee {
            Expr::Var(var) if self.is_local(var.id) => {}
            Expr::Var(var) => self.call(Call::Function, var.id),
            Expr::GetAttr(method) => self.expr(&method.expr),
            _ => self.expr(callee),
        }
    }

    /// A path is followed down to its root; what stands between brackets has paths of its own.
    fn path(&mut self, expr: &Expr<'s>) {
        let mut parts = Vec::new();
        let mut at = expr;
        loop {
            match at {
                Expr::GetAttr(get) => {
                    parts.push(Part::Field(self.word(get.name)));
                    at = &get.expr;
                }
                Expr::GetItem(get) => {
                    parts.push(Part::Item);
                    self.expr(&get.subscript_expr);
                    at = &get.expr;
                }
                Expr::Slice(slice) => {
                    // A part of a list is a list: nothing is known of its fields from here on.
                    parts.clear();
                    for bound in [&slice.start, &slice.stop, &slice.step] {
                        self.exprs(bound);
                    }
                    at = &slice.expr;
                }
                Expr::Var(var) if self.is_local(var.id) => return,
                Expr::Var(var) => {
                    parts.push(Part::Field(self.word(var.id)));
                    parts.reverse();
                    let hidden = INSERTED.into_iter().filter(|name| self.is_local(name)).collect();
                    self.found.reads.push(Read { parts, hidden });
                    return;
                }
                _ => return self.expr(at),
            }
        }
    }

    fn block(&mut self, body: &[Stmt<'s>]) {
        self.scopes.push(BTreeSet::new());
        body.iter().for_each(|stmt| self.stmt(stmt));
        self.scopes.pop();
    }

    fn stmt(&mut self, stmt: &Stmt<'s>) {
        match stmt {
            Stmt::Template(template) => {
                self.declare("self");
                template.children.iter().for_each(|child| self.stmt(child));
            }
            Stmt::EmitExpr(emit) => self.expr(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.scopes.push(BTreeSet::from(["loop"]));
                self.expr(&each.iter);
                self.target(&each.target);
                self.exprs(&each.filter_expr);
                each.body.iter().for_each(|stmt| self.stmt(stmt));
                self.scopes.pop();
                self.block(&each.else_body);
            }
            Stmt::IfCond(choice) => {
                self.expr(&choice.expr);
                self.block(&choice.true_body);
                self.block(&choice.false_body);
            }
            Stmt::WithBlock(with) => {
                self.scopes.push(BTreeSet::new());
                for (target, expr) in &with.assignments {
                    self.expr(expr);
                    self.target(target);
                }
                with.body.iter().for_each(|stmt| self.stmt(stmt));
                self.scopes.pop();
            }
            Stmt::Set(set) => {
                self.expr(&set.expr);
                self.give(&set.target);
            }
            Stmt::SetBlock(set) => {
                self.exprs(&set.filter);
                self.block(&set.body);
                self.give(&set.target);
            }
            Stmt::AutoEscape(escape) => self.block(&escape.body),
            Stmt::FilterBlock(filter) => {
                self.expr(&filter.filter);
                self.block(&filter.body);
            }
            Stmt::Do(call) => {
                self.callee(&call.call.expr);
                self.args(&call.call.args);
            }
        }
    }
}
