//! Tests of self-efficacy against the figures of the profiles.

use chrono::NaiveDate;
use proptest::{collection::vec, prelude::*, sample::select};

use super::history::{as_of, minutes_ago, proptest_config, recording_zone, timestamp_ago, window, with_ids};
use crate::{
    insight::{
        facts::{AsOf, Facts},
        self_efficacy::self_efficacy,
    },
    self_efficacy_profile::{SelfEfficacyConfidence, SelfEfficacyProfile},
    value::{number::Percent, vocabulary::SituationCategory},
};

/// Members of a profile, in the order of the categories.
const MEMBERS: [&str; 8] = [
    "unpleasant_emotions",
    "physical_discomfort",
    "pleasant_emotions",
    "testing_personal_control",
    "urges_and_temptations",
    "interpersonal_conflict",
    "social_pressure",
    "pleasant_times_with_others",
];

fn profile(as_of: AsOf) -> impl Strategy<Value = SelfEfficacyProfile> {
    // Few different values, so that categories are often equal.
    let percent = prop_oneof![3 => select(&[0_i64, 20, 50, 100][..]), 1 => 0_i64..=100];
    (minutes_ago(), recording_zone(as_of.zone), vec(percent, 8)).prop_map(move |(ago, zone, values)| {
        let confidence = |n: usize| Percent::clamped(values[n]);
        SelfEfficacyProfile {
            occurred_at: timestamp_ago(&as_of, ago, zone),
            confidence: SelfEfficacyConfidence {
                unpleasant_emotions: confidence(0),
                physical_discomfort: confidence(1),
                pleasant_emotions: confidence(2),
                testing_personal_control: confidence(3),
                urges_and_temptations: confidence(4),
                interpersonal_conflict: confidence(5),
                social_pressure: confidence(6),
                pleasant_times_with_others: confidence(7),
            },
        }
    })
}

/// Reads the eight figures as a client would.
fn figures(profile: &SelfEfficacyProfile) -> Vec<i64> {
    let wire = serde_json::to_value(&profile.confidence).unwrap();
    MEMBERS
        .iter()
        .map(|member| wire[member].as_i64().unwrap())
        .collect()
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn self_efficacy_equals_the_figures_of_the_profiles(
        ((as_of, profiles), window) in (as_of().prop_flat_map(|as_of| (Just(as_of), vec(profile(as_of), 0..7))), window()),
    ) {
        let facts = Facts { profiles: with_ids(profiles, 500), ..Facts::default() };
        let insight = self_efficacy(&facts, &as_of, window);
        let today = as_of.today();
        let date = |profile: &SelfEfficacyProfile| profile.occurred_at.to_string()[..10].parse::<NaiveDate>().unwrap();
        let is_in = |day: NaiveDate| day <= today && window.days().is_none_or(|days| (today - day).num_days() < days);
        let mut inside: Vec<_> = facts.profiles.iter().filter(|p| is_in(date(&p.record))).collect();
        inside.sort_by_key(|p| (p.record.occurred_at.to_utc(), p.id));
        prop_assert_eq!(insight.basis.n, inside.len());
        let actual = insight.result;
        prop_assert_eq!(actual.latest_id, inside.last().map(|p| p.id));
        let points: Vec<_> = inside.iter().map(|p| (p.id, p.record.occurred_at)).collect();
        prop_assert_eq!(actual.profiles.iter().map(|p| (p.id, p.occurred_at)).collect::<Vec<_>>(), points);
        for (point, profile) in actual.profiles.iter().zip(&inside) {
            let sum: i64 = figures(&profile.record).into_iter().sum();
            prop_assert!((point.mean * 8.0 - f64::from(i32::try_from(sum).unwrap())).abs() < 1e-9);
        }
        let Some(latest) = inside.last().map(|p| figures(&p.record)) else {
            prop_assert!(actual.categories.is_empty() && actual.focus.is_empty());
            return Ok(());
        };
        let first = figures(&inside[0].record);
        for (n, category) in actual.categories.iter().enumerate() {
            prop_assert_eq!(serde_json::to_value(category.category).unwrap(), MEMBERS[n]);
            prop_assert_eq!(category.confidence, latest[n]);
            prop_assert_eq!(category.change, (inside.len() > 1).then(|| latest[n] - first[n]));
        }
        // A category is in the focus if fewer than two others are lower, or equal and earlier in the list.
        let rank = |n: usize| (0..8).filter(|m| (latest[*m], *m) < (latest[n], n)).count();
        let lowest = (0..2).map(|wanted_rank| (0..8).find(|n| rank(*n) == wanted_rank).unwrap());
        let focus: Vec<SituationCategory> = lowest.map(|n| SituationCategory::ALL[n]).collect();
        prop_assert_eq!(actual.focus, focus);
    }
}
