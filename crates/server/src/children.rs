//! The time of child runs, for the reasons behind their parents.

use agendum_engine::{Page, Reading, Timeline, Wanted};
use agendum_types::{RunId, TaskPath};

use crate::Service;
use crate::reply::Refused;
use crate::runs::{seen, view};

/// Child runs, at any depth, that are read for one question: of those beyond it is told that they ran.
const READ_MAX: usize = 32;

/// Tells what is read of a run what its child runs passed their time with.
pub(crate) async fn learn(service: &Service, reading: &mut Reading) -> Result<(), Refused> {
    let mut left = READ_MAX;
    learn_some(service, reading, &mut left).await
}

async fn learn_some(service: &Service, reading: &mut Reading, left: &mut usize) -> Result<(), Refused> {
    for child in reading.children() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        // As deep as graphs stand in graphs.
        if let Some(timeline) = Box::pin(timeline(service, child, left)).await? {
            reading.learn(child, timeline);
        }
    }
    Ok(())
}

/// What a run passed its time with; `None` if it is gone, or damaged.
async fn timeline(service: &Service, run: RunId, left: &mut usize) -> Result<Option<Timeline>, Refused> {
    let Ok(Some(mut scanned)) = service.reader.scan(&service.tenant, run, Wanted::Tasks).await else { return Ok(None) };
    learn_some(service, &mut scanned.reading, left).await?;
    let view = view(service, run, TaskPath::default()).await;
    let seen = seen(service, &scanned.row, view.as_ref()).await?;
    let page = Page { count_max: 0, ..Page::all() };
    Ok(scanned.reading.reasons(&scanned.graph, seen, &page).map(|reasons| reasons.timeline))
}
