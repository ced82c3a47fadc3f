//! What is asked of the server.

use clap::ValueEnum;

/// A kind of load.
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
}

impl Workload {
    /// Those that the mix is made of, and the mix: they have limits.
    pub const MIXED: [Self; 4] = [Self::W1, Self::W2, Self::W3, Self::W4];

    /// Its name, also for the script.
    pub const fn name(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W2 => "w2",
            Self::W3 => "w3",
            Self::W4 => "w4",
            Self::W5 => "w5",
            Self::W6 => "w6",
        }
    }

    /// What it does.
    pub const fn title(self) -> &'static str {
        match self {
            Self::W1 => "W1 post a check-in",
            Self::W2 => "W2 get the active plan",
            Self::W3 => "W3 list the latest 30",
            Self::W4 => "W4 mixed 30/35/35",
            Self::W5 => "W5 sync, push 20, pull 20",
            Self::W6 => "W6 craving with help",
        }
    }

    /// The rows that each request adds at least, on average.
    pub const fn rows(self) -> f64 {
        match self {
            Self::W1 | Self::W6 => 1.0,
            Self::W2 | Self::W3 => 0.0,
            // 0.3, less what chance may bring.
            Self::W4 => 0.2,
            Self::W5 => 20.0,
        }
    }

    /// Whether it writes.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::W2 | Self::W3)
    }
}
