//! What somebody asks of another person's record, for the access log and the accounting.

use mainstay_domain::audit::{AccessAction, What};
use uuid::Uuid;

/// How long the reading may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A page or a record: it is read at once.
    Short,
    /// Much of the record: it has a turn of the reader's account.
    Long,
}

/// What a read of somebody else's record is, for the access log and the accounting.
#[derive(Debug, Clone)]
pub struct SharedRead {
    /// Whose record it is.
    pub person: Uuid,
    /// What is done.
    pub action: AccessAction,
    /// What is asked for.
    pub what: What,
    /// What is given out, in a few words.
    pub description: String,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The version of the notice that goes with the answer.
    pub notice_version: String,
    /// How long the reading may take.
    pub reach: Reach,
    /// The moment of a look at the summary, in microseconds; from there on the next one says what is new.
    pub look: Option<i64>,
}
