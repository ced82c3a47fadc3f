//! What a device gives back after a restore, and what stays as the server has it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Expiry, OfflineStore, OnConflict, RecordKey};

/// A time of the server, in minutes of an hour.
fn at(minute: i64) -> String {
    format!("2026-03-01T12:{minute:02}:00.000Z")
}

fn key(kind: &str, n: u128) -> RecordKey {
    (kind.to_owned(), Uuid::from_u128(n))
}

/// A record that was written at a minute, as a pulled change.
fn change(key: &RecordKey, version: i64, minute: i64, members: &Value) -> Value {
    let mut record = json!({ "version": version, "created_at": at(0), "updated_at": at(minute) });
    super::merge_into(&mut record, members);
    json!({ "kind": key.0, "id": key.1, "version": version, "deleted": false, "record": record })
}

fn note(key: &RecordKey, version: i64, minute: i64, note: &str) -> Value {
    change(key, version, minute, &json!({ "note": note }))
}

fn deletion(key: &RecordKey, version: i64) -> Value {
    json!({ "kind": key.0, "id": key.1, "version": version, "deleted": true })
}

/// Receives a response at a minute, to a request with all that is ready.
fn receive(store: &mut OfflineStore, minute: i64, results: &[Value], changes: &[Value]) {
    let push = store.push(500, 500);
    let response = json!({
        "results": results, "changes": changes, "cursor": "c", "has_more": false, "server_time": at(minute),
    });
    store.apply_response(&push, &response, &mut |_| OnConflict::KeepServerVersion);
}

/// A device that has pulled changes at a minute.
fn device(minute: i64, changes: &[Value]) -> OfflineStore {
    let mut store = OfflineStore::default();
    receive(&mut store, minute, &[], changes);
    store
}

/// Lets a device learn of a restore, and pull what the server has then.
fn restore(store: &mut OfflineStore, minute: i64, changes: &[Value]) {
    store.restart_from_scratch(Expiry::Restored);
    receive(store, minute, &[], changes);
}

/// The pending changes: the number of the id, the base version and the note; null for a deletion.
fn outbox(store: &OfflineStore) -> Vec<Value> {
    let note = |record: &Option<Value>| record.as_ref().map(|record| record["note"].clone());
    let changes = store.outbox().iter();
    changes.map(|change| json!([change.key.1.as_u64_pair().1, change.base, note(&change.record)])).collect()
}

/// The notes of the lost edits; null for a deletion.
fn lost(store: &OfflineStore) -> Vec<Value> {
    let edits = store.lost_edits.iter();
    edits.map(|edit| edit.record.as_ref().map_or(Value::Null, |record| record["note"].clone())).collect()
}

#[test]
fn a_deletion_is_given_back_unless_the_record_was_changed_after_the_restore() {
    let x = key("journal", 1);
    let mut tablet = device(30, &[deletion(&x, 3)]);
    let mut other = tablet.clone();
    restore(&mut tablet, 50, &[note(&x, 2, 10, "of the backup")]);
    assert_eq!((outbox(&tablet), lost(&tablet)), (vec![json!([1, 2, null])], vec![]));
    restore(&mut other, 50, &[note(&x, 2, 40, "after the restore")]);
    assert_eq!((outbox(&other), lost(&other)), (vec![], vec![Value::Null]));
}

#[test]
fn a_deleted_record_that_is_given_back_is_deleted_again_unless_it_was_changed_since() {
    let x = key("journal", 1);
    let mut tablet = device(30, &[deletion(&x, 3)]);
    restore(&mut tablet, 40, &[]);
    assert!(tablet.outbox().is_empty() && tablet.lost_edits.is_empty());
    let mut other = tablet.clone();
    receive(&mut tablet, 50, &[], &[note(&x, 1, 45, "given back")]);
    assert_eq!((outbox(&tablet), lost(&tablet)), (vec![json!([1, 1, null])], vec![]));
    receive(&mut other, 50, &[], &[note(&x, 2, 46, "changed")]);
    assert_eq!((outbox(&other), lost(&other)), (vec![], vec![Value::Null]));
}

#[test]
fn a_lost_deletion_is_remembered_over_a_second_restore() {
    let x = key("journal", 1);
    let mut tablet = device(30, &[deletion(&x, 3)]);
    restore(&mut tablet, 40, &[]);
    let mut other = tablet.clone();
    restore(&mut tablet, 50, &[note(&x, 1, 45, "given back")]);
    assert_eq!((outbox(&tablet), lost(&tablet)), (vec![json!([1, 1, null])], vec![]));
    restore(&mut other, 50, &[note(&x, 2, 46, "changed")]);
    assert_eq!((outbox(&other), lost(&other)), (vec![], vec![Value::Null]));
}

