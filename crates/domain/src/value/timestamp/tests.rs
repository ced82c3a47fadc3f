use proptest::prelude::*;

use super::*;

fn echo(text: &str) -> String {
    serde_json::from_value::<Timestamp>(text.into()).map_or_else(|e| e.to_string(), |t| t.to_string())
}

#[test]
fn the_offset_that_was_sent_is_repeated_with_milliseconds() {
    for (sent, repeated) in [
        ("2026-03-01T08:15:00Z", "2026-03-01T08:15:00.000Z"),
        ("2026-03-01t08:15:00z", "2026-03-01T08:15:00.000Z"),
        ("2026-03-01T08:15:00-00:00", "2026-03-01T08:15:00.000Z"),
        ("2026-03-01T08:15:00.25Z", "2026-03-01T08:15:00.250Z"),
        ("2026-03-01T08:15:00+00:00", "2026-03-01T08:15:00.000+00:00"),
        ("2026-03-01T08:15:00.007+05:45", "2026-03-01T08:15:00.007+05:45"),
        ("2026-03-01T08:15:00-12:00", "2026-03-01T08:15:00.000-12:00"),
    ] {
        assert_eq!(echo(sent), repeated);
        assert_eq!(echo(repeated), repeated);
    }
}

#[test]
fn fractions_are_cut_to_the_millisecond() {
    for fraction in [
        "123",
        "1239",
        "123999",
        "123999999",
        "1239999999",
        "12399999999999999999",
    ] {
        assert_eq!(
            echo(&format!("2026-03-01T08:15:00.{fraction}Z")),
            "2026-03-01T08:15:00.123Z"
        );
    }
    assert_eq!(echo("2026-03-01T08:15:00.1Z"), "2026-03-01T08:15:00.100Z");
    assert_eq!(echo("2016-12-31T23:59:60Z"), "2016-12-31T23:59:59.999Z");
    for wrong in [
        "2026-03-01T08:15:00.Z",
        "2026-03-01T08:15:00,5Z",
        "2026-03-01T08:15:00",
        "2026-03-01T08:15:00+0100",
    ] {
        assert!(echo(wrong).contains("RFC 3339"), "{wrong}");
    }
}

#[test]
fn only_z_and_minus_zero_lack_an_offset() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let zulu = at("2026-03-01T08:15:00Z");
    assert_eq!(zulu, at("2026-03-01T08:15:00.000-00:00"));
    assert!(!zulu.has_offset());
    for same_instant in ["2026-03-01T08:15:00+00:00", "2026-03-01T09:15:00+01:00"] {
        let local = at(same_instant);
        assert!(local.has_offset());
        assert_ne!(local, zulu);
        assert_eq!(local.without_offset(), zulu);
        assert_eq!(zulu.resolve(Some(local), chrono_tz::Asia::Tokyo), local);
        assert_eq!(local.resolve(Some(zulu), chrono_tz::Asia::Tokyo), local);
    }
    assert_ne!(at("2026-03-01T08:15:00+00:00"), at("2026-03-01T09:15:00+01:00"));
    let tokyo = at("2026-03-01T17:15:00+09:00");
    // A stored time of another instant, or without an offset, says nothing.
    for stored in [None, Some(zulu), Some(at("2026-03-01T09:15:00.001+01:00"))] {
        assert_eq!(zulu.resolve(stored, chrono_tz::Asia::Tokyo), tokyo);
    }
}

/// An instant in milliseconds, in the years 1 to 9999.
fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (-62_135_596_800_000_i64..=253_402_300_799_999)
        .prop_map(|ms| DateTime::from_timestamp_millis(ms).unwrap())
}

fn zone() -> impl Strategy<Value = chrono_tz::Tz> {
    proptest::sample::select(&chrono_tz::TZ_VARIANTS[..])
}

