//! Insights for others: which ones a recipient gets, what they are computed from, and which of their members are shown.
//!
//! An insight is computed from [`covered_facts`], so nothing that is withheld has a part in it. Two classes mean more than
//! that. Days without use and milestones are computed from all use and all answers about it, and the level of the early
//! warnings from the whole record; all other members of these insights follow the rule. A figure that would need something
//! withheld is left out. It is never 0, and it never looks as if there were no data.

mod days;
pub mod progress;
pub mod source;
mod table;
pub mod warning;

use serde::Serialize;

use super::{Covered, DataClass, class_of, facts::covered_facts, member::select};
use crate::{
    insight::{
        Insight,
        abstinence::abstinence,
        craving::cravings,
        facts::{AsOf, Facts, InsightBasis, Window},
        medication::medication,
        milestone::milestones,
        self_efficacy::self_efficacy,
        series::{Bucket, Metric, series},
        strategy::strategies,
        summary::{SummarySources, summary_of},
        trigger::triggers,
    },
    record::{Kind, json},
    reference::helpline::Helpline,
};

use self::{
    days::days_facts,
    warning::{covers_all_topics, shared_warnings},
};

/// An insight that others may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedInsight {
    /// Days without use, for each goal.
    Abstinence,
    /// Milestones.
    Milestones,
    /// One measure over time.
    Series(Metric, Bucket),
    /// Cravings.
    Cravings,
    /// Triggers.
    Triggers,
    /// Coping strategies.
    Strategies,
    /// Confidence by kind of situation.
    SelfEfficacy,
    /// Days covered by medication.
    Medication,
    /// Early warnings.
    Warnings,
    /// The most important figures of all insights.
    Summary,
}

/// The moment and the window of an insight, and the helplines of the person's country.
#[derive(Debug, Clone, Copy)]
pub struct InsightScope<'a> {
    /// The moment.
    pub as_of: &'a AsOf,
    /// The window, where an insight has one.
    pub window: Window,
    /// Helplines that are offered with safety notes.
    pub helplines: &'a [Helpline],
}

