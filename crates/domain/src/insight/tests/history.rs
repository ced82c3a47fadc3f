//! Generates random histories of a person: in time zones with skipped and repeated dates and hours, while
//! travelling, and over midnight.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use crate::{
    check_in::{CheckIn, CheckInAnswers, CheckInKind, Used},
    craving_event::{CravingEvent, CravingOutcome, CravingRating},
    goal::{Goal, GoalBaseline, GoalKind, GoalLimits, GoalStatus, TaperStep},
    insight::{
        calendar::add_days,
        facts::{AsOf, Facts, Window, WithId},
    },
    record::Record,
    use_event::UseEvent,
    value::{
        amount::{Abv, Amount, AmountUnit, UnitLabel},
        list::{Ids, List},
        number::{Int, Rating},
        place::Currency,
        timestamp::Timestamp,
        vocabulary::Substance,
    },
};

/// Configuration of every property test. A failing history prints itself, so failures are not written to files.
pub fn proptest_config() -> ProptestConfig {
    ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Time zones with moments around which their calendars are irregular.
pub const ANCHORS: [(Tz, &str); 10] = [
    (chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
    (chrono_tz::Australia::Lord_Howe, "2026-04-04T15:00:00Z"),
    (chrono_tz::Australia::Lord_Howe, "2025-10-04T15:30:00Z"),
    (chrono_tz::Asia::Kathmandu, "2026-01-01T18:15:00Z"),
    (chrono_tz::Pacific::Kiritimati, "2026-03-01T10:00:00Z"),
    (chrono_tz::Etc::GMTPlus12, "2024-02-29T12:00:00Z"),
    (chrono_tz::America::New_York, "2026-03-08T07:00:00Z"),
    (chrono_tz::America::New_York, "2025-11-02T06:00:00Z"),
    (chrono_tz::Europe::Berlin, "2025-02-28T23:00:00Z"),
    (chrono_tz::UTC, "2024-03-01T00:00:00Z"),
];

pub fn as_of() -> impl Strategy<Value = AsOf> {
    let standard_drink_g = select(&[Some(14.0), Some(14.0), Some(8.0), Some(13.45), None][..]);
    (select(&ANCHORS[..]), -4000_i64..4000, 1_u8..=7, standard_drink_g).prop_map(
        |((zone, at), minutes, week_start, standard_drink_g)| AsOf {
            at: at.parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes),
            zone,
            week_start,
            standard_drink_g,
        },
    )
}

/// Time zone in which an event was recorded: mostly the home zone, sometimes a distant one.
pub fn recording_zone(home_zone: Tz) -> impl Strategy<Value = Tz> {
    prop_oneof![
        9 => Just(home_zone),
        1 => select(&[chrono_tz::Pacific::Kiritimati, chrono_tz::Etc::GMTPlus12, chrono_tz::UTC][..]),
    ]
}

/// Minutes before the moment: many recent ones, some years ago.
pub fn minutes_ago() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0_i64..14_400, 3 => 0_i64..130_000, 2 => 0_i64..1_900_000]
}

pub fn substance() -> impl Strategy<Value = Substance> {
    select(
        &[
            Substance::Alcohol,
            Substance::Alcohol,
            Substance::OpioidHeroin,
            Substance::Sedative,
        ][..],
    )
}

pub fn rating() -> impl Strategy<Value = Rating> {
    (0_i64..=10).prop_map(Rating::clamped)
}

pub fn timestamp_ago(as_of: &AsOf, minutes_ago: i64, zone: Tz) -> Timestamp {
    Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes_ago), zone)
}

fn amount() -> impl Strategy<Value = Option<Amount>> {
    option::weighted(
        0.8,
        (0_u8..12).prop_map(|n| Amount::new(f64::from(n) / 2.0).unwrap()),
    )
}

