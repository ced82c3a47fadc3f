//! Generates medications with doses as people take them: on time, late, over midnight, far away, or not at
//! all.

use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use super::{Due, LONG_RHYTHMS, RHYTHMS, Regimen};
use crate::{
    dose::{Dose, DoseStatus},
    insight::{
        calendar::add_days,
        facts::{AsOf, WithId},
        tests::history::{recording_zone, with_ids},
    },
    medication::{Medication, MedicationStatus},
    record::Record,
    value::{number::Int, text::Text, timestamp::Timestamp},
};

/// Returns the status of a due dose for a roll of 0 to 99, given how regularly the doses are taken. `None` is
/// a dose without a record.
fn outcome(roll: u8, adherence: u8) -> Option<DoseStatus> {
    match roll {
        _ if roll < adherence => Some(if roll.is_multiple_of(8) {
            DoseStatus::Late
        } else {
            DoseStatus::Taken
        }),
        _ if roll.is_multiple_of(3) => Some(DoseStatus::Missed),
        _ if roll.is_multiple_of(7) => Some(DoseStatus::Skipped),
        _ => None,
    }
}

/// How one due dose goes: the roll, minutes of delay, which earlier due dose it names (counted back from its
/// own), and the time zone.
type Roll = (u8, i64, Option<usize>, Tz);

fn rolls(home_zone: Tz) -> impl Strategy<Value = Vec<Roll>> {
    let minutes = prop_oneof![6 => -90_i64..400, 2 => -900_i64..2_000, 1 => Just(0_i64), 1 => Just(720_i64)];
    vec(
        (
            0_u8..100,
            minutes,
            option::weighted(0.3, 0_usize..7),
            recording_zone(home_zone),
        ),
        60,
    )
}

fn doses(regimen: &Regimen, as_of: &AsOf, adherence: u8, rolls: &[Roll]) -> Vec<Dose> {
    let today = as_of.today();
    let factor = if regimen.is_long_acting() { 20 } else { 1 };
    let from = if regimen.is_long_acting() {
        regimen.medication.record.started_on
    } else {
        add_days(today, -45)
    };
    let times = regimen.times(as_of.zone, from, today);
    let newest: Vec<&Due> = times.iter().rev().collect();
    let taken =
        newest
            .iter()
            .zip(rolls)
            .enumerate()
            .filter_map(|(n, (due, (roll, minutes, named, zone)))| {
                let at = due.at + TimeDelta::minutes(minutes * factor);
                Some(Dose {
                    medication_id: regimen.medication.id,
                    due_at: named
                        .and_then(|back| newest.get(n + back))
                        .map(|due| Timestamp::in_zone(due.at, as_of.zone)),
                    occurred_at: Timestamp::in_zone(at, *zone),
                    status: outcome(*roll, adherence)?,
                    ..Dose::example()
                })
            });
    // Some doses are written down twice, or given again on the same day.
    let again = rolls
        .iter()
        .map(|(roll, minutes, _, zone)| (roll % 10 == 4, minutes % 90, *zone));
    let twice = taken.zip(again).flat_map(|(dose, (is_twice, minutes, zone))| {
        let at = dose.occurred_at.to_utc() + TimeDelta::minutes(minutes);
        let again = Dose {
            occurred_at: Timestamp::in_zone(at, zone),
            ..dose.clone()
        };
        [Some(dose), is_twice.then_some(again)].into_iter().flatten()
    });
    twice
        .filter(|dose| dose.occurred_at.to_utc() <= as_of.at)
        .collect()
}

pub fn regimen(as_of: AsOf, id: u128) -> impl Strategy<Value = Regimen> {
    let rhythm = prop_oneof![3 => select(&RHYTHMS[..]), 1 => select(&LONG_RHYTHMS[..])];
    let status = prop_oneof![
        6 => Just(MedicationStatus::Active),
        2 => select(&[MedicationStatus::Paused, MedicationStatus::Stopped, MedicationStatus::Completed][..]),
    ];
    let age = prop_oneof![3 => -3_i64..40, 2 => 25_i64..120, 1 => 100_i64..400];
    let ended = option::weighted(0.25, -20_i64..60);
    let adherence = select(&[97_u8, 97, 88, 60, 10][..]);
    (rhythm, status, age, ended, adherence, rolls(as_of.zone)).prop_map(
        move |(rhythm, status, age, ended, adherence, rolls)| {
            let started_on = add_days(as_of.today(), -age);
            let medication = Medication {
                schedule: Text::new(rhythm.text).unwrap(),
                covers_days: Int::clamped(rhythm.covers),
                started_on,
                ended_on: ended.map(|ago| add_days(as_of.today(), -ago).max(started_on)),
                status,
                ..Medication::example()
            };
            let medication = WithId {
                id: Uuid::from_u128(id),
                record: medication,
                written: None,
            };
            let mut regimen = Regimen {
                rhythm,
                medication,
                doses: Vec::new(),
            };
            let doses = doses(&regimen, &as_of, adherence, &rolls);
            // Entries may be late or back-dated, so the order of ids is not chronological.
            regimen.doses = with_ids(doses, id * 1000);
            regimen
        },
    )
}
