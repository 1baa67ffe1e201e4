//! Random documents that use the whole language of graphs.

mod adds;
mod agent;
mod cache;
mod child;
mod compensate;
mod concurrency;
mod judges;
mod purse;
mod quotes;
mod resources;
mod rush;

pub(crate) use adds::{add as with_plans, plan, streamed};
pub(crate) use agent::add as with_agent;
pub(crate) use cache::add as with_caches;
pub(crate) use child::add as with_child;
pub(crate) use compensate::add as with_compensations;
pub(crate) use concurrency::add as with_groups;
pub(crate) use judges::add as with_judges;
pub(crate) use purse::add as with_purses;
pub(crate) use quotes::add as with_quotes;
pub(crate) use resources::add as with_resources;
pub(crate) use rush::{SLOW as RUSH_SLOW, runs as rush};
use serde_json::{Map, Value as Json, json};

use crate::chance::Chance;
use crate::world::NAMES;

/// A document of this seed.
#[must_use]
pub fn document(chance: &mut Chance, number: u64, waits: bool) -> String {
    let mut document = json!({ "version": 1, "name": format!("sim-{number}"), "inputs": { "type": "object" } });
    document["priority"] = json!(chance.of(&["interactive", "standard", "background"]));
    if chance.hits(40) {
        document["deadline"] = json!(format!("{}ms", 50 + chance.below(5_000)));
    }
    if chance.hits(30) {
        document["budget"] = budget(chance, 40);
    }
    if chance.hits(15) {
        document["labels"] = json!({ "region": "eu" });
    }
    let mut maker = Maker { chance, waits, escalations: Vec::new(), tops: Vec::new() };
    for section in ["after", "on_failure", "finally"] {
        if maker.chance.hits(15) {
            let count = 1 + maker.chance.below(3);
            let tasks = maker.tasks(&section[..2], count, 2);
            if section == "on_failure" {
                maker.escalations = tasks.keys().cloned().collect();
            }
            document[section] = Json::Object(tasks);
        }
    }
    maker.tops.clear();
    let count = 1 + maker.chance.below(8);
    document["tasks"] = Json::Object(maker.tasks("t", count, 0));
    if chance.hits(60) {
        document["output"] = json!({ "last": format!("${{{{ tasks.t{}.output }}}}", count - 1) });
    }
    document.to_string()
}

/// Tasks that join a run of that document.
#[must_use]
pub fn addition(chance: &mut Chance) -> String {
    let mut maker = Maker { chance, waits: false, escalations: Vec::new(), tops: Vec::new() };
    let count = 1 + maker.chance.below(2);
    let mut tasks = maker.tasks("more", count, 1);
    if maker.chance.hits(60) {
        tasks["more0"]["needs"] = json!(["t0"]);
        if count == 2 {
            // Late to read it: nobody may have read it before.
            tasks["more0"]["if"] = json!("${{ tasks.t0.output.go }}");
        }
    }
    json!({ "tasks": tasks }).to_string()
}

fn budget(chance: &mut Chance, most: u64) -> Json {
    let word = chance.of(&["degrade", "fail", "wait"]);
    // Seeds of before this word keep their draws.
    let asks = word == "wait" && chance.clone().hits(50);
    let mut budget = json!({ "on_exceeded": if asks { "ask" } else { word } });
    let by_tokens = chance.hits(35);
    if by_tokens {
        budget["tokens"] = json!(100 + chance.below(20 * most));
    }
    if !by_tokens || chance.hits(30) {
        // Where a cheaper target will do, what is left must often not be enough for the dear one.
        let unit = if word == "degrade" { 0.000_05 } else { 0.000_5 };
        budget["usd"] = json!(unit * (1 + chance.below(most)) as f64);
    }
    budget
}

fn is_wait(task: &Json) -> bool {
    task["uses"] == "wait"
}

