//! The access log: who reached what of the person's record, in plain words.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use mainstay_domain::{
    account::Role,
    audit::{
        Access, AccessAction, AccessDecision, ConsentRef,
        sentence::{Who, sentence},
    },
    record::json as to_json,
    sharing::DataClass,
    value::{timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::audit::{AccessBy, AuditRange, Numbered};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        page::page_limit,
        problem::{HandlerResult, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{add, add_list},
    },
    record::{cursor_parameter, json_response, limit_parameter, list_body},
};

/// The first letter of the cursors of this list.
const CURSOR: char = 'a';

/// Lists the endpoints of the access log.
pub fn endpoints() -> Vec<Endpoint> {
    let list = endpoint::get("/v1/access-log", list)
        .operation(Tag::Sharing, "listAccesses", "Read who looked at your record")
        .about(
            "Every access to your record, the newest first: by others, by yourself, and what was refused. Each has a `sentence` in \
             plain words, with a `code` and `params` for apps that have words of their own. Values of the record are never in it. \
             An access by someone else is in the list before they get their answer. Your own are counted for each session and added \
             once a minute. Entries are kept as long as the account.",
        )
        .gives_schema(
            200,
            "A page.",
            Box::new(|c| {
                let items = add::<AccessView>(c);
                add_list(c, "AccessLog", &items)
            }),
            || json!({ "items": [example()], "next_cursor": null }),
        )
        .naming(Box::new(add::<AccessLogBy>))
        .parameter(Parameter::query(
            "by",
            "Whose accesses: those of `others`, or `all`; `all` if left out.",
            json!({ "$ref": "#/components/schemas/AccessLogBy" }),
            json!("others"),
        ))
        .problems(&[ProblemKind::Validation]);
    vec![range_parameters().into_iter().fold(list, Endpoint::parameter)]
}

/// Whose accesses are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessLogBy {
    /// Everyone's.
    All,
    /// Those of others.
    Others,
}

/// An access to the record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Access)]
pub struct AccessView {
    /// The number of the entry in the log, from 1.
    #[schema(minimum = 1)]
    pub number: i64,
    /// When it was. Your own accesses have the time when they were added.
    pub at: Timestamp,
    /// What happened, in plain words.
    #[schema(max_length = 2000)]
    pub sentence: String,
    /// A stable code for the sentence: the decision and the action.
    #[schema(max_length = 100)]
    pub code: String,
    /// The values of the sentence.
    pub params: AccessParams,
    /// The account that did it. Absent for commands of the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    /// The role of that account.
    pub role: Role,
    /// The session, if it was your own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// The kind of access.
    pub action: AccessAction,
    /// What it was about.
    #[schema(max_items = 64)]
    pub subjects: Vec<AccessSubject>,
    /// Why it was allowed, or that it was not.
    pub decision: AccessDecision,
    /// The consent that was relied on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentRef>,
}

/// The values of a sentence.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessParams {
    /// Who did it, as far as their name is known now.
    #[schema(max_length = 200)]
    pub who: String,
    /// What it was about.
    #[schema(max_length = 1500)]
    pub what: String,
}

/// One thing that an access was about.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessSubject {
    /// The collection or view, by its path.
    #[schema(max_length = 50)]
    pub what: &'static str,
    /// The class of data by which it was covered. Absent where no consent was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// How many records. Of your own accesses: how many requests.
    #[schema(minimum = 0)]
    pub count: u32,
}

/// The parameters of a page of the audit.
pub fn range_parameters() -> Vec<Parameter> {
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 64 });
    vec![
        limit_parameter(),
        cursor_parameter(),
        Parameter::query(
            "from",
            "Only entries from this time on.",
            time.clone(),
            Value::Null,
        ),
        Parameter::query("to", "Only entries before this time.", time, Value::Null),
    ]
}

