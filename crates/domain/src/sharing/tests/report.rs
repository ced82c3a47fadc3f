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