/// A unit with its strength and label: mostly drinks, and some that can or cannot be compared with them.
fn unit() -> impl Strategy<Value = (Option<AmountUnit>, Option<Abv>, Option<UnitLabel>)> {
    let all = [
        ("standard_drink", None, ""),
        ("standard_drink", None, ""),
        ("standard_drink", None, ""),
        ("g", None, ""),
        ("ml", Some(5.0), ""),
        ("ml", None, ""),
        ("pill", None, ""),
        ("other", None, "bottles"),
        ("other", None, "Bottles "),
        ("other", None, ""),
        ("", None, ""),
    ];
    (0..all.len()).prop_map(move |n| {
        let (unit, abv, label) = all[n];
        (
            AmountUnit::from_name(unit),
            abv.and_then(Abv::new),
            UnitLabel::new(label),
        )
    })
}

pub fn use_event(as_of: AsOf) -> impl Strategy<Value = UseEvent> {
    let lasts = prop_oneof![3 => Just(None), 2 => (0_i64..6000).prop_map(Some)];
    // Some events are entered in error, and some name the craving that came before.
    let extra = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        option::weighted(0.3, 4000_u128..4012),
    );
    (
        minutes_ago(),
        lasts,
        recording_zone(as_of.zone),
        recording_zone(as_of.zone),
        substance(),
        amount(),
        unit(),
        extra,
    )
        .prop_map(move |(ago, lasts, from, to, substance, amount, unit, extra)| {
            let (unit, abv, unit_label) = unit;
            let (as_prescribed, entered_in_error, craving) = extra;
            UseEvent {
                substance,
                occurred_at: timestamp_ago(&as_of, ago, from),
                ended_at: lasts.map(|minutes| timestamp_ago(&as_of, (ago - minutes).max(0), to)),
                amount,
                unit,
                abv,
                unit_label,
                as_prescribed,
                entered_in_error,
                craving_event_id: craving.map(Uuid::from_u128),
                ..UseEvent::example()
            }
        })
}

pub fn check_in(as_of: AsOf) -> impl Strategy<Value = CheckIn> {
    let used = option::of(select(&[Used::No, Used::No, Used::Yes, Used::PreferNotToSay][..]));
    let ratings = vec(option::weighted(0.6, rating()), 19);
    let extra = (
        option::of(0_i64..900),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
        option::of(1_i64..=5),
    );
    (minutes_ago(), recording_zone(as_of.zone), used, ratings, extra).prop_map(
        move |(ago, zone, used, ratings, extra)| CheckIn {
            kind: CheckInKind::Momentary,
            occurred_at: timestamp_ago(&as_of, ago, zone),
            local_date: None,
            answers: CheckInAnswers {
                used,
                craving: ratings[0],
                craving_max: ratings[1],
                mood: ratings[2],
                stress: ratings[3],
                self_efficacy: ratings[4],
                risky_situation_expected: ratings[5],
                hungry: ratings[6],
                angry: ratings[7],
                lonely: ratings[8],
                tired: ratings[9],
                sleep_quality: ratings[10],
                pain: ratings[11],
                withdrawal: ratings[12],
                mental: ratings[13],
                emotional: ratings[14],
                physical: ratings[15],
                social: ratings[16],
                importance: ratings[17],
                readiness: ratings[18],
                sleep_minutes: extra.0.map(Int::clamped),
                support_contacted: extra.1,
                meeting_attended: extra.2,
                difficulty: extra.3.map(Int::clamped),
                ..CheckInAnswers::default()
            },
            trigger_ids: Ids::default(),
            warning_sign_ids: Ids::default(),
            note: None,
            tags: List::default(),
        },
    )
}

