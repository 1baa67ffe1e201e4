//! Workflows: tasks that need each other, each a program that takes so long. Lines as in `wfinstances`, the WfFormat of WfCommons, or drawn in three
//! shapes.

use std::collections::BTreeMap;

use agendum_types::Duration;
use serde::Deserialize;

use super::quantiles::Quantiles;
use super::{Job, Round, Workload, span};
use crate::chance::Chance;

/// A workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub tasks: Vec<Step>,
    /// How many units there are of each of its pools.
    pub pools: Vec<u64>,
    /// True if all workflows have the same.
    pub is_shared: bool,
    /// The shortest schedule that is known of it, where one is.
    pub reference: Option<Duration>,
}

impl Flow {
    /// The name of one of its pools, which no other has if they are not shared.
    #[must_use]
    pub fn pool(&self, number: usize) -> String {
        if self.is_shared {
            return format!("pool_{number}");
        }
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        format!("{}_{number}", self.name.chars().map(letter).collect::<String>())
    }
}

impl Workload {
    /// All workflows take their units of the same pools, of which there are so many, and not of their own. What each of them counts for is its work in the
    /// pool that is busiest.
    ///
    /// # Errors
    ///
    /// If some task would never find room.
    pub(in crate::lab) fn share(&mut self, units: &[u64]) -> Result<(), String> {
        let is_too_much = |(pool, asked): &&(usize, u64)| units.get(*pool).is_none_or(|units| asked > units);
        for flow in &self.flows {
            let mut asked = flow.tasks.iter().flat_map(|step| &step.units);
            if let Some((pool, asked)) = asked.find(is_too_much) {
                let (name, number) = (&flow.name, pool + 1);
                return Err(format!(
                    "{name}: a task takes {asked} units of pool {number}, and `fleet: pools` has fewer"
                ));
            }
        }
        // How long all units of a pool are held for it.
        let work = |flow: &Flow, pool: usize| {
            let of = |step: &Step| {
                let units = step.units.iter().filter(|(of, _)| *of == pool).map(|(_, units)| u128::from(*units));
                units.sum::<u128>() * u128::from(step.takes.0)
            };
            let held = flow.tasks.iter().map(of).sum::<u128>() / u128::from(units[pool]);
            Duration(u64::try_from(held).unwrap_or(u64::MAX))
        };
        let all = |pool: &usize| self.flows.iter().map(|flow| u128::from(work(flow, *pool).0)).sum::<u128>();
        let busiest = (0..units.len()).max_by_key(all).unwrap_or(0);
        for job in &mut self.jobs {
            job.rounds[0].call.service = work(&self.flows[job.class as usize], busiest);
        }
        for flow in &mut self.flows {
            (flow.pools, flow.is_shared, flow.reference) = (units.to_vec(), true, None);
        }
        Ok(())
    }
}

/// A task of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The program.
    pub kind: String,
    /// How long it takes.
    pub takes: Duration,
    /// The bytes that it is given.
    pub bytes: u64,
    /// What must be done before, by place.
    pub needs: Vec<usize>,
    /// How many units it holds of which of the pools, by place.
    pub units: Vec<(usize, u64)>,
}

/// What is drawn where there is no data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many of each shape.
    pub each: u32,
    /// Tasks side by side.
    pub width: Quantiles,
    /// Tasks one after the other.
    pub length: Quantiles,
    /// Seconds that programs take in the mean; each program draws its own.
    pub program_s: Quantiles,
    /// How many times as long a single task takes.
    pub task_times: Quantiles,
    /// Bytes of a task that takes as long as its program does in the mean; one that takes twice as long is given twice as much.
    pub bytes: Quantiles,
}

/// The shapes that are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One, then many side by side, then one.
    Fork,
    /// Chains side by side between one and one.
    Chains,
    /// One, then many that each need two of the stage before, for some stages.
    Mesh,
}

impl Generator {
    /// Workflows of all shapes.
    ///
    /// # Errors
    ///
    /// If some quantiles do not rise from 0 to 1.
    pub fn draw(&self, seed: u64) -> Result<Workload, String> {
        let all = [&self.width, &self.length, &self.program_s, &self.task_times, &self.bytes];
        all.into_iter().try_for_each(Quantiles::check)?;
        let mut chance = Chance::new(seed);
        let mut flows = Vec::new();
        for (word, shape) in [("fork", Shape::Fork), ("chains", Shape::Chains), ("mesh", Shape::Mesh)] {
            let programs = self.programs(&mut chance);
            for number in 0..self.each {
                let tasks = self.tasks(shape, word, &programs, &mut chance);
                flows.push(Flow { name: format!("{word}-{number}"), tasks, ..Flow::default() });
            }
        }
        Ok(Workload { is_generated: true, ..workload(flows)? })
    }

