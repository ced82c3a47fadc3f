//! Tests of triggers: use with each trigger and without it, against counting and the oracle of statistics.

use std::collections::BTreeSet;

use proptest::{collection::vec, option, prelude::*, sample::select};
use uuid::Uuid;

use super::{
    day_oracle::{date, in_window, today, until_today},
    history::{as_of, history, proptest_config, timestamp_ago, window, with_ids},
    reach::{assert_reached, samples},
    statistics_oracle::{
        Cases, Exact, assert_share, fisher, float, is_end_of_ratio_interval, is_shown_p_value,
        largest_that_passes, probability,
    },
};
use crate::{
    check_in::CheckIn,
    craving_event::{CravingEvent, CravingOutcome},
    insight::{
        facts::{AsOf, Facts, Window},
        statistics::Share,
        trigger::{TriggerFigures, Triggers, UseRatio, triggers},
    },
    record::Record,
    use_event::UseEvent,
    value::{list::Ids, vocabulary::SituationCategory},
};

/// What a craving is made of: three rolls of 0 to 99 (does use follow, how is it recorded, which triggers), its kind of
/// situation, and its time.
type Rolls = (i64, i64, i64, Option<SituationCategory>, i64);

/// Returns the triggers of a craving. The first is common, the last is rare.
fn triggers_of(roll: i64) -> Vec<Uuid> {
    let carried = [roll < 45, roll % 2 == 0, roll % 10 < 3, roll > 92];
    let numbered = (1_u128..).zip(carried);
    numbered
        .filter(|(_, is_carried)| *is_carried)
        .map(|(n, _)| Uuid::from_u128(n))
        .collect()
}

/// Builds a craving, and a use event that names it, which may be no use.
fn craving(as_of: &AsOf, n: u128, rolls: Rolls, is_used: bool) -> (CravingEvent, Option<UseEvent>) {
    use CravingOutcome::{Ongoing, RodeItOut, Unsure, Used};
    let (_, record, triggers, category, ago) = rolls;
    let (outcome, named) = match (is_used, record) {
        (true, 0..70) => (Used, None),
        (true, 70..80) => (RodeItOut, Some((false, false, 0))),
        (true, _) => (
            [Unsure, Ongoing][usize::from(record % 2 == 0)],
            Some((false, false, 0)),
        ),
        (false, 0..80) => (RodeItOut, None),
        (false, 80..84) => (RodeItOut, Some((true, false, 0))),
        (false, 84..88) => (RodeItOut, Some((false, true, 0))),
        // Written so far east that it is dated tomorrow.
        (false, 88..92) => (RodeItOut, Some((false, false, 1))),
        (false, _) => ([Unsure, Ongoing][usize::from(record % 2 == 0)], None),
    };
    let zone = as_of.zone;
    let naming = |(as_prescribed, entered_in_error, days): (bool, bool, i64)| UseEvent {
        occurred_at: timestamp_ago(as_of, if days == 1 { -1440 } else { ago }, zone),
        ended_at: None,
        as_prescribed,
        entered_in_error,
        craving_event_id: Some(Uuid::from_u128(n)),
        ..UseEvent::example()
    };
    let event = CravingEvent {
        occurred_at: timestamp_ago(as_of, ago, zone),
        ended_at: None,
        trigger_ids: Ids::of(triggers_of(triggers)),
        category,
        outcome,
        ..CravingEvent::example()
    };
    (event, named.map(naming))
}

