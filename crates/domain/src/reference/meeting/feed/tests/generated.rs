//! Property tests: any feed is read, and nothing of it is passed over in silence.

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::{faults, read};
use crate::reference::{meeting::Meeting, plain_text::is_visible};

/// The members of a whole entry that are not needed for it, but for the day and the time, which may cost the entry.
const OPTIONAL: [&str; 16] = [
    "end_time",
    "timezone",
    "types",
    "notes",
    "location",
    "group",
    "formatted_address",
    "city",
    "regions",
    "latitude",
    "longitude",
    "approximate",
    "updated",
    "conference_url",
    "conference_phone",
    "url",
];

fn whole_entry(slug: usize) -> Map<String, Value> {
    let entry = json!({
        "name": "Evening", "slug": slug, "day": 1, "time": "19:00", "end_time": "20:00", "timezone": "Europe/Berlin", "types": ["O"],
        "notes": "Ring", "location": "Hall", "group": "Evening group", "formatted_address": "1 Main St", "city": "Here", "regions": ["North"],
        "latitude": 1.5, "longitude": 2.5, "approximate": "no", "updated": "2026-01-01 00:00:00", "conference_url": "https://example.org/1",
        "conference_phone": "1", "url": "https://example.org/2",
    });
    entry.as_object().unwrap().clone()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::String),
        any::<String>().prop_map(Value::String),
        prop_oneof!["[0-9]{1,2}:[0-9]{2}", "<[a-z]{1,6}>&[a-z]{2,4};", "[0-9]"].prop_map(Value::String),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

/// The texts of a meeting.
fn texts(meeting: &Meeting) -> Vec<String> {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    collect(&serde_json::to_value(meeting).unwrap(), &mut texts);
    texts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_feed_is_read(entries in prop::collection::vec(any_json(), 0..4), replaced in prop::collection::vec((0_usize..3, any::<Index>(), any_json()), 0..12)) {
        let mut whole: Vec<Map<String, Value>> = (0..3).map(whole_entry).collect();
        for (n, member, value) in replaced {
            let names: Vec<String> = whole[n].keys().cloned().collect();
            whole[n].insert(member.get(&names).clone(), value);
        }
        let all: Vec<Value> = entries.into_iter().chain(whole.into_iter().map(Value::Object)).collect();
        let feed = read(&json!(all));
        prop_assert_eq!(feed.entries, all.len());
        let left_out: std::collections::BTreeSet<&str> = feed.remarks.iter().filter(|remark| remark.left_out)
            .map(|remark| remark.finding.pointer.split('/').nth(1).unwrap()).collect();
        prop_assert_eq!(left_out.len(), feed.left_out());
        for meeting in &feed.meetings {
            prop_assert!(is_visible(&meeting.name));
            for text in texts(meeting) {
                prop_assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{:?}", text);
            }
            let stored = serde_json::to_value(meeting).unwrap();
            prop_assert_eq!(&serde_json::from_value::<Meeting>(stored).unwrap(), meeting);
        }
    }

    #[test]
    fn a_wrong_member_that_is_not_needed_costs_the_member_and_is_named(member in 0..OPTIONAL.len(), choice in 0_usize..3) {
        let mut entry = whole_entry(1);
        let wrong = [json!({ "a": 1 }), json!([{}]), json!(true)][choice].clone();
        // A list of nothing that can be read is an empty list, and an address may be said to be approximate by true.
        prop_assume!(!matches!((OPTIONAL[member], choice), ("regions", 1) | ("approximate", 2)));
        entry.insert(OPTIONAL[member].to_owned(), wrong);
        let feed = read(&json!([entry]));
        prop_assert_eq!(feed.meetings.len(), 1);
        let pointer = format!("/0/{}", OPTIONAL[member]);
        prop_assert!(faults(&feed).iter().any(|(at, _, left_out)| *at == pointer && !left_out), "{:?}", feed.remarks);
    }

    #[test]
    fn an_unknown_member_is_counted_under_its_name(name in "[a-z]{1,9}[A-Z~/][a-z]{0,9}", entries in 1_usize..5) {
        let all: Vec<Value> = (0..entries).map(|n| {
            let mut entry = whole_entry(n);
            entry.insert(name.clone(), json!(1));
            Value::Object(entry)
        }).collect();
        let feed = read(&json!(all));
        prop_assert_eq!(feed.unknown.len(), 1);
        prop_assert_eq!(feed.unknown[&name].entries, entries);
        prop_assert_eq!(feed.meetings.len(), entries);
    }
}
