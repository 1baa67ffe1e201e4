//! Projects whose tasks take several resources at once: workflows that hold units of pools. Lines as in `psplib`, or drawn.

pub(crate) mod published;

use agendum_core::thinking::Thinking;
use agendum_types::Duration;
use agendum_types::pool::UNITS_MAX;
use serde::Deserialize;

use published::References;

use super::Workload;
use super::flows::{Flow, Step, workload};
use crate::chance::Chance;
use crate::lab::flows::project;
use crate::lab::scenario::check::SECS_MAX;

/// What is drawn where there is no data: the shape of the public projects, which were drawn too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// How many.
    pub projects: u32,
    /// Tasks of each, beside the first and the last.
    pub tasks: u32,
    /// Seconds of a task at most; 1 at least.
    pub secs_max: u64,
    /// Resources.
    pub resources: usize,
    /// Units that a task takes at most of one that it takes.
    pub units_max: u64,
    /// In so many of a hundred cases a task takes something of a resource; another number for each project, from this
    pub takes_percent_min: u64,
    /// to this.
    pub takes_percent_max: u64,
    /// Schedules of the search whose best stands for the shortest that is known.
    pub search: u64,
}

#[derive(Debug, Deserialize)]
struct Line {
    name: String,
    ref_makespan: u64,
    cap: Vec<u64>,
    dur: Vec<u64>,
    req: Vec<Vec<u64>>,
    succ: Vec<Vec<usize>>,
}

/// Reads projects. A unit of their time is a second.
///
/// # Errors
///
/// If a line is none.
pub fn read(text: &str) -> Result<Workload, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |line| flow(serde_json::from_str(line).map_err(|error| error.to_string())?);
    let flows = lines.map(|(number, line)| read(line).map_err(|error| format!("line {}: {error}", number + 1)));
    workload(flows.collect::<Result<_, String>>()?)
}

/// Reads projects as they are published: names and texts, and the shortest schedules that are known.
///
/// # Errors
///
/// If a text is none.
pub(crate) fn read_published(files: &[(String, String)], known: &References) -> Result<Workload, String> {
    let read = |(name, text): &(String, String)| {
        published::line(name, text, known).and_then(flow).map_err(|error| format!("{name}: {error}"))
    };
    workload(files.iter().map(read).collect::<Result<_, String>>()?)
}

fn flow(line: Line) -> Result<Flow, String> {
    let tasks = line.dur.len();
    if line.req.len() != tasks || line.succ.len() != tasks || line.req.iter().any(|of| of.len() != line.cap.len()) {
        return Err(format!("{}: not as much is said of each task", line.name));
    }
    if line.ref_makespan == 0 {
        return Err(format!("{}: `ref_makespan: 0`: no schedule takes no time", line.name));
    }
    let has_room = |takes: &Vec<u64>| takes.iter().zip(&line.cap).all(|(takes, units)| takes <= units);
    if !line.req.iter().all(has_room) || line.cap.iter().any(|units| *units > UNITS_MAX.into()) {
        return Err(format!(
            "{}: a task takes more units than there are, or there are more than {UNITS_MAX}",
            line.name
        ));
    }
    if line.dur.iter().chain([&line.ref_makespan]).any(|secs| *secs > SECS_MAX) {
        return Err(format!("{}: a task or the whole takes more than {SECS_MAX} s", line.name));
    }
    let mut steps: Vec<Step> = Vec::new();
    for (task, (secs, takes)) in line.dur.iter().zip(&line.req).enumerate() {
        let units = takes.iter().copied().enumerate().filter(|(_, units)| *units > 0).collect();
        let kind = format!("{}-{task}", line.name);
        steps.push(Step { kind, takes: Duration::secs(*secs), bytes: 0, needs: Vec::new(), units });
    }
    for (task, followers) in line.succ.iter().enumerate() {
        for follower in followers {
            let step = steps.get_mut(*follower).ok_or_else(|| format!("{}: a task is not there", line.name))?;
            step.needs.push(task);
        }
    }
    Ok(Flow {
        name: line.name,
        tasks: steps,
        pools: line.cap,
        reference: Some(Duration::secs(line.ref_makespan)),
        ..Flow::default()
    })
}

impl Generator {
    /// Projects.
    ///
    /// # Errors
    ///
    /// Never: they are as others of their kind.
    pub fn draw(&self, seed: u64) -> Result<Workload, String> {
        let mut chance = Chance::new(seed);
        let flows = (0..self.projects).map(|number| self.flow(number, &mut chance)).collect();
        Ok(Workload { is_generated: true, ..workload(flows)? })
    }

    fn flow(&self, number: u32, chance: &mut Chance) -> Flow {
        let name = format!("drawn-{number}");
        let span = self.takes_percent_max.saturating_sub(self.takes_percent_min);
        let takes_percent = self.takes_percent_min + chance.below(span + 1);
        let count = u64::from(self.tasks.max(1));
        let mut tasks: Vec<Step> = Vec::new();
        for task in 0..count {
            // Of those shortly before: the network has a length and a width.
            let needs = (0..1 + chance.below(2)).map(|_| task.saturating_sub(1 + chance.below(8)));
            let mut needs: Vec<usize> = needs.filter(|_| task >= 3).map(|need| need as usize).collect();
            needs.sort_unstable();
            needs.dedup();
            let units = (0..self.resources).filter_map(|resource| {
                let units = 1 + chance.below(self.units_max.max(1));
                chance.hits(takes_percent).then_some((resource, units))
            });
            let units = units.collect();
            let takes = Duration::secs(1 + chance.below(self.secs_max.max(1)));
            tasks.push(Step { kind: format!("{name}-{task}"), takes, bytes: 0, needs, units });
        }
        // From what the greediest task takes to one and a half times as much.
        let pools = (0..self.resources).map(|_| self.units_max + chance.below(self.units_max / 2 + 1)).collect();
        let flow = Flow { name, tasks, pools, ..Flow::default() };
        let mut thinking = Thinking::new(project(&flow, u32::MAX), 0x9e37);
        thinking.go_on(self.search);
        Flow { reference: Some(thinking.end()), ..flow }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_project_is_read() {
        let text = r#"{"name":"p","ref_makespan":5,"cap":[2],"dur":[0,2,2,2,3,0],"req":[[0],[1],[1],[1],[1],[0]],"succ":[[1,2,3],[4],[5],[5],[5],[]]}"#;
        let flow = read(text).unwrap().flows.remove(0);
        assert_eq!((flow.tasks[4].needs.as_slice(), flow.tasks[4].units.as_slice()), (&[1][..], &[(0, 1)][..]));
        assert_eq!((flow.pool(0).as_str(), flow.reference.unwrap().0), ("p_0", 5_000_000));
        let wrong = text.replace("[[1,2,3]", "[[1,2,9]");
        assert_eq!(read(&wrong).unwrap_err(), "line 1: p: a task is not there");
        let wrong = text.replace("[1,2,3],[4],[5]", "[1,2,3],[4],[2]");
        assert!(read(&wrong).unwrap_err().contains("need each other"));
    }
}
