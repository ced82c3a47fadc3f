//! The one place that asks what time it is.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

/// The system's clock, which a test may set forward.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

/// A time in microseconds since 1970, cut to the millisecond like every time on the wire.
pub fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis() * 1000
}

impl Clock {
    /// The time now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else asks"
    )]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// The time now in microseconds since 1970, cut to the millisecond like every time on the wire.
    pub fn micros(&self) -> i64 {
        micros(self.now())
    }

    /// Lets the clock run ahead of the system's by this much more.
    pub fn advance(&self, by: TimeDelta) {
        self.ahead_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}
