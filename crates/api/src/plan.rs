//! The endpoints of plans: activation, the active plan, and the numbered versions of a plan.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are built here"
)]

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use mainstay_domain::{
    account::Profile,
    plan::{MAX_ACTIVE_BYTES, Plan, PlanContent, PlanDifference, PlanKind, PlanStatus, difference},
    record::{Kind, Record, json as to_json},
    reference::helpline,
    support_contact::SupportContact,
    value::{text::Label, timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::{
    Expected, KeyedRecords, LockedWriter, RecordWriter, Records, StoreError, Stored, Version, VersionPage,
    cache::response_cache::CachedBody,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        conditional,
        idempotency::{self, Reply, perform},
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        reference::Form,
        schema::{Components, add, add_list, add_record},
    },
    record::{
        EXAMPLE_ID, cache_private, changed, collection, current, cursor_parameter, decode, encode, example,
        id_parameter, if_match, if_none_match, json_response, limit_parameter, missing_first, numbered_page,
        tagged, versioned,
    },
};

/// Returns the endpoints of plans.
pub fn endpoints() -> Vec<Endpoint> {
    // Before `/v1/plans/{id}`, which would match it too.
    let mut all = vec![active_endpoint()];
    all.extend(collection::<Plan>(Tag::Plans));
    all.extend([activate_endpoint(), numbers_endpoint(), number_endpoint()]);
    all
}

fn active_endpoint() -> Endpoint {
    endpoint::get("/v1/plans/active", active)
        .priority(Priority::Urgent)
        .operation(
            Tag::Plans,
            "getActivePlan",
            "Read the active plan with its contacts",
        )
        .about(
            "One small document, at most 32 KiB, to be stored on the phone. Contacts are in calling order.",
        )
        .parameter(Parameter::query(
            "kind",
            "Which plan; `relapse_prevention` if left out.",
            json!({ "$ref": "#/components/schemas/PlanKind" }),
            json!("relapse_prevention"),
        ))
        .parameter(if_none_match())
        .gives_schema(200, "The active plan.", Box::new(active_schema), active_example)
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::NotFound])
}

fn activate_endpoint() -> Endpoint {
    endpoint::post("/v1/plans/{id}/activate", missing_first(Kind::Plan, activate))
        .operation(Tag::Plans, "activatePlan", "Put a plan in use")
        .about(
            "Activates the plan and archives the active plan of the same kind, in one step. A plan needs at least one trigger or \
             warning sign, one strategy, and one contact or a country with helplines. Activating the active plan changes nothing.",
        )
        .parameter(id_parameter())
        .parameter(Parameter { required: false, ..if_match() })
        .gives_schema(200, "In use.", Box::new(add_record::<Plan>), example::<Plan>)
        .with_headers(&["ETag"])
        .problems(&[ProblemKind::Validation, ProblemKind::QuotaExceeded])
}

fn numbers_endpoint() -> Endpoint {
    endpoint::get("/v1/plans/{id}/numbers", numbers)
        .priority(Priority::Deferrable)
        .operation(Tag::Plans, "listPlanNumbers", "List the numbers of a plan")
        .about("Each change of a plan's content gets the next number. Newest first.")
        .parameter(id_parameter())
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(numbers_schema),
            || json!({ "items": [number_example()], "next_cursor": null }),
        )
}

fn number_endpoint() -> Endpoint {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 });
    endpoint::get("/v1/plans/{id}/numbers/{n}", number)
        .priority(Priority::Deferrable)
        .operation(Tag::Plans, "getPlanNumber", "Read a plan as it was at a number")
        .about("With `compare_to`, `difference` says what was added, removed and changed since that number.")
        .parameter(id_parameter())
        .parameter(Parameter {
            name: "n",
            place: "path",
            required: true,
            description: "The number.",
            schema: schema.clone(),
            example: json!(2),
        })
        .parameter(Parameter::query(
            "compare_to",
            "The number to compare with.",
            schema,
            json!(1),
        ))
        .gives::<PlanNumber>(200, "The plan at that number.", number_example)
}

/// A plan as it was at a number.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanNumber {
    /// The id of the plan.
    pub id: Uuid,
    /// The number.
    #[schema(minimum = 1)]
    pub number: i64,
    /// Whether it is the latest.
    pub latest: bool,
    /// What the plan is for.
    pub kind: PlanKind,
    /// The plan's name at that number.
    pub title: Label,
    /// When to look at it again, at that number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_on: Option<NaiveDate>,
    /// When the plan got the number.
    pub created_at: Timestamp,
    /// The content at that number.
    pub content: PlanContent,
    /// What changed since the number in `compare_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<PlanDifference>,
}