    /// Of each program its seconds and bytes in the mean.
    fn programs(&self, chance: &mut Chance) -> Vec<(f64, f64)> {
        (0..8).map(|_| (self.program_s.draw(chance), self.bytes.draw(chance))).collect()
    }

    fn tasks(&self, shape: Shape, word: &str, programs: &[(f64, f64)], chance: &mut Chance) -> Vec<Step> {
        let mut whole = |of: &Quantiles| (of.draw(chance).round() as usize).max(1);
        let (width, length) = (whole(&self.width), whole(&self.length));
        let stages = match shape {
            Shape::Fork => 1,
            Shape::Chains | Shape::Mesh => length,
        };
        let mut step = |stage: usize, needs: Vec<usize>| {
            let program = stage % programs.len();
            let (secs, bytes) = programs[program];
            let times = self.task_times.draw(chance);
            Step {
                kind: format!("{word}{program}"),
                takes: Duration((secs * times * 1e6) as u64),
                bytes: (bytes * times) as u64,
                needs,
                units: Vec::new(),
            }
        };
        let mut tasks = vec![step(0, Vec::new())];
        for stage in 0..stages {
            let before = tasks.len() - if stage == 0 { 1 } else { width };
            for lane in 0..width {
                let needs = match shape {
                    _ if stage == 0 => vec![before],
                    Shape::Fork | Shape::Chains => vec![before + lane],
                    Shape::Mesh if width == 1 => vec![before],
                    Shape::Mesh => vec![before + lane, before + (lane + 1) % width],
                };
                // Side by side stand programs of two kinds.
                tasks.push(step(1 + 2 * stage + lane % 2, needs));
            }
        }
        let last = tasks.len() - width..tasks.len();
        tasks.push(step(0, last.collect()));
        tasks
    }
}

/// A line of the compact form.
#[derive(Debug, Deserialize)]
struct Line {
    name: String,
    tasks: Vec<Cells>,
}

/// Program, seconds, cores, MB, bytes in, bytes out, what it needs, bytes from each of these.
type Cells = (String, f64, f64, f64, f64, f64, Vec<usize>, Vec<f64>);

