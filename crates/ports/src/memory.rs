//! In-memory stores: for tests, for `sim`'s neighbours, and as the simplest reading of the contract.
