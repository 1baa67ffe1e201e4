//! `replay`: a journal, run again in virtual time under other policies. It is read beside whoever owns it, and never written.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agendum_engine::{ReadError, Reader, Told};
use agendum_ports::{Clock as _, PlanRow, RunFilter, RunRow, Wall};
use agendum_sim::replay::{self, Asked, LeftOut, Past, Published, Records, Report, Setting};
use agendum_spec::policy::plan;
use agendum_store_sqlite::{Directory, FileBlobs, SqliteStore};
use agendum_types::{Graph, Hash, Limits, Policy, Seq, Tenant, Timestamp};

use super::{Context, policy};
use crate::args::Replay;
use crate::config::Config;
use crate::failure::{FAILED, Failure};
use crate::hosting::tell;
use crate::in_force::InForce;
use crate::policies::Found;
use crate::{next, show, targets};

/// Runs and records that are read at most; the newest are.
const RUNS_MAX: usize = 100_000;
const RECORDS_MAX: usize = 2_000_000;
/// Runs of a page of the index.
const PAGE: u32 = 500;
/// What takes no longer than this is not told.
const UNTOLD: Duration = Duration::from_millis(500);
/// How often reading is told of, in runs.
const TELL_EVERY: usize = 1_000;

pub(crate) async fn replay(context: &Context, asked: &Replay) -> Result<(), Failure> {
    let since = asked.since.before(Wall.now());
    let rules = Rules::of(context, asked)?;
    let Reading { past, notes, began, reader, .. } = read(context, since).await?;
    let plans = published(&reader, &rules.old.0, since, &context.config.limits.0).await?;
    let asked_of = Asked {
        old: (rules.old.0, rules.old.1),
        plans,
        new: rules.new,
        notes: rules.notes.into_iter().chain(notes).collect(),
    };
    let setting = setting(rules.config.as_ref().unwrap_or(&context.config));
    let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let tells = |what: &str, done: usize, of: usize| {
        if !context.json && began.elapsed() >= UNTOLD {
            tell(&format!("  … {what} ({} of {of})", done + 1));
        }
    };
    let report = replay::run(&past, &setting, &asked_of, &clock, &tells);
    unknown_targets(context, &report);
    told(context.json, asked.report.as_deref(), &report)
}

/// What is not configured has no price, no limits, and as many places as were taken at once: the wrong configuration is seldom what was meant.
fn unknown_targets(context: &Context, report: &Report) {
    let unknown: Vec<&str> =
        report.targets.iter().filter(|target| !target.configured).map(|target| target.name.as_str()).collect();
    if unknown.is_empty() || context.json {
        return;
    }
    let config =
        context.config.file.as_ref().map_or_else(|| "no agendum.toml".to_owned(), |file| file.display().to_string());
    tell(&format!(
        "note: {config} is read here, and does not have {}: --config FILE names the configuration that these runs had",
        show::in_line(&unknown.join(", "))
    ));
}

/// The runs of the journal that were submitted since then. None is an error.
pub(super) async fn read(context: &Context, since: Timestamp) -> Result<Reading, Failure> {
    let directory = Directory::look(&context.data);
    if !directory.exists() {
        directory.has_not_lost_its_journal()?;
        return Err(Failure::usage(format!("there are no runs in {} yet", context.data.display()))
            .hint(format!("start one: {} demo", next::reading())));
    }
    let store = Arc::new(SqliteStore::open(&directory)?);
    let blobs = Arc::new(FileBlobs::new(directory.blobs(), directory.secret()?));
    let limits = context.config.limits.stored();
    let mut reading = Reading::new(Reader::new(store, blobs, limits.clone()), limits, context.json);
    reading.read(since).await?;
    if reading.past.is_empty() {
        return Err(reading.nothing(since));
    }
    Ok(reading)
}

/// Plans of a page.
const PLANS_PAGE: u32 = 1_000;

