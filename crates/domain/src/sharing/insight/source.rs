//! Which classes a recipient's figures are computed from, and which collections may be read for them.

use super::{
    SharedInsight,
    progress::ReportPart,
    warning::{classes_of_rule, classes_of_topic},
};
use crate::{
    insight::warning::Rule,
    record::Kind,
    safety::SafetyTopic,
    sharing::{Covered, DataClass, class_of},
};

/// Classes that have a part in figures together: if all of them are covered.
type Together = &'static [DataClass];

impl SharedInsight {
    /// The classes that have a part in the insight beside those without which it is not shown. Those of the summary are
    /// those of its parts.
    const fn further_sources(self) -> &'static [Together] {
        use DataClass as C;
        match self {
            Self::Abstinence => &[&[C::Goals], &[C::CheckIns], &[C::Use]],
            Self::Milestones => &[&[C::Goals], &[C::Use], &[C::Cravings, C::Use]],
            Self::Cravings | Self::Triggers => &[&[C::CheckIns], &[C::Use]],
            // What a strategy is called may be free text.
            Self::Strategies => &[&[C::Notes]],
            // They say how many records of these there are.
            Self::Warnings | Self::Summary => &[&[C::CheckIns], &[C::Cravings], &[C::Use]],
            Self::Series(..) | Self::SelfEfficacy | Self::Medication => &[],
        }
    }

    /// The covered classes that the insight is computed from: what a disclosure of it is a disclosure of. Empty if it is not
    /// covered.
    pub fn sources(self, covered: Covered) -> Covered {
        if !self.is_covered(covered) {
            return Covered::default();
        }
        if self == Self::Summary {
            // Urges ridden out are a milestone.
            let parts = Self::PARTS_OF_SUMMARY.into_iter().chain([Self::Milestones]);
            let shown = parts.filter(|part| part.is_covered(covered));
            return shown
                .flat_map(|part| part.own_sources(covered).iter())
                .chain(self.own_sources(covered).iter())
                .collect();
        }
        // What the plan offers for a sign may be somebody to call. The summary does not say it.
        let offered: &[Together] = &[
            &[DataClass::Plans],
            &[DataClass::Plans, DataClass::SupportContacts],
        ];
        let offered = if self == Self::Warnings { offered } else { &[] };
        let offered = together(offered.iter().copied(), covered);
        self.own_sources(covered).iter().chain(offered).collect()
    }

    /// The covered classes that the figures of an insight are computed from.
    fn own_sources(self, covered: Covered) -> Covered {
        let own = self.classes().iter().copied();
        let further = together(self.further_sources().iter().copied(), covered);
        let of_warnings = sources_of_warnings(covered).filter(|_| self == Self::Warnings);
        own.chain(further).chain(of_warnings).collect()
    }

    /// Whether a collection may be read for the insight, apart from the level of early warnings: it is covered, or the insight
    /// means it by its class. How long an answer takes tells how much is read.
    pub fn may_read(self, kind: Kind, covered: Covered) -> bool {
        match self {
            Self::Abstinence | Self::Milestones | Self::Summary => may_read(kind, covered),
            _ => is_covered(kind, covered),
        }
    }

    /// Whether the level of early warnings has a part in the insight. It is that of the whole record.
    pub fn shows_level(self, covered: Covered) -> bool {
        matches!(self, Self::Warnings | Self::Summary) && covered.contains(DataClass::Warnings)
    }
}

impl ReportPart {
    /// The covered classes that the part is computed from. Empty if it is not covered.
    pub fn sources(self, covered: Covered) -> Covered {
        use SharedInsight as I;
        if !covered.contains_all(self.classes()) {
            return Covered::default();
        }
        let insight = match self {
            Self::Reached | Self::Calendars => Some(I::Abstinence),
            Self::CravingTrend | Self::Cravings | Self::CravingOutcomes => Some(I::Cravings),
            Self::Strategies => Some(I::Strategies),
            Self::Triggers | Self::UseAfterTriggers => Some(I::Triggers),
            Self::Warnings | Self::SafetyNotes => Some(I::Warnings),
            Self::CravingCurve
            | Self::MoodCurve
            | Self::UseDays
            | Self::PlanChanges
            | Self::Medication
            | Self::SelfEfficacy => None,
        };
        let of_insight = insight
            .map(|insight| insight.sources(covered))
            .unwrap_or_default();
        let own = self.classes().iter().copied();
        own.chain(of_insight.iter()).collect()
    }
}

/// Whether a collection may be read for the summary or the report, apart from early warnings: it is covered, or days without
/// use are, and are computed from it.
pub fn may_read(kind: Kind, covered: Covered) -> bool {
    let counts_days = matches!(kind, Kind::Goal | Kind::UseEvent | Kind::CheckIn);
    is_covered(kind, covered) || (counts_days && covered.contains(DataClass::Abstinence))
}

fn is_covered(kind: Kind, covered: Covered) -> bool {
    class_of(kind).is_some_and(|class| covered.contains(class))
}

fn together(groups: impl Iterator<Item = Together>, covered: Covered) -> impl Iterator<Item = DataClass> {
    groups
        .filter(move |group| covered.contains_all(group))
        .flatten()
        .copied()
}

/// The covered classes that the rules and the safety notes of early warnings are computed from.
fn sources_of_warnings(covered: Covered) -> impl Iterator<Item = DataClass> {
    let rules = Rule::ALL.into_iter().filter_map(classes_of_rule);
    let topics = SafetyTopic::ALL.iter().copied().map(classes_of_topic);
    together(rules.chain(topics), covered)
}
