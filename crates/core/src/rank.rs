//! Where tasks stand that take several resources at once, from their graph alone: a task goes before others if what follows it takes long, also because
//! that must wait for resources.
//!
//! The rank of a task is `2t + r + s`, the greatest first: `t` is the longest way from its start to the end; `r` its start in a list schedule of the
//! reversed graph, where tasks with the longest way from the beginning go first, so the time from its end to the end of that schedule; `s` the same
//! once more, where those go first that start last in a list schedule by `2t + r`.

use std::cmp::Reverse;

use crate::project::Project;

/// The rank of each task: the greatest goes first.
pub(crate) fn ranks(project: &Project) -> Vec<u64> {
    let (reversed, ways) = (project.reversed(), project.ways());
    let heads: Vec<u64> =
        reversed.ways().iter().zip(&project.takes).map(|(way, own)| way.saturating_sub(*own)).collect();
    // Of two that stand alike the first in the document goes first, so last from the end.
    let from_end = |ranks: &[u64]| reversed.starts(|task, _| Reverse((ranks[task], task)));
    let once = from_end(&heads);
    let first: Vec<u64> =
        ways.iter().zip(&once).map(|(way, once)| way.saturating_mul(2).saturating_add(*once)).collect();
    let again = from_end(&project.listed(&first));
    let rank =
        |(way, (once, again)): (&u64, (&u64, &u64))| way.saturating_mul(2).saturating_add(*once).saturating_add(*again);
    ways.iter().zip(once.iter().zip(&again)).map(rank).collect()
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;

    use super::ranks;
    use crate::project::Project;

    /// Tasks as `micros demand,demand follower…`.
    fn project(capacities: &[u64], text: &str) -> Project {
        let (mut takes, mut followers, mut demands) = (Vec::new(), Vec::new(), Vec::new());
        for line in text.split(';') {
            let mut words = line.split_whitespace();
            takes.push(Duration(words.next().unwrap().parse().unwrap()));
            let units = words.next().unwrap().split(',').map(|demand| demand.parse().unwrap());
            demands.push(units.enumerate().collect());
            followers.push(words.map(|word| word.parse().unwrap()).collect());
        }
        Project::new(&takes, &followers, &demands, capacities.to_vec())
    }

    /// The starts by rank, and without any.
    fn starts(capacities: &[u64], text: &str) -> [Vec<u64>; 2] {
        let project = project(capacities, text);
        [ranks(&project), Vec::new()].map(|ranks| project.listed(&ranks))
    }

    #[test]
    fn what_follows_counts_and_what_it_must_wait_for() {
        // Of two that take as long the one with more after it goes first.
        assert_eq!(starts(&[1], "2 1; 2 1 2; 3 1"), [vec![2, 0, 4], vec![0, 2, 4]]);
        // The ways of both are as long; what follows the second must wait for the one thing there is.
        assert_eq!(
            starts(&[1, 1], "2 1,0 2; 2 1,0 3 4; 4 0,0; 4 0,1; 4 0,1"),
            [vec![2, 0, 4, 2, 6], vec![0, 2, 2, 4, 8]]
        );
        // Who finds no room is overtaken.
        assert_eq!(starts(&[2], "3 1; 5 2; 3 1")[1], [0, 3, 0]);
        // More than there is is all there is, and of nothing nothing is asked.
        assert_eq!(starts(&[2], "3 9; 1 1")[1], [0, 3]);
        assert_eq!(starts(&[0], "3 9; 1 1")[1], [0, 0]);
    }

    #[test]
    fn nothing_is_too_odd_for_it() {
        let most = u64::MAX;
        // On a cycle, longer than time lasts, of resources and tasks that are not there.
        assert_eq!(starts(&[1], "2 1 1; 2 1 0; 3 1")[1], [0, 0, 0]);
        assert_eq!(ranks(&project(&[1], &format!("{most} 1 1; {most} 1"))), [most, most]);
        assert_eq!(ranks(&project(&[1], "1 0,7 5")), [2]);
        assert_eq!(ranks(&Project::default()), []);
    }
}