/// A document in WfFormat, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    name: String,
    workflow: Parts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts {
    specification: Specification,
    execution: Execution,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Specification {
    tasks: Vec<Specified>,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Specified {
    id: String,
    name: String,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    input_files: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    id: String,
    size_in_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Execution {
    tasks: Vec<Executed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Executed {
    id: String,
    runtime_in_seconds: f64,
    #[serde(default)]
    command: Option<Command>,
}

#[derive(Debug, Deserialize)]
struct Command {
    #[serde(default)]
    program: Option<String>,
}

/// Reads lines of the compact form, or one document in WfFormat.
///
/// # Errors
///
/// If the text is neither, or names tasks that there are not.
pub fn read(text: &str) -> Result<Workload, String> {
    if let Ok(document) = serde_json::from_str::<Document>(text) {
        return workload(vec![of_document(document)?]);
    }
    let told = |number: usize, error: &dyn std::fmt::Display| format!("line {}: {error}", number + 1);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let flows = lines.map(|(number, line)| {
        let line: Line = serde_json::from_str(line).map_err(|error| told(number, &error))?;
        let tasks = line.tasks.into_iter().map(|(kind, secs, _, _, bytes, _, needs, _)| {
            let takes = span(secs).map_err(|error| told(number, &error))?;
            Ok(Step { kind, takes, bytes: bytes.max(0.0) as u64, needs, units: Vec::new() })
        });
        Ok(Flow { name: line.name, tasks: tasks.collect::<Result<_, String>>()?, ..Flow::default() })
    });
    workload(flows.collect::<Result<_, String>>()?)
}

/// Reads documents in WfFormat, each with its name.
///
/// # Errors
///
/// If one is none, or names tasks that there are not.
pub(crate) fn read_published(files: &[(String, String)]) -> Result<Workload, String> {
    let read = |(name, text): &(String, String)| {
        let document = serde_json::from_str(text).map_err(|error| error.to_string());
        document.and_then(of_document).map_err(|error| format!("{name}: {error}"))
    };
    workload(files.iter().map(read).collect::<Result<_, String>>()?)
}

fn of_document(document: Document) -> Result<Flow, String> {
    let Parts { specification, execution } = document.workflow;
    let sizes: BTreeMap<&str, u64> =
        specification.files.iter().map(|file| (file.id.as_str(), file.size_in_bytes)).collect();
    let ran: BTreeMap<&str, &Executed> = execution.tasks.iter().map(|task| (task.id.as_str(), task)).collect();
    let places: BTreeMap<&str, usize> =
        (0..).zip(&specification.tasks).map(|(place, task)| (task.id.as_str(), place)).collect();
    let tasks = specification.tasks.iter().map(|task| {
        let ran = ran.get(task.id.as_str()).ok_or_else(|| format!("{}: it was not executed", task.id))?;
        let place = |id: &String| places.get(id.as_str()).copied().ok_or_else(|| format!("{}: needs {id}", task.id));
        let program = ran.command.as_ref().and_then(|command| command.program.clone());
        Ok(Step {
            kind: program.unwrap_or_else(|| task.name.clone()),
            takes: span(ran.runtime_in_seconds).map_err(|error| format!("{}: {error}", task.id))?,
            bytes: task
                .input_files
                .iter()
                .filter_map(|file| sizes.get(file.as_str()))
                .copied()
                .fold(0, u64::saturating_add),
            needs: task.parents.iter().map(place).collect::<Result<_, String>>()?,
            units: Vec::new(),
        })
    });
    Ok(Flow { name: document.name, tasks: tasks.collect::<Result<_, String>>()?, ..Flow::default() })
}

/// A job for each workflow. Needs must lead to tasks, and to no cycle.
pub(super) fn workload(flows: Vec<Flow>) -> Result<Workload, String> {
    if flows.is_empty() {
        return Err("there are no workflows in it".into());
    }
    for flow in &flows {
        let Flow { name, tasks, .. } = flow;
        if tasks.is_empty() || tasks.iter().flat_map(|task| &task.needs).any(|need| *need >= tasks.len()) {
            return Err(format!("{name}: a task needs another that is not there, or there is none"));
        }
        if super::super::flows::project(flow, 1).order().len() < tasks.len() {
            return Err(format!("{name}: its tasks need each other"));
        }
    }
    let job = |class: u32| Job { at: Duration::ZERO, tenant: 0, class, deadline: None, rounds: vec![Round::default()] };
    Ok(Workload {
        classes: flows.iter().map(|flow| flow.name.clone()).collect(),
        tenants: vec!["all".into()],
        jobs: (0..).zip(&flows).map(|(class, _)| job(class)).collect(),
        flows,
        ..Workload::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::quantiles::Quantiles;
    use super::{Generator, read};

    #[test]
    fn lines_and_documents_are_read() {
        let line = r#"{"name":"w","n":2,"tasks":[["cut",1.5,0,0,10,20,[],[]],["join",2,0,0,20,5,[0],[20]]]}"#;
        let document = r#"{"name":"w","workflow":{
            "specification":{"tasks":[{"id":"a","name":"cut_1","parents":[],"inputFiles":["f"]},{"id":"b","name":"join","parents":["a"],"inputFiles":["g"]}],
                             "files":[{"id":"f","sizeInBytes":10},{"id":"g","sizeInBytes":20}]},
            "execution":{"tasks":[{"id":"b","runtimeInSeconds":2},{"id":"a","runtimeInSeconds":1.5,"command":{"program":"cut"}}]}}}"#;
        let [lines, document] = [line, document].map(|text| read(text).unwrap().flows);
        assert_eq!(lines, document);
        assert_eq!((lines[0].tasks[1].takes.0, lines[0].tasks[1].needs.as_slice()), (2_000_000, &[0][..]));
        for (wrong, why) in [
            ("{", "line 1: "),
            (r#"{"name":"w","tasks":[]}"#, "there is none"),
            (r#"{"name":"w","tasks":[["a",1,0,0,0,0,[1],[0]]]}"#, "is not there"),
            (r#"{"name":"w","tasks":[["a",1,0,0,0,0,[1],[0]],["b",1,0,0,0,0,[0],[0]]]}"#, "need each other"),
        ] {
            assert!(read(wrong).unwrap_err().contains(why), "{wrong}");
        }
    }

    #[test]
    fn what_is_drawn_is_the_same_for_a_seed() {
        let of = |from, to| Quantiles(vec![(0.0, from), (1.0, to)]);
        let generator = Generator {
            each: 2,
            width: of(1.0, 9.0),
            length: of(1.0, 5.0),
            program_s: of(1.0, 60.0),
            task_times: of(0.5, 2.0),
            bytes: of(1e3, 1e9),
        };
        let drawn = generator.draw(1).unwrap();
        assert_eq!((drawn.flows.len(), drawn.jobs.len(), drawn.is_generated), (6, 6, true));
        assert_eq!(drawn.flows, generator.draw(1).unwrap().flows);
        assert_ne!(drawn.flows, generator.draw(2).unwrap().flows);
    }
}
