//! The ways in which an app changes a record: it replaces it, or it sends only what it changes, at once or by sync.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{compare::with_changes, player::Player};
use crate::client::Response;

/// Members that the server makes anew if a record has them no more. A patch must take them away for that.
const MADE_ANEW: [(&str, &str); 2] =
    [("support-contacts", "preferred_channel"), ("transitions", "follow_ups")];

impl Player {
    /// Changes members of a record, in a way that depends on the step. Returns `None` if a request gets no response.
    pub(super) async fn edit(
        &mut self,
        collection: &'static str,
        id: Uuid,
        change: &Value,
    ) -> Option<Response> {
        let path = format!("/v1/{collection}/{id}");
        let expected_record = self.model.get(collection, id);
        let (version, before) = (expected_record.version, expected_record.sent.clone());
        let after = with_changes(&before, change);
        let mut members = difference(&before, &after);
        for (_, member) in
            MADE_ANEW.iter().filter(|(of, member)| *of == collection && after.get(member).is_none())
        {
            members[member] = Value::Null;
        }
        match self.next % 4 {
            0 => self.call("PUT", &path, Some(version), Some(&after)).await,
            1 => {
                // Many apps change a record that they read, and send it back with its read-only members.
                let read = self.call("GET", &path, None, None).await?.expect(200).body;
                self.call("PUT", &path, Some(version), Some(&with_changes(&read, change))).await
            }
            2 => self.call("PATCH", &path, Some(version), Some(&members)).await,
            _ => self.push_merge(collection, id, version, &members).await,
        }
    }

    /// Sends a patch by sync, and reads what it made of the record.
    async fn push_merge(
        &mut self,
        collection: &str,
        id: Uuid,
        version: i64,
        patch: &Value,
    ) -> Option<Response> {
        let change =
            json!({ "kind": collection, "op": "merge", "id": id, "base_version": version, "record": patch });
        let push = |cursor: &Value| json!({ "cursor": cursor, "changes": [change], "limit": 1 });
        let mut pushed = self.call("POST", "/v1/sync", None, Some(&push(&self.cursor))).await?;
        if pushed.status == 410 {
            // After a restore only a cursor tells which version the change was made to.
            self.pull_everything().await?;
            pushed = self.call("POST", "/v1/sync", None, Some(&push(&self.cursor))).await?;
        }
        let result = &pushed.body["results"][0];
        let is_replayed = result["status"] == "replayed" && self.is_resent;
        assert!(
            (is_replayed || result["status"] == "applied") && result["version"] == version + 1,
            "{}\n{}",
            self.position(),
            pushed.text
        );
        self.count_applied_if(is_replayed);
        self.call("GET", &format!("/v1/{collection}/{id}"), None, None).await
    }

    /// Pulls everything for the cursor at its end.
    async fn pull_everything(&mut self) -> Option<()> {
        self.cursor = Value::Null;
        loop {
            let pull = json!({ "cursor": self.cursor, "changes": [], "limit": 500 });
            let page = self.call("POST", "/v1/sync", None, Some(&pull)).await?.expect(200).body;
            self.cursor = page["cursor"].clone();
            if page["has_more"] == false {
                return Some(());
            }
        }
    }

    /// Creates the review of a use event, or replaces it, or changes only what is different.
    pub(super) async fn put_review(&mut self, id: Uuid, body: &Value) -> Option<Response> {
        let path = format!("/v1/use-events/{id}/review");
        match self.model.get("use-events", id).review.clone() {
            Some((before, version)) if self.next.is_multiple_of(2) => {
                self.call("PATCH", &path, Some(version), Some(&difference(&before, body))).await
            }
            before => self.call("PUT", &path, before.map(|(_, version)| version), Some(body)).await,
        }
    }
}

/// The patch that makes `after` of `before`.
fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return after.clone();
    };
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let mut patch: Map<String, Value> = gone.map(|name| (name.clone(), Value::Null)).collect();
    for (name, value) in new {
        match old.get(name) {
            Some(same) if same == value => {}
            Some(other) => {
                patch.insert(name.clone(), difference(other, value));
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use mainstay_domain::record::merge_patch::merge;

    use super::*;

    #[test]
    fn a_difference_makes_one_record_of_the_other() {
        let records = [
            json!({ "a": 1, "b": { "c": [1, 2], "d": "x" } }),
            json!({ "a": 1, "b": { "c": [2], "e": {} }, "f": true }),
            json!({ "b": 3 }),
            json!({ "b": { "d": { "g": 1 } } }),
        ];
        for before in &records {
            for after in &records {
                let mut merged = before.clone();
                merge(&mut merged, &difference(before, after));
                assert_eq!(&merged, after);
            }
        }
        assert_eq!(
            difference(&records[0], &records[1]),
            json!({ "b": { "c": [2], "d": null, "e": {} }, "f": true })
        );
    }
}
