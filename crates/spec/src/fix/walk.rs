//! What the references of a document become once the tasks of its cycles stand in loops.

use std::ops::Range;

use agendum_types::Limits;
use agendum_types::graph::{COMPENSATE, Form, Section};

use super::Unfixable;
use super::edits::Edits;
use super::loops::Loops;
use crate::diagnostic::{Diagnostics, Parts};
use crate::expr::{self, Text};
use crate::names::{self, Word};
use crate::tree::{Key, Node, Value};

/// Notes every change of a reference, of `needs` and of `publish_after`.
pub(super) fn references(
    tree: &Node,
    loops: &mut Loops,
    edits: &mut Edits<'_>,
    places: &Diagnostics,
    limits: &Limits,
) -> Result<(), Unfixable> {
    let mut walk = Walk { loops, edits, places, limits, path: Vec::new() };
    for section in Section::ALL {
        walk.tasks(tree.get(section.word()))?;
    }
    if let Some(output) = tree.get("output") {
        walk.texts(output, &Place { within: true, after: true })?;
    }
    Ok(())
}

struct Walk<'t, 'w, 'e> {
    loops: &'w mut Loops,
    edits: &'w mut Edits<'e>,
    places: &'w Diagnostics,
    limits: &'w Limits,
    /// The task at hand and the groups around it, from the top.
    path: Vec<Step<'t>>,
}

struct Step<'t> {
    name: &'t str,
    has_loop: bool,
}

/// Where in its task a text stands.
struct Place {
    /// True where the tasks of the group itself are `tasks`.
    within: bool,
    /// True for what is evaluated once the task has an output.
    after: bool,
}

impl<'t> Walk<'t, '_, '_> {
    fn tasks(&mut self, tasks: Option<&'t Node>) -> Result<(), Unfixable> {
        for (key, node) in tasks.map(Node::entries).unwrap_or_default() {
            self.path.push(Step { name: &key.name, has_loop: node.get("loop").is_some() });
            self.task(node)?;
            self.path.pop();
        }
        Ok(())
    }

    fn task(&mut self, node: &'t Node) -> Result<(), Unfixable> {
        let is_group = node.get("tasks").is_some();
        for (key, value) in node.entries() {
            match key.name.as_str() {
                "tasks" => self.tasks(Some(value))?,
                "needs" | "publish_after" => self.names(node, key, value)?,
                "judges" => self.judged(value)?,
                "fail_if" | "loop" | "output" | "race" => {
                    self.texts(value, &Place { within: is_group, after: true })?;
                }
                "with" | "if" | "foreach" | "catch" | "not_before" | COMPENSATE => {
                    self.texts(value, &Place { within: false, after: false })?;
                }
                // Nothing evaluates the rest: a description may quote what it likes.
                _ => {}
            }
        }
        Ok(())
    }

    /// `needs` and `publish_after`: names of tasks beside this one.
    fn names(&mut self, task: &Node, key: &Key, value: &Node) -> Result<(), Unfixable> {
        let (groups, name) = self.scope(0, false);
        let own = self.loops.of(&groups, name.unwrap_or_default());
        if let (Some(_), "publish_after") = (own, key.name.as_str()) {
            let name = name.unwrap_or_default();
            return Err(Unfixable(format!("`publish_after` of task `{name}` belongs to a task outside of any group")));
        }
        let before: Vec<&str> = match value.text() {
            Some(one) => vec![one],
            None => value.items().iter().filter_map(Node::text).collect(),
        };
        let mut after: Vec<String> = Vec::new();
        for need in &before {
            let theirs = self.loops.of(&groups, need);
            let named = theirs.map_or(*need, |(of, _)| self.loops.all[of].name.as_str()).to_owned();
            match (own, theirs) {
                (Some((of, own)), Some((same, their))) if of == same => {
                    let rank = &self.loops.all[of].rank;
                    if rank[their] < rank[own] {
                        after.push((*need).to_owned());
                    }
                }
                (Some((of, _)), _) => drop(self.loops.all[of].needs.insert(named)),
                (None, _) if after.contains(&named) => {}
                (None, _) => after.push(named),
            }
        }
        if after != before {
            self.edits.set_names(task, key, value, &after);
        }
        Ok(())
    }

    /// `judges` names a task beside this one: both must stand in the loop, or neither.
    fn judged(&mut self, value: &Node) -> Result<(), Unfixable> {
        let Some(judged) = value.text().or_else(|| value.get("task")?.text()) else { return Ok(()) };
        let (groups, name) = self.scope(0, false);
        let name = name.unwrap_or_default();
        let of = |name: &str| self.loops.of(&groups, name).map(|(of, _)| of);
        if of(name) == of(judged) {
            return Ok(());
        }
        Err(Unfixable(format!(
            "`judges` of task `{name}` names `{judged}`, and only one of them would stand in the loop"
        )))
    }