proptest! {
    #[test]
    fn a_resolved_time_is_the_same_instant_and_survives_being_read_again(at in instant(), zone in zone(), moved_to in zone()) {
        let sent = Timestamp::utc(at);
        let stored = sent.resolve(None, zone);
        prop_assert!(stored.has_offset());
        prop_assert_eq!(stored.millis(), sent.millis());
        prop_assert_eq!(stored.to_string().parse::<Timestamp>(), Ok(stored));
        // Put back as an instant from anywhere, it is as it was.
        prop_assert_eq!(sent.resolve(Some(stored), moved_to), stored);
        prop_assert_eq!(stored.without_offset(), sent);
    }

    #[test]
    fn a_resolved_time_has_the_wall_clock_of_its_zone(ms in 0_i64..=4_000_000_000_000, zone in zone()) {
        let at = DateTime::from_timestamp_millis(ms).unwrap();
        let local = Timestamp::utc(at).resolve(None, zone);
        let wall = at.with_timezone(&zone).naive_local();
        // Until 1972 a zone may have an offset with seconds.
        let difference = (wall - local.at.naive_local()).num_seconds().abs();
        prop_assert!(difference < 60 && (difference == 0 || ms < 100_000_000_000), "{wall} {local}");
    }
}

#[test]
fn a_date_without_time_is_refused() {
    assert!(echo("2026-03-01").contains("RFC 3339"));
    assert!(echo("0000-01-01T00:00:00Z").contains("year"));
}

#[test]
fn no_constructor_makes_a_time_that_cannot_be_read_again() {
    let extremes = [
        DateTime::<Utc>::MIN_UTC,
        DateTime::<Utc>::MAX_UTC,
        "0001-01-01T00:00:00Z".parse().unwrap(),
        "9999-12-31T23:59:59.999Z".parse().unwrap(),
    ];
    for at in extremes {
        for zone in [chrono_tz::UTC, chrono_tz::Pacific::Apia, chrono_tz::America::Adak] {
            let timestamp = Timestamp::in_zone(at, zone);
            assert!(
                serde_json::from_value::<Timestamp>(timestamp.to_string().into()).is_ok(),
                "{timestamp}"
            );
        }
    }
    for timestamp in [i64::MIN, i64::MAX].map(Timestamp::from_micros) {
        assert!(
            serde_json::from_value::<Timestamp>(timestamp.to_string().into()).is_ok(),
            "{timestamp}"
        );
    }
    for text in [
        "0000-12-31T23:00:00-02:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:30:00-01:00",
    ] {
        assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp::Year), "{text}");
    }
}

#[test]
fn the_local_date_is_that_of_the_offset() {
    let t: Timestamp = "2026-03-01T23:30:00-05:00"
        .parse()
        .unwrap_or_else(|_| Timestamp::from_micros(0));
    assert_eq!(t.local_date().to_string(), "2026-03-01");
    assert_eq!(t.to_utc().date_naive().to_string(), "2026-03-02");
    assert_eq!(t.local_week(), "2026-W09");
}

#[test]
fn a_skipped_wall_time_is_read_with_the_offset_before_the_gap() {
    use chrono_tz::{Africa, America, Asia, Australia, Europe, Pacific};
    for (zone, wall, expected) in [
        (Europe::Berlin, "2026-03-29T02:05:00", "2026-03-29T03:05:00+02:00"),
        (Europe::Berlin, "2026-03-29T02:15:00", "2026-03-29T03:15:00+02:00"),
        (Europe::Berlin, "2026-03-29T02:59:00", "2026-03-29T03:59:00+02:00"),
        (
            America::New_York,
            "2026-03-08T02:30:00",
            "2026-03-08T03:30:00-04:00",
        ),
        // A gap of half an hour, one at midnight, and a date that was left out.
        (
            Australia::Lord_Howe,
            "2026-10-04T02:10:00",
            "2026-10-04T02:40:00+11:00",
        ),
        (Asia::Beirut, "2026-03-29T00:20:00", "2026-03-29T01:20:00+03:00"),
        (Africa::Cairo, "2026-04-24T00:00:00", "2026-04-24T01:00:00+03:00"),
        (Pacific::Apia, "2011-12-30T08:00:00", "2011-12-31T08:00:00+14:00"),
    ] {
        let local = wall.parse().unwrap();
        let found = Timestamp::in_zone(resolve_local(zone, local), zone);
        assert_eq!(
            found.millis(),
            expected.parse::<Timestamp>().unwrap().millis(),
            "{zone} {wall}: {found}"
        );
    }
}
