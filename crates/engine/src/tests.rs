//! Documents through the real engine, over stores in memory and adapters that do as they are told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;
mod flows;
mod restarts;
