//! What is derived from a record and kept, with the revision against which every use is validated.

pub mod response_cache;
pub mod revision;