/// What was published beside that policy since then, and what was in force before.
pub(super) async fn published(
    reader: &Reader,
    policy: &Policy,
    since: Timestamp,
    limits: &Limits,
) -> Result<Vec<Published>, Failure> {
    let mut rows = Vec::new();
    // The one that was in force at the beginning counts as well.
    while rows.last().is_none_or(|row: &PlanRow| row.at >= since) {
        let page = reader.plans(rows.last().map(|row| row.number), PLANS_PAGE).await?;
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    let mut found = Vec::new();
    for row in rows.into_iter().rev() {
        let Some(accepted) = plan::check(&row.document, policy, limits).accepted else { continue };
        found.push(Published { at: row.at, plan: Some((accepted.plan, row.until)) });
        found.extend(row.withdrawn.map(|withdrawn| Published { at: withdrawn.at, plan: None }));
    }
    Ok(found)
}

/// What there is to run on under a configuration.
pub(super) fn setting(config: &Config) -> Setting {
    Setting {
        targets: targets::declared(config),
        pools: config.pools.all(),
        limits: config.limits.stored(),
        windows: config.budgets.windows(),
        seed: 1,
    }
}

fn told(json: bool, file: Option<&Path>, report: &Report) -> Result<(), Failure> {
    if let Some(file) = file {
        std::fs::write(file, replay::page(report))
            .map_err(|error| Failure::usage(format!("cannot write {}: {error}", file.display())))?;
        tell(&format!("written: {}", file.display()));
    }
    if json {
        return show::json(&serde_json::to_value(report)?);
    }
    let mut out = show::out();
    let text = replay::text(report);
    Ok(writeln!(out, "{}", out.harmless(text.trim_end()))?)
}

/// What is in force where the journal is written: with its owner, or with this command.
pub(super) struct There {
    theirs: Option<InForce>,
    /// The owner's configuration, where that is not this command's.
    pub(super) config: Option<Config>,
    pub(super) notes: Vec<String>,
}

impl There {
    pub(super) fn of(context: &Context) -> Self {
        let (mut config, mut notes) = (None, Vec::new());
        let other = InForce::other(&context.data, &InForce::of(&context.config));
        if let Some((owner, theirs, differences)) = &other
            && !differences.is_empty()
        {
            config = theirs.whole();
            if config.is_none() {
                let hosted = theirs.hosted(owner, &context.data);
                notes.push(format!("{hosted}; it cannot be read here: targets and limits are this command's"));
            }
        }
        Self { theirs: other.map(|(_, theirs, _)| theirs), config, notes }
    }

    pub(super) fn policy(&self, context: &Context) -> Result<Found, Failure> {
        self.theirs.as_ref().map_or_else(|| context.config.sound_policy(), InForce::policy)
    }
}

/// The policies that are compared, and the configuration under which runs are hosted.
struct Rules {
    old: (Arc<Policy>, String),
    new: Vec<Arc<Policy>>,
    /// The owner's, where that is another process.
    config: Option<Config>,
    notes: Vec<String>,
}

impl Rules {
    fn of(context: &Context, asked: &Replay) -> Result<Self, Failure> {
        let limits = &context.config.limits.0;
        let there = There::of(context);
        let (old, said) = match &asked.was {
            Some(was) => (policy::found(context.json, was, limits)?, "as --was says"),
            None => (there.policy(context)?, "the one in force now"),
        };
        let There { config, notes, .. } = there;
        let mut new: Vec<Found> = Vec::new();
        for path in &asked.policies {
            new.push(policy::found(context.json, path, limits)?);
        }
        let old_said = format!("{old}, {said}");
        let mut names = vec![old.name().to_owned()];
        let new = new.iter().map(|found| named_apart(found, &mut names)).collect();
        Ok(Self { old: (old.accepted.policy, old_said), new, config, notes })
    }
}

/// Of two policies of one name the second is called by its file, or by a number.
fn named_apart(found: &Found, names: &mut Vec<String>) -> Arc<Policy> {
    let mut name = found.name().to_owned();
    if names.contains(&name) {
        name = found.place();
    }
    let mut number = 1;
    while names.contains(&name) {
        number += 1;
        name = format!("{} ({number})", found.name());
    }
    names.push(name.clone());
    Arc::new(Policy { name: name.into(), ..(*found.accepted.policy).clone() })
}

/// Runs that are being read.
pub(super) struct Reading {
    pub(super) reader: Reader,
    limits: Limits,
    tenant: Tenant,
    json: bool,
    pub(super) past: Past,
    /// By hash of what they were made of: many runs are of one graph.
    graphs: BTreeMap<Hash, Arc<Graph>>,
    pub(super) notes: Vec<String>,
    records: usize,
    unreadable: usize,
    open: usize,
    began: Instant,
    told: Cell<usize>,
}

impl Reading {
    fn new(reader: Reader, limits: Limits, json: bool) -> Self {
        Self {
            reader,
            limits,
            tenant: Tenant::default(),
            json,
            past: Past::default(),
            graphs: BTreeMap::new(),
            notes: Vec::new(),
            records: 0,
            unreadable: 0,
            open: 0,
            began: Instant::now(),
            told: Cell::new(0),
        }
    }

    async fn read(&mut self, since: Timestamp) -> Result<(), Failure> {
        let mut filter = RunFilter { count_max: PAGE, ..RunFilter::default() };
        let mut count = 0;
        loop {
            let page = self.reader.runs(&self.tenant, filter.clone()).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.run);
            let (inside, before): (Vec<_>, Vec<_>) = page.iter().partition(|row| row.submitted >= since);
            for row in inside {
                if count == RUNS_MAX || self.records >= RECORDS_MAX {
                    let newest =
                        format!("the newest {count} runs with {} records are read, as many as may be", self.records);
                    self.notes.push(format!("{newest}: begin later with --since"));
                    return Ok(());
                }
                count += 1;
                self.tell(count);
                self.take(row).await?;
            }
            if !before.is_empty() {
                let went_on = before.iter().filter(|row| row.answered.is_none_or(|at| at > since)).count();
                if went_on > 0 {
                    self.notes.push(format!(
                        "runs that came before and went on then are not replayed: {went_on} at least, so that the beginning looks emptier than it was"
                    ));
                }
                break;
            }
        }
        Ok(())
    }

    /// A run that cannot be read is counted; a store that cannot be is an error.
    async fn take(&mut self, row: &RunRow) -> Result<(), Failure> {
        if row.answered.is_none() {
            self.open += 1;
        }
        match self.records(row).await {
            // It had places all the same.
            Ok(records) if row.answered.is_none() => self.past.leave_out(LeftOut::Open, Some(&records)),
            Ok(records) => self.past.take(&records),
            Err(ReadError::Store(error)) => return Err(error.into()),
            Err(
                error @ (ReadError::NoRun(_) | ReadError::LeftOut(_) | ReadError::Decode(_) | ReadError::Payload(_)),
            ) => {
                tracing::warn!(run = %row.run, %error, "a run cannot be read, and is left out");
                let is_open = row.answered.is_none();
                self.unreadable += usize::from(!is_open);
                self.past.leave_out(if is_open { LeftOut::Open } else { LeftOut::Unreadable }, None);
            }
        }
        Ok(())
    }

    async fn records(&mut self, row: &RunRow) -> Result<Records, ReadError> {
        let (mut entries, mut graphs) = (Vec::new(), BTreeMap::new());
        let mut after = Seq(0);
        loop {
            let page = self.reader.export(&row.tenant, row.run, after).await?;
            let Some(last) = page.last() else { break };
            after = last.entry.seq;
            for exported in page {
                if let Some((_, hash, document)) = exported.entry.record.names_graph() {
                    if !self.graphs.contains_key(&hash) {
                        let told = Told { document: Some(document.clone()), ..Told::default() };
                        let document = self.reader.document_told(&row.tenant, &told).await?;
                        let graph = agendum_spec::load(&document, &self.limits);
                        let graph = graph.map_err(|error| ReadError::Payload(error.to_string()))?;
                        self.graphs.insert(hash, graph);
                    }
                    if let Some(graph) = self.graphs.get(&hash) {
                        graphs.insert(hash, Arc::clone(graph));
                    }
                }
                entries.push(exported.entry);
            }
        }
        self.records += entries.len();
        Ok(Records { tenant: row.tenant.clone(), graphs, entries })
    }

    fn tell(&self, count: usize) {
        if !self.json && self.began.elapsed() >= UNTOLD && count >= self.told.get() + TELL_EVERY {
            self.told.set(count);
            tell(&format!("  … reading: {count} runs"));
        }
    }

    fn nothing(&self, since: Timestamp) -> Failure {
        let why = match (self.open, self.unreadable) {
            (0, 0) => format!("no run was submitted since {since}"),
            (open, 0) => format!("no run that was submitted since {since} is answered: {open} are open"),
            (open, unreadable) => {
                let message = format!("of the runs since {since} {open} are open and {unreadable} cannot be read");
                return Failure::new(FAILED, message).hint("AGENDUM_LOG=warn says why each cannot be read");
            }
        };
        Failure::usage(why).hint("begin earlier, as with --since 7d")
    }
}
