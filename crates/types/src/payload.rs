//! Bytes by reference. The journal and the core hold only [`PayloadRef`]s; the bytes are in the store, per tenant.

use std::fmt;
use std::sync::Arc;

/// A BLAKE3 digest. Payload hashes are keyed per tenant, so that equal bytes of two tenants cannot be recognised.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (place, byte) in self.0.iter().enumerate() {
            text[2 * place] = DIGITS[usize::from(byte >> 4)];
            text[2 * place + 1] = DIGITS[usize::from(byte & 15)];
        }
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// What kind of bytes a payload holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    /// `application/json`; what expressions read.
    #[default]
    Json,
    /// `text/plain; charset=utf-8`.
    Text,
    /// Bytes of no known kind.
    Bytes,
    /// Any other IANA media type, such as `image/png`.
    Other(Arc<str>),
}

impl MediaType {
    /// The IANA name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain",
            Self::Bytes => "application/octet-stream",
            Self::Other(name) => name,
        }
    }

    /// The media type with this IANA name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "application/json" => Self::Json,
            "text/plain" => Self::Text,
            "application/octet-stream" => Self::Bytes,
            other => Self::Other(Arc::from(other)),
        }
    }
}

/// What is known of the sensitivity of data, as `name=value` words such as `region=eu`; a sorted set, shared by reference.
///
/// Labels join along the way of the data. A target is eligible only if it
/// [may see](crate::Target::may_see) all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Option<Arc<[Box<str>]>>);

impl Labels {
    /// No label: any target may see the data.
    pub const NONE: Self = Self(None);

    /// The set of the given words.
    #[must_use]
    pub fn new<S: Into<Box<str>>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut words: Vec<Box<str>> = words.into_iter().map(Into::into).collect();
        words.sort();
        words.dedup();
        if words.is_empty() { Self(None) } else { Self(Some(words.into())) }
    }

    /// The words, sorted.
    #[must_use]
    pub fn words(&self) -> &[Box<str>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The labels of data made from both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        if other.is_within(self) {
            self.clone()
        } else if self.is_within(other) {
            other.clone()
        } else {
            Self::new(self.words().iter().chain(other.words()).cloned())
        }
    }

    /// True if every label here is also in `clearance`.
    #[must_use]
    pub fn is_within(&self, clearance: &Self) -> bool {
        self.words().iter().all(|word| clearance.words().binary_search(word).is_ok())
    }
}

/// How an input begins, for targets that remember what they have read: for each whole block of it a hash of all up to its end. Two inputs of one
/// tenant that begin alike have alike hashes for as many blocks; those of two tenants never have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(pub Vec<u64>);

impl Prefix {
    /// Bytes of a block.
    pub const BLOCK_BYTES: usize = 2_048;
    /// The tokens that a block counts for.
    pub const BLOCK_TOKENS: u64 = 512;
    /// Bytes that count for a token.
    pub const TOKEN_BYTES: u64 = Self::BLOCK_BYTES as u64 / Self::BLOCK_TOKENS;
    /// What comes after so many blocks does not count.
    pub const BLOCKS_MAX: usize = 256;
}

/// A reference to bytes of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadRef {
    /// BLAKE3, keyed per tenant.
    pub hash: Hash,
    /// Length in bytes.
    pub size: u64,
    /// What the bytes are.
    pub media: MediaType,
    /// What is known of their sensitivity.
    pub labels: Labels,
}

#[cfg(test)]
mod tests {
    use super::{Hash, Labels};

    #[test]
    fn labels_join_as_sets() {
        let eu = Labels::new(["region=eu"]);
        let secret = Labels::new(["sensitivity=secret"]);
        let both = eu.join(&secret);
        assert_eq!(both.words().len(), 2);
        assert!(eu.is_within(&both) && secret.is_within(&both) && !both.is_within(&eu));
        assert_eq!(both.join(&eu), both);
        assert_eq!(Labels::NONE.join(&eu), eu);
    }

    #[test]
    fn hashes_survive_their_text() {
        let hash = Hash(std::array::from_fn(|place| place as u8 * 7));
        assert_eq!(Hash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash::from_hex("zz"), None);
    }
}