/// Reads the requested part of the audit. `mark` is the first letter of the list's cursors.
pub fn read_range(parameters: &mut Parameters, mark: char) -> AuditRange {
    AuditRange {
        from: parameters.time("from").map(|from| from.micros()),
        to: parameters.time("to").map(|to| to.micros()),
        before: parameters.get(
            "cursor",
            FindingCode::Cursor,
            "must be a next_cursor of this list",
            |text| text.strip_prefix(mark)?.parse().ok().filter(|before| *before > 0),
        ),
        limit: page_limit(parameters),
    }
}

/// Takes the entries of a page out of those that were found, one of which says whether there is another page. Gives the
/// cursor of that.
pub fn cut_page<T>(found: &mut Vec<Numbered<T>>, limit: i64, mark: char) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    last.map(|last| format!("{mark}{}", last.no))
}

async fn list(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["limit", "cursor", "from", "to", "by"]);
    let range = read_range(&mut parameters, CURSOR);
    let by = parameters.choice::<AccessLogBy>("by");
    parameters.finish()?;
    let by = match by {
        Some(AccessLogBy::Others) => AccessBy::Others,
        Some(AccessLogBy::All) | None => AccessBy::All,
    };
    let wanted = AuditRange {
        limit: range.limit + 1,
        ..range
    };
    let store = &caller.state.store;
    let read = store.read(caller.scope(), move |records| records.access_log(&wanted, by));
    let mut found = read.await?;
    let next = cut_page(&mut found, range.limit, CURSOR);
    let names = names(&caller, &found).await?;
    let own = caller.scope().account();
    let items = found.into_iter().map(|entry| to_json(&view(entry, own, &names)));
    Ok(json_response(
        HttpResponse::Ok(),
        list_body(items, next.as_deref()),
    ))
}

/// The names of the others in some entries, as they are now.
async fn names(caller: &Caller, found: &[Numbered<Access>]) -> HandlerResult<BTreeMap<Uuid, String>> {
    let own = caller.scope().account();
    let others: BTreeSet<Uuid> = found
        .iter()
        .map(|access| access.entry.by)
        .filter(|by| *by != own && *by != Access::COMMAND)
        .collect();
    let mut names = BTreeMap::new();
    for id in others {
        if let Some(name) = caller.state.store.display_name(id).await? {
            names.insert(id, name.to_string());
        }
    }
    Ok(names)
}

fn view(found: Numbered<Access>, own: Uuid, names: &BTreeMap<Uuid, String>) -> AccessView {
    let Numbered { no, entry } = found;
    let is_own = entry.by == own;
    let who = match names.get(&entry.by) {
        _ if is_own => Who::You,
        _ if entry.by == Access::COMMAND => Who::Service,
        Some(name) => Who::Named(name.clone()),
        None => Who::OfRole(entry.role),
    };
    let sentence = sentence(&entry, &who);
    AccessView {
        number: no,
        at: Timestamp::from_micros(entry.at),
        sentence: sentence.text,
        code: sentence.code,
        params: AccessParams {
            who: sentence.params.who,
            what: sentence.params.what,
        },
        account_id: (entry.by != Access::COMMAND).then_some(entry.by),
        role: entry.role,
        session_id: entry.session.filter(|_| is_own),
        action: entry.action,
        subjects: entry
            .subject
            .into_iter()
            .map(|subject| AccessSubject {
                what: subject.what.as_str(),
                class: subject.class,
                count: subject.count,
            })
            .collect(),
        decision: entry.decision,
        consent: entry.consent,
    }
}

fn example() -> Value {
    json!({
        "number": 12,
        "at": "2026-03-02T06:55:00Z",
        "sentence": "Ana looked at your check-ins (3).",
        "code": "permitted.read",
        "params": { "who": "Ana", "what": "your check-ins (3)" },
        "account_id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a44",
        "role": "supporter",
        "action": "read",
        "subjects": [{ "what": "check-ins", "class": "check_ins", "count": 3 }],
        "decision": "permitted",
        "consent": { "id": "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a45", "version": 2 },
    })
}
