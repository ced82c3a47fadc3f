//! The report for others: its figures, and which parts of the page a recipient gets.

use super::{InsightScope, days::days_facts, warning::shared_warnings};
use crate::{
    insight::{
        facts::Facts,
        over_time::PlanVersion,
        progress::{Progress, ProgressSources, progress_of},
    },
    sharing::{Covered, DataClass, facts::covered_facts},
};

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPart {
    /// What was reached: days without use, for each goal.
    Reached,
    /// The calendars of the goals.
    Calendars,
    /// The curve of craving.
    CravingCurve,
    /// The curve of mood.
    MoodCurve,
    /// The days of use beside the curves.
    UseDays,
    /// The changes of plans beside the curves.
    PlanChanges,
    /// The trend of cravings.
    CravingTrend,
    /// The hours of the week in which cravings began.
    Cravings,
    /// How cravings ended.
    CravingOutcomes,
    /// Coping strategies.
    Strategies,
    /// Triggers.
    Triggers,
    /// How often use followed with a trigger and without it.
    UseAfterTriggers,
    /// Days covered by medication.
    Medication,
    /// Confidence by kind of situation.
    SelfEfficacy,
    /// Early warnings.
    Warnings,
    /// Safety notes.
    SafetyNotes,
}

impl ReportPart {
    /// Every part.
    pub const ALL: [Self; 16] = [
        Self::Reached,
        Self::Calendars,
        Self::CravingCurve,
        Self::MoodCurve,
        Self::UseDays,
        Self::PlanChanges,
        Self::CravingTrend,
        Self::Cravings,
        Self::CravingOutcomes,
        Self::Strategies,
        Self::Triggers,
        Self::UseAfterTriggers,
        Self::Medication,
        Self::SelfEfficacy,
        Self::Warnings,
        Self::SafetyNotes,
    ];

    /// The classes without which the part is not shown.
    pub const fn classes(self) -> &'static [DataClass] {
        use DataClass as C;
        match self {
            Self::Reached | Self::Calendars => &[C::Abstinence],
            Self::CravingCurve => &[C::CheckIns, C::Cravings],
            Self::MoodCurve => &[C::CheckIns],
            Self::UseDays => &[C::Use],
            // A change of what is withheld of a plan is a change of the plan.
            Self::PlanChanges => &[C::Plans, C::SupportContacts, C::Safety],
            Self::CravingTrend | Self::Cravings => &[C::Cravings],
            Self::CravingOutcomes => &[C::Cravings, C::Use],
            Self::Strategies | Self::Triggers => &[C::Cravings, C::Plans],
            Self::UseAfterTriggers => &[C::Cravings, C::Plans, C::Use],
            Self::Medication => &[C::Medications],
            Self::SelfEfficacy => &[C::Practice],
            Self::Warnings => &[C::Warnings],
            Self::SafetyNotes => &[C::Warnings, C::Safety],
        }
    }
}

/// The figures of a report for others. They are computed from what is covered. A part that is not covered has no data, and
/// must not be on the page at all.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedProgress {
    /// The figures.
    pub figures: Progress,
    covered: Covered,
}

impl SharedProgress {
    /// The covered classes that the page is computed from: what a disclosure of it is a disclosure of.
    pub fn sources(&self) -> Covered {
        let parts = ReportPart::ALL.into_iter();
        parts.flat_map(|part| part.sources(self.covered).iter()).collect()
    }

    /// Whether a part is on the page.
    pub fn shows(&self, part: ReportPart) -> bool {
        self.covered.contains_all(part.classes())
    }
}

/// Computes the report for a recipient. `plans` contains the versions of each plan, oldest first. `None` if no part of the
/// report is covered.
pub fn shared_progress(
    facts: &Facts,
    plans: &[Vec<PlanVersion>],
    covered: Covered,
    scope: &InsightScope<'_>,
) -> Option<SharedProgress> {
    let is_covered = |part: ReportPart| covered.contains_all(part.classes());
    if !ReportPart::ALL.into_iter().any(is_covered) {
        return None;
    }
    let seen = covered_facts(facts, covered);
    let plans = if is_covered(ReportPart::PlanChanges) {
        plans
    } else {
        &[]
    };
    let warnings = shared_warnings(facts, seen.clone(), covered, scope).result;
    let sources = ProgressSources {
        days: &days_facts(facts, covered),
        facts: &seen,
        plans,
        warnings,
    };
    let mut figures = progress_of(sources, scope.as_of, scope.window);
    // The score would tell of rules that are withheld.
    figures.warnings.score = 0;
    for muted in &mut figures.warnings.muted {
        (muted.feedback_id, muted.until) = (uuid::Uuid::nil(), None);
    }
    if !covered.contains_all(&[DataClass::CheckIns, DataClass::Use]) {
        for goal in &mut figures.abstinence.goals {
            goal.days_to_clarify = 0;
        }
    }
    Some(SharedProgress { figures, covered })
}