impl SharedInsight {
    /// The classes without which the insight is not shown. The summary needs one of its parts, see [`Self::is_covered`].
    pub const fn classes(self) -> &'static [DataClass] {
        use DataClass as C;
        match self {
            Self::Abstinence | Self::Milestones => &[C::Abstinence],
            Self::Series(metric, _) => classes_of_metric(metric),
            Self::Cravings => &[C::Cravings],
            Self::Triggers | Self::Strategies => &[C::Cravings, C::Plans],
            Self::SelfEfficacy => &[C::Practice],
            Self::Medication => &[C::Medications],
            Self::Warnings => &[C::Warnings],
            Self::Summary => &[],
        }
    }

    /// The insights that the summary is made of.
    pub const PARTS_OF_SUMMARY: [Self; 7] = [
        Self::Abstinence,
        Self::Cravings,
        Self::Triggers,
        Self::Strategies,
        Self::SelfEfficacy,
        Self::Medication,
        Self::Warnings,
    ];

    /// Whether a recipient gets the insight. This follows from the classes alone, and not from the record.
    pub fn is_covered(self, covered: Covered) -> bool {
        match self {
            Self::Summary => Self::PARTS_OF_SUMMARY.iter().any(|part| part.is_covered(covered)),
            _ => covered.contains_all(self.classes()),
        }
    }

    /// Computes the insight from a person's record, and returns it as JSON with what is covered and nothing else. `None` if
    /// the insight is not covered.
    ///
    /// # Errors
    /// If the insight has no form as a JSON object, which would be a fault.
    pub fn compute(
        self,
        facts: &Facts,
        covered: Covered,
        scope: &InsightScope<'_>,
    ) -> Result<Option<Vec<u8>>, serde_json::Error> {
        if !self.is_covered(covered) {
            return Ok(None);
        }
        let (as_of, window) = (scope.as_of, scope.window);
        let seen = || covered_facts(facts, covered);
        let shown = match self {
            Self::Abstinence => self.shown(abstinence(&days_facts(facts, covered), as_of), covered),
            Self::Milestones => self.shown(milestones(&days_facts(facts, covered), as_of), covered),
            Self::Series(metric, bucket) => {
                self.shown(series(&seen(), metric, bucket, as_of, window), covered)
            }
            Self::Cravings => self.shown(cravings(&seen(), as_of, window), covered),
            Self::Triggers => self.shown(triggers(&seen(), as_of, window), covered),
            Self::Strategies => self.shown(strategies(&seen(), as_of, window), covered),
            Self::SelfEfficacy => self.shown(self_efficacy(&seen(), as_of, window), covered),
            Self::Medication => self.shown(medication(&seen(), as_of, window), covered),
            Self::Warnings => {
                let found = shared_warnings(facts, seen(), covered, scope);
                let covered = without_empty_safety(found.result.safety.is_empty(), covered);
                self.shown(found, covered)
            }
            Self::Summary => {
                let warnings = shared_warnings(facts, seen(), covered, scope).result;
                let covered = without_empty_safety(warnings.safety.is_empty(), covered);
                let sources = SummarySources {
                    days: &days_facts(facts, covered),
                    facts: &seen(),
                    warnings,
                };
                self.shown(summary_of(sources, as_of, window), covered)
            }
        };
        shown.map(Some)
    }

    /// Returns the JSON of an insight with the members that are covered.
    fn shown<T: Serialize>(
        self,
        mut found: Insight<T>,
        covered: Covered,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let is_covered = |path: &str| {
            Kind::from_path(path)
                .and_then(class_of)
                .is_some_and(|class| covered.contains(class))
        };
        found
            .basis
            .computed_from
            .retain(|counted| is_covered(&counted.collection));
        let basis = self.basis_table(&found.basis, covered);
        select(&[basis, self.table()], covered, &json(&found))
    }

    /// The members of the basis that are shown. Days without use and milestones have a basis that counts all use.
    fn basis_table(self, basis: &InsightBasis, covered: Covered) -> &'static [super::member::Member] {
        use DataClass::{CheckIns, Cravings, Use};
        let counts_only_covered = match self {
            Self::Abstinence => covered.contains_all(&[CheckIns, Use]),
            Self::Milestones => covered.contains_all(&[Cravings, Use]),
            _ => true,
        };
        if !counts_only_covered {
            table::BASIS_WITHOUT_FIRST_DAY
        } else if basis.computed_from.is_empty() {
            table::BASIS_WITHOUT_COUNTS
        } else {
            table::BASIS
        }
    }
}

/// Returns the classes without the one of safety, if an empty list of safety notes would look like an all-clear: none was
/// found, but a recipient does not see all that they are about.
fn without_empty_safety(is_empty: bool, covered: Covered) -> Covered {
    if is_empty && !covers_all_topics(covered) {
        covered.without(DataClass::Safety)
    } else {
        covered
    }
}

/// Returns the classes of the member that a metric measures, and of its record.
const fn classes_of_metric(metric: Metric) -> &'static [DataClass] {
    use DataClass::{CheckIns, Cravings, Use};
    match metric {
        Metric::Craving | Metric::CravingMax => &[CheckIns, Cravings],
        Metric::CravingPeak | Metric::CravingEvents => &[Cravings],
        Metric::UseDays => &[Use],
        Metric::Withdrawal => &[CheckIns, Use],
        Metric::Mood
        | Metric::Stress
        | Metric::SelfEfficacy
        | Metric::RiskySituationExpected
        | Metric::Hungry
        | Metric::Angry
        | Metric::Lonely
        | Metric::Tired
        | Metric::SleepMinutes
        | Metric::SleepQuality
        | Metric::Pain
        | Metric::Mental
        | Metric::Emotional
        | Metric::Physical
        | Metric::Social
        | Metric::Difficulty
        | Metric::Importance
        | Metric::Readiness => &[CheckIns],
    }
}

#[cfg(test)]
mod tests;
