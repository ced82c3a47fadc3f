//! Tests of the feed parser: quirks are accepted, faults are named.

use serde_json::json;

use super::*;
use crate::value::place::{TimeOfDay, ZoneName};

mod generated;

fn read(entries: &Value) -> Feed {
    let source = FeedSource {
        name: "here".to_owned(),
        programme: Programme::Na,
        time_zone: Some(chrono_tz::Europe::Dublin),
    };
    let id_of = |slug: &str| {
        Uuid::from_u128(
            slug.bytes()
                .fold(0_u128, |sum, b| sum.wrapping_mul(257).wrapping_add(u128::from(b))),
        )
    };
    read_feed(entries.as_array().unwrap(), &source, id_of)
}

fn faults(feed: &Feed) -> Vec<(&str, &str, bool)> {
    let remarks = feed.remarks.iter();
    remarks
        .map(|r| (r.finding.pointer.as_str(), r.finding.code.as_str(), r.left_out))
        .collect()
}

#[test]
fn the_usual_quirks_are_read() {
    let feed = read(&json!([
        { "name": " Eight ", "slug": 8, "day": "0", "time": "9:05", "postal_code": null, "notes": "", "types": null,
          "latitude": "44.5", "longitude": -77.25, "updated": "2016-05-06 15:38:25", "country": "CA", "contact_1_name": "Kim" },
        { "name": "Nine", "slug": "nine", "day": [6, 0, 6], "time": "20:00:00", "timezone": "Asia/Kathmandu", "postal_code": 62701,
          "types": ["o", "ZZZ", "O"], "region": "North", "sub_region": "Far", "conference_url": "https://example.org/9", "approximate": "yes",
          "formatted_address": "Springfield" },
        { "name": "By appointment", "slug": "ten", "day": null, "time": "", "types": "C, D", "location": "Hall" },
    ]));
    assert_eq!(faults(&feed), []);
    let [eight, nine, ten] = feed.meetings.as_slice() else {
        panic!("three meetings")
    };
    assert_eq!(
        (eight.name.as_str(), eight.slug.as_str(), eight.days.as_slice()),
        ("Eight", "8", &[7][..])
    );
    assert_eq!(eight.time, TimeOfDay::new("09:05"));
    assert_eq!(
        (eight.latitude, eight.time_zone),
        (Some(44.5), Some(ZoneName(chrono_tz::Europe::Dublin)))
    );
    assert_eq!(
        eight.updated.map(|at| at.to_string()).as_deref(),
        Some("2016-05-06T15:38:25.000Z")
    );
    assert!(eight.in_person && !eight.online && eight.notes.is_none());
    assert_eq!(
        (nine.days.as_slice(), nine.postal_code.as_deref()),
        (&[6, 7][..], Some("62701"))
    );
    assert_eq!(
        nine.types.iter().map(|t| t.code.as_str()).collect::<Vec<_>>(),
        ["O", "ZZZ"]
    );
    assert_eq!(nine.regions, ["North", "Far"]);
    assert!(nine.online && !nine.in_person && nine.time_zone == Some(ZoneName(chrono_tz::Asia::Kathmandu)));
    assert!(ten.days.is_empty() && ten.time.is_none() && ten.in_person);
    assert!(!serde_json::to_string(&feed.meetings).unwrap().contains("Kim"));
}

#[test]
fn faults_are_named_by_entry_and_member_and_stop_nothing_else() {
    let feed = read(&json!([
        7,
        { "slug": "a", "name": ["A"] },
        { "name": "B", "slug": "b", "day": 7, "time": "25:00", "timezone": "Mars/Base", "latitude": 91, "longitude": 3 },
        { "name": "C", "slug": "c", "latitude": 3 },
        { "name": "D", "slug": "d", "url": "javascript:alert(1)", "updated": "lately", "types": ["O", "no code!"], "notes": { "a": 1 } },
        { "name": "D again", "slug": "d" },
        { "name": "E" },
    ]));
    assert_eq!(
        faults(&feed),
        [
            ("/0", "type", true),
            ("/1/name", "required", true),
            ("/2/day", "range", true),
            ("/2/time", "format", true),
            ("/2/timezone", "format", false),
            ("/2/latitude", "range", false),
            ("/3/longitude", "required", false),
            ("/4/types", "format", false),
            ("/4/notes", "type", false),
            ("/4/url", "format", false),
            ("/4/updated", "format", false),
            ("/5/slug", "duplicate", true),
            ("/6/slug", "required", true),
        ]
    );
    assert_eq!((feed.meetings.len(), feed.left_out()), (2, 5));
    assert_eq!(feed.meetings[0].point(), None);
}

