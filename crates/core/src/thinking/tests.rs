//! Schedules of drawn projects: each can be, none is longer than by rank, the same from a seed, and whoever hands units over keeps to them.

use agendum_types::Duration;

use super::Thinking;
use crate::project::Project;
use crate::rank::ranks;
use crate::rng::Rng;

/// Tasks that need some of those before them and ask for some of two resources.
fn drawn(seed: u64) -> Project {
    let mut chance = Rng::seeded(seed);
    let count = 3 + chance.up_to(20) as usize;
    let takes: Vec<Duration> = (0..count).map(|_| Duration(chance.up_to(9))).collect();
    let mut followers = vec![Vec::new(); count];
    for task in 1..count {
        for _ in 0..chance.up_to(2) {
            let need = chance.up_to(task as u64 - 1) as usize;
            if !followers[need].contains(&task) {
                followers[need].push(task);
            }
        }
    }
    let demands: Vec<_> = (0..count).map(|_| vec![(0, chance.up_to(3)), (1, chance.up_to(2))]).collect();
    Project::new(&takes, &followers, &demands, vec![4, 2])
}

/// Nothing begins before what it waits for has ended, and never is more taken than there is.
fn can_be(project: &Project, starts: &[u64]) -> bool {
    let end = |task: &usize| starts[*task] + project.takes[*task];
    let waits = (0..starts.len()).all(|task| project.before[task].iter().all(|before| end(before) <= starts[task]));
    let fits = |(resource, most): (usize, &u64), now: u64| {
        let out = (0..starts.len()).filter(|task| starts[*task] <= now && now < end(task));
        let taken = out.flat_map(|task| &project.demands[task]).filter(|(of, _)| *of == resource);
        taken.map(|(_, units)| units).sum::<u64>() <= *most
    };
    waits && starts.iter().all(|now| project.capacities.iter().enumerate().all(|of| fits(of, *now)))
}

#[test]
fn what_is_found_can_be_and_is_no_longer_than_by_rank() {
    let mut shorter = 0;
    for seed in 0..200 {
        let project = drawn(seed);
        let listed = project.end(&project.listed(&ranks(&project)));
        let mut thinking = Thinking::new(project.clone(), seed);
        let first = thinking.end();
        thinking.go_on(200);
        assert!(can_be(&project, thinking.best()), "{seed}");
        assert_eq!(project.end(thinking.best()), thinking.end(), "{seed}");
        assert!(thinking.end() <= first && first <= listed, "{seed}");
        assert!(thinking.is_done() || thinking.schedules() >= 200, "{seed}");
        shorter += u64::from(thinking.end() < listed);
        let mut again = Thinking::new(project.clone(), seed);
        again.go_on(200);
        assert_eq!(again.best(), thinking.best(), "{seed}");
    }
    assert!(shorter > 20, "{shorter}");
}

#[test]
fn who_waits_for_what_is_handed_over_keeps_to_the_schedule() {
    for seed in 0..200 {
        let project = drawn(seed);
        let mut thinking = Thinking::new(project.clone(), seed);
        thinking.go_on(100);
        let mut followers = project.followers.clone();
        for (task, givers) in project.handed_over(thinking.best()).into_iter().enumerate() {
            givers.iter().for_each(|giver| followers[*giver].push(task));
        }
        let takes: Vec<Duration> = project.takes.iter().map(|takes| Duration(*takes)).collect();
        // With as much as anybody could want: whom they wait for keeps them apart.
        let free = Project::new(&takes, &followers, &[], Vec::new());
        let starts = free.starts(|task, _| task);
        assert!(can_be(&project, &starts) && free.end(&starts) <= thinking.end(), "{seed}");
    }
}

#[test]
fn nothing_is_too_odd_for_it() {
    let most = u64::MAX;
    let spans = |takes: &[u64]| takes.iter().map(|takes| Duration(*takes)).collect::<Vec<_>>();
    let on_cycle = [vec![1], vec![0], vec![]];
    for (takes, followers) in [
        (vec![], &[][..]),
        (vec![most, most, 3], &[vec![1], vec![2]]),
        (vec![2, 2, 3], &on_cycle),
        (vec![most; 9], &[]),
    ] {
        let demands = vec![vec![(0, most), (7, 1)]; takes.len()];
        let project = Project::new(&spans(&takes), followers, &demands, vec![1, 0]);
        let mut thinking = Thinking::new(project.clone(), 1);
        thinking.step();
        thinking.go_on(30);
        assert_eq!(project.handed_over(thinking.best()).len(), takes.len());
    }
}
