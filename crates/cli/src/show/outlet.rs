//! The standard streams. That nobody reads one any more changes nothing about what a command does, nor how it ends.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal as _, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::harmless::{pictured, pictured_value};

/// A stream; what is written after its reader has gone (`| head`) goes nowhere.
pub(crate) struct Outlet<W> {
    to: W,
    /// What comes from outside is made [harmless](super::harmless) for it.
    is_terminal: bool,
}

/// Results, with colours where a terminal takes them.
pub(crate) fn out() -> Outlet<anstream::Stdout> {
    Outlet { to: anstream::stdout(), is_terminal: io::stdout().is_terminal() }
}

/// Results byte for byte, where no terminal takes them.
pub(crate) fn plain() -> Outlet<io::Stdout> {
    Outlet { to: io::stdout(), is_terminal: io::stdout().is_terminal() }
}

/// Progress and errors, with colours where a terminal takes them.
pub(crate) fn err() -> Outlet<anstream::Stderr> {
    Outlet { to: anstream::stderr(), is_terminal: io::stderr().is_terminal() }
}

impl<W> Outlet<W> {
    pub(crate) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// A text from outside as it may be written here.
    pub(crate) fn harmless<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_terminal { pictured(text) } else { Cow::Borrowed(text) }
    }

    /// A value from outside, with all of its texts as they may be written here.
    pub(crate) fn harmless_value<'t, T: Clone + Serialize + DeserializeOwned>(&self, value: &'t T) -> Cow<'t, T> {
        if self.is_terminal { Cow::Owned(pictured_value(value)) } else { Cow::Borrowed(value) }
    }
}

fn unless_broken<T>(done: io::Result<T>, nowhere: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(nowhere),
        done => done,
    }
}

impl<W: Write> Write for Outlet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_broken(self.to.write(bytes), bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        unless_broken(self.to.write_all(bytes), ())
    }

    fn write_fmt(&mut self, said: Arguments<'_>) -> io::Result<()> {
        // In one piece, where the stream locks itself for that.
        unless_broken(self.to.write_fmt(said), ())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_broken(self.to.flush(), ())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::Outlet;

    /// A stream whose every write ends so.
    struct Ends(io::ErrorKind);

    impl Write for Ends {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn that_nobody_reads_is_no_failure() {
        for (kind, fine) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
            let mut outlet = Outlet { to: Ends(kind), is_terminal: false };
            assert_eq!([writeln!(outlet, "x {}", 1).is_ok(), outlet.flush().is_ok()], [fine; 2], "{kind:?}");
        }
    }

    #[test]
    fn only_a_terminal_is_spared() {
        let said = [true, false].map(|is_terminal| {
            let outlet = Outlet { to: (), is_terminal };
            let value = vec!["a\x1b[2J".to_owned()];
            format!("{} {}", outlet.harmless("a\x1b[2J"), outlet.harmless_value(&value)[0])
        });
        assert_eq!(said, ["a␛[2J a␛[2J", "a\x1b[2J a\x1b[2J"]);
    }
}
