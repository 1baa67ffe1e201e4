//! `explain`: the forecast of a graph, without running it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use agendum_types::Target;

use super::{Context, check};
use crate::failure::Failure;
use crate::forecast::{History, forecast};
use crate::{show, targets};

pub(crate) fn explain(context: &Context, path: &Path) -> Result<(), Failure> {
    let limits = &context.config.limits.0;
    let accepted = check::read(path, limits)?.runnable(context.json)?;
    let table: Vec<Target> =
        targets::table(&context.config, BTreeMap::new())?.into_iter().map(|(target, _)| target).collect();
    let history = History::default();
    let forecast = forecast(&accepted.graph, &table, &history, limits);
    if context.json {
        return show::json(&forecast.json());
    }
    Ok(write!(anstream::stdout(), "{}", forecast.text())?)
}