#[test]
fn what_is_rejected_because_of_others_is_sent_again_when_they_were_sent() {
    let (paused, active, gone) = (key("goals", 2), key("goals", 1), key("reviews", 3));
    let known = [note(&paused, 2, 20, "paused"), note(&active, 1, 20, "active"), deletion(&gone, 2)];
    let mut store = device(30, &known);
    restore(&mut store, 40, &[note(&paused, 1, 10, "open"), note(&gone, 1, 10, "in the way")]);
    store.upsert(active.clone(), json!({ "note": "later" }));
    let sent =
        [json!([3, 1, null]), json!([1, null, "active"]), json!([2, 1, "paused"]), json!([1, 1, "later"])];
    assert_eq!(outbox(&store), sent);
    let result = |key: &RecordKey, status: &str| {
        let problem = json!({ "type": "/problems/goal-exists" });
        json!({ "kind": key.0, "id": key.1, "status": status, "version": 2, "problem": problem })
    };
    let (exists, skipped) = (result(&active, "rejected"), result(&active, "skipped"));
    let results = [result(&gone, "applied"), exists.clone(), result(&paused, "applied"), skipped.clone()];
    receive(&mut store, 41, &results, &[]);
    assert_eq!(outbox(&store), [json!([1, null, "active"]), json!([1, 1, "later"])]);
    assert_eq!(store.push(500, 500).changes(), 2, "they are sent once more");
    receive(&mut store, 42, &[exists, skipped], &[]);
    assert_eq!((outbox(&store), lost(&store)), (vec![], vec![json!("active"), json!("later")]));
}

#[test]
fn what_a_full_account_has_no_room_for_is_kept_and_sent_again() {
    let (one, two) = (key("check-ins", 1), key("check-ins", 2));
    let mut store = device(30, &[]);
    store.upsert(one.clone(), json!({ "note": "first" }));
    store.upsert(one.clone(), json!({ "note": "later" }));
    store.upsert(two.clone(), json!({ "note": "other" }));
    let full = |key: &RecordKey, status: &str| {
        let problem = json!({ "type": "/problems/quota-exceeded", "quota": "writes_per_day", "limit": 1 });
        json!({ "kind": key.0, "id": key.1, "status": status, "version": 1, "problem": problem })
    };
    let postponed = |key: &RecordKey, status: &str| {
        let problem = json!({ "type": "/problems/postponed" });
        json!({ "kind": key.0, "id": key.1, "status": status, "version": 1, "problem": problem })
    };
    store.push(500, 500);
    let results = [postponed(&one, "rejected"), postponed(&one, "skipped"), postponed(&two, "rejected")];
    receive(&mut store, 40, &results, &[]);
    for until in 41..44 {
        assert_eq!(store.push(500, 500).changes(), 3);
        let results = [full(&one, "rejected"), full(&one, "skipped"), full(&two, "rejected")];
        receive(&mut store, until, &results, &[]);
    }
    assert_eq!(lost(&store), Vec::<Value>::new());
    let kept = [json!([1, null, "first"]), json!([1, 1, "later"]), json!([2, null, "other"])];
    assert_eq!(outbox(&store), kept);
    store.push(500, 500);
    receive(&mut store, 50, &[full(&one, "applied"), full(&one, "applied"), full(&two, "applied")], &[]);
    assert_eq!(outbox(&store), Vec::<Value>::new());
}

#[test]
fn members_that_only_the_server_sets_make_no_difference() {
    for (kind, mine, theirs) in [
        (
            "plans",
            json!({ "status": "active", "number": 2, "activated_at": at(1) }),
            json!({ "status": "draft", "number": 1 }),
        ),
        ("check-ins", json!({ "feels_safe_at": at(1) }), json!({ "feels_safe_at": at(45) })),
        ("craving-events", json!({ "peak": 3 }), json!({})),
    ] {
        let x = key(kind, 1);
        let mut phone = device(30, &[change(&x, 3, 20, &mine)]);
        phone.upsert(x.clone(), json!({ "note": "pending" }));
        restore(&mut phone, 50, &[change(&x, 1, 45, &theirs)]);
        assert_eq!((outbox(&phone), lost(&phone)), (vec![json!([1, 1, "pending"])], vec![]), "{kind}");
    }
    let goal = key("goals", 1);
    let mut phone = device(30, &[change(&goal, 2, 20, &json!({ "status": "paused" }))]);
    restore(&mut phone, 50, &[change(&goal, 1, 10, &json!({ "status": "active" }))]);
    assert_eq!(phone.outbox().len(), 1, "the status of a goal is the person's");
}

