//! retrieve-fts
