//! `cut`: a value as text of so many bytes at most, with a note where there was more.

use std::io::{self, Write};

use minijinja::{Environment, Error, ErrorKind, Value};

use super::data::Data;

/// Puts the filter into an environment.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter("cut", cut);
}

/// A text as it is, anything else as JSON. What is undefined stays so.
fn cut(value: Value, bytes_max: usize) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(value);
    }
    if let Some(text) = value.as_str().filter(|text| text.len() <= bytes_max) {
        return Ok(Value::from(text));
    }
    let mut begun = Begun { kept: Vec::new(), bytes: 0, bytes_max };
    let done = match (value.as_str(), value.downcast_object_ref::<Data>()) {
        (Some(text), _) => begun.write_all(text.as_bytes()).map_err(serde_json::Error::io),
        (None, Some(data)) => serde_json::to_writer(&mut begun, data.json()),
        (None, None) => serde_json::to_writer(&mut begun, &value),
    };
    done.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    Ok(Value::from(begun.text()))
}

/// The beginning of what is written, and how much that was.
struct Begun {
    kept: Vec<u8>,
    bytes: usize,
    bytes_max: usize,
}

impl Write for Begun {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Begun {
    fn text(self) -> String {
        let whole = std::str::from_utf8(&self.kept).map_or_else(|error| error.valid_up_to(), str::len);
        let text = String::from_utf8_lossy(&self.kept[..whole]).into_owned();
        agendum_types::cut(text, self.bytes, self.bytes_max)
    }
}