pub fn craving(as_of: AsOf) -> impl Strategy<Value = CravingEvent> {
    use CravingOutcome::{Ongoing, RodeItOut, Unsure, Used};
    let outcome = select(&[RodeItOut, RodeItOut, Used, Unsure, Ongoing][..]);
    let lasts = option::of(0_i64..400);
    let triggers = vec((0_u128..4).prop_map(Uuid::from_u128), 0..4);
    (
        minutes_ago(),
        recording_zone(as_of.zone),
        vec(rating(), 1..4),
        outcome,
        lasts,
        triggers,
    )
        .prop_map(
            move |(ago, zone, values, outcome, lasts, triggers)| CravingEvent {
                substance: Some(Substance::Alcohol),
                occurred_at: timestamp_ago(&as_of, ago, zone),
                ended_at: lasts.map(|minutes| timestamp_ago(&as_of, (ago - minutes).max(0), zone)),
                peak: values.iter().max().copied(),
                ratings: List::of((0..).zip(values).map(|(n, value)| CravingRating {
                    offset_s: Int::clamped(n * 60),
                    value,
                })),
                trigger_ids: Ids::of(triggers),
                outcome,
                strategy_uses: List::default(),
                ..CravingEvent::example()
            },
        )
}

pub fn goal(today: NaiveDate) -> impl Strategy<Value = Goal> {
    let kind = select(
        &[
            GoalKind::Abstain,
            GoalKind::Reduce,
            GoalKind::Taper,
            GoalKind::HarmReduction,
        ][..],
    );
    let limits = option::of((amount(), amount(), amount()));
    let steps = vec((1_i64..200, 0_u8..10), 0..3);
    let ended = option::weighted(0.2, 0_i64..400);
    let age = prop_oneof![5 => -3_i64..40, 3 => 0_i64..200, 1 => 0_i64..1300];
    (substance(), kind, age, ended, limits, steps, unit()).prop_map(
        move |(substance, kind, ago, ended, limits, steps, (unit, abv, unit_label))| {
            let started_on = add_days(today, -ago);
            let mut from = add_days(started_on, -50);
            let taper = steps.into_iter().map(|(after, max_units)| {
                from = add_days(from, after);
                TaperStep {
                    from,
                    max_units_per_day: Amount::new(f64::from(max_units)).unwrap(),
                }
            });
            Goal {
                substance,
                kind,
                started_on,
                ended_on: ended.map(|days| add_days(started_on, days)),
                status: GoalStatus::Active,
                unit,
                abv,
                unit_label,
                limits: limits.map(|(units_per_day, units_per_week, heavy_day_units)| GoalLimits {
                    units_per_day,
                    units_per_week,
                    heavy_day_units,
                }),
                taper: List::of(taper),
                baseline: Some(GoalBaseline {
                    units_per_day: None,
                    cost_minor_per_day: Some(Int::clamped(1450)),
                    currency: Currency::new("EUR"),
                    minutes_per_day: Some(Int::clamped(45)),
                }),
                label: None,
                note: None,
            }
        },
    )
}

/// Gives records consecutive ids.
pub fn with_ids<T>(records: Vec<T>, from: u128) -> Vec<WithId<T>> {
    (from..)
        .zip(records)
        .map(|(n, record)| WithId {
            id: Uuid::from_u128(n),
            record,
            written: None,
        })
        .collect()
}

/// Generates a moment and a record of goals, uses, check-ins and cravings before it.
pub fn history() -> impl Strategy<Value = (AsOf, Facts)> {
    as_of().prop_flat_map(|as_of| {
        let parts = (
            vec(goal(as_of.today()), 1..3),
            vec(use_event(as_of), 0..10),
            vec(check_in(as_of), 0..14),
            vec(craving(as_of), 0..12),
        );
        parts.prop_map(move |(goals, uses, check_ins, cravings)| {
            let facts = Facts {
                goals: with_ids(goals, 1000),
                uses: with_ids(uses, 2000),
                check_ins: with_ids(check_ins, 3000),
                cravings: with_ids(cravings, 4000),
                ..Facts::default()
            };
            (as_of, facts)
        })
    })
}

/// Generates any window.
pub fn window() -> impl Strategy<Value = Window> {
    select(&Window::ALL[..])
}
