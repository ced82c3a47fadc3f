//! Encouragements: short kind words of a supporter, which the person can answer with a thanks.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    account::Role,
    value::{
        text::{Text, text},
        timestamp::{Timestamp, example_time, resolve_local},
    },
};

/// The maximum number of encouragements of one supporter on one calendar day of the person.
pub const MAX_A_DAY: usize = 5;
/// The maximum number of encouragements that are kept for one person. Beyond it the oldest go.
pub const MAX_ENCOURAGEMENTS: i64 = 1000;

/// The words of a supporter.
pub type EncouragementText = Text<1, 500>;
/// The words of a thanks.
pub type ThanksText = Text<1, 200>;

/// Short kind words of a supporter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Encouragement {
    /// The id.
    pub id: Uuid,
    /// The account that sent it; left out if that account was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uuid>,
    /// The role of that account.
    pub by_role: Role,
    /// The words.
    pub text: EncouragementText,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// The person's thanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thanks: Option<Thanks>,
}

impl Encouragement {
    /// A valid encouragement for documentation.
    pub fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0053),
            by: Some(Uuid::from_u128(0x0195_4d0a_2f00_7000_8000_0000_0000_0061)),
            by_role: Role::Supporter,
            text: text!("I saw you at the river this morning. I am glad that you are here."),
            sent_at: example_time("2026-03-02T10:00:00Z"),
            thanks: Some(Thanks {
                text: Some(text!("That meant a lot today.")),
                at: example_time("2026-03-02T19:00:00Z"),
            }),
        }
    }
}

/// The person's thanks for an encouragement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = EncouragementThanks)]
pub struct Thanks {
    /// A few words. A thanks needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ThanksText>,
    /// When.
    pub at: Timestamp,
}

/// A new encouragement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEncouragement {
    /// The id; the server creates one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The words.
    pub text: EncouragementText,
}

/// A thanks for an encouragement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEncouragementThanks)]
pub struct NewThanks {
    /// A few words. A thanks needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ThanksText>,
}

/// The seconds until a supporter may send another encouragement: until the person's next day, if as many as a day has room
/// for were sent on this one. `latest` are the times of the latest ones, at least [`MAX_A_DAY`] if there are so many.
pub fn wait_for_next_day(latest: &[DateTime<Utc>], now: DateTime<Utc>, zone: Tz) -> Option<i64> {
    let today = now.with_timezone(&zone).date_naive();
    let is_today = |at: &&DateTime<Utc>| at.with_timezone(&zone).date_naive() == today;
    if latest.iter().filter(is_today).count() < MAX_A_DAY {
        return None;
    }
    let tomorrow = today.succ_opt().unwrap_or(today).and_time(chrono::NaiveTime::MIN);
    // Rounded up, so that the day has come when the seconds are over.
    let wait = resolve_local(zone, tomorrow) - now + TimeDelta::microseconds(999_999);
    Some(wait.num_seconds().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_a_calendar_day_of_the_person() {
        let zone = chrono_tz::America::New_York;
        // All on the second of March in New York.
        let five: Vec<_> = (0..5)
            .map(|n| at("2026-03-02T05:00:00Z") + TimeDelta::hours(4 * n))
            .collect();
        assert_eq!(
            wait_for_next_day(&five, at("2026-03-03T04:00:00Z"), zone),
            Some(3600)
        );
        assert_eq!(
            wait_for_next_day(&five, at("2026-03-03T04:59:59.5Z"), zone),
            Some(1)
        );
        assert_eq!(wait_for_next_day(&five, at("2026-03-03T05:00:00Z"), zone), None);
        assert_eq!(
            wait_for_next_day(&five[1..], at("2026-03-03T04:00:00Z"), zone),
            None
        );
        // In UTC the last hours of the first day are another day.
        assert_eq!(
            wait_for_next_day(&five, at("2026-03-03T04:00:00Z"), chrono_tz::UTC),
            None
        );
    }

    #[test]
    fn the_day_on_which_clocks_change_ends_at_its_own_midnight() {
        let zone = chrono_tz::Europe::Berlin;
        let five = [at("2026-03-29T10:00:00Z"); MAX_A_DAY];
        assert_eq!(
            wait_for_next_day(&five, at("2026-03-29T21:00:00Z"), zone),
            Some(3600)
        );
    }
}
