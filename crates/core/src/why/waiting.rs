//! What waits and has no record yet. The process that works on a run shows it; without one it follows from the records, by the rules of
//! `board/open.rs`.

use std::collections::BTreeMap;

use agendum_types::graph::{NodeId, NotBefore, Section, Work};
use agendum_types::{Cause, Duration, RunStatus, Segment, TaskPath, TaskStatus, Timestamp};

use super::track::Track;
use super::{Reason, Scene, TaskReasons, ends, inside};
use crate::inst::Layer;

type Tracks = BTreeMap<TaskPath, Track>;

/// Adds the tasks that wait for a place, money or time, and gives those that wait for others.
pub(super) fn add(scene: &Scene<'_>, tracks: &mut Tracks) -> Vec<TaskPath> {
    if !scene.turn.has_come() {
        let top = scene.graph.main.iter().map(|node| TaskPath::top(*node));
        return top.filter(|_| scene.answered.is_none()).collect();
    }
    let mut needing = if scene.live.is_some() { add_shown(scene, tracks) } else { add_derived(scene, tracks) };
    needing.retain(|path| scene.section(path) == Section::Main && !has_begun(tracks, path));
    needing.sort_unstable();
    needing
}

/// True if it or something inside it has a record, or waits to be sent.
pub(super) fn has_begun(tracks: &Tracks, path: &TaskPath) -> bool {
    tracks.contains_key(path) || inside(tracks, path).next().is_some()
}

/// As the process that works on the run shows it.
fn add_shown(scene: &Scene<'_>, tracks: &mut Tracks) -> Vec<TaskPath> {
    let mut needing = Vec::new();
    let Some(live) = &scene.live else { return needing };
    // Of thousands of tasks beside each other none is looked for by its name.
    let top = Section::ALL.iter().flat_map(|section| scene.graph.section(*section)).filter_map(|node| {
        let task = live.tasks.get(&*scene.graph.task(*node).name)?;
        Some((*task, Some(TaskPath::top(*node))))
    });
    let nested = live.tasks.values().filter(|task| task.path.contains(['/', '['])).map(|task| (*task, None));
    for (task, path) in top.chain(nested).filter(|(task, _)| task.status == TaskStatus::Waiting) {
        let path = path.or_else(|| scene.graph.parse_path(&task.path));
        let Some(path) = path.filter(|path| !tracks.contains_key(path)) else { continue };
        // The answer may be in the records, and what is shown may stand before it.
        if scene.answered.is_some() && scene.section(&path) == Section::Main {
            continue;
        }
        match task.waiting_on {
            Some(Cause::Dependency) => needing.push(path),
            Some(_) => {
                let waited = task.waits.iter().map(|(_, span)| span.0).sum();
                let track = Track::ready_at(scene.graph, &path, live.at.before(Duration(waited)));
                tracks.insert(path, track);
            }
            None => {}
        }
    }
    needing
}

/// As it follows from the records, where nobody works on the run.
fn add_derived(scene: &Scene<'_>, tracks: &mut Tracks) -> Vec<TaskPath> {
    if scene.answered.is_some() {
        return Vec::new();
    }
    let mut derived = Derived { scene, tracks, open: Vec::new(), free: Vec::new(), needing: Vec::new() };
    derived.walk();
    let Derived { free, needing, .. } = derived;
    for (path, at) in free {
        let track = Track::ready_at(scene.graph, &path, at).parked_until(start(scene, &path, at));
        tracks.insert(path, track);
    }
    needing
}

/// What a task that was ready at this instant does not start before, so far as the document says it.
fn start(scene: &Scene<'_>, path: &TaskPath, ready: Timestamp) -> Timestamp {
    let task = path.node().filter(|_| Layer::of(path) == Layer::Node).map(|node| scene.graph.task(node));
    let delayed = task.and_then(|task| task.delay).map_or(ready, |delay| ready.after(delay));
    match task.and_then(|task| task.not_before) {
        Some(NotBefore::At(instant)) => delayed.max(instant),
        Some(NotBefore::Expr(_)) | None => delayed,
    }
}

struct Derived<'a> {
    scene: &'a Scene<'a>,
    tracks: &'a Tracks,
    /// What is open, and since when, and has not been looked into.
    open: Vec<(TaskPath, Timestamp)>,
    /// What could start, and since when.
    free: Vec<(TaskPath, Timestamp)>,
    needing: Vec<TaskPath>,
}

