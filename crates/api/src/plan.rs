//! Plans: activation, the active plan, numbers and their differences.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are made right here"
)]

use actix_web::HttpResponse;
use mainstay_domain::{
    plan::{MAX_ACTIVE_BYTES, Plan, PlanContent, PlanDifference, PlanKind, PlanStatus, difference},
    record::{Kind, Record, json as to_json},
    reference::helpline,
    support_contact::SupportContact,
    value::{text::Label, timestamp::Timestamp, validation::FindingCode},
};
use mainstay_store::{
    Expected, KeyedRecords, RecordWriter, StoreError, Stored, cache::response_cache::CachedBody,
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
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{Components, add, add_list, add_record},
    },
    record::{
        cache_private, changed, collection, current, cursor_parameter, decode, encode, example, id_parameter,
        if_none_match, json_response, limit_parameter, numbered_page, tagged, versioned,
    },
};

/// The endpoints of plans.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        endpoint::get("/v1/plans/active", active)
            .operation(Tag::Plans, "getActivePlan", "Read the active plan with its contacts")
            .about("One small document, at most 32 KiB, for keeping on the phone. Contacts stand in calling order.")
            .parameter(Parameter::query(
                "kind",
                "Which plan; `relapse_prevention` if left out.",
                json!({ "type": "string", "enum": ["relapse_prevention", "safety"], "default": "relapse_prevention" }),
                json!("relapse_prevention"),
            ))
            .parameter(if_none_match())
            .gives_schema(200, "The active plan.", Box::new(active_schema), active_example)
            .with_headers(&["ETag"])
            .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
            .with_headers(&["ETag"])
            .problems(&[ProblemKind::NotFound]),
    ];
    all.extend(collection::<Plan>(Tag::Plans));
    all.extend([
        endpoint::post("/v1/plans/{id}/activate", activate)
            .operation(Tag::Plans, "activatePlan", "Put a plan in use")
            .about(
                "The plan that was active for this kind becomes archived in the same step. A plan needs at least one trigger or \
                 warning sign, one strategy, and one contact or a country with helplines. Activating the active plan changes nothing.",
            )
            .parameter(id_parameter())
            .parameter(Parameter { required: false, ..crate::record::if_match() })
            .gives_schema(200, "In use.", Box::new(add_record::<Plan>), example::<Plan>)
            .with_headers(&["ETag"])
            .problems(&[ProblemKind::Validation]),
        endpoint::get("/v1/plans/{id}/numbers", numbers)
            .operation(Tag::Plans, "listPlanNumbers", "List the numbers of a plan")
            .about("Each change of a plan's content made the next number. Newest first.")
            .parameter(id_parameter())
            .parameter(limit_parameter())
            .parameter(cursor_parameter())
            .gives_schema(200, "A page.", Box::new(numbers_schema), || json!({ "items": [number_example()], "next_cursor": null })),
        endpoint::get("/v1/plans/{id}/numbers/{n}", number)
            .operation(Tag::Plans, "getPlanNumber", "Read a plan as it was at a number")
            .about("With `compare_to`, `difference` says what was added, removed and changed since that number.")
            .parameter(id_parameter())
            .parameter(Parameter {
                name: "n",
                place: "path",
                required: true,
                description: "The number.",
                schema: json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
                example: json!(2),
            })
            .parameter(Parameter::query(
                "compare_to",
                "The number to compare against.",
                json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
                json!(1),
            ))
            .gives::<PlanNumber>(200, "The plan at that number.", number_example),
    ]);
    all
}

