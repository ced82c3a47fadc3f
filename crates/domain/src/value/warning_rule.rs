//! The early-warning rules by name: shared by the computation of warnings and by the feedback on them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An early-warning rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WarningRule)]
pub enum Rule {
    /// A day of use in the last 7 days.
    RecentUse,
    /// A physical-stage warning sign of the person's own plan in 3 days.
    PhysicalSign,
    /// Latest self-efficacy of the last 2 days at most 4, or 3 or more below the person's median.
    LowEfficacy,
    /// A craving of 8 or more in 24 hours, or two of 7 or more in 48 hours.
    CravingPeak,
    /// Median daily maximum of the last 3 days 2 or more above the person's median.
    CravingRise,
    /// 3 or more craving events in 3 days, and at least twice the person's rate.
    CravingFrequency,
    /// A risky situation of 7 or more expected in the next 24 hours.
    RiskySituation,
    /// A mental-stage warning sign of the person's own plan in 3 days.
    MentalSign,
    /// Shame or guilt of 7 or more with felt control of at most 3 after a use event.
    AfterLapse,
    /// 2 due doses missed in a row, an injection overdue for more than 7 days, or less than 0.80 of 28 days
    /// covered.
    MedicationGap,
    /// Stress of 7 or more on 2 of the last 3 check-ins.
    Stress,
    /// Mood of at most 3 on 3 check-in days in a row.
    LowMood,
    /// 2 of hungry, angry, lonely, tired at 7 or more on one day, or one of them on three consecutive days.
    Halt,
    /// Less than 5 hours of sleep, or a quality of at most 3, on 3 of the last 5 nights.
    Sleep,
    /// No support contact in 7 days, where 2 or more a week are usual.
    Isolation,
    /// 2 or more different emotional-stage warning signs of the person's own plan in 7 days.
    EmotionalSigns,
    /// At most half as many check-ins in 7 days as usual.
    GoneQuiet,
    /// 2 or more of meeting, practice, support contact, all doses, in 48 hours.
    Protective,
}