impl Derived<'_> {
    fn walk(&mut self) {
        let graph = self.scene.graph;
        self.tasks(&TaskPath::default(), &graph.main, self.scene.turn.came(self.scene.until));
        while let Some((path, at)) = self.open.pop() {
            let Some(node) = path.node().filter(|_| self.over(&path).is_none()) else { continue };
            let (task, layer) = (graph.task(node), Layer::of(&path));
            match (&task.work, layer.items(task)) {
                (_, Some(foreach)) => self.items(&path, foreach.parallel_max),
                _ if layer.opens_rounds(task) => {
                    let round = self.tracks.get(&path).map_or(0, Track::rounds) + 1;
                    let before = inside(self.tracks, &path).map(|(_, track)| track.end()).max();
                    self.place(path.child(Segment::Round(round)), before.map_or(at, |before| before.max(at)));
                }
                (Work::Group(group), None) => self.tasks(&path, &group.tasks, at),
                (Work::Call(_), None) => {}
            }
        }
    }

    /// The tasks of a group that opened at this instant.
    fn tasks(&mut self, group: &TaskPath, nodes: &[NodeId], at: Timestamp) {
        for node in nodes {
            let path = group.child(Segment::Task(*node));
            let at = self.scene.begun(&path).max(at);
            let needs = self.scene.graph.task(*node).needs.iter();
            let over = needs.map(|need| self.over(&group.child(Segment::Task(*need)))).collect::<Option<Vec<_>>>();
            match over {
                Some(over) => self.place(path, over.into_iter().max().map_or(at, |over| over.max(at))),
                None => self.needing.push(path),
            }
        }
    }

    /// The items of a `foreach` that have been opened: one more for each that is over.
    fn items(&mut self, path: &TaskPath, parallel_max: u32) {
        let known = self.tracks.get(path).and_then(|track| Some((track.items()?, track.entered()?)));
        let Some((count, entered)) = known else { return };
        let mut over: Vec<Timestamp> =
            (0..count).filter_map(|index| self.over(&path.child(Segment::Item(index)))).collect();
        over.sort_unstable();
        let first = std::iter::repeat_n(entered, parallel_max as usize);
        for (index, at) in (0..count).zip(first.chain(over)) {
            self.place(path.child(Segment::Item(index)), at);
        }
    }

    /// What everything that it needs has settled for, at this instant.
    fn place(&mut self, path: TaskPath, at: Timestamp) {
        let Some(task) = path.node().map(|node| self.scene.graph.task(node)) else { return };
        let layer = Layer::of(&path);
        let start = start(self.scene, &path, at);
        let asks = layer.items(task).is_some() || (layer == Layer::Node && task.condition.is_some()) || start > at;
        if !has_begun(self.tracks, &path) && (asks || layer.calls(task)) {
            self.free.push((path, at));
        } else {
            self.open.push((path, start));
        }
    }

    fn over(&self, path: &TaskPath) -> Option<Timestamp> {
        ends::over(self.scene.graph, self.tracks, path)
    }
}

impl Scene<'_> {
    /// The tasks that wait for others, and once the run is answered those at its top that never came to their turn.
    pub(super) fn unstarted(
        &self,
        tracks: &Tracks,
        needing: Vec<TaskPath>,
        culprit: Option<&TaskPath>,
    ) -> Vec<TaskReasons> {
        let status = self.answered.as_ref().map(|answered| answered.status);
        let reason = |path: &TaskPath| match status {
            None => self.missing(tracks, path),
            Some(RunStatus::Cancelled) => Some(Reason::CalledOff),
            Some(_) => Some(Reason::EndedFirst(culprit.cloned())),
        };
        let paths: Vec<TaskPath> = match status {
            None => needing,
            Some(RunStatus::Succeeded) => Vec::new(),
            Some(_) => {
                let top = self.graph.main.iter().map(|node| TaskPath::top(*node));
                top.filter(|path| !has_begun(tracks, path)).collect()
            }
        };
        paths.into_iter().map(|path| self.unsent(reason(&path), path)).collect()
    }

    /// A task that has waited for others until now.
    fn unsent(&self, reason: Option<Reason>, path: TaskPath) -> TaskReasons {
        let since = self.begun(&path);
        let wall = self.until.since(since);
        TaskReasons {
            path,
            since,
            status: if self.answered.is_some() { TaskStatus::Cancelled } else { TaskStatus::Waiting },
            reason,
            heard: None,
            plea: None,
            last_good: None,
            ready: self.until,
            ended: self.answered.as_ref().map(|answered| answered.at),
            parts: [(Cause::Dependency, wall)].into_iter().filter(|(_, span)| *span > Duration::ZERO).collect(),
            wall,
            attempts: Vec::new(),
            queueing: None,
        }
    }

    /// What a task needs that has not settled.
    fn missing(&self, tracks: &Tracks, path: &TaskPath) -> Option<Reason> {
        if !self.turn.has_come() {
            return Some(Reason::Held);
        }
        let (_, scope) = path.segments().split_last()?;
        let is_settled = |need: &NodeId| {
            let beside = TaskPath(scope.into()).child(Segment::Task(*need));
            let viewed = self.viewed(&beside).map(|task| task.status.is_settled());
            viewed.unwrap_or_else(|| ends::over(self.graph, tracks, &beside).is_some())
        };
        let needs = &self.graph.task(path.node()?).needs;
        let missing: Vec<NodeId> = needs.iter().filter(|need| !is_settled(need)).copied().collect();
        (!missing.is_empty()).then_some(Reason::Needs(missing))
    }

    /// An item of a `foreach` that has no place beside those before it, if that is what was asked for.
    pub(super) fn out_of_window(&self, tracks: &Tracks, path: &TaskPath) -> Option<TaskReasons> {
        let (Segment::Item(index), around) = path.segments().split_last()? else { return None };
        let foreach = tracks.get(&TaskPath(around.into())).filter(|track| !track.is_settled())?;
        let is_ahead = *index < foreach.items()? && !has_begun(tracks, path);
        (is_ahead && self.answered.is_none()).then(|| self.unsent(Some(Reason::Turn), path.clone()))
    }
}
