//! Reads everything back, in every way that a phone can, and compares it with what must be there.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    calendar::{DAYS, wire_date},
    compare::{as_answered, differences},
    model::{COLLECTIONS, State},
    player::Player,
};

/// What was found.
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
    /// Compares all that the server has with all that it acknowledged; panics at the first difference.
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
        self.verify_span().await;
        counts.reviews = self.verify_reviews().await;
        counts.numbers = self.verify_numbers().await;
        for kind in ["relapse_prevention", "safety"] {
            self.verify_active(kind).await;
        }
        counts
    }

    /// Reads what is there; panics unless it answers with that status.
    pub async fn fetch(&mut self, path: &str, status: u16) -> Value {
        let answer = self.call("GET", path, None, None).await.expect("an answer");
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        answer.body
    }

    /// Every record of a list, page by page.
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

    /// None is missing, none is there twice, all are in order, and each is what it must be.
    async fn verify_list(&mut self, collection: &'static str) -> usize {
        let found = self.walk(collection, "limit=200").await;
        self.compare_lists(collection, &found);
        found.len()
    }

    fn compare_lists(&self, collection: &'static str, found: &[Value]) {
        let ids: Vec<Uuid> = found.iter().map(id).collect();
        let expected = match collection {
            // In the order in which they were made, by the server's clock.
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
            self.same(&self.model.read(collection, id(record)), record);
        }
    }

    async fn verify_each(&mut self, collection: &'static str) {
        let live: Vec<Uuid> = self.model.all(collection, State::Live).map(|(id, _)| id).collect();
        for id in live {
            let found = self.fetch(&format!("/v1/{collection}/{id}"), 200).await;
            self.same(&self.model.read(collection, id), &found);
        }
    }

    /// What was deleted is gone; a use event says that it was entered in error.
    async fn verify_deleted(&mut self, collection: &'static str) -> usize {
        let gone: Vec<Uuid> = self.model.all(collection, State::Gone).map(|(id, _)| id).collect();
        let marked: Vec<Uuid> = self.model.all(collection, State::Marked).map(|(id, _)| id).collect();
        for id in &gone {
            self.fetch(&format!("/v1/{collection}/{id}"), 404).await;
        }
        for id in &marked {
            let found = self.fetch(&format!("/v1/{collection}/{id}"), 200).await;
            assert_eq!(found["entered_in_error"], json!(true));
            self.same(&self.model.read(collection, *id), &found);
        }
        gone.len() + marked.len()
    }

    /// A span of the check-ins: its first moment is in it, its last one is not.
    async fn verify_span(&mut self) {
        let all = self.model.in_order("check-ins");
        let (to, from) = (all[all.len() / 4].0, all[all.len() * 3 / 4].0);
        let expected: Vec<Uuid> =
            all.into_iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, id)| id).collect();
        // The same instants, one of them as seen from elsewhere.
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
            match self.model.read_review(id) {
                Some(expected) => {
                    let found = self.fetch(&path, 200).await;
                    self.same(&expected, &found);
                    count += 1;
                }
                None => {
                    self.fetch(&path, 404).await;
                }
            }
        }
        count
    }

    /// Each number of each plan still says what it said.
    async fn verify_numbers(&mut self) -> usize {
        let plans: Vec<(Uuid, Vec<Value>)> =
            self.model.all("plans", State::Live).map(|(id, kept)| (id, kept.numbers.clone())).collect();
        let mut count = 0;
        for (id, numbers) in plans {
            let found = self.fetch(&format!("/v1/plans/{id}/numbers?limit=200"), 200).await;
            let found = found["items"].as_array().expect("a list");
            assert_eq!(found.len(), numbers.len(), "{}, plan {id}", self.program.name);
            for (n, (sent, found)) in numbers.iter().zip(found.iter().rev()).enumerate() {
                let mut expected = as_answered("plans", sent);
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

    /// The active plan is the one that was put in use last, with those of its contacts that are still there.
    async fn verify_active(&mut self, kind: &str) {
        let path = format!("/v1/plans/active?kind={kind}");
        let active = self.model.all("plans", State::Live);
        let active: Vec<Uuid> = active
            .filter(|(_, kept)| kept.status == "active" && kept.sent["kind"] == *kind)
            .map(|(id, _)| id)
            .collect();
        let [id] = active[..] else {
            assert!(active.is_empty(), "{}: at most one is active", self.program.name);
            self.fetch(&path, 404).await;
            return;
        };
        let mut expected = self.model.read("plans", id);
        let wanted = expected["content"]["contact_ids"].as_array().expect("contacts").clone();
        let contacts = wanted.iter().filter_map(|contact| {
            let id: Uuid = contact.as_str()?.parse().ok()?;
            let live = self.model.get("support-contacts", id).state == State::Live;
            let mut contact = live.then(|| self.model.read("support-contacts", id))?;
            contact.as_object_mut()?.remove("note");
            Some(contact)
        });
        let contacts: Vec<Value> = contacts.collect();
        let mut found = self.fetch(&path, 200).await;
        let answered = found["contacts"].take();
        let answered = answered.as_array().expect("contacts");
        assert_eq!(answered.len(), contacts.len());
        for (expected, found) in contacts.iter().zip(answered) {
            self.same(expected, found);
        }
        expected["contacts"] = Value::Null;
        self.same(&expected, &found);
    }
}

fn id(record: &Value) -> Uuid {
    record["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// Made of parts of one length, so that the order of the text is that of the time.
fn created_at(record: &Value) -> String {
    let at = record["created_at"].as_str().expect("a time");
    let at = chrono::DateTime::parse_from_rfc3339(at).expect("a time");
    format!("{:020}", at.timestamp_millis())
}
