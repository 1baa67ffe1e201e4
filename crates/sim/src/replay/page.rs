//! A report as one page.

use super::Report;

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    super::text(report)
}
