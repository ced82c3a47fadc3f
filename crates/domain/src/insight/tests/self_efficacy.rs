use chrono::NaiveDate;
use proptest::{collection::vec, prelude::*, sample::select};

use super::history::{as_of, known, minutes_ago, place, property, stamp, window};
use crate::{
    insight::{
        facts::{AsOf, Facts},
        self_efficacy::self_efficacy,
    },
    self_efficacy_profile::{SelfEfficacyConfidence, SelfEfficacyProfile},
    value::{number::Percent, vocabulary::SituationCategory},
};

/// The members of a profile in the order of the categories.
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
    // Few values, so that categories are often equal.
    let percent = prop_oneof![3 => select(&[0_i64, 20, 50, 100][..]), 1 => 0_i64..=100];
    (minutes_ago(), place(as_of.zone), vec(percent, 8)).prop_map(move |(ago, zone, values)| {
        let p = |n: usize| Percent::clamped(values[n]);
        SelfEfficacyProfile {
            occurred_at: stamp(&as_of, ago, zone),
            confidence: SelfEfficacyConfidence {
                unpleasant_emotions: p(0),
                physical_discomfort: p(1),
                pleasant_emotions: p(2),
                testing_personal_control: p(3),
                urges_and_temptations: p(4),
                interpersonal_conflict: p(5),
                social_pressure: p(6),
                pleasant_times_with_others: p(7),
            },
        }
    })
}

/// The eight figures as a client reads them.
fn figures(profile: &SelfEfficacyProfile) -> Vec<i64> {
    let wire = serde_json::to_value(&profile.confidence).unwrap();
    MEMBERS
        .iter()
        .map(|member| wire[member].as_i64().unwrap())
        .collect()
}

proptest! {
    #![proptest_config(property())]

    #[test]
    fn a_profile_is_what_its_figures_say(
        ((as_of, profiles), window) in (as_of().prop_flat_map(|as_of| (Just(as_of), vec(profile(as_of), 0..7))), window()),
    ) {
        let facts = Facts { profiles: known(profiles, 500), ..Facts::default() };
        let answer = self_efficacy(&facts, &as_of, window);
        let today = as_of.today();
        let date = |profile: &SelfEfficacyProfile| profile.occurred_at.to_string()[..10].parse::<NaiveDate>().unwrap();
        let is_in = |day: NaiveDate| window.days().is_none_or(|days| (today - day).num_days() < days);
        let mut inside: Vec<_> = facts.profiles.iter().filter(|p| is_in(date(&p.record))).collect();
        inside.sort_by_key(|p| (p.record.occurred_at.to_utc(), p.id));
        prop_assert_eq!(answer.basis.n, inside.len());
        let found = answer.result;
        prop_assert_eq!(found.latest_id, inside.last().map(|p| p.id));
        let points: Vec<_> = inside.iter().map(|p| (p.id, p.record.occurred_at)).collect();
        prop_assert_eq!(found.profiles.iter().map(|p| (p.id, p.occurred_at)).collect::<Vec<_>>(), points);
        for (point, profile) in found.profiles.iter().zip(&inside) {
            let sum: i64 = figures(&profile.record).into_iter().sum();
            prop_assert!((point.mean * 8.0 - f64::from(i32::try_from(sum).unwrap())).abs() < 1e-9);
        }
        let Some(latest) = inside.last().map(|p| figures(&p.record)) else {
            prop_assert!(found.categories.is_empty() && found.focus.is_empty());
            return Ok(());
        };
        let before = figures(&inside[0].record);
        for (n, told) in found.categories.iter().enumerate() {
            prop_assert_eq!(serde_json::to_value(told.category).unwrap(), MEMBERS[n]);
            prop_assert_eq!(told.confidence, latest[n]);
            prop_assert_eq!(told.change, (inside.len() > 1).then(|| latest[n] - before[n]));
        }
        // A category is in the focus if fewer than two others come before it: lower, or as low and earlier.
        let ahead = |n: usize| (0..8).filter(|m| (latest[*m], *m) < (latest[n], n)).count();
        let lowest = (0..2).map(|place| (0..8).find(|n| ahead(*n) == place).unwrap());
        let focus: Vec<SituationCategory> = lowest.map(|n| SituationCategory::ALL[n]).collect();
        prop_assert_eq!(found.focus, focus);
    }
}
