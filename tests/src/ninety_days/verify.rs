//! Reads all records back, by every path that an app uses, and compares them with the model.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    calendar::{DAYS, wire_date},
    compare::{as_read, differences},
    model::{COLLECTIONS, State},
    player::Player,
};

/// The numbers of records that were compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records in lists.
    pub listed: usize,
    /// Records that were deleted.
    pub deleted: usize,
    /// Reviews of use events.
    pub reviews: usize,
    /// Numbers of plans.
    pub numbers: usize,
}

impl Player {
    /// Compares all records of the server with the model. Panics at the first difference.
    pub async fn verify(&mut self) -> Counts {
        let mut counts = Counts::default();
        for collection in COLLECTIONS {
            counts.listed += self.verify_list(collection).await;
            self.verify_each(collection).await;
            counts.deleted += self.verify_deleted(collection).await;
        }
        let mut oldest_first = self.walk("craving-events", "limit=7&order=asc").await;
        oldest_first.reverse();
        self.compare_lists("craving-events", &oldest_first);
        self.verify_time_range().await;
        counts.reviews = self.verify_reviews().await;
        counts.numbers = self.verify_numbers().await;
        for kind in ["relapse_prevention", "safety"] {
            self.verify_active(kind).await;
        }
        counts
    }

    /// Sends a `GET`. Panics unless the response has that status.
    pub async fn fetch(&mut self, path: &str, status: u16) -> Value {
        let response = self.call("GET", path, None, None).await.expect("an answer");
        assert_eq!(response.status, status, "{path}: {}", response.text);
        response.body
    }

