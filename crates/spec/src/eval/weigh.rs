//! Weighs values while an evaluation makes them: whatever is inside is paid for, lazy lists become whole, and nothing gets too deep.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::data::Data;
use crate::expr::guard::{LETTERS, WEIGH};

/// One step of fuel pays for this many bytes, as in MiniJinja.
const BYTES_PER_FUEL: u64 = 64;
/// What a value weighs besides its content, in bytes.
const VALUE_BYTES: u64 = 32;

/// Puts the filter into an environment.
pub(super) fn install(environment: &mut Environment<'_>, depth_max: u32) {
    environment.add_filter(WEIGH, move |state: &State<'_, '_>, value: Value| weigh(state, &value, depth_max));
    environment.add_filter(LETTERS, letters);
}

/// Pays for the walk to a letter.
fn letters(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    let bytes = value.as_str().map_or(0, str::len);
    state.consume_fuel(bytes as u64 / BYTES_PER_FUEL)?;
    Ok(value)
}

fn weigh(state: &State<'_, '_>, value: &Value, depth_max: u32) -> Result<Value, Error> {
    let mut scale = Scale { state, depth_max, owed: 0 };
    let whole = scale.whole(value, 0)?;
    scale.pay()?;
    Ok(whole.unwrap_or_else(|| value.clone()))
}

struct Scale<'a, 't, 'e> {
    state: &'a State<'t, 'e>,
    depth_max: u32,
    owed: u64,
}

impl Scale<'_, '_, '_> {
    fn charge(&mut self, bytes: u64) -> Result<(), Error> {
        self.owed = self.owed.saturating_add(bytes);
        if self.owed >= 64 * BYTES_PER_FUEL { self.pay() } else { Ok(()) }
    }

    fn pay(&mut self) -> Result<(), Error> {
        let fuel = std::mem::take(&mut self.owed) / BYTES_PER_FUEL;
        self.state.consume_fuel(fuel)
    }

    /// The value with whole lists in it, if it has any that are not.
    fn whole(&mut self, value: &Value, depth: u32) -> Result<Option<Value>, Error> {
        self.charge(VALUE_BYTES)?;
        if let Some(data) = value.downcast_object_ref::<Data>() {
            self.charge(data.weight() as u64)?;
            return Ok(None);
        }
        if depth >= self.depth_max && value.as_object().is_some() {
            let message = format!("it makes a value of more than {} lists and maps inside each other", self.depth_max);
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        match value.kind() {
            ValueKind::Undefined | ValueKind::None | ValueKind::Bool | ValueKind::Number => Ok(None),
            ValueKind::String | ValueKind::Bytes => {
                let bytes = value.as_bytes().map_or(0, <[u8]>::len);
                self.charge(bytes as u64)?;
                Ok(None)
            }
            ValueKind::Seq | ValueKind::Iterable => self.whole_list(value, depth),
            ValueKind::Map => {
                let mut entries = Vec::new();
                for key in value.try_iter()?.checked() {
                    let key = key?;
                    let inside = value.get_item(&key)?;
                    let key_whole = self.whole(&key, depth + 1)?;
                    let whole = self.whole(&inside, depth + 1)?;
                    entries.push((key_whole.unwrap_or(key), whole.unwrap_or(inside)));
                }
                Ok(Some(Value::from_pairs(entries)))
            }
            ValueKind::Plain => Err(Error::new(ErrorKind::InvalidOperation, "a function is not a value: call it")),
            ValueKind::Invalid | _ => {
                Err(Error::new(ErrorKind::InvalidOperation, "it makes something that is no value"))
            }
        }
    }

    fn whole_list(&mut self, value: &Value, depth: u32) -> Result<Option<Value>, Error> {
        let mut is_whole = value.downcast_object_ref::<Vec<Value>>().is_some() || value.is_tuple();
        let mut items = Vec::new();
        for item in value.try_iter()?.checked() {
            let item = item?;
            let whole = self.whole(&item, depth + 1)?;
            is_whole &= whole.is_none();
            items.push(whole.unwrap_or(item));
        }
        if is_whole {
            return Ok(None);
        }
        Ok(Some(if value.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) }))
    }
}
