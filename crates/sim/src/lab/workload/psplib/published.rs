//! Projects as PSPLIB publishes them: a text for each (`j301_1.sm`), and a table of the shortest schedules that are known (`j30opt.sm`, `j60hrs.sm`).

use std::collections::BTreeMap;

use super::Line;

/// What is known of a project's shortest schedule, by its two numbers: of its parameters, and of the instance.
pub(crate) type References = BTreeMap<(u64, u64), u64>;

/// Reads the table: rows of the two numbers, the time of the schedule, and whatever follows. Other lines are for people.
pub(crate) fn references(text: &str) -> References {
    let row = |line: &str| {
        let numbers: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).take(3).collect();
        let [parameters, instance, time] = numbers[..] else { return None };
        Some(((parameters, instance), time))
    };
    text.lines().filter_map(row).collect()
}

/// Reads a project: the name of its file says which it is.
pub(super) fn line(name: &str, text: &str, references: &References) -> Result<Line, String> {
    let stem = name.strip_suffix(".sm").unwrap_or(name);
    let jobs = number_after(text, "jobs (incl. supersource/sink )")?;
    if [number_after(text, "- nonrenewable")?, number_after(text, "- doubly constrained")?] != [0, 0] {
        return Err("it has resources that do not come back: only those that do are read".into());
    }
    let resources = number_after(text, "- renewable")?;
    let followers = rows(text, "PRECEDENCE RELATIONS:", 1, jobs)?;
    let requests = rows(text, "REQUESTS/DURATIONS:", 2, jobs)?;
    let cap = rows(text, "RESOURCEAVAILABILITIES:", 1, 1)?.remove(0);
    let (mut succ, mut dur, mut req) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (follows, takes)) in followers.iter().zip(&requests).enumerate() {
        let job = place + 1;
        let [number, 1, count, next @ ..] = &follows[..] else { return Err(format!("job {job}: not one mode")) };
        let [other, 1, time, units @ ..] = &takes[..] else { return Err(format!("job {job}: not one mode")) };
        if [*number, *other] != [job as u64; 2] || *count != next.len() as u64 || units.len() as u64 != resources {
            return Err(format!("job {job}: its rows say more or less than they announce"));
        }
        let before = |follower: &u64| follower.checked_sub(1).map(|place| place as usize);
        succ.push(
            next.iter().map(before).collect::<Option<Vec<usize>>>().ok_or_else(|| format!("job {job}: no job 0"))?,
        );
        dur.push(*time);
        req.push(units.to_vec());
    }
    let found = stem
        .strip_prefix(&format!("j{}", jobs.saturating_sub(2)))
        .and_then(|numbers| numbers.split_once('_'))
        .and_then(|(parameters, instance)| references.get(&(parameters.parse().ok()?, instance.parse().ok()?)));
    let ref_makespan = *found
        .ok_or("no shortest schedule of it is known: the table of its set (j30opt.sm, j60hrs.sm) belongs beside it")?;
    Ok(Line { name: stem.to_owned(), ref_makespan, cap, dur, req, succ })
}

/// The number behind `key … :`.
fn number_after(text: &str, key: &str) -> Result<u64, String> {
    let line = text.lines().find(|line| line.trim_start().starts_with(key));
    let value = line.and_then(|line| line.split_once(':')).and_then(|(_, rest)| rest.split_whitespace().next());
    value.and_then(|word| word.parse().ok()).ok_or_else(|| format!("it does not say `{key}: …`"))
}

/// So many rows of numbers below a heading and what stands between.
fn rows(text: &str, heading: &str, between: usize, count: u64) -> Result<Vec<Vec<u64>>, String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(heading)).skip(1 + between);
    let mut rows = Vec::new();
    while (rows.len() as u64) < count {
        let line = lines.next().ok_or_else(|| format!("`{heading}` has fewer rows than there are jobs"))?;
        let row: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        rows.push(row.map_err(|error| format!("`{heading}`: {line:?}: {error}"))?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{line, references};

    const TEXT: &str = "************
jobs (incl. supersource/sink ):  4
RESOURCES
  - renewable                 :  2   R
  - nonrenewable              :  0   N
  - doubly constrained        :  0   D
************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          0        
************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2
--------------------------
  1      1     0       0    0
  2      1     3       2    0
  3      1     5       2    1
  4      1     0       0    0
************
RESOURCEAVAILABILITIES:
  R 1  R 2
    3    1
";

    #[test]
    fn a_project_is_read_with_the_shortest_schedule_that_is_known() {
        let known = references(
            "Instance Set : j2\n====\nParamter Instance Makespan CPU-Time[sec.]\n1       3         8       0.30\n",
        );
        let read = line("j21_3.sm", TEXT, &known).unwrap();
        assert_eq!((&*read.name, read.ref_makespan, read.cap, read.dur), ("j21_3", 8, vec![3, 1], vec![0, 3, 5, 0]));
        assert_eq!((read.req[2].clone(), read.succ), (vec![2, 1], vec![vec![1, 2], vec![3], vec![3], vec![]]));
        for (from, to, says) in [
            ("  3      1     5", "  3      2     5", "job 3: not one mode"),
            ("   2        1          1           4", "   2        1          2           4", "job 2: its rows say"),
            ("nonrenewable              :  0", "nonrenewable              :  1", "do not come back"),
            ("    3    1\n", "", "fewer rows"),
            ("jobs (incl", "jbs (incl", "it does not say `jobs"),
            ("           2   3", "           0   3", "no job 0"),
        ] {
            let said = line("j21_3.sm", &TEXT.replace(from, to), &known).unwrap_err();
            assert!(said.contains(says), "{to}: {said}");
        }
        assert!(line("j21_4.sm", TEXT, &known).unwrap_err().contains("j30opt.sm"));
    }
}
