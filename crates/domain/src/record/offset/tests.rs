use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use chrono_tz::{America::New_York, Asia::Tokyo, Europe::Berlin};
use proptest::prelude::*;
use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

use super::*;
use crate::{
    check_in::CheckIn,
    practice_session::PracticeSession,
    record::{
        Draft, Kind, ValidationContext, draft,
        registry::{ForNoun, for_noun, has_same_content},
    },
    reference::questionnaire::shipped,
    value::timestamp::example_time,
};

/// The JSON pointers of the times in a noun's schema that a client writes.
fn written_times<T: Record>() -> Vec<String> {
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut schemas);
    let named = schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap()))
        .collect();
    let mut found = Vec::new();
    find_times(
        &serde_json::to_value(T::schema()).unwrap(),
        &named,
        "",
        &mut found,
    );
    found
}

fn find_times(schema: &Value, named: &BTreeMap<String, Value>, pointer: &str, found: &mut Vec<String>) {
    let is_read_only = |schema: &Value| schema["readOnly"] == true;
    if is_read_only(schema) {
        return;
    }
    if schema["format"] == "date-time" {
        found.push(pointer.to_owned());
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        find_times(&named[name], named, pointer, found);
    }
    for members in ["oneOf", "anyOf", "allOf"] {
        for member in schema[members].as_array().into_iter().flatten() {
            find_times(member, named, pointer, found);
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        find_times(member, named, &format!("{pointer}/{name}"), found);
    }
    if schema["items"].is_object() {
        find_times(&schema["items"], named, &format!("{pointer}/0"), found);
    }
}

/// The example of a noun with every time that a client writes set to `text`.
fn sent_at<T: Record>(text: &str) -> Incoming<T> {
    let mut sent = serde_json::to_value(T::example()).unwrap();
    for pointer in written_times::<T>() {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        sent.pointer_mut(parent).unwrap()[name] = text.into();
    }
    let mut incoming: Incoming<T> = serde_json::from_value(sent).unwrap();
    let questionnaire = incoming.body.depends_on_questionnaire().and_then(shipped);
    incoming.context = questionnaire.map(|own| ValidationContext {
        questionnaire: Arc::new(own.clone()),
        helplines: Arc::default(),
    });
    incoming
}

fn drafted<T: Record>(incoming: Incoming<T>, before: Option<&T>, zone: Tz) -> Draft {
    let now = example_time("2026-12-01T00:00:00Z").to_utc();
    draft(incoming, Uuid::nil(), before, now, zone, &mut Uuid::nil).unwrap()
}

/// The texts of the written times in the body of a draft.
fn stored_times<T: Record>(draft: &Draft) -> Vec<String> {
    let body: Value = serde_json::from_slice(&draft.body).unwrap();
    let text = |pointer: &String| body.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    written_times::<T>().iter().map(text).collect()
}

fn parsed<T: Record>(draft: &Draft) -> T {
    serde_json::from_slice(&draft.body).unwrap()
}

struct CountTimes;

impl ForNoun for CountTimes {
    type Output = (usize, usize);

    fn run<T: Record>(self) -> Self::Output {
        let mut incoming = sent_at::<T>("2026-10-16T01:30:00Z");
        let times = incoming.body.times_mut();
        (written_times::<T>().len(), times.into_iter().flatten().count())
    }
}

#[test]
fn every_time_in_the_schema_of_a_noun_is_one_of_its_times() {
    let mut all = 0;
    for kind in Kind::ALL.iter().copied() {
        let (in_schema, in_record) = for_noun(kind, CountTimes);
        assert_eq!(in_schema, in_record, "{}", kind.path());
        all += in_schema;
    }
    assert!(all >= 15, "the schemas have {all} times");
}

struct Evening;

impl ForNoun for Evening {
    type Output = ();

    fn run<T: Record>(self) {
        let name = T::KIND.path();
        let zulu = || sent_at::<T>("2026-10-16T01:30:00.123456789Z");
        let has_times = !written_times::<T>().is_empty();
        assert_eq!(zulu().needs_zone(), has_times, "{name}");
        let first = drafted(zulu(), None, New_York);
        let is_evening = |draft: &Draft| {
            let evening = "2026-10-15T21:30:00.123-04:00";
            assert!(
                stored_times::<T>(draft).iter().all(|text| text == evening),
                "{name}"
            );
        };
        is_evening(&first);
        let stored: T = parsed(&first);
        // Put back as an instant, at home and elsewhere.
        for zone in [New_York, Berlin] {
            let again = drafted(zulu(), Some(&stored), zone);
            is_evening(&again);
            assert_eq!(again.canonical, first.canonical, "{name}");
            assert_eq!(again.slot, first.slot, "{name}");
        }
        // Another offset is another version, yet the same content.
        let mut local = sent_at::<T>("2026-10-16T03:30:00.123+02:00");
        assert!(!local.needs_zone(), "{name}");
        let moved = drafted(local, Some(&stored), Tokyo);
        assert_eq!(moved.canonical, first.canonical, "{name}");
        for text in stored_times::<T>(&moved) {
            assert_eq!(text, "2026-10-16T03:30:00.123+02:00", "{name}");
        }
        assert!(
            has_same_content(T::KIND, &moved.body, &first.body).unwrap(),
            "{name}"
        );
        // Another instant is other content, at the offset of the zone.
        let later = drafted(sent_at::<T>("2026-10-16T01:30:00.124Z"), Some(&stored), Berlin);
        assert_eq!(later.canonical == first.canonical, !has_times, "{name}");
        assert_eq!(
            has_same_content(T::KIND, &later.body, &first.body).unwrap(),
            !has_times,
            "{name}"
        );
        for text in stored_times::<T>(&later) {
            assert_eq!(text, "2026-10-16T03:30:00.124+02:00", "{name}");
        }
    }
}

#[test]
fn the_evening_stays_on_its_day_in_every_noun() {
    for kind in Kind::ALL.iter().copied() {
        for_noun(kind, Evening);
    }
}

#[test]
fn the_time_of_storing_is_at_home() {
    let mut untimed = serde_json::to_value(PracticeSession::example()).unwrap();
    untimed["occurred_at"].take();
    let untimed = || serde_json::from_value::<Incoming<PracticeSession>>(untimed.clone()).unwrap();
    assert!(untimed().needs_zone());
    let first = drafted(untimed(), None, New_York);
    assert_eq!(
        stored_times::<PracticeSession>(&first),
        ["2026-11-30T19:00:00.000-05:00"]
    );
    let again = drafted(untimed(), Some(&parsed(&first)), Berlin);
    assert_eq!(
        stored_times::<PracticeSession>(&again),
        stored_times::<PracticeSession>(&first)
    );
    assert_eq!(again.canonical, first.canonical);
    assert!(may_need_zone::<PracticeSession>("{}"));
}

#[test]
fn a_text_without_sign_of_such_a_time_needs_no_zone() {
    let body = |time: &str| format!(r#"{{ "occurred_at": "{time}", "note": "Zoo" }}"#);
    assert!(!may_need_zone::<CheckIn>(&body("2026-10-15T21:30:00-04:00")));
    for time in [
        "2026-10-16T01:30:00Z",
        "2026-10-16T01:30:00z",
        "2026-10-16T01:30:00-00:00",
        r"2026-10-16T01:30:00\u005a",
        r"2026-10-16T01:30:00-00\u003a00",
    ] {
        assert!(may_need_zone::<CheckIn>(&body(time)), "{time}");
    }
}

/// An instant and three ways to write it: in UTC, and at the offsets of two zones.
fn same_instant() -> impl Strategy<Value = (DateTime<Utc>, [String; 3], [Tz; 2])> {
    let zone = || proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]);
    let written = |ms: i64, home: Tz, away: Tz| {
        let at = DateTime::from_timestamp_millis(ms).unwrap();
        let times = [
            Timestamp::utc(at),
            Timestamp::in_zone(at, home),
            Timestamp::in_zone(at, away),
        ];
        (at, times.map(|time| time.to_string()), [home, away])
    };
    // From 1900 to 2026: the years in which every noun may be.
    (-2_208_000_000_000_i64..1_790_000_000_000, zone(), zone())
        .prop_map(move |(ms, home, away)| written(ms, home, away))
}