    /// All records of a list, page by page.
    async fn walk(&mut self, collection: &str, query: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/v1/{collection}?{query}");
        loop {
            let page = self.fetch(&path, 200).await;
            all.extend(page["items"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/{collection}?{query}&cursor={cursor}"),
                None => return all,
            }
        }
    }

    /// Checks that a list has each record once, in order, with the expected body. Returns their number.
    async fn verify_list(&mut self, collection: &'static str) -> usize {
        let found = self.walk(collection, "limit=200").await;
        self.compare_lists(collection, &found);
        found.len()
    }

    fn compare_lists(&self, collection: &'static str, found: &[Value]) {
        let ids: Vec<Uuid> = found.iter().map(id).collect();
        let expected = match collection {
            // Sorted by the time of their creation, which the server sets.
            "plans" | "support-contacts" | "referrals" | "warning-feedback" => {
                let mut expected: Vec<_> =
                    found.iter().map(|record| (created_at(record), id(record))).collect();
                expected.sort_unstable_by(|one, other| other.cmp(one));
                let expected: Vec<Uuid> = expected.into_iter().map(|(_, id)| id).collect();
                let mut live: Vec<Uuid> = self.model.all(collection, State::Live).map(|(id, _)| id).collect();
                let mut listed = expected.clone();
                live.sort_unstable();
                listed.sort_unstable();
                assert_eq!(listed, live, "{}, {collection}", self.program.name);
                expected
            }
            _ => self.model.in_order(collection).into_iter().map(|(_, id)| id).collect(),
        };
        assert_eq!(ids.len(), expected.len(), "{}, {collection}", self.program.name);
        assert_eq!(ids, expected, "{}, {collection}", self.program.name);
        for record in found {
            self.assert_same(&self.model.expected_body(collection, id(record)), record);
        }
    }

    async fn verify_each(&mut self, collection: &'static str) {
        let live: Vec<Uuid> = self.model.all(collection, State::Live).map(|(id, _)| id).collect();
        for id in live {
            let found = self.fetch(&format!("/v1/{collection}/{id}"), 200).await;
            self.assert_same(&self.model.expected_body(collection, id), &found);
        }
    }

    /// Checks that deleted records give 404, and deleted use events are marked as entered in error.
    async fn verify_deleted(&mut self, collection: &'static str) -> usize {
        let gone: Vec<Uuid> = self.model.all(collection, State::Deleted).map(|(id, _)| id).collect();
        let marked: Vec<Uuid> = self.model.all(collection, State::EnteredInError).map(|(id, _)| id).collect();
        for id in &gone {
            self.fetch(&format!("/v1/{collection}/{id}"), 404).await;
        }
        for id in &marked {
            let found = self.fetch(&format!("/v1/{collection}/{id}"), 200).await;
            assert_eq!(found["entered_in_error"], json!(true));
            self.assert_same(&self.model.expected_body(collection, *id), &found);
        }
        gone.len() + marked.len()
    }

    /// Checks lists with `from` and `to`: `from` is included and `to` is not.
    async fn verify_time_range(&mut self) {
        let all = self.model.in_order("check-ins");
        let (to, from) = (all[all.len() / 4].0, all[all.len() * 3 / 4].0);
        let expected: Vec<Uuid> =
            all.into_iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, id)| id).collect();
        // One of the two times has another offset.
        let query = format!(
            "limit=200&from={}&to={}",
            from.format("%Y-%m-%dT%H:%M:%S%.fZ"),
            (to + chrono::TimeDelta::hours(9)).format("%Y-%m-%dT%H:%M:%S%.f%%2B09:00"),
        );
        let found: Vec<Uuid> = self.walk("check-ins", &query).await.iter().map(id).collect();
        assert_eq!(found, expected, "{}, {query}", self.program.name);
        let all_days =
            format!("limit=200&from={}T00:00:00Z&to={}T00:00:00Z", wire_date(-1), wire_date(DAYS + 2));
        let found = self.walk("use-events", &all_days).await.len();
        assert_eq!(found, self.model.all("use-events", State::Live).count());
    }

    async fn verify_reviews(&mut self) -> usize {
        let events: Vec<Uuid> = self.model.all("use-events", State::Live).map(|(id, _)| id).collect();
        let mut count = 0;
        for id in events {
            let path = format!("/v1/use-events/{id}/review");
            match self.model.expected_review(id) {
                Some(expected) => {
                    let found = self.fetch(&path, 200).await;
                    self.assert_same(&expected, &found);
                    count += 1;
                }
                None => {
                    self.fetch(&path, 404).await;
                }
            }
        }
        count
    }

    /// Checks that each number of each plan still has its body.
    async fn verify_numbers(&mut self) -> usize {
        let plans: Vec<(Uuid, Vec<Value>)> = self
            .model
            .all("plans", State::Live)
            .map(|(id, expected_record)| (id, expected_record.numbers.clone()))
            .collect();
        let mut count = 0;
        for (id, numbers) in plans {
            let found = self.fetch(&format!("/v1/plans/{id}/numbers?limit=200"), 200).await;
            let found = found["items"].as_array().expect("a list");
            assert_eq!(found.len(), numbers.len(), "{}, plan {id}", self.program.name);
            for (n, (sent, found)) in numbers.iter().zip(found.iter().rev()).enumerate() {
                let mut expected = as_read("plans", sent);
                expected["id"] = json!(id);
                expected["number"] = json!(n + 1);
                expected["latest"] = json!(n + 1 == numbers.len());
                assert_eq!(
                    differences(&expected, found),
                    Vec::<String>::new(),
                    "plan {id}, number {}",
                    n + 1
                );
                let alone = self.fetch(&format!("/v1/plans/{id}/numbers/{}", n + 1), 200).await;
                assert_eq!(alone, *found);
                count += 1;
            }
        }
        count
    }

    /// Checks that the active plan is the one that was activated last, with its contacts that still exist.
    async fn verify_active(&mut self, kind: &str) {
        let path = format!("/v1/plans/active?kind={kind}");
        let active = self.model.all("plans", State::Live);
        let active: Vec<Uuid> = active
            .filter(|(_, expected_record)| {
                expected_record.status == "active" && expected_record.sent["kind"] == *kind
            })
            .map(|(id, _)| id)
            .collect();
        let [id] = active[..] else {
            assert!(active.is_empty(), "{}: at most one is active", self.program.name);
            self.fetch(&path, 404).await;
            return;
        };
        let mut expected = self.model.expected_body("plans", id);
        let contact_ids = expected["content"]["contact_ids"].as_array().expect("contacts").clone();
        let contacts = contact_ids.iter().filter_map(|contact| {
            let id: Uuid = contact.as_str()?.parse().ok()?;
            let live = self.model.get("support-contacts", id).state == State::Live;
            let mut contact = live.then(|| self.model.expected_body("support-contacts", id))?;
            contact.as_object_mut()?.remove("note");
            Some(contact)
        });
        let contacts: Vec<Value> = contacts.collect();
        let mut found = self.fetch(&path, 200).await;
        let answered = found["contacts"].take();
        let answered = answered.as_array().expect("contacts");
        assert_eq!(answered.len(), contacts.len());
        for (expected, found) in contacts.iter().zip(answered) {
            self.assert_same(expected, found);
        }
        expected["contacts"] = Value::Null;
        self.assert_same(&expected, &found);
    }
}

fn id(record: &Value) -> Uuid {
    record["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// The creation time as text that sorts like the time.
fn created_at(record: &Value) -> String {
    let at = record["created_at"].as_str().expect("a time");
    let at = chrono::DateTime::parse_from_rfc3339(at).expect("a time");
    format!("{:020}", at.timestamp_millis())
}
