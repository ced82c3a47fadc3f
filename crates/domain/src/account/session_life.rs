//! How long a session is live: until it was not used for some time, and never longer than its role allows.

use super::Role;

/// A session that is not used for this long ends, in seconds: 90 days.
pub const IDLE_S: i64 = 90 * 24 * 3600;

impl Role {
    /// The longest life of a session from its beginning, however often it is used, in seconds. Those who reach the records of
    /// others at work sign in for each working day: 12 hours. Others have a year.
    pub const fn session_life_s(self) -> i64 {
        match self {
            Self::Person | Self::Supporter => 365 * 24 * 3600,
            Self::Clinician | Self::Operator => 12 * 3600,
        }
    }
}

/// The times of a session, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// When it began.
    pub created_at: i64,
    /// When it was last used.
    pub last_used_at: i64,
}

impl SessionTimes {
    /// When a session of an account with that role ends unless it is used before.
    pub fn ends_at(self, role: Role) -> i64 {
        let unused = self.last_used_at.saturating_add(IDLE_S * 1_000_000);
        let old = self.created_at.saturating_add(role.session_life_s() * 1_000_000);
        unused.min(old)
    }

    /// Whether it is live at a time, as long as nobody has ended it.
    pub fn is_live(self, role: Role, now: i64) -> bool {
        now < self.ends_at(role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_without_use_and_at_the_age_of_its_role() {
        const DAY: i64 = 24 * 3600;
        for (role, used_after, asked_after, is_live) in [
            (Role::Person, 0, 90 * DAY - 1, true),
            (Role::Person, 0, 90 * DAY, false),
            (Role::Person, 300 * DAY, 365 * DAY - 1, true),
            (Role::Person, 364 * DAY, 365 * DAY, false),
            (Role::Supporter, 364 * DAY, 365 * DAY - 1, true),
            (Role::Supporter, 364 * DAY, 365 * DAY, false),
            (Role::Clinician, DAY / 2 - 2, DAY / 2 - 1, true),
            (Role::Clinician, DAY / 2 - 2, DAY / 2, false),
            (Role::Operator, DAY / 2 - 2, DAY / 2, false),
        ] {
            let begun = 1_800_000_000;
            let times = SessionTimes {
                created_at: begun * 1_000_000,
                last_used_at: (begun + used_after) * 1_000_000,
            };
            let asked = (begun + asked_after) * 1_000_000;
            assert_eq!(
                times.is_live(role, asked),
                is_live,
                "{role:?} {used_after} {asked_after}"
            );
        }
    }
}