/// Generates cravings of which a share ends in use, larger or smaller where the first trigger is there.
fn trigger_history() -> impl Strategy<Value = (AsOf, Facts)> {
    let category = option::of(select(&SituationCategory::ALL[..3]));
    let ago = prop_oneof![2 => -600_i64..3_000, 4 => 0_i64..9_000, 1 => 0_i64..600_000];
    let rolls = (0_i64..100, 0_i64..100, 0_i64..100, category, ago);
    let without = select(&[0_i64, 0, 5, 20, 50, 80, 100][..]);
    let with = select(&[0_i64, 5, 30, 60, 100, 100][..]);
    let noticed = vec((0_i64..9_000, 0_u128..7), 0..4);
    (as_of(), vec(rolls, 0..60), without, with, any::<bool>(), noticed).prop_map(
        |(as_of, all, without, with, is_same, noticed)| {
            let (mut cravings, mut uses) = (Vec::new(), Vec::new());
            for (n, rolls) in (4000_u128..).zip(all) {
                let has_first = triggers_of(rolls.2).contains(&Uuid::from_u128(1));
                let share = if has_first && !is_same { with } else { without };
                let (event, named) = craving(&as_of, n, rolls, rolls.0 < share);
                cravings.push(event);
                uses.extend(named);
            }
            let check_in = |(ago, trigger): (i64, u128)| CheckIn {
                occurred_at: timestamp_ago(&as_of, ago, as_of.zone),
                trigger_ids: Ids::of([Uuid::from_u128(trigger)]),
                ..CheckIn::example()
            };
            let facts = Facts {
                cravings: with_ids(cravings, 4000),
                uses: with_ids(uses, 2000),
                check_ins: with_ids(noticed.into_iter().map(check_in).collect(), 3000),
                ..Facts::default()
            };
            (as_of, facts)
        },
    )
}

/// A craving of the window, and whether use followed. `None` if that is not known.
struct Seen {
    event: CravingEvent,
    used: Option<bool>,
}

fn seen(facts: &Facts, as_of: &AsOf, window: Window) -> Vec<Seen> {
    let facts = until_today(facts, as_of);
    let followed = |id: Uuid| {
        let mut uses = facts.uses.iter().map(|event| &event.record);
        uses.any(|u| u.craving_event_id == Some(id) && !u.as_prescribed && !u.entered_in_error)
    };
    let cravings = facts.cravings.iter();
    cravings
        .filter(|event| in_window(date(event.record.occurred_at), today(as_of), window))
        .map(|event| Seen {
            event: event.record.clone(),
            used: match event.record.outcome {
                _ if followed(event.id) => Some(true),
                CravingOutcome::Used => Some(true),
                CravingOutcome::RodeItOut => Some(false),
                CravingOutcome::Unsure | CravingOutcome::Ongoing => None,
            },
        })
        .collect()
}

/// Counts cravings with use, and with a known outcome, among those that have something or have it not.
fn cases(seen: &[Seen], has: &dyn Fn(&CravingEvent) -> bool) -> (Cases, Cases) {
    let count = |wanted: bool| {
        let known: Vec<bool> = (seen.iter().filter(|one| has(&one.event) == wanted))
            .filter_map(|one| one.used)
            .collect();
        (known.iter().filter(|used| **used).count(), known.len())
    };
    (count(true), count(false))
}

/// Compares a share that may be missing.
fn assert_share_if(is_there: bool, share: Option<&Share>, (count, n): Cases) {
    assert_eq!(share.is_some(), is_there, "{share:?}");
    if let Some(share) = share {
        assert_share(share, count, n);
    }
}

/// Compares a ratio and its interval with the definitions.
fn assert_ratio(ratio: &UseRatio, with: Cases, without: Cases) {
    let value =
        (without.0 > 0).then(|| (float(with.0) / float(with.1)) / (float(without.0) / float(without.1)));
    assert_eq!(ratio.value.is_some(), value.is_some(), "{ratio:?}");
    assert!(
        (ratio.value.unwrap_or(0.0) - value.unwrap_or(0.0)).abs() < 1e-9,
        "{ratio:?}"
    );
    let low = ratio.interval.low;
    if with.0 == 0 {
        assert_eq!((ratio.value, low), (Some(0.0), 0.0));
    } else {
        assert!(value.is_none_or(|value| low < value), "{ratio:?}");
        assert!(is_end_of_ratio_interval(low, with, without), "{ratio:?}");
    }
    assert_eq!(ratio.interval.high.is_some(), without.0 > 0, "{ratio:?}");
    if let Some(high) = ratio.interval.high {
        assert!(value.is_some_and(|value| value < high), "{ratio:?}");
        assert!(is_end_of_ratio_interval(high, with, without), "{ratio:?}");
    }
    let p_value = probability(fisher(with, without));
    assert!(is_shown_p_value(ratio.p_value, p_value), "{ratio:?} {p_value}");
}

/// The figures of every trigger and kind of situation, with the test of the cravings that have it.
type Family<'a> = Vec<(&'a TriggerFigures, Box<dyn Fn(&CravingEvent) -> bool>)>;

