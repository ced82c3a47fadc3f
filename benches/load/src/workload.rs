//! The workloads: the kinds of requests that are sent to the server.

use clap::ValueEnum;

/// A kind of request, or a mix of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// Post a check-in.
    W1,
    /// Get the active plan.
    W2,
    /// List the latest 30 check-ins.
    W3,
    /// 30 % of W1, 35 % of W2, 35 % of W3.
    W4,
    /// Push 20 changes and pull 20.
    W5,
    /// Report a craving and get help.
    W6,
    /// Get a path of each person's own.
    #[value(skip)]
    Paths,
}

impl Workload {
    /// The mix and its parts, which are compared with limits.
    pub const MIXED: [Self; 4] = [Self::W1, Self::W2, Self::W3, Self::W4];

    /// The name, also for the script.
    pub const fn name(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W2 => "w2",
            Self::W3 => "w3",
            Self::W4 => "w4",
            Self::W5 => "w5",
            Self::W6 => "w6",
            Self::Paths => "paths",
        }
    }

    /// A title for tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::W1 => "W1 post a check-in",
            Self::W2 => "W2 get the active plan",
            Self::W3 => "W3 list the latest 30",
            Self::W4 => "W4 mixed 30/35/35",
            Self::W5 => "W5 sync, push 20, pull 20",
            Self::W6 => "W6 craving with help",
            Self::Paths => "get a path",
        }
    }

    /// The least number of rows that a request adds on average.
    pub const fn rows(self) -> f64 {
        match self {
            Self::W1 | Self::W6 => 1.0,
            Self::W2 | Self::W3 | Self::Paths => 0.0,
            // 0.3 is expected; the mix is random.
            Self::W4 => 0.2,
            Self::W5 => 20.0,
        }
    }

    /// Whether it writes to the database.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::W2 | Self::W3 | Self::Paths)
    }
}
