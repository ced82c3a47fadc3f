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

/// What was read of the record has the same report as all of it, and so has a record in which all is different that the
/// accounting does not name.
#[test]
fn nothing_that_the_accounting_does_not_name_changes_the_report() {
    let all = (two_people(), any_covered(), window());
    try_on(FEW * 2, all, |((as_of, one, other), covered, window)| {
        let Some(found) = report(&one, covered, &as_of, window) else {
            return Ok(());
        };
        let named = found.sources();
        let mixed = mixed(&one, &other, meant(named));
        let mut without_level = [found, report(&mixed, covered, &as_of, window).unwrap()];
        for report in &mut without_level {
            report.figures.warnings.level = Level::Steady;
        }
        let [one, other] = without_level;
        prop_assert!(named.iter().all(|class| covered.contains(class)));
        for part in ReportPart::ALL.into_iter().filter(|part| one.shows(*part)) {
            prop_assert!(part.classes().iter().all(|class| named.contains(*class)));
        }
        prop_assert_eq!(one, other);
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