fn family(actual: &Triggers) -> Family<'_> {
    let mut family: Family<'_> = Vec::new();
    for one in &actual.triggers {
        let id = one.trigger_id;
        family.push((
            &one.figures,
            Box::new(move |event| event.trigger_ids.contains(&id)),
        ));
    }
    for one in &actual.situations {
        let category = one.category;
        family.push((
            &one.figures,
            Box::new(move |event| event.category == Some(category)),
        ));
    }
    family
}

/// Checks that there are figures of everything that cravings or check-ins of the window name, the most frequent first.
fn assert_names(actual: &Triggers, seen: &[Seen], facts: &Facts, as_of: &AsOf, window: Window) {
    let check_ins = facts.check_ins.iter().map(|c| &c.record);
    let noticed: Vec<Uuid> = check_ins
        .filter(|c| in_window(date(c.occurred_at), today(as_of), window))
        .flat_map(|c| c.trigger_ids.iter().copied().collect::<BTreeSet<_>>())
        .collect();
    let ids: BTreeSet<Uuid> = (seen.iter().flat_map(|one| one.event.trigger_ids.iter()))
        .chain(&noticed)
        .copied()
        .collect();
    let named: Vec<Uuid> = actual.triggers.iter().map(|t| t.trigger_id).collect();
    assert_eq!(
        (named.iter().copied().collect(), named.len()),
        (ids.clone(), ids.len())
    );
    for trigger in &actual.triggers {
        let n = noticed.iter().filter(|id| **id == trigger.trigger_id).count();
        assert_eq!(trigger.noticed_in_check_ins, n);
    }
    let categories: BTreeSet<String> = (seen.iter().filter_map(|one| one.event.category))
        .map(|c| format!("{c:?}"))
        .collect();
    let named: Vec<String> = actual
        .situations
        .iter()
        .map(|s| format!("{:?}", s.category))
        .collect();
    assert_eq!(
        (named.iter().cloned().collect(), named.len()),
        (categories.clone(), categories.len())
    );
    assert!(
        actual
            .triggers
            .is_sorted_by_key(|t| std::cmp::Reverse(t.figures.events))
    );
    assert!(
        actual
            .situations
            .is_sorted_by_key(|s| std::cmp::Reverse(s.figures.events))
    );
}

