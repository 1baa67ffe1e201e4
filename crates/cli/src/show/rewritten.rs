//! One line on stderr that is written over and over, of how far something is that takes long. Where stderr is no terminal, as in a log, a line now and then.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, Instant};

use owo_colors::OwoColorize as _;
use unicode_width::UnicodeWidthStr as _;

use super::{err, one_line};

/// A line is not wider than a narrow terminal: what is wrapped could not be written over.
const WIDE_MAX: usize = 78;
/// More often nobody could read it.
const APART: Duration = Duration::from_millis(100);
/// Between two lines that stay; what takes no longer is not told.
const APART_LINES: Duration = Duration::from_secs(15);

/// The line. It is erased when this is dropped.
pub(crate) struct Rewritten {
    /// Nothing where nobody looks.
    stands: Option<RefCell<Stands>>,
}

/// What stands there.
struct Stands {
    is_terminal: bool,
    /// How wide it is, where it can be written over.
    wide: usize,
    /// When something was written.
    at: Option<Instant>,
}

impl Rewritten {
    /// Nothing is written for machines.
    pub(crate) fn new(json: bool) -> Self {
        let is_terminal = err().is_terminal();
        let at = (!is_terminal).then(Instant::now);
        Self { stands: (!json).then(|| RefCell::new(Stands { is_terminal, wide: 0, at })) }
    }

    /// Writes this in place of what stands there, unless that was written a moment ago.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        let Some(stands) = &self.stands else { return };
        let mut stands = stands.borrow_mut();
        let apart = if stands.is_terminal { APART } else { APART_LINES };
        if stands.at.is_some_and(|at| at.elapsed() < apart) {
            return;
        }
        stands.at = Some(Instant::now());
        let mut err = err();
        // That nobody can be told how far it is stops nothing.
        if stands.is_terminal {
            let line = one_line(&line(), WIDE_MAX);
            let _told = write!(err, "{}  {}", blank(stands.wide), line.dimmed()).and_then(|()| err.flush());
            stands.wide = line.width() + 2;
        } else {
            let _told = writeln!(err, "  {}", line());
        }
    }

    /// Takes the line away, so that something else can be written.
    pub(crate) fn erase(&self) {
        if let Some(stands) = &self.stands {
            let wide = std::mem::take(&mut stands.borrow_mut().wide);
            let _erased = write!(err(), "{}", blank(wide));
        }
    }
}

impl Drop for Rewritten {
    fn drop(&mut self) {
        self.erase();
    }
}

/// Erases a line of this width, with spaces: where colours are unwanted, no other sequence of a terminal comes through.
fn blank(wide: usize) -> String {
    if wide == 0 { String::new() } else { format!("\r{:wide$}\r", "") }
}

#[cfg(test)]
mod tests {
    use super::{Rewritten, blank};

    #[test]
    fn what_stood_there_is_written_over() {
        assert_eq!((blank(0), blank(3)), (String::new(), "\r   \r".to_owned()));
    }

    #[test]
    fn for_machines_nothing_is_even_made() {
        Rewritten::new(true).tell(|| unreachable!("nobody reads it"));
    }
}
