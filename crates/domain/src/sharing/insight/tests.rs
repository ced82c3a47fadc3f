use super::*;
use crate::{
    insight::{
        abstinence::Abstinence, craving::Cravings, medication::MedicationCoverage, milestone::Milestones,
        self_efficacy::SelfEfficacy, series::Series, strategy::Strategies, summary::Summary,
        trigger::Triggers, warning::Warnings,
    },
    sharing::member::tests::differences,
};

#[test]
fn the_tables_name_every_member_of_every_insight() {
    use SharedInsight as S;
    let series = S::Series(Metric::Mood, Bucket::Day);
    for (name, found) in [
        ("abstinence", differences::<Abstinence>(&[S::Abstinence.table()])),
        ("milestones", differences::<Milestones>(&[S::Milestones.table()])),
        ("series", differences::<Series>(&[series.table()])),
        ("cravings", differences::<Cravings>(&[S::Cravings.table()])),
        ("triggers", differences::<Triggers>(&[S::Triggers.table()])),
        ("strategies", differences::<Strategies>(&[S::Strategies.table()])),
        (
            "self-efficacy",
            differences::<SelfEfficacy>(&[S::SelfEfficacy.table()]),
        ),
        (
            "medication",
            differences::<MedicationCoverage>(&[S::Medication.table()]),
        ),
        ("warnings", differences::<Warnings>(&[S::Warnings.table()])),
        ("summary", differences::<Summary>(&[S::Summary.table()])),
        ("basis", differences::<InsightBasis>(&[table::BASIS])),
    ] {
        assert_eq!(found, [""; 0], "{name}");
    }
}

#[test]
fn each_insight_needs_all_of_its_classes() {
    use SharedInsight as S;
    let all: Covered = DataClass::ALL.iter().copied().collect();
    let series = [Metric::Craving, Metric::UseDays, Metric::Withdrawal, Metric::Mood];
    let series = series.map(|metric| S::Series(metric, Bucket::Day));
    let insights = [&S::PARTS_OF_SUMMARY[..], &series, &[S::Milestones]].concat();
    for insight in insights {
        assert!(!insight.classes().is_empty());
        let exactly: Covered = insight.classes().iter().copied().collect();
        assert!(insight.is_covered(exactly), "{insight:?}");
        for class in insight.classes() {
            assert!(!insight.is_covered(all.without(*class)), "{insight:?}");
        }
    }
    assert!(!S::Summary.is_covered(Covered::default()));
    for part in S::PARTS_OF_SUMMARY {
        assert!(S::Summary.is_covered(part.classes().iter().copied().collect()));
    }
}
