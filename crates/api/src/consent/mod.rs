//! The endpoints of consents: drafts, the preview, signing, and ending.

mod endpoint;
mod preview;
mod read;
mod sign;
mod write;

pub use self::endpoint::endpoints;