struct Maker<'c> {
    chance: &'c mut Chance,
    /// True if some tasks wait for people, signals and time.
    waits: bool,
    /// Tasks of `on_failure`.
    escalations: Vec<String>,
    /// Tasks at the top of this section so far.
    tops: Vec<String>,
}

impl Maker<'_> {
    fn millis(&mut self, least: u64, span: u64) -> Json {
        json!(format!("{}ms", least + self.chance.below(span)))
    }

    /// Tasks that stand beside each other; each may read those before it.
    fn tasks(&mut self, prefix: &str, count: u64, depth: u32) -> Map<String, Json> {
        let mut tasks = Map::new();
        for place in 0..count {
            let before: Vec<String> =
                (0..place).filter(|_| self.chance.hits(35)).map(|of| format!("{prefix}{of}")).collect();
            let name = format!("{prefix}{place}");
            let mut task = self.task(&name, &before, depth);
            if task["effect"] == "once" {
                match self.chance.below(10) {
                    0..5 => {
                        let check = format!("{name}c");
                        task["on_uncertain"] = json!({ "check": check });
                        tasks.insert(check, self.check());
                    }
                    5..8 => task["on_uncertain"] = json!("ask"),
                    _ => {}
                }
            }
            tasks.insert(name.clone(), task);
            if depth == 0 {
                self.tops.push(name);
            }
        }
        tasks
    }

    fn task(&mut self, name: &str, before: &[String], depth: u32) -> Json {
        let mut task = json!({});
        let (read, needed) = before.split_at(before.len() / 2);
        if !needed.is_empty() {
            task["needs"] = json!(needed);
        }
        let is_each = self.chance.hits(15);
        let is_group = depth < 3 && self.chance.hits(if depth == 0 { 25 } else { 12 });
        if is_group {
            self.group(&mut task, name, is_each, depth);
        } else {
            self.call(&mut task, read, is_each);
        }
        if self.chance.hits(20) {
            let read = read.first().map_or_else(|| "inputs.go".to_owned(), |name| format!("tasks.{name}.output.go"));
            task["if"] = json!(format!("${{{{ {read} }}}}"));
        }
        if is_each {
            task["foreach"] = json!("${{ inputs.items }}");
            task["max_parallel"] = json!(1 + self.chance.below(3));
            task["tolerate_failures"] = json!(self.chance.below(3));
        }
        self.ladder(&mut task, is_group);
        self.times(&mut task, is_group);
        if depth == 0 && self.chance.hits(35) {
            task["optional"] = json!(true);
            task["value"] = json!(self.chance.below(100));
        }
        if depth == 0 && !is_group && !is_wait(&task) && self.chance.hits(15) {
            task["live"] = json!(true);
            if !self.tops.is_empty() {
                let place = self.chance.below(self.tops.len() as u64) as usize;
                task["publish_after"] = json!([self.tops[place]]);
            }
        }
        if self.chance.hits(10) {
            task["fail_if"] = json!("${{ output.bad }}");
            if self.chance.hits(50) {
                task["as"] = json!(self.chance.of(&["content_blocked", "unavailable", "permanent"]));
            }
        }
        task
    }

    /// A task that finds out what another has done, and mostly does nothing else.
    fn check(&mut self) -> Json {
        let effect = self.chance.of(&["none", "idempotent"]);
        let mut check = json!({ "uses": "exec", "effect": effect, "with": { "argv": ["look", "${{ task.key }}"] } });
        if self.chance.clone().hits(30) {
            check["delay"] = json!("120ms");
        }
        if self.chance.hits(70) {
            check["if"] = json!("${{ false }}");
        }
        if self.chance.hits(50) {
            check["retry"] = self.retry();
        }
        if self.chance.hits(20) {
            check["fail_if"] = json!("${{ output.bad }}");
        }
        self.ladder(&mut check, false);
        check
    }

    fn times(&mut self, task: &mut Json, is_group: bool) {
        if self.chance.hits(10) {
            task["delay"] = self.millis(0, 300);
        }
        if self.chance.hits(10) {
            task["within"] = self.millis(100, 3_000);
        }
        if self.chance.hits(8) {
            // A second after the epoch, when worlds begin, and a little more; or what an expression says.
            let instant = format!("1970-01-01T00:00:0{}.{}00Z", 1 + self.chance.below(2), self.chance.below(10));
            task["not_before"] = self.chance.of(&["${{ inputs.start }}", instant.as_str()]).into();
        }
        if is_group && self.chance.hits(20) {
            task["timeout"] = json!({ "task": self.millis(100, 2_000) });
        }
        if is_wait(task) {
            if self.chance.hits(30) {
                task["timeout"] = json!({ "task": self.millis(500, 2_000) });
            }
        } else if !is_group && self.chance.hits(40) {
            task["timeout"] = json!({ "attempt": self.millis(20, 400), "task": self.millis(500, 2_000) });
            for word in ["first_output", "idle"] {
                if self.chance.hits(25) {
                    task["timeout"][word] = self.millis(10, 100);
                }
            }
        }
    }

    /// `catch`, or that there is none.
    fn ladder(&mut self, task: &mut Json, is_group: bool) {
        if self.chance.hits(10) {
            task[self.chance.of(&["no_fallback", "no_fallback", "risk"])] = json!(true);
            if task.get("risk").is_some() {
                task["risk"] = json!("high");
            }
            return;
        }
        let mut rungs = Vec::new();
        let has_target = !is_group && task.get("loop").is_none() && !is_wait(task);
        while self.chance.hits(40) && rungs.len() < 3 {
            let on = self.chance.of(&["any", "timeout", "unavailable", "permanent", "uncertain", "budget_exceeded"]);
            let target = match task["uses"].as_str() {
                Some("chat") => self.chance.of(&["small", "large", "abroad"]),
                Some("translate") => "translator",
                _ => "tool",
            };
            if has_target && self.chance.hits(40) {
                rungs.push(json!({ "on": [on], "target": target }));
            } else {
                rungs.push(json!({ "on": [on], "output": { "caught": "${{ error.class }}" } }));
            }
        }
        if !rungs.is_empty() {
            task["catch"] = Json::Array(rungs);
        }
    }

    fn call(&mut self, task: &mut Json, read: &[String], is_each: bool) {
        let mut with: Map<String, Json> =
            read.iter().map(|name| (format!("of_{name}"), json!(format!("${{{{ tasks.{name}.output }}}}")))).collect();
        if is_each {
            with.insert("this".to_owned(), json!("${{ item }} of ${{ item_index }}"));
        }
        if self.waits && self.chance.hits(30) {
            return self.wait(task, read);
        }
        match self.chance.below(10) {
            0..3 => {
                task["uses"] = json!("exec");
                let effect = self.chance.of(&["none", "idempotent", "once"]);
                task["effect"] = json!(effect);
                if effect == "once" {
                    task["on_uncertain"] = json!("fail");
                }
                let argument =
                    read.first().map_or_else(|| json!("x"), |name| json!(format!("${{{{ tasks.{name}.output.x }}}}")));
                task["with"] = json!({ "argv": ["tool", argument] });
            }
            3 => {
                task["uses"] = json!("translate");
                // It takes no arguments of one's own: what is read stands in the text.
                let read: Vec<&str> = with.values().filter_map(Json::as_str).collect();
                task["with"] = json!({ "text": format!("say it {}", read.join(" ")), "to": "en" });
            }
            _ => {
                task["uses"] = json!("chat");
                with.insert("prompt".to_owned(), json!("say it"));
                if self.chance.hits(20) {
                    with.insert("max_tokens".to_owned(), json!(1 + self.chance.below(300)));
                }
                task["with"] = Json::Object(with);
                match self.chance.below(6) {
                    0 => {}
                    1 => task["model"] = json!({ "allow": ["large", "small"] }),
                    2 => task["model"] = json!({ "allow": ["abroad", "large", "small"] }),
                    3 => task["model"] = json!({ "class": "large" }),
                    _ => task["model"] = json!({ "class": "small" }),
                }
            }
        }
        if self.chance.hits(60) {
            task["retry"] = self.retry();
        }
        if self.chance.hits(20) {
            task["loop"] = self.repeat();
        }
    }

    /// Instead of a call.
    fn wait(&mut self, task: &mut Json, read: &[String]) {
        task["uses"] = json!("wait");
        let of = self.chance.of(&["approval", "signal", "webhook", "time"]);
        let mut with = json!({ "for": of });
        match of {
            "approval" => {
                if let Some(name) = read.first() {
                    with["show"] = json!(format!("${{{{ tasks.{name}.output }}}}"));
                }
                if self.chance.hits(40) {
                    with["who"] = json!(["boss", "deputy"]);
                }
                if self.chance.hits(70) {
                    with["reminder"] = json!("1m");
                }
            }
            "time" if self.chance.hits(40) => {
                with["until"] =
                    json!(format!("1970-01-01T00:00:0{}.{}00Z", self.chance.below(4), self.chance.below(10)));
            }
            "time" => with["after"] = self.millis(0, 800),
            _ => with["name"] = json!(self.chance.of(&NAMES)),
        }
        task["with"] = with;
        if self.chance.hits(15) {
            task["loop"] = self.repeat();
        }
    }

    fn retry(&mut self) -> Json {
        let mut retry = json!({ "max_attempts": 1 + self.chance.below(4), "initial_delay": self.millis(1, 200),
            "on": ["timeout", "unavailable", "rate_limited", "overloaded"] });
        if self.chance.hits(30) {
            retry["on"] = json!(["any"]);
        }
        if self.chance.hits(30) {
            retry["jitter"] = json!(false);
            retry["backoff"] = json!(self.chance.of(&[1.0, 1.5, 3.0]));
            retry["max_delay"] = self.millis(1, 400);
        }
        retry
    }

    fn repeat(&mut self) -> Json {
        let mut repeat = json!({ "until": "${{ loop.round > 2 }}", "max_iterations": 1 + self.chance.below(4) });
        repeat["on_exhausted"] = match self.chance.below(3) {
            0 => match self.escalations.first() {
                Some(task) if self.chance.hits(70) => json!(task),
                _ => json!("fail"),
            },
            1 => json!({ "use": "last" }),
            _ => json!({ "use": "best", "by": "${{ loop.round }}" }),
        };
        if self.chance.hits(20) {
            repeat["deadline"] = self.millis(20, 400);
        }
        if self.chance.hits(15) {
            let mut budget = budget(self.chance, 4);
            // When it is spent, `on_exhausted` says what follows.
            budget.as_object_mut().map(|budget| budget.remove("on_exceeded"));
            repeat["budget"] = budget;
        }
        if self.chance.hits(20) {
            repeat["stop_if_same"] = json!("${{ loop.round }}");
        }
        repeat
    }

    fn group(&mut self, task: &mut Json, name: &str, is_each: bool, depth: u32) {
        let inner = format!("{name}x");
        let count = 1 + self.chance.below(3);
        task["tasks"] = Json::Object(self.tasks(&inner, count, depth + 1));
        match self.chance.below(3) {
            0 => task["loop"] = self.repeat(),
            1 if !is_each => {
                let first = 1 + self.chance.below(count);
                task["race"] = json!({ "first": first, "cancel_rest": self.chance.hits(70) });
                if self.chance.hits(50) {
                    task["race"]["good_if"] = json!("${{ output.good }}");
                }
            }
            _ => {}
        }
        if self.chance.hits(30) {
            task["output"] = json!({ "of": format!("${{{{ tasks.{inner}0.output }}}}") });
        }
    }
}