async fn active(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["kind"]);
    let kind = parameters.choice::<PlanKind>("kind");
    parameters.finish()?;
    let kind = kind.unwrap_or_default();
    let cache_key = format!("active {}", kind.active_slot());
    let document = caller.get_or_compute(
        &cache_key,
        &[Kind::Plan, Kind::SupportContact],
        |_stale| None,
        move |records| {
            let document = active_document(records, kind)?;
            Ok(document.map(|document| CachedBody {
                // The contacts are part of the document, so the tag covers all its bytes.
                tag: Some(conditional::etag_of(&document)),
                ..CachedBody::new(document)
            }))
        },
    );
    let document = document.await?.ok_or(Problem::because(
        ProblemKind::NotFound,
        "No plan of this kind is active.",
    ))?;
    let tag = document.tag.as_deref().unwrap_or_default();
    Ok(versioned(&caller.request, tag, || document.bytes.clone()))
}

/// Encodes the active plan with its contacts; `None` if no plan of this kind is active.
fn active_document(
    records: &mut KeyedRecords<'_, '_>,
    kind: PlanKind,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(stored) = records.by_slot(Kind::Plan, kind.active_slot())? else {
        return Ok(None);
    };
    let plan: Plan = decode(&stored.body)?;
    let mut document = encode(&stored);
    document.pop();
    document.extend_from_slice(b",\"contacts\":[");
    let mut is_first = true;
    for id in plan.content.contact_ids.iter() {
        let Some(found) = records.get(Kind::SupportContact, *id)? else {
            continue;
        };
        let mut contact: SupportContact = decode(&found.body)?;
        // A note is for looking after the contact, not for the moment of need.
        contact.note = None;
        let contact = encode(&Stored {
            body: to_json(&contact),
            ..found
        });
        if document.len() + contact.len() + 3 > MAX_ACTIVE_BYTES {
            break;
        }
        if !is_first {
            document.push(b',');
        }
        is_first = false;
        document.extend_from_slice(&contact);
    }
    document.extend_from_slice(b"]}");
    Ok(Some(document))
}

async fn activate(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let expected = conditional::if_match_optional(&caller.request)?.unwrap_or(Expected::Any);
    let account = caller.state.store.account_of(caller.scope()).await?;
    let has_helpline = Profile::from(&account)
        .stated_country()
        .is_some_and(|country| helpline::has_country(&country));
    let now = caller.state.clock.now();
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"").await?;
    perform(&caller, key, now, Problem::from, move |writer| {
        let stored = activate_in(writer, id, &expected, has_helpline, now)?;
        let response = tagged(HttpResponse::Ok(), stored.tag());
        Ok(Reply::new(cache_private(response), encode(&stored)))
    })
    .await
}

/// Activates a plan inside a transaction, and archives the active one of the same kind.
fn activate_in(
    writer: &mut RecordWriter<'_>,
    id: Uuid,
    expected: &Expected,
    has_helpline: bool,
    now: DateTime<Utc>,
) -> Result<Stored, StoreError> {
    let mut writer = writer.lock()?;
    let (tag, mut plan) = current::<Plan>(&mut writer, id)?;
    expected.check(tag)?;
    if plan.status == PlanStatus::Active {
        return writer.records().get(Kind::Plan, id)?.ok_or(StoreError::NotFound);
    }
    let mut has_contact = false;
    for contact in plan.content.contact_ids.iter() {
        has_contact |= writer.records().get(Kind::SupportContact, *contact)?.is_some();
    }
    let missing = plan.missing_for_activation(has_contact, has_helpline);
    if !missing.is_empty() {
        return Err(StoreError::Findings(missing.into_vec()));
    }
    archive_active(&mut writer, plan.kind)?;
    plan.activate(now);
    writer.replace(&changed(&plan, id), expected)
}

fn archive_active(writer: &mut LockedWriter<'_, '_>, kind: PlanKind) -> Result<(), StoreError> {
    if let Some(stored) = writer.records().by_slot(Kind::Plan, kind.active_slot())? {
        let mut plan: Plan = decode(&stored.body)?;
        plan.archive();
        writer.replace(&changed(&plan, stored.id), &Expected::Version(stored.version))?;
    }
    Ok(())
}

// A plan gets the next number whenever a client replaces it; activating and archiving keep the number. So the n-th version
// whose content a client sent is the one that introduced number n.