/// Regression: a meeting with such a time of its last change was stored and could not be read again.
#[test]
fn a_meeting_can_be_read_again_whatever_its_last_change() {
    for updated in [
        "0000-01-01T00:00:00Z",
        "-0001-01-01 00:00:00",
        "+12345-01-01 00:00:00",
    ] {
        let feed = read(&json!([{ "name": "One", "slug": "1", "updated": updated }]));
        let stored = serde_json::to_value(&feed.meetings[0]).unwrap();
        assert_eq!(
            serde_json::from_value::<Meeting>(stored).unwrap(),
            feed.meetings[0],
            "{updated}"
        );
    }
}

#[test]
fn a_wrong_end_costs_the_end_and_a_wrong_zone_the_zone() {
    let entry = |slug: &str, time: &str, end: &str| json!({ "name": slug, "slug": slug, "day": 1, "time": time, "end_time": end });
    let feed = read(&json!([
        entry("midnight", "23:00", "00:00"),
        entry("same", "19:00", "19:00"),
        entry("late", "19:00", "24:00"),
        entry("words", "19:00", "eight"),
        entry("seconds", "19:00", "20:30:00"),
        { "name": "none", "slug": "none", "end_time": "20:00" },
        { "name": "zone", "slug": "zone", "timezone": "EST5PDT", "end_time": 21 , "time": "20:00" },
    ]));
    assert_eq!(
        faults(&feed),
        [
            ("/1/end_time", "order", false),
            ("/2/end_time", "format", false),
            ("/3/end_time", "format", false),
            ("/5/end_time", "mismatch", false),
            ("/6/end_time", "format", false),
            ("/6/timezone", "format", false),
        ]
    );
    let ends: Vec<Option<TimeOfDay>> = feed
        .meetings
        .iter()
        .map(|meeting| meeting.end_time.clone())
        .collect();
    assert_eq!(
        ends,
        [
            Some(TimeOfDay::at(0, 0)),
            None,
            None,
            None,
            Some(TimeOfDay::at(20, 30)),
            None,
            None
        ]
    );
    // The zone of the feed would be a guess.
    assert_eq!(feed.meetings[6].time_zone, None);
}

#[test]
fn texts_are_plain_and_can_be_seen() {
    let feed = read(&json!([
        { "slug": "a&b", "name": "Attitude &amp; <b>Gratitude</b>", "conference_url": "https://example.org/j/8&amp;sa=D&copy=1",
          "notes": "It&#8217;s for men. <a href=\"https://example.org\">More</a><br>Second floor\u{0000}<script>alert(1)</script>",
          "location": "Caf&eacute;\nHall", "regions": ["North &amp; East", "\u{200b}", ""], "group": "\u{200b}&nbsp;" },
        { "slug": "b", "name": "<br>&#8203;" },
        { "slug": "c", "name": "C", "url": "https://example.org/a b", "formatted_address": "1 Main St &#x2F; 2" },
    ]));
    let [first, third] = feed.meetings.as_slice() else {
        panic!("two meetings")
    };
    assert_eq!(first.name, "Attitude & Gratitude");
    assert_eq!(first.slug, "a&b");
    assert_eq!(
        first.conference_url.as_deref(),
        Some("https://example.org/j/8&sa=D&copy=1")
    );
    assert_eq!(
        first.notes.as_deref(),
        Some("It\u{2019}s for men. More\nSecond floor")
    );
    assert_eq!(first.location.as_deref(), Some("Caf\u{e9} Hall"));
    assert_eq!(
        (&first.group, first.regions.as_slice()),
        (&None, &["North & East".to_owned()][..])
    );
    assert_eq!(
        (third.formatted_address.as_deref(), &third.url),
        (Some("1 Main St / 2"), &None)
    );
    assert_eq!(
        faults(&feed),
        [
            ("/0/group", "format", false),
            ("/1/name", "format", false),
            ("/1/name", "required", true),
            ("/2/url", "format", false),
        ]
    );
    assert_eq!(feed.cleaned, 7);
}

#[test]
fn members_that_the_format_does_not_have_are_counted() {
    let feed = read(&json!([
        { "name": "A", "slug": "a", "end_tme": "20:00", "contact_1_name": "Kim", "venmo": "@a", "attendance_option": "online" },
        { "name": "B", "slug": "b", "end_tme": "21:00", "colour": "red", "contact_x_name": "Kim" },
        5,
    ]));
    let unknown: Vec<_> = feed
        .unknown
        .iter()
        .map(|(name, found)| (name.as_str(), found.entries, found.first, found.meant))
        .collect();
    assert_eq!(
        unknown,
        [
            ("colour", 1, 1, None),
            ("contact_x_name", 1, 1, None),
            ("end_tme", 2, 0, Some("end_time")),
        ]
    );
}

#[test]
fn a_position_in_the_open_sea_is_not_known() {
    let feed = read(
        &json!([{ "name": "A", "slug": "a", "latitude": 0, "longitude": "0.0", "address": "1 Main St" }]),
    );
    assert_eq!(faults(&feed), [("/0/latitude", "range", false)]);
    assert!(feed.meetings[0].point().is_none() && feed.meetings[0].in_person);
}