    fn texts(&mut self, node: &Node, place: &Place) -> Result<(), Unfixable> {
        match &node.value {
            Value::Text(text) => self.text(node, text, place),
            Value::List(items) => items.iter().try_for_each(|item| self.texts(item, place)),
            Value::Map(entries) => entries.iter().try_for_each(|(_, value)| self.texts(value, place)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn text(&mut self, node: &Node, text: &str, place: &Place) -> Result<(), Unfixable> {
        let (form, source) = match expr::classify(text) {
            Text::Plain => return Ok(()),
            Text::Expression(source) => (Form::Expression, source),
            Text::Template => (Form::Tree, text),
        };
        let parts = self.places.parts(node);
        let begin = source.as_ptr() as usize - text.as_ptr() as usize;
        let reads = names::all(self.limits, form, source).map_err(|unreadable| Unfixable(unreadable.why))?.reads;
        for read in &reads {
            let place_of = |at: &Range<usize>| parts.place(&(begin + at.start..begin + at.end));
            let chain: Vec<Word<'_>> = read.head().map(|(name, at)| (*name, place_of(at))).collect();
            if let Some((bytes, becomes)) = self.becomes(&chain, place)? {
                if !matches!(parts, Parts::Scalar(_)) {
                    return Err(Unfixable(format!("where `{}` stands cannot be told", read.path())));
                }
                self.edits.replace(bytes, becomes);
            }
        }
        Ok(())
    }

    /// The groups that are reached by so many `outer`, and the task in there on whose inside the text stands.
    fn scope(&self, outer: usize, within: bool) -> (Vec<&'t str>, Option<&'t str>) {
        let depth = (self.path.len() + usize::from(within)).saturating_sub(outer + 1);
        let names = self.path.iter().map(|step| step.name);
        (names.take(depth).collect(), self.path.get(depth).map(|step| step.name))
    }

    /// The loop that will stand around the text at this level.
    fn inserted(&self, outer: usize, place: &Place) -> Option<(usize, usize)> {
        let (groups, name) = self.scope(outer, place.within);
        self.loops.of(&groups, name?)
    }

    /// True if the group at this level is a loop already.
    fn is_loop(&self, outer: usize, place: &Place) -> bool {
        let depth = self.scope(outer, place.within).0.len();
        depth > 0 && self.path[depth - 1].has_loop
    }

    fn becomes(&self, chain: &[Word<'_>], place: &Place) -> Result<Option<(Range<usize>, String)>, Unfixable> {
        let names: Vec<&str> = chain.iter().map(|(name, _)| *name).collect();
        let outer = names.iter().take_while(|name| **name == "outer").count();
        if outer >= self.path.len() + usize::from(place.within) {
            return Ok(None);
        }
        match &names[outer..] {
            ["tasks", name, part, ..] => self.reference(chain, outer, name, part, place),
            ["loop", "previous" | "round", ..] if outer == 0 => self.of_loop(chain, &names, place),
            _ => Ok(None),
        }
    }

    fn reference(
        &self,
        chain: &[Word<'_>],
        outer: usize,
        name: &str,
        part: &str,
        place: &Place,
    ) -> Result<Option<(Range<usize>, String)>, Unfixable> {
        let start = chain[0].1.start;
        let (groups, on_way) = self.scope(outer, place.within);
        let crossed = (0..outer).filter(|level| self.inserted(*level, place).is_some()).count();
        let own = on_way.and_then(|on_way| self.loops.of(&groups, on_way));
        let theirs = self.loops.of(&groups, name);
        if let (Some((of, own)), Some((same, their))) = (own, theirs)
            && of == same
        {
            let of_itself = outer == 0 && place.after && own == their;
            let rank = &self.loops.all[of].rank;
            if of_itself || rank[their] < rank[own] {
                return Ok(further_out(start, crossed));
            }
            if crossed > 0 || (0..outer).any(|level| self.is_loop(level, place)) {
                let reader = self.path.last().map_or("the output", |step| step.name);
                return Err(Unfixable(format!(
                    "`{reader}` stands in a loop inside the cycle and reads `{name}` of the round before"
                )));
            }
            return Ok(Some((start..chain[outer + 1].1.end, format!("loop.previous.tasks.{name}"))));
        }
        let further = crossed + usize::from(own.is_some());
        let Some((of, _)) = theirs else { return Ok(further_out(start, further)) };
        if part != "output" {
            return Err(Unfixable(format!("`{part}` of task `{name}` cannot be read from outside a loop")));
        }
        let text = format!("{}tasks.{}.output.{name}", "outer.".repeat(outer + further), self.loops.all[of].name);
        Ok(Some((start..chain[outer + 2].1.end, text)))
    }

    /// `loop.previous` and `loop.round` mean the nearest loop, which may not become another one.
    fn of_loop(
        &self,
        chain: &[Word<'_>],
        names: &[&str],
        place: &Place,
    ) -> Result<Option<(Range<usize>, String)>, Unfixable> {
        if self.path.last().is_some_and(|step| step.has_loop) && !place.within {
            return Ok(None);
        }
        let levels = self.path.len() + usize::from(place.within);
        let Some(nearest) = (0..levels).find(|level| self.is_loop(*level, place)) else { return Ok(None) };
        if (0..=nearest).any(|level| self.inserted(level, place).is_some()) {
            let task = self.path.last().map_or("the output", |step| step.name);
            return Err(Unfixable(format!("task `{task}` reads `{}` of a loop further out", names.join("."))));
        }
        let (groups, _) = self.scope(nearest, place.within);
        match names {
            ["loop", "previous", "tasks", name, part, ..] => match (self.loops.of(&groups, name), *part) {
                (None, _) => Ok(None),
                (Some((of, _)), "output") => {
                    let text = format!("loop.previous.tasks.{}.output.{name}", self.loops.all[of].name);
                    Ok(Some((chain[0].1.start..chain[4].1.end, text)))
                }
                (Some(_), part) => {
                    Err(Unfixable(format!("`{part}` of task `{name}` cannot be read from outside a loop")))
                }
            },
            _ => Ok(None),
        }
    }
}

fn further_out(start: usize, levels: usize) -> Option<(Range<usize>, String)> {
    (levels > 0).then(|| (start..start, "outer.".repeat(levels)))
}
