//! Server-sent events, read piece by piece: each byte is looked at once, and nothing may grow without an end.

use agendum_ports::Failed;
use agendum_types::Class;

/// Bytes of a response at most, whatever they are; a long answer in small pieces takes some twenty of it.
const STREAM_BYTES_MAX: usize = 64 << 20;
/// Bytes of a line, and of the data of one event, at most.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// An event, as far as a model's answer needs it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) data: String,
    /// True if the event's name is `error`.
    pub(super) is_error: bool,
}

/// What has been read and is no whole event yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: usize,
    line: Vec<u8>,
    after_return: bool,
    open: Option<Event>,
}

impl Events {
    /// Takes the next bytes, gives the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Failed> {
        self.bytes += bytes.len();
        if self.bytes > STREAM_BYTES_MAX {
            return Err(too_large("the response", STREAM_BYTES_MAX));
        }
        let (mut whole, mut rest) = (Vec::new(), bytes);
        loop {
            // A line may end with two bytes, and a piece between them.
            if !rest.is_empty() && std::mem::take(&mut self.after_return) {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { break };
            self.gather(&rest[..end])?;
            whole.extend(self.line()?);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
        self.gather(rest)?;
        Ok(whole)
    }

    fn gather(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        if self.line.len() + bytes.len() > EVENT_BYTES_MAX {
            return Err(too_large("a line", EVENT_BYTES_MAX));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the line that has ended. An empty one ends an event.
    fn line(&mut self) -> Result<Option<Event>, Failed> {
        if self.line.is_empty() {
            return Ok(self.open.take().filter(|event| !event.data.is_empty()));
        }
        let line = String::from_utf8_lossy(&self.line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                let event = self.open.get_or_insert_default();
                if event.data.len() + value.len() >= EVENT_BYTES_MAX {
                    return Err(too_large("an event", EVENT_BYTES_MAX));
                }
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(value);
            }
            "event" => self.open.get_or_insert_default().is_error = value == "error",
            _ => {}
        }
        self.line.clear();
        Ok(None)
    }
}

fn too_large(what: &str, bytes_max: usize) -> Failed {
    Failed::new(Class::Permanent, format!("{what} is larger than {bytes_max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::{EVENT_BYTES_MAX, Event, Events, STREAM_BYTES_MAX};

    fn data(events: Vec<Event>) -> Vec<String> {
        events
            .into_iter()
            .map(|event| if event.is_error { format!("error: {}", event.data) } else { event.data })
            .collect()
    }

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text = "\u{feff}data: a\r\n\r\n: nobody reads this\nid: 7\ndata:b\ndata: ü\n\nevent: error\ndata: c\r\rdata\n\ndata: cut";
        let whole = data(Events::default().push(text.as_bytes()).unwrap());
        assert_eq!(whole, ["a", "b\nü", "error: c"]);
        let mut events = Events::default();
        let bytes = text.as_bytes().iter().flat_map(|byte| events.push(&[*byte]).unwrap());
        assert_eq!(data(bytes.collect()), whole);
    }

    #[test]
    fn nothing_grows_without_an_end() {
        let ended = |piece: &str| {
            let mut events = Events::default();
            let pieces = std::iter::repeat_n(piece, 2 * STREAM_BYTES_MAX / piece.len());
            let (mut bytes, mut held) = (0, 0);
            for piece in pieces {
                if let Err(failed) = events.push(piece.as_bytes()) {
                    assert!(held <= 3 * EVENT_BYTES_MAX, "{held} bytes were held");
                    return (bytes, failed.message);
                }
                bytes += piece.len();
                held = events.line.capacity() + events.open.as_ref().map_or(0, |event| event.data.capacity());
            }
            panic!("{piece:?} goes on for ever")
        };
        let block = "x".repeat(4 << 10);
        assert_eq!(ended(&block), (EVENT_BYTES_MAX, format!("a line is larger than {EVENT_BYTES_MAX} bytes")));
        let (bytes, said) = ended(&format!("data: {block}\n"));
        assert!(bytes < 2 * EVENT_BYTES_MAX && said.starts_with("an event is larger"), "{said} after {bytes}");
        let (bytes, said) = ended(&format!(": {block}\n"));
        assert!(bytes <= STREAM_BYTES_MAX && said.starts_with("the response is larger"), "{said} after {bytes}");
    }
}
