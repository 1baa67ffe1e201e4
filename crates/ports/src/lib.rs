//! The promises of the outside: [`Store`], [`Blobs`], [`Adapter`], [`Courier`], [`Clock`]: traits, with stores and blobs in memory and
//! the system's clock.
//!
//! A crate of its own because it is a published contract: stores and adapters implement it without knowing the core. A store keeps
//! opaque record bodies beside a header of plain fields; an adapter turns one attempt into one outcome and never retries.

pub mod adapter;
pub mod backup;
pub mod blobs;
mod causes;
pub mod clock;
pub mod feedback;
pub mod memory;
pub mod notices;
pub mod plans;
pub mod results;
pub mod retention;
pub mod spending;
pub mod store;

pub use adapter::{Adapter, Attempt, Chunk, ChunkSink, Failed, Finished, Payload, RateSink, Reference, ReferenceSink};
pub use backup::{Backup, Copied};
pub use blobs::{BlobError, Blobs, TenantKey};
pub use causes::chain;
pub use clock::{Clock, Wall};
pub use feedback::{
    BUILT_IN_POLICY, Feedback, FeedbackBy, FeedbackFilter, FeedbackSource, Feedbacks, Judged, Judgement, Unread,
};
pub use notices::{Courier, DUE_COUNTED_MAX, Due, EndpointRow, Noted, Notices, Parcel, Receipt, Sent};
pub use plans::{PAGE_BYTES, PLANS_MAX, PlanRow, Plans, Withdrawal};
pub use results::{Dropped, KeptLine, KeptResult, Results, WhichKept};
pub use retention::{BlobName, Forgotten, Retention};
pub use spending::{
    HourChange, HourSpent, Invoice, LostCalls, Reconciliation, Settled, Spending, Spent, SpentBy, part,
};
pub use store::{
    Append, Appended, InlinePayload, Opened, Row, RunChange, RunFilter, RunRow, RunUpdate, Store, StoreError,
};
