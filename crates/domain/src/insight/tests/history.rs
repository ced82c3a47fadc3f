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

/// Configuration of every property test: 2 000 histories, or as many as `PROPTEST_CASES` says if that is more. A failing
/// history prints itself, so failures are not written to files.
pub fn proptest_config() -> ProptestConfig {
    ProptestConfig {
        cases: ProptestConfig::default().cases.max(2_000),
        failure_persistence: None,
        max_shrink_iters: 2_000,
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
    prop_oneof![1 => 0_i64..900, 4 => 0_i64..14_400, 3 => 0_i64..130_000, 2 => 0_i64..1_900_000]
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

/// How an event ends: at the moment at the latest, at midnight sharp, or possibly later than the moment.
#[derive(Debug, Clone, Copy)]
enum End {
    SoFar,
    AtMidnight,
    AnyTime,
}

impl End {
    fn at(self, as_of: &AsOf, began_minutes_ago: i64, minutes: i64, zone: Tz) -> Timestamp {
        let any = timestamp_ago(as_of, began_minutes_ago - minutes, zone);
        match self {
            Self::SoFar => timestamp_ago(as_of, (began_minutes_ago - minutes).max(0), zone),
            Self::AnyTime => any,
            Self::AtMidnight => {
                let midnight = last_midnight(any);
                let began = as_of.at - TimeDelta::minutes(began_minutes_ago);
                if midnight.to_utc() < began { any } else { midnight }
            }
        }
    }
}

/// Returns the midnight that the same clock showed before.
fn last_midnight(at: Timestamp) -> Timestamp {
    let text = at.to_string();
    let offset = text[19..].find(['+', '-', 'Z']).unwrap() + 19;
    format!("{}T00:00:00{}", &text[..10], &text[offset..])
        .parse()
        .unwrap()
}

pub fn use_event(as_of: AsOf) -> impl Strategy<Value = UseEvent> {
    use_event_from(as_of, minutes_ago())
}

/// Generates a use event that began so many minutes before the moment.
pub fn use_event_from(as_of: AsOf, ago: impl Strategy<Value = i64>) -> impl Strategy<Value = UseEvent> {
    let lasts = prop_oneof![3 => Just(None), 2 => (0_i64..6000).prop_map(Some)];
    let end = prop_oneof![3 => Just(End::SoFar), 1 => Just(End::AtMidnight), 1 => Just(End::AnyTime)];
    // Some events are entered in error, and some name the craving that came before.
    let extra = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        option::weighted(0.3, 4000_u128..4012),
    );
    (
        ago,
        (lasts, end),
        recording_zone(as_of.zone),
        recording_zone(as_of.zone),
        substance(),
        amount(),
        unit(),
        extra,
    )
        .prop_map(
            move |(ago, (lasts, end), from, to, substance, amount, unit, extra)| {
                let (unit, abv, unit_label) = unit;
                let (as_prescribed, entered_in_error, craving) = extra;
                UseEvent {
                    substance,
                    occurred_at: timestamp_ago(&as_of, ago, from),
                    ended_at: lasts.map(|minutes| end.at(&as_of, ago, minutes, to)),
                    amount,
                    unit,
                    abv,
                    unit_label,
                    as_prescribed,
                    entered_in_error,
                    craving_event_id: craving.map(Uuid::from_u128),
                    ..UseEvent::example()
                }
            },
        )
}

/// Generates use events, some of them of the same substance on the same date as the one before.
pub fn use_events(
    events: impl Strategy<Value = UseEvent>,
    most: usize,
) -> impl Strategy<Value = Vec<UseEvent>> {
    vec((events, prop::bool::weighted(0.3)), 0..most).prop_map(|events| {
        let mut all: Vec<UseEvent> = Vec::new();
        for (event, is_again) in events {
            let before = all.last().filter(|_| is_again);
            all.push(match before {
                Some(before) => UseEvent {
                    substance: before.substance,
                    occurred_at: before.occurred_at,
                    ended_at: None,
                    ..event
                },
                None => event,
            });
        }
        all
    })
}

pub fn check_in(as_of: AsOf) -> impl Strategy<Value = CheckIn> {
    let used = || option::of(select(&[Used::No, Used::No, Used::Yes, Used::PreferNotToSay][..]));
    let answers = (used(), used(), prop::bool::weighted(0.1));
    let ratings = vec(option::weighted(0.6, rating()), 19);
    let extra = (
        option::of(0_i64..900),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
        option::of(1_i64..=5),
    );
    (minutes_ago(), recording_zone(as_of.zone), answers, ratings, extra).prop_map(
        move |(ago, zone, (used, used_yesterday, at_midnight), ratings, extra)| CheckIn {
            feels_safe_at: None,
            kind: CheckInKind::Momentary,
            occurred_at: match timestamp_ago(&as_of, ago, zone) {
                any if at_midnight => last_midnight(any),
                any => any,
            },
            local_date: None,
            answers: CheckInAnswers {
                used,
                used_yesterday,
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
    let limits = option::weighted(0.7, (amount(), amount(), amount()));
    let steps = vec((1_i64..200, 0_u8..10), 0..3);
    let ended = option::weighted(0.25, prop_oneof![0_i64..12, 0_i64..400]);
    let age = prop_oneof![3 => -6_i64..7, 5 => -3_i64..40, 3 => 0_i64..200, 1 => 0_i64..1300];
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

/// Generates check-ins of consecutive days, at most a day apart and mostly without use, so that they cover whole
/// dates.
pub fn diary(as_of: AsOf) -> impl Strategy<Value = Vec<CheckIn>> {
    let answer = select(
        &[
            Some(Used::No),
            Some(Used::No),
            Some(Used::No),
            Some(Used::No),
            Some(Used::Yes),
            None,
        ][..],
    );
    let step = prop_oneof![4 => 0_i64..1_500, 2 => 0_i64..400, 1 => Just(720_i64), 1 => Just(0_i64)];
    vec(
        (
            check_in(as_of),
            step,
            recording_zone(as_of.zone),
            answer,
            prop::bool::weighted(0.1),
        ),
        0..14,
    )
    .prop_map(move |entries| {
        let mut ago = 0;
        let entry = |(mut check_in, step, zone, used, at_midnight): (CheckIn, i64, Tz, _, bool)| {
            ago += step;
            let any = timestamp_ago(&as_of, ago, zone);
            check_in.occurred_at = if at_midnight { last_midnight(any) } else { any };
            check_in.answers.used = used;
            // Mostly one question is asked, and not both.
            if step % 3 > 0 {
                check_in.answers.used_yesterday = None;
            }
            check_in
        };
        entries.into_iter().map(entry).collect()
    })
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
            use_events(use_event(as_of), 10),
            prop_oneof![vec(check_in(as_of), 0..14), diary(as_of)],
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