struct Spellings<'a> {
    at: DateTime<Utc>,
    texts: &'a [String; 3],
    zones: [Tz; 2],
}

impl ForNoun for Spellings<'_> {
    type Output = Result<(), TestCaseError>;

    fn run<T: Record>(self) -> Self::Output {
        let Self { at, texts, zones } = self;
        let [home, away] = zones;
        let first = drafted(sent_at::<T>(&texts[0]), None, home);
        let stored: T = parsed(&first);
        for text in texts {
            let again = drafted(sent_at::<T>(text), Some(&stored), away);
            prop_assert_eq!(&again.canonical, &first.canonical);
            prop_assert_eq!(again.occurred_at, first.occurred_at);
            for stored in stored_times::<T>(&again) {
                let stored: Timestamp = stored.parse().unwrap();
                prop_assert!(stored.has_offset());
                prop_assert_eq!(stored.to_utc(), at);
            }
        }
        let back = drafted(sent_at::<T>(&texts[0]), Some(&stored), away);
        prop_assert_eq!(back.body, first.body);
        prop_assert_eq!(back.slot, first.slot);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn content_is_compared_by_instants_and_an_instant_put_back_keeps_its_offset((at, texts, zones) in same_instant()) {
        for kind in [Kind::CheckIn, Kind::CravingEvent, Kind::Dose, Kind::Appointment, Kind::WarningFeedback, Kind::ThoughtRecord] {
            for_noun(kind, Spellings { at, texts: &texts, zones })?;
        }
    }

    #[test]
    fn the_slot_is_that_of_the_date_at_home((at, texts, [home, away]) in same_instant()) {
        let mut incoming = sent_at::<CheckIn>(&texts[0]);
        incoming.body.kind = crate::check_in::CheckInKind::Evening;
        let draft = drafted(incoming, None, home);
        let date = Timestamp::in_zone(at, home).local_date();
        prop_assert_eq!(draft.slot, Some(format!("evening:{date}")));
        prop_assert_eq!(parsed::<CheckIn>(&drafted(sent_at::<CheckIn>(&texts[2]), None, home)).local_date, Some(Timestamp::in_zone(at, away).local_date()));
    }
}
