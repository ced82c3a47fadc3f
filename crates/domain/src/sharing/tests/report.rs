//! The report for others.

use proptest::prelude::*;

use super::{
    FEW, MANY, any_covered,
    insight::meant,
    person::{mixed, two_people},
    try_on,
};
use crate::{
    insight::{
        facts::{AsOf, Facts, Window},
        over_time::PlanVersion,
        tests::history::window,
        warning::Level,
    },
    sharing::{
        Covered, DataClass,
        insight::{
            InsightScope,
            progress::{ReportPart, SharedProgress, shared_progress},
        },
    },
    value::timestamp::Timestamp,
};

fn report(facts: &Facts, covered: Covered, as_of: &AsOf, window: Window) -> Option<SharedProgress> {
    let plans: Vec<Vec<PlanVersion>> = facts
        .plans
        .iter()
        .map(|plan| {
            vec![PlanVersion {
                plan: plan.record.clone(),
                written_at: Timestamp::utc(as_of.at),
            }]
        })
        .collect();
    let scope = InsightScope {
        as_of,
        window,
        helplines: &[],
    };
    shared_progress(facts, &plans, covered, &scope)
}

fn nothing_withheld_changes_the_report_on(cases: u32) {
    let all = (two_people(), any_covered(), window());
    try_on(cases, all, |((as_of, one, other), covered, window)| {
        let mixed = mixed(&one, &other, meant(covered));
        let found = |facts| {
            report(facts, covered, &as_of, window).map(|mut report| {
                report.figures.warnings.level = Level::Steady;
                report
            })
        };
        prop_assert_eq!(found(&one), found(&mixed));
        let parts = ReportPart::ALL
            .into_iter()
            .filter(|part| covered.contains_all(part.classes()));
        prop_assert_eq!(found(&one).is_some(), parts.count() > 0);
        Ok(())
    });
}

/// All that a part of the report is made of, but for the level of early warnings.
fn words(part: ReportPart, report: &SharedProgress) -> String {
    let figures = &report.figures;
    let (over_time, cravings, warnings) = (&figures.over_time, &figures.cravings, &figures.warnings);
    match part {
        ReportPart::Reached => format!("{:?}", figures.abstinence),
        ReportPart::Calendars => format!("{:?}", figures.calendars),
        ReportPart::CravingCurve => format!("{:?} {:?}", over_time.craving, over_time.overall_craving),
        ReportPart::MoodCurve => format!("{:?} {:?}", over_time.mood, over_time.overall_mood),
        ReportPart::UseDays => format!("{:?} {}", over_time.uses, over_time.use_days),
        ReportPart::PlanChanges => format!("{:?}", over_time.plan_changes),
        ReportPart::CravingTrend => format!("{:?}", cravings.trend),
        ReportPart::Cravings => format!(
            "{} {:?} {:?}",
            cravings.events, cravings.heat_map, cravings.durations
        ),
        ReportPart::CravingOutcomes => format!("{:?}", cravings.outcomes),
        ReportPart::Strategies => format!("{:?}", figures.strategies),
        ReportPart::Triggers | ReportPart::UseAfterTriggers => format!("{:?}", figures.triggers),
        ReportPart::Medication => format!("{:?}", figures.medication),
        ReportPart::SelfEfficacy => format!("{:?}", figures.self_efficacy),
        ReportPart::Warnings => {
            format!(
                "{:?} {:?} {:?}",
                warnings.fired, warnings.not_evaluable, warnings.muted
            )
        }
        ReportPart::SafetyNotes => format!("{:?}", warnings.safety),
    }
}

/// A record in which all is different that the accounting does not name has the same report.
#[test]
fn nothing_that_the_accounting_does_not_name_changes_the_report() {
    let all = (two_people(), any_covered(), window());
    try_on(FEW * 2, all, |((as_of, one, other), covered, window)| {
        let Some(found) = report(&one, covered, &as_of, window) else {
            return Ok(());
        };
        let named = found.sources();
        let mixed = mixed(&one, &other, meant(named));
        let other = report(&mixed, covered, &as_of, window).unwrap();
        prop_assert!(named.iter().all(|class| covered.contains(class)));
        for part in ReportPart::ALL.into_iter().filter(|part| found.shows(*part)) {
            prop_assert!(part.classes().iter().all(|class| named.contains(*class)));
            prop_assert_eq!(words(part, &found), words(part, &other), "{:?}", part);
        }
        Ok(())
    });
}

#[test]
fn nothing_withheld_changes_the_report() {
    nothing_withheld_changes_the_report_on(FEW);
}

#[test]
#[ignore = "takes minutes"]
fn nothing_withheld_changes_any_of_many_reports() {
    nothing_withheld_changes_the_report_on(MANY);
}

#[test]
fn each_part_of_the_report_needs_all_of_its_classes() {
    let all: Covered = DataClass::ALL.iter().copied().collect();
    try_on(3, two_people(), |(as_of, facts, _)| {
        for part in ReportPart::ALL {
            for class in part.classes() {
                let report = report(&facts, all.without(*class), &as_of, Window::Month);
                prop_assert!(!report.unwrap().shows(part));
            }
            prop_assert!(report(&facts, all, &as_of, Window::Month).unwrap().shows(part));
        }
        prop_assert!(report(&facts, Covered::default(), &as_of, Window::Month).is_none());
        Ok(())
    });
}
