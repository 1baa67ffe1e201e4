//! The code that speaks to what serves tasks: model providers, HTTP services, local programs, and an offline model.
//!
//! A crate of its own to fence off the HTTP client. Each adapter is made for one target, knows its settings, turns one attempt into
//! one outcome and never retries. It reports a closed class, what was used, and whether it can certify that nothing happened; a
//! stream that ends without its finish marker is a failure with partial data.

pub mod chat;
pub mod courier;
pub mod exec;
pub mod http;
pub mod offline;

mod aside;
mod input;
mod timeouts;
mod turn;

pub use chat::Chat;
pub use courier::Webhook;
pub use exec::Exec;
pub use http::Http;
pub use offline::Offline;
pub use timeouts::Timeouts;

#[cfg(test)]
mod tests;