/// Compares all figures on triggers of a window with their definitions.
fn assert_triggers(as_of: &AsOf, facts: &Facts, window: Window) {
    let actual = triggers(facts, as_of, window).result;
    let seen = seen(facts, as_of, window);
    assert_eq!(actual.events, seen.len());
    assert_names(&actual, &seen, facts, as_of, window);
    let all = cases(&seen, &|_| true).0;
    assert_share_if(all.1 > 0, actual.use_share.as_ref(), all);
    let family = family(&actual);
    let (mut ratios, mut p_values): (Vec<(&UseRatio, Exact)>, Vec<Exact>) = (Vec::new(), Vec::new());
    for (figures, has) in &family {
        let carrying = seen.iter().filter(|one| has(&one.event)).count();
        let (with, without) = cases(&seen, &**has);
        assert_eq!(
            (figures.events, figures.used, figures.known_outcomes),
            (carrying, with.0, with.1)
        );
        assert_share_if(!seen.is_empty(), figures.share.as_ref(), (carrying, seen.len()));
        assert_share_if(with.1 >= 5, figures.use_share.as_ref(), with);
        assert_share_if(without.1 >= 5, figures.use_share_without.as_ref(), without);
        let is_compared = with.1 >= 5 && without.1 >= 5 && with.0 + without.0 > 0;
        assert_eq!(figures.use_ratio.is_some(), is_compared);
        if let Some(ratio) = &figures.use_ratio {
            assert_ratio(ratio, with, without);
            ratios.push((ratio, fisher(with, without)));
            p_values.push(fisher(with, without));
        }
    }
    let largest = largest_that_passes(&p_values);
    for (ratio, (tables, _)) in ratios {
        assert_eq!(
            ratio.may_be_chance,
            largest.is_none_or(|largest| tables > largest),
            "{ratio:?}"
        );
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn triggers_equal_their_definitions(((as_of, facts), window) in (trigger_history(), window())) {
        assert_triggers(&as_of, &facts, window);
    }

    #[test]
    fn triggers_of_any_history_equal_their_definitions(((as_of, facts), window) in (history(), window())) {
        assert_triggers(&as_of, &facts, window);
    }
}

#[test]
fn random_histories_reach_every_kind_of_trigger() {
    let compared = |(as_of, facts): &(AsOf, Facts), is: &dyn Fn(Cases, Cases) -> bool| {
        let seen = seen(facts, as_of, Window::All);
        (1..5).map(Uuid::from_u128).any(|id| {
            let (with, without) = cases(&seen, &|event| event.trigger_ids.contains(&id));
            with.1 >= 5 && without.1 >= 5 && is(with, without)
        })
    };
    let chance = |(as_of, facts): &(AsOf, Facts), is: bool| {
        let found = triggers(facts, as_of, Window::All).result.triggers;
        found
            .iter()
            .any(|t| t.figures.use_ratio.is_some_and(|ratio| ratio.may_be_chance == is))
    };
    assert_reached(
        &samples(trigger_history()),
        &[
            ("no use", &|s| {
                compared(s, &|with, without| with.0 + without.0 == 0)
            }),
            ("use with the trigger only", &|s| {
                compared(s, &|with, without| with.0 > 0 && without.0 == 0)
            }),
            ("use without it only", &|s| {
                compared(s, &|with, without| with.0 == 0 && without.0 > 0)
            }),
            ("always use", &|s| {
                compared(s, &|with, without| with.0 == with.1 && without.0 == without.1)
            }),
            ("a ratio stands out", &|s| chance(s, false)),
            ("a ratio may be chance", &|s| chance(s, true)),
            (
                "a use event that names a craving is dated tomorrow",
                &|(as_of, facts)| {
                    facts
                        .uses
                        .iter()
                        .any(|u| date(u.record.occurred_at) > today(as_of))
                },
            ),
        ],
    );
}

/// A trigger is compared with the cravings without it, and of many triggers few stand out.
#[test]
fn use_with_a_trigger_is_compared_with_use_without_it() {
    let (bar, rest) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let craving = |n: usize| {
        // The bar: 6 of 8 with use. Without it: 2 of 12. The other trigger: 4 of 10, and without it 4 of 10.
        let used = n < 6 || n == 8 || n == 14;
        let mut carried = Vec::new();
        carried.extend((n < 8).then_some(bar));
        carried.extend((n < 2 || (6..12).contains(&n) || n == 14 || n == 15).then_some(rest));
        CravingEvent {
            trigger_ids: Ids::of(carried),
            category: None,
            outcome: if used {
                CravingOutcome::Used
            } else {
                CravingOutcome::RodeItOut
            },
            ..CravingEvent::example()
        }
    };
    let facts = Facts {
        cravings: with_ids((0..20).map(craving).collect(), 1),
        ..Facts::default()
    };
    let as_of = AsOf {
        at: "2026-03-14T20:00:00Z".parse().unwrap(),
        zone: chrono_tz::UTC,
        week_start: 1,
        standard_drink_g: Some(14.0),
    };
    let found = triggers(&facts, &as_of, Window::All).result;
    let figures = |id: Uuid| {
        &found
            .triggers
            .iter()
            .find(|t| t.trigger_id == id)
            .unwrap()
            .figures
    };
    let bar = figures(bar);
    assert_eq!(
        (
            bar.use_share.map(|s| (s.count, s.n)),
            bar.use_share_without.map(|s| (s.count, s.n))
        ),
        (Some((6, 8)), Some((2, 12)))
    );
    let ratio = bar.use_ratio.unwrap();
    assert!((ratio.value.unwrap() - 4.5).abs() < 1e-9);
    // The exact test by whole numbers: 2 440 of 125 970 tables.
    assert!(
        (ratio.p_value - 0.0194).abs() < 1e-9 && !ratio.may_be_chance,
        "{ratio:?}"
    );
    assert!(
        (ratio.interval.low - 1.402_433).abs() < 1e-5
            && (ratio.interval.high.unwrap() - 16.620_832).abs() < 1e-5,
        "{ratio:?}"
    );
    let rest = figures(rest).use_ratio.unwrap();
    assert!(
        rest.may_be_chance && (rest.value.unwrap() - 1.0).abs() < 1e-9,
        "{rest:?}"
    );
}