/// The number of the latest content of a plan.
fn latest_number(records: &mut Records<'_>, id: Uuid) -> Result<i64, StoreError> {
    let stored = records.get(Kind::Plan, id)?.ok_or(StoreError::NotFound)?;
    Ok(decode::<Plan>(&stored.body)?.number.get())
}

async fn numbers(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let range = numbered_page(&caller, 'c')?;
    let read = caller.read_long(move |records| {
        let latest = latest_number(records, id)?;
        let VersionPage { versions, has_more } = records.client_versions(Kind::Plan, id, range)?;
        let next_cursor = versions
            .last()
            .filter(|_| has_more)
            .map(|last| format!("c{}", last.version));
        let items = versions.iter().map(|version| at_number(id, version, latest));
        let items: Vec<PlanNumber> = items.collect::<Result<_, _>>()?;
        Ok(json!({ "items": items, "next_cursor": next_cursor }))
    });
    Ok(json_response(HttpResponse::Ok(), to_json(&read.await?)))
}

async fn number(caller: Caller) -> HandlerResult {
    let (id, number): (Uuid, i64) = (caller.path_id("id")?, caller.path("n")?);
    let mut parameters = Parameters::read(&caller.request, &["compare_to"]);
    let compare_to = parameters.number::<i64>("compare_to", .., NO_SUCH_NUMBER);
    parameters.finish()?;
    let read = caller.read_long(move |records| {
        let latest = latest_number(records, id)?;
        let mut find = |number| find_number(records, id, number);
        let found = find(number)?.ok_or(StoreError::NotFound)?;
        let compared = compare_to.map(find).transpose()?;
        Ok((at_number(id, &found, latest)?, found, compared))
    });
    let (mut response, found, compared) = read.await?;
    if let Some(earlier) = compared {
        let earlier =
            earlier.ok_or_else(|| Problem::invalid("/compare_to", FindingCode::Range, NO_SUCH_NUMBER))?;
        let difference = difference(&decode(&earlier.body)?, &decode(&found.body)?);
        response.difference = Some(difference.map_err(|error| StoreError::unreadable(Kind::Plan, &error))?);
    }
    Ok(json_response(HttpResponse::Ok(), to_json(&response)))
}

/// The message for a wrong `compare_to`.
const NO_SUCH_NUMBER: &str = "must be a number of this plan";

/// Finds the version that introduced a number.
fn find_number(records: &mut Records<'_>, id: Uuid, number: i64) -> Result<Option<Version>, StoreError> {
    if number < 1 {
        return Ok(None);
    }
    records.client_version(Kind::Plan, id, number)
}

/// Converts the version that introduced a number.
fn at_number(id: Uuid, version: &Version, latest: i64) -> Result<PlanNumber, StoreError> {
    let plan: Plan = decode(&version.body)?;
    Ok(PlanNumber {
        id,
        number: plan.number.get(),
        latest: plan.number.get() == latest,
        kind: plan.kind,
        title: plan.title,
        review_on: plan.review_on,
        created_at: Timestamp::from_micros(version.written_at),
        content: plan.content,
        difference: None,
    })
}

/// Adds the schema of the active plan with its contacts, and returns a reference to it.
pub fn active_schema(components: &mut Components) -> Value {
    add_record::<Plan>(components);
    let contacts = add_record::<SupportContact>(components);
    if !components.contains_key("ActivePlan") {
        let mut schema = components.get("Plan").cloned().unwrap_or_default();
        schema["description"] = json!("The active plan with its contacts in calling order.");
        schema["properties"]["contacts"] = json!({ "type": "array", "maxItems": 100, "items": contacts, "description": "Its contacts in calling order, without their notes." });
        components.insert("ActivePlan".to_owned(), schema);
    }
    Form::Answer.reference("ActivePlan")
}

fn active_example() -> Value {
    let mut plan = example::<Plan>();
    plan["status"] = json!("active");
    plan["contacts"] = json!([example::<SupportContact>()]);
    plan
}

fn numbers_schema(components: &mut Components) -> Value {
    let items = add::<PlanNumber>(components);
    add_list(components, "PlanNumberList", &items)
}

fn number_example() -> Value {
    let version = Version {
        version: 1,
        written_at: 1_772_418_600_000_000,
        body: to_json(&Plan::example()),
    };
    let example = at_number(EXAMPLE_ID.parse().unwrap_or_default(), &version, 1);
    example
        .ok()
        .and_then(|number| serde_json::to_value(number).ok())
        .unwrap_or_default()
}