/// A device that has a record at version 1 or none, and whose change to it was acknowledged, but not pulled.
fn acknowledged(key: &RecordKey, before: &[Value], sent: Value) -> OfflineStore {
    let mut store = device(20, before);
    store.upsert(key.clone(), sent);
    let version = store.outbox()[0].version();
    let applied = json!({ "kind": key.0, "id": key.1, "status": "applied", "version": version });
    receive(&mut store, 30, &[applied], &[]);
    store.upsert(key.clone(), json!({ "note": "pending" }));
    store
}

#[test]
fn a_change_that_was_acknowledged_and_not_pulled_is_the_newest_that_the_device_has() {
    let x = key("journal", 1);
    let sent = json!({ "note": "mine", "occurred_at": "2026-03-01T11:00:00Z", "place": null });
    let stored = json!({ "note": "mine", "occurred_at": "2026-03-01T12:00:00+01:00", "mood": 5 });
    let one = note(&x, 1, 10, "one");
    // The backup had it, or another device has given it back: nothing is to be done.
    for (minute, version) in [(29, 2), (45, 1)] {
        let mut phone = acknowledged(&x, std::slice::from_ref(&one), sent.clone());
        restore(&mut phone, 50, &[change(&x, version, minute, &stored)]);
        assert_eq!((outbox(&phone), lost(&phone)), (vec![json!([1, version, "pending"])], vec![]));
    }
    // The backup had the version before, or none: it is given back.
    let mut phone = acknowledged(&x, std::slice::from_ref(&one), sent.clone());
    restore(&mut phone, 50, &[one]);
    assert_eq!(outbox(&phone), [json!([1, 1, "mine"]), json!([1, 2, "pending"])]);
    let mut phone = acknowledged(&x, &[], sent);
    restore(&mut phone, 50, &[]);
    assert_eq!(outbox(&phone), [json!([1, null, "mine"]), json!([1, 1, "pending"])]);
    assert_eq!(lost(&phone), [] as [Value; 0]);
}

#[test]
fn what_the_backup_had_and_others_have_changed_since_is_not_lost() {
    let (old, new, latest) = (key("journal", 1), key("journal", 2), key("journal", 3));
    let known = [note(&old, 1, 5, "old"), note(&new, 1, 25, "new"), note(&latest, 1, 20, "latest")];
    let mut phone = device(30, &known);
    let after = [note(&old, 3, 45, "b"), note(&new, 3, 45, "c"), note(&latest, 1, 20, "latest")];
    restore(&mut phone, 50, &after);
    // Only the one that was written after the latest that the backup had may be missing.
    assert_eq!((outbox(&phone), lost(&phone)), (vec![], vec![json!("new")]));
}

#[test]
fn the_outcome_that_the_person_told_comes_before_that_of_the_timer() {
    let x = key("craving-events", 1);
    let event = |version, minute, outcome: &str, other: &Value| {
        let mut change = change(&x, version, minute, &json!({ "outcome": outcome }));
        super::merge_into(&mut change["record"], other);
        change
    };
    for (server, version) in [("unsure", 2), ("ongoing", 1)] {
        let mut phone = device(30, &[event(2, 20, "rode_it_out", &json!({ "peak": 7 }))]);
        restore(&mut phone, 50, &[event(version, 45, server, &json!({ "place": "home" }))]);
        let sent = phone.push(500, 500).body["changes"][0].clone();
        assert_eq!((&sent["op"], &sent["base_version"]), (&json!("merge"), &json!(version)));
        assert_eq!(sent["record"], json!({ "outcome": "rode_it_out" }));
        assert!(phone.lost_edits.is_empty());
    }
    // Many changes since are the person's.
    let mut phone = device(30, &[event(2, 20, "rode_it_out", &json!({}))]);
    restore(&mut phone, 50, &[event(3, 45, "unsure", &json!({}))]);
    assert_eq!((phone.outbox().len(), phone.lost_edits.len()), (0, 1));
}

#[test]
fn records_of_two_kinds_may_have_the_same_id() {
    let (event, review) = (key("use-events", 1), key("reviews", 1));
    let mut phone = device(30, &[note(&event, 1, 20, "event"), deletion(&review, 2)]);
    restore(&mut phone, 40, &[]);
    assert_eq!(outbox(&phone), [json!([1, null, "event"])]);
    receive(
        &mut phone,
        50,
        &[json!({ "kind": "use-events", "id": event.1, "status": "applied", "version": 1 })],
        &[note(&event, 1, 45, "event")],
    );
    assert!(phone.outbox().is_empty(), "the review was deleted, not the event");
}
