//! The reference client of sync: a small offline store with an outbox, in memory. What it does is explained to app
//! developers in `docs/sync.md`, and the two are kept alike.

mod people;
mod store;

pub use people::quick_person;
pub use store::{Known, OfflineStore, OnConflict, Pending, Place, Push, Taken};

use std::fmt::Write;

use serde_json::Value;

use crate::client::Client;

/// What came of a request.
#[derive(Debug)]
pub enum Exchange {
    /// An answer.
    Answered(Value),
    /// No answer, or one that says that the server could not do it just then. The request may have had its effect.
    Unheard,
    /// The cursor is too old, or from before a restore.
    Expired,
}

/// Sends a request of sync and hears what came of it.
pub async fn exchange(client: &Client, body: &Value) -> Exchange {
    let sent = body.to_string().into_bytes();
    match client.try_send("POST", "/v1/sync", &[], Some(sent)).await {
        None => Exchange::Unheard,
        Some(answer) => match answer.status {
            200 => Exchange::Answered(answer.body),
            503 => Exchange::Unheard,
            410 => Exchange::Expired,
            other => panic!("{other}: {}\nto {body}", answer.text),
        },
    }
}

/// Sends what is pending and pulls what is new until there is neither. Gives false if the server is not heard.
pub async fn sync(
    client: &Client,
    store: &mut OfflineStore,
    limit: i64,
    rule: &mut impl FnMut(&Pending) -> OnConflict,
) -> bool {
    loop {
        let push = store.push(usize::MAX, limit);
        match exchange(client, &push.body).await {
            Exchange::Unheard => return false,
            Exchange::Expired => store.start_over(),
            Exchange::Answered(answer) => {
                let taken = store.take(&push, &answer, rule);
                if !taken.has_more && store.outbox().is_empty() {
                    return true;
                }
            }
        }
    }
}

/// The JSON text of a value with the members of objects in the order of their names.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            out.push('{');
            for (n, name) in names.into_iter().enumerate() {
                let comma = if n == 0 { "" } else { "," };
                write!(out, "{comma}{}:", Value::from(name.as_str())).expect("a string takes it");
                write_canonical(&members[name], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        plain => write!(out, "{plain}").expect("a string takes it"),
    }
}
