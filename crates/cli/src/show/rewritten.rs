//! One line on stderr that is written over and over, of how far something is that takes long; for a terminal alone.

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

/// The line. It is erased when this is dropped.
pub(crate) struct Rewritten {
    /// How wide it is as it stands, and when it was written; nothing where nobody looks.
    stands: Option<RefCell<(usize, Option<Instant>)>>,
}

impl Rewritten {
    /// Nothing is written for machines, nor where stderr is no terminal.
    pub(crate) fn new(json: bool) -> Self {
        Self { stands: (!json && err().is_terminal()).then(RefCell::default) }
    }

    /// Writes this in place of what stands there, unless that was written a moment ago.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        let Some(stands) = &self.stands else { return };
        let (wide, at) = &mut *stands.borrow_mut();
        if at.is_some_and(|at| at.elapsed() < APART) {
            return;
        }
        let line = one_line(&line(), WIDE_MAX);
        let mut err = err();
        // That nobody can be told how far it is stops nothing.
        let _told = write!(err, "{}  {}", blank(*wide), line.dimmed()).and_then(|()| err.flush());
        (*wide, *at) = (line.width() + 2, Some(Instant::now()));
    }

    /// Takes the line away, so that something else can be written.
    pub(crate) fn erase(&self) {
        if let Some(stands) = &self.stands {
            let (wide, _at) = std::mem::take(&mut *stands.borrow_mut());
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
