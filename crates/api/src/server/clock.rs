//! The clock: the only module that reads the system time. (Ids contain the time too, see `id.rs`.)

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

/// The system's clock, which a test may advance.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    advanced_ms: Arc<AtomicI64>,
}

/// Converts a time to microseconds since 1970, cut to the millisecond like every time in requests and responses.
pub fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis() * 1000
}

impl Clock {
    /// Returns the current time.
    #[expect(
        clippy::disallowed_methods,
        reason = "every other module reads the time from this clock"
    )]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.advanced_ms.load(Ordering::Relaxed))
    }

    /// Returns the current time in microseconds since 1970, cut to the millisecond.
    pub fn micros(&self) -> i64 {
        micros(self.now())
    }

    /// Sets the clock forward by this much.
    pub fn advance(&self, by: TimeDelta) {
        self.advanced_ms
            .fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}