/// A plan as it was at a number.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanNumber {
    /// The plan.
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
    pub review_on: Option<chrono::NaiveDate>,
    /// When the number was made.
    pub created_at: Timestamp,
    /// What it says.
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
    let question = format!("active {}", kind.active_slot());
    let document = caller.get_or_compute(
        &question,
        &[Kind::Plan, Kind::SupportContact],
        |_before| None,
        move |records| {
            let document = active_document(records, kind)?;
            Ok(document.map(|document| CachedBody {
                // The contacts are part of the document, so the tag is made of all its bytes.
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

/// The active plan with its contacts, as bytes.
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
    let mut first = true;
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
        if !first {
            document.push(b',');
        }
        first = false;
        document.extend_from_slice(&contact);
    }
    document.extend_from_slice(b"]}");
    Ok(Some(document))
}

async fn activate(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let expected = conditional::if_match_optional(&caller.request)?.unwrap_or(Expected::Any);
    let account = caller.state.store.account(caller.scope().account()).await?;
    let has_helpline = mainstay_domain::account::Profile::from(&account)
        .helpline_country()
        .is_some_and(|c| helpline::has_country(&c));
    let now = caller.state.clock.now();
    let key = idempotency::key(&caller.request, Some(caller.scope().account()), b"")?;
    perform(&caller, key, now, Problem::from, move |writer| {
        writer.lock()?;
        let (version, mut plan) = current::<Plan>(writer, id)?;
        expected.check(version)?;
        let reply = |stored: &Stored| {
            Reply::new(
                cache_private(tagged(HttpResponse::Ok(), stored.version)),
                encode(stored),
            )
        };
        if plan.status == PlanStatus::Active {
            return Ok(reply(&writer.get(Kind::Plan, id)?.ok_or(StoreError::NotFound)?));
        }
        let mut has_contact = false;
        for contact in plan.content.contact_ids.iter() {
            has_contact |= writer.get(Kind::SupportContact, *contact)?.is_some();
        }
        let missing = plan.missing_for_activation(has_contact, has_helpline);
        if !missing.is_empty() {
            return Err(StoreError::Findings(missing.into_vec()));
        }
        archive_active(writer, plan.kind)?;
        plan.activate(now);
        Ok(reply(
            &writer.replace(&changed(&plan, id), Expected::Version(version))?,
        ))
    })
    .await
}

fn archive_active(writer: &mut RecordWriter<'_>, kind: PlanKind) -> Result<(), StoreError> {
    if let Some(stored) = writer.by_slot(Kind::Plan, kind.active_slot())? {
        let mut plan: Plan = decode(&stored.body)?;
        plan.archive();
        writer.replace(&changed(&plan, stored.id), Expected::Version(stored.version))?;
    }
    Ok(())
}

/// Every number of a plan with the time at which it was made, oldest first.
async fn all_numbers(caller: &Caller, id: Uuid) -> HandlerResult<Vec<(Plan, i64)>> {
    let read = caller.state.store.read_long(caller.scope(), move |records| {
        let latest = records.get(Kind::Plan, id)?.ok_or(StoreError::NotFound)?;
        let mut bodies: Vec<(Vec<u8>, i64)> = records
            .history(Kind::Plan, id)?
            .into_iter()
            .map(|old| (old.body, old.written_at))
            .collect();
        bodies.push((latest.body, latest.updated_at));
        let mut numbers: Vec<(Plan, i64)> = Vec::new();
        for (body, written_at) in bodies {
            let plan: Plan = decode(&body)?;
            // Activating and archiving keep the number: the first version that has it made it.
            if numbers.last().is_none_or(|(last, _)| last.number != plan.number) {
                numbers.push((plan, written_at));
            }
        }
        Ok(numbers)
    });
    Ok(read.await?)
}

async fn numbers(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let (limit, below) = numbered_page(&caller, 'n')?;
    let all = all_numbers(&caller, id).await?;
    let latest = all.len();
    let mut rest = all
        .into_iter()
        .rev()
        .filter(|(plan, _)| below.is_none_or(|below| plan.number.get() < below));
    let items: Vec<PlanNumber> = rest
        .by_ref()
        .take(limit)
        .map(|(plan, at)| at_number(id, plan, at, latest))
        .collect();
    let next = rest
        .next()
        .and(items.last())
        .map(|last| format!("n{}", last.number));
    let body = json!({ "items": items, "next_cursor": next });
    Ok(json_response(HttpResponse::Ok(), to_json(&body)))
}

async fn number(caller: Caller) -> HandlerResult {
    let (id, n): (Uuid, i64) = (caller.path_id("id")?, caller.path("n")?);
    let mut parameters = Parameters::read(&caller.request, &["compare_to"]);
    let compare_to = parameters.get(
        "compare_to",
        FindingCode::Range,
        "must be a number of this plan",
        |t| t.parse::<i64>().ok(),
    );
    parameters.finish()?;
    let all = all_numbers(&caller, id).await?;
    let latest = all.len();
    let at = |n: i64| all.iter().find(|(plan, _)| plan.number.get() == n);
    let (plan, written_at) = at(n).ok_or(Problem::new(ProblemKind::NotFound))?;
    let difference = match compare_to {
        None => None,
        Some(m) => {
            let (before, _) = at(m).ok_or_else(|| {
                Problem::invalid("/compare_to", FindingCode::Range, "must be a number of this plan")
            })?;
            let found = difference(before, plan);
            Some(found.map_err(|error| StoreError::unreadable(Kind::Plan, &error))?)
        }
    };
    let found = PlanNumber {
        difference,
        ..at_number(id, plan.clone(), *written_at, latest)
    };
    Ok(json_response(HttpResponse::Ok(), to_json(&found)))
}

fn at_number(id: Uuid, plan: Plan, written_at: i64, latest: usize) -> PlanNumber {
    PlanNumber {
        id,
        number: plan.number.get(),
        latest: usize::try_from(plan.number.get()).is_ok_and(|n| n == latest),
        kind: plan.kind,
        title: plan.title,
        review_on: plan.review_on,
        created_at: Timestamp::from_micros(written_at),
        content: plan.content,
        difference: None,
    }
}

fn active_schema(components: &mut Components) -> Value {
    add_record::<Plan>(components);
    let contacts = add_record::<SupportContact>(components);
    if !components.contains_key("ActivePlan") {
        let mut schema = components.get("Plan").cloned().unwrap_or_default();
        schema["description"] = json!("The active plan with its contacts in calling order.");
        schema["properties"]["contacts"] = json!({ "type": "array", "maxItems": 100, "items": contacts, "description": "Its contacts in calling order, without their notes." });
        components.insert("ActivePlan".to_owned(), schema);
    }
    json!({ "$ref": "#/components/schemas/ActivePlan" })
}

fn active_example() -> Value {
    let mut example = example::<Plan>();
    example["status"] = json!("active");
    example["contacts"] = json!([crate::record::example::<SupportContact>()]);
    example
}

fn numbers_schema(components: &mut Components) -> Value {
    let items = add::<PlanNumber>(components);
    add_list(components, "PlanNumberList", &items)
}

fn number_example() -> Value {
    let plan = Plan::example();
    let id = example::<Plan>()["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .unwrap_or_default();
    serde_json::to_value(at_number(id, plan, 1_772_418_600_000_000, 1)).unwrap_or_default()
}
