//! Random histories of a person: in zones with skipped and repeated dates and hours, on the road, over midnight.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use crate::{
    check_in::{CheckIn, CheckInAnswers, CheckInKind, Used},
    craving_event::{CravingEvent, CravingOutcome, CravingRating},
    goal::{Goal, GoalBaseline, GoalKind, GoalLimits, GoalStatus, TaperStep},
    insight::{
        calendar::plus,
        facts::{AsOf, Facts, Window, WithId},
    },
    record::Record,
    use_event::UseEvent,
    value::{
        amount::Amount,
        list::{Ids, List},
        number::{Int, Rating},
        place::Currency,
        text::Text,
        timestamp::Timestamp,
        vocabulary::Substance,
    },
};

/// Each property is tried on this many histories. A failing one prints itself, so nothing is kept in files.
pub fn property() -> ProptestConfig {
    ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Zones and moments around which calendars are odd.
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
    (select(&ANCHORS[..]), -4000_i64..4000, 1_u8..=7).prop_map(|((zone, at), minutes, week_start)| AsOf {
        at: at.parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes),
        zone,
        week_start,
    })
}

/// Where an event was written down: mostly at home, sometimes far away.
pub fn place(home: Tz) -> impl Strategy<Value = Tz> {
    prop_oneof![
        9 => Just(home),
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

pub fn stamp(as_of: &AsOf, minutes_ago: i64, zone: Tz) -> Timestamp {
    Timestamp::in_zone(as_of.at - TimeDelta::minutes(minutes_ago), zone)
}

fn amount() -> impl Strategy<Value = Option<Amount>> {
    option::weighted(
        0.8,
        (0_u8..12).prop_map(|n| Amount::new(f64::from(n) / 2.0).unwrap()),
    )
}

pub fn use_event(as_of: AsOf) -> impl Strategy<Value = UseEvent> {
    let unit = select(&["drinks", "drinks", "Drinks ", "g"][..]);
    let lasts = prop_oneof![3 => Just(None), 2 => (0_i64..6000).prop_map(Some)];
    // Some were corrected as entered in error, some name the craving that came before.
    let more = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        option::weighted(0.3, 4000_u128..4012),
    );
    (
        minutes_ago(),
        lasts,
        place(as_of.zone),
        place(as_of.zone),
        substance(),
        amount(),
        unit,
        more,
    )
        .prop_map(move |(ago, lasts, from, to, substance, amount, unit, more)| {
            let (as_prescribed, entered_in_error, craving) = more;
            UseEvent {
                substance,
                occurred_at: stamp(&as_of, ago, from),
                ended_at: lasts.map(|minutes| stamp(&as_of, (ago - minutes).max(0), to)),
                amount,
                unit: Text::new(unit),
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
    let more = (
        option::of(0_i64..900),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
        option::of(1_i64..=5),
    );
    (minutes_ago(), place(as_of.zone), used, ratings, more).prop_map(move |(ago, zone, used, r, more)| {
        CheckIn {
            kind: CheckInKind::Momentary,
            occurred_at: stamp(&as_of, ago, zone),
            local_date: None,
            answers: CheckInAnswers {
                used,
                craving: r[0],
                craving_max: r[1],
                mood: r[2],
                stress: r[3],
                self_efficacy: r[4],
                risky_situation_expected: r[5],
                hungry: r[6],
                angry: r[7],
                lonely: r[8],
                tired: r[9],
                sleep_quality: r[10],
                pain: r[11],
                withdrawal: r[12],
                mental: r[13],
                emotional: r[14],
                physical: r[15],
                social: r[16],
                importance: r[17],
                readiness: r[18],
                sleep_minutes: more.0.map(Int::clamped),
                support_contacted: more.1,
                meeting_attended: more.2,
                difficulty: more.3.map(Int::clamped),
                ..CheckInAnswers::default()
            },
            trigger_ids: Ids::default(),
            warning_sign_ids: Ids::default(),
            note: None,
            tags: List::default(),
        }
    })
}

pub fn craving(as_of: AsOf) -> impl Strategy<Value = CravingEvent> {
    use CravingOutcome::{Ongoing, RodeItOut, Unsure, Used};
    let outcome = select(&[RodeItOut, RodeItOut, Used, Unsure, Ongoing][..]);
    let lasts = option::of(0_i64..400);
    let triggers = vec((0_u128..4).prop_map(Uuid::from_u128), 0..4);
    (
        minutes_ago(),
        place(as_of.zone),
        vec(rating(), 1..4),
        outcome,
        lasts,
        triggers,
    )
        .prop_map(
            move |(ago, zone, values, outcome, lasts, triggers)| CravingEvent {
                substance: Some(Substance::Alcohol),
                occurred_at: stamp(&as_of, ago, zone),
                ended_at: lasts.map(|minutes| stamp(&as_of, (ago - minutes).max(0), zone)),
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
    (substance(), kind, age, ended, limits, steps).prop_map(
        move |(substance, kind, ago, ended, limits, steps)| {
            let started_on = plus(today, -ago);
            let mut from = plus(started_on, -50);
            let taper = steps.into_iter().map(|(after, most)| {
                from = plus(from, after);
                TaperStep {
                    from,
                    max_units_per_day: Amount::new(f64::from(most)).unwrap(),
                }
            });
            Goal {
                substance,
                kind,
                started_on,
                ended_on: ended.map(|days| plus(started_on, days)),
                status: GoalStatus::Active,
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

/// Records under ids of their own.
pub fn known<T>(records: Vec<T>, from: u128) -> Vec<WithId<T>> {
    (from..)
        .zip(records)
        .map(|(n, record)| WithId {
            id: Uuid::from_u128(n),
            record,
        })
        .collect()
}

/// A moment and a whole record before it.
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
                goals: known(goals, 1000),
                uses: known(uses, 2000),
                check_ins: known(check_ins, 3000),
                cravings: known(cravings, 4000),
                ..Facts::default()
            };
            (as_of, facts)
        })
    })
}

/// Any window.
pub fn window() -> impl Strategy<Value = Window> {
    select(&Window::ALL[..])
}
