//! The summary for a care team: what is new since the last look, and the figures that are shared.

use std::collections::BTreeSet;

use mainstay_domain::{
    audit::{AccessAction, View, What},
    insight::summary::Summary,
    record::{Kind, json as to_json},
    sharing::{Covered, DataClass, class_of, insight::SharedInsight, member::shows_versions},
    value::{timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::{
    Records, StoreError,
    sharing::{ChangeCount, Found, Reach, SharedRead, Tally},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    answer::{DisclosureNote, respond},
    caller::SharedCaller,
    document::{note_example, person_parameter, shared_insight_schema},
    insight::{example as example_of, shared_figures},
    record::NOTICE,
};
use crate::{
    http::{problem::HandlerResult, query::Parameters},
    insight::{
        needs,
        request::{AskedMoment, InsightRequest},
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        reference::{Form, MAY_BE_NULL},
        schema::{Components, add},
    },
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let time = json!({ "type": "string", "format": "date-time", "maxLength": 64 });
    vec![
        endpoint::get("/v1/shared/{person_id}/summary", get_summary)
            .priority(Priority::Deferrable)
            .operation(Tag::Sharing, "getCareSummary", "What is new since the last look")
            .about(format!(
                "How many records of each collection that is shared came, changed or went since a moment, and the figures that are \
                 shared. Without `since` it is the caller's last look at this summary, or a week ago if there was none. {NOTICE}"
            ))
            .parameter(person_parameter())
            .parameter(Parameter::query("since", "The moment; not in the future.", time, Value::Null))
            .gives_schema(200, "The summary.", Box::new(schema), example)
            .with_headers(&["X-Part2-Notice", "Link"]),
    ]
}

/// What happened to a collection.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SharedChanges)]
pub struct Changes {
    /// The collection.
    pub kind: KindName,
    /// Records that are new; 10 000 at most are counted.
    #[schema(minimum = 0, maximum = 10_000)]
    pub added: u32,
    /// Records that were there and have changed. Left out where members of them are hidden, since the change may be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10_000)]
    pub changed: Option<u32>,
    /// Records that were there and were deleted.
    #[schema(minimum = 0, maximum = 10_000)]
    pub removed: u32,
    /// The time of the newest of the new records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_at: Option<Timestamp>,
}

/// A collection by its name in paths.
#[derive(Debug, Clone, Copy)]
pub struct KindName(Kind);

impl Serialize for KindName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.path())
    }
}

impl utoipa::PartialSchema for KindName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Kind::schema()
    }
}

impl ToSchema for KindName {
    fn name() -> std::borrow::Cow<'static, str> {
        Kind::name()
    }
}

const WEEK_US: i64 = 7 * 86_400 * 1_000_000;

async fn get_summary(caller: SharedCaller) -> HandlerResult {
    let now = caller.caller.state.clock.now();
    let mut parameters = Parameters::read(&caller.caller.request, &["since"]);
    let since = parameters.time("since");
    if since.is_some_and(|since| since.is_future(now)) {
        parameters.add("since", FindingCode::Future, "must not be in the future");
    }
    let moment = AskedMoment::read(parameters, now)?;
    let profile = caller.profile().await?;
    let store = &caller.caller.state.store;
    let last = store.last_look(&caller.reader, caller.person).await?;
    let until = now.timestamp_micros();
    let since = since
        .map(|since| since.micros())
        .or(last)
        .unwrap_or(until - WEEK_US);
    let request = InsightRequest::new(&moment, profile.profile, profile.version, "care summary");
    let asked = SharedRead {
        look: Some(until),
        ..caller.asks(
            AccessAction::Insight,
            What::View(View::CareSummary),
            "the summary for a care team".to_owned(),
            Reach::Long,
        )
    };
    let read = caller.read(&asked, move |records, grants| {
        summary(records, grants.covered(), (since, until), &request)
    });
    let ((body, classes), grants) = read.await?;
    Ok(respond(body, &caller.note(&grants, classes)))
}

/// An answer, with the classes that it has something of.
type Shown = (Vec<u8>, BTreeSet<DataClass>);

/// The summary as it is shared. `None` if nothing is covered.
fn summary(
    records: &mut Records<'_>,
    covered: Covered,
    (since, until): (i64, i64),
    request: &InsightRequest,
) -> Result<Option<Found<Shown>>, StoreError> {
    let mut tally = Tally::default();
    let changes = changes(records, covered, since, &mut tally)?;
    let needs = needs::summary(request);
    let figures = shared_figures(records, SharedInsight::Summary, needs, covered, request)?;
    if changes.is_empty() && figures.is_none() {
        return Ok(None);
    }
    for class in SharedInsight::Summary.sources(covered).iter() {
        tally.add_view(View::CareSummary, class);
    }
    let mut answer = json!({
        "since": Timestamp::from_micros(since),
        "until": Timestamp::from_micros(until),
        "changes": changes,
    });
    if let (Value::Object(members), Some(figures)) = (&mut answer, figures) {
        let figures = serde_json::from_slice(&figures).map_err(|e| StoreError::Internal(e.to_string()))?;
        members.insert("figures".to_owned(), figures);
    }
    let classes = tally.classes().collect();
    Ok(Some(Found {
        value: (to_json(&answer), classes),
        tally,
    }))
}

/// What happened to each collection that is covered.
fn changes(
    records: &mut Records<'_>,
    covered: Covered,
    since: i64,
    tally: &mut Tally,
) -> Result<Vec<Changes>, StoreError> {
    let mut all = Vec::new();
    for kind in Kind::ALL.iter().copied() {
        let class = class_of(kind).filter(|class| covered.contains(*class));
        // Profiles are shared as an insight only.
        let Some(class) = class.filter(|_| kind != Kind::SelfEfficacyProfile) else {
            continue;
        };
        tally.add_empty(kind, class);
        let ChangeCount {
            added,
            changed,
            removed,
            newest_at,
        } = records.count_changes(kind, since)?;
        all.push(Changes {
            kind: KindName(kind),
            added,
            changed: shows_versions(kind, covered).then_some(changed),
            removed,
            newest_at: newest_at.map(Timestamp::from_micros),
        });
    }
    Ok(all)
}

fn schema(components: &mut Components) -> Value {
    let changes = add::<Changes>(components);
    let disclosure = add::<DisclosureNote>(components);
    let mut figures = shared_insight_schema::<Summary>(components);
    if let Value::Object(members) = &mut figures {
        members.insert(MAY_BE_NULL.to_owned(), json!(true));
        members.insert("description".to_owned(), json!("The figures that are shared."));
    }
    let time = |description: &str| json!({ "type": "string", "format": "date-time", "maxLength": 64, "description": description });
    components.insert("CareSummary".to_owned(), json!({
        "type": "object",
        "description": "What is new of what a person shares, and the figures that are shared.",
        "required": ["since", "until", "changes", "disclosure"],
        "properties": {
            "since": time("The moment since when."),
            "until": time("The moment of the answer. It is the last look from now on."),
            "changes": { "type": "array", "maxItems": 50, "items": changes, "description": "One entry for each collection that is shared." },
            "figures": figures,
            "disclosure": disclosure,
        },
    }));
    Form::Answer.reference("CareSummary")
}

fn example() -> Value {
    json!({
        "since": "2026-03-02T12:00:00.000Z",
        "until": "2026-03-09T01:00:00.000Z",
        "changes": [{ "kind": "check-ins", "added": 3, "removed": 0, "newest_at": "2026-03-08T21:30:00.000Z" }],
        "figures": example_of(SharedInsight::Summary),
        "disclosure": note_example(),
    })
}
