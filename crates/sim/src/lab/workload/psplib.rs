//! Projects whose tasks take several resources at once: the format of `psplib`, a line each.

use agendum_types::Duration;
use serde::Deserialize;

/// A project. A unit of its time is a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The shortest schedule that is known of it.
    pub reference: Duration,
    /// How long each task takes.
    pub takes: Vec<Duration>,
    /// What waits for each, by place.
    pub followers: Vec<Vec<usize>>,
    /// How much of each resource each takes.
    pub demands: Vec<Vec<u64>>,
    /// How much there is of each resource.
    pub capacities: Vec<u64>,
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

/// Reads projects.
///
/// # Errors
///
/// If a line is none.
pub fn read(text: &str) -> Result<Vec<Project>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| project(line).map_err(|error| format!("line {}: {error}", number + 1))).collect()
}

fn project(line: &str) -> Result<Project, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let tasks = line.dur.len();
    if line.req.len() != tasks || line.succ.len() != tasks || line.req.iter().any(|of| of.len() != line.cap.len()) {
        return Err(format!("{}: not as much is said of each task", line.name));
    }
    if line.succ.iter().flatten().any(|follower| *follower >= tasks) {
        return Err(format!("{}: a task is not there", line.name));
    }
    Ok(Project {
        name: line.name,
        reference: Duration::secs(line.ref_makespan),
        takes: line.dur.into_iter().map(Duration::secs).collect(),
        followers: line.succ,
        demands: line.req,
        capacities: line.cap,
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_project_is_read() {
        let text = r#"{"name":"p","ref_makespan":5,"cap":[2],"dur":[0,2,2,2,3,0],"req":[[0],[1],[1],[1],[1],[0]],"succ":[[1,2,3],[4],[5],[5],[5],[]]}"#;
        assert_eq!(read(text).unwrap()[0].takes.len(), 6);
        let wrong = text.replace("[[1,2,3]", "[[1,2,9]");
        assert_eq!(read(&wrong).unwrap_err(), "line 1: p: a task is not there");
    }
}
