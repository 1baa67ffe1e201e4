//! agendum
fn main() {}
