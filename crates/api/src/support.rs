//! Help now: puts the toolkit together from what the person has.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use mainstay_domain::{
    account::Profile,
    craving_event::CravingEvent,
    plan::{Plan, PlanKind},
    record::{Incoming, Kind, Record, json as to_json},
    reference::helpline,
    support::toolkit::{Occasion, Sources, Toolkit, toolkit},
    support_contact::SupportContact,
    value::vocabulary::SituationCategory,
};
use mainstay_store::{Created, Order, Range, Records, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        body::Body,
        caller::Caller,
        idempotency::{Reply, perform},
        problem::HandlerResult,
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{Components, add, add_record},
    },
    record::{
        cache_private, created_answer, decode, encode, find_by_path_id, id_parameter, json_response,
        new_draft, path_of_one, problem, store_draft,
    },
};

/// Craving events that are learnt from: the latest ones, so that the answer stays quick after years.
const LEARNT_FROM: i64 = 500;
/// Contacts that are looked at.
const CONTACTS: i64 = 2000;

/// The endpoint for help without an event.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/support", now)
            .operation(Tag::Support, "getSupport", "Get help now")
            .about("What works for this person, whom they can reach now, and helplines of their country.")
            .parameter(Parameter::query(
                "category",
                "The kind of situation.",
                json!({ "$ref": "#/components/schemas/SituationCategory" }),
                json!("social_pressure"),
            ))
            .gives::<Toolkit>(200, "Help.", toolkit_example),
    ]
}

/// `GET /v1/{collection}/{id}/support`.
pub fn for_event<T: Record>(tag: Tag) -> Endpoint
where
    for<'a> Occasion: From<&'a T>,
{
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(format!("{}/support", path_of_one::<T>()), of_event::<T>)
        .operation(tag, format!("get{name}Support"), format!("Get help for a {one}"))
        .about(format!(
            "The same help as in the answer that stored the {one}, as of now."
        ))
        .parameter(id_parameter())
        .gives::<Toolkit>(200, "Help.", toolkit_example)
}

async fn now(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["category"]);
    let category = parameters.choice::<SituationCategory>("category");
    parameters.finish()?;
    let help = help(
        &caller,
        Occasion {
            category,
            ..Occasion::default()
        },
    )
    .await?;
    Ok(json_response(HttpResponse::Ok(), to_json(&help)))
}

async fn of_event<T: Record>(caller: Caller) -> HandlerResult
where
    for<'a> Occasion: From<&'a T>,
{
    let event: T = decode(&find_by_path_id(&caller, T::KIND).await?.body)?;
    let help = help(&caller, Occasion::from(&event)).await?;
    Ok(json_response(HttpResponse::Ok(), to_json(&help)))
}

/// Stores an event and answers with it and with help. Help that cannot be put together never hides that the event
/// was stored: the helplines are always there.
pub async fn create_with_help<T: Record>(body: Body<Incoming<T>>, member: &'static str) -> HandlerResult
where
    for<'a> Occasion: From<&'a T>,
{
    let (caller, now) = (&body.caller, body.caller.state.clock.now());
    let draft = new_draft(body.value, now)?;
    if body.key.is_some() {
        // The help is part of the first answer, so it is put together in the same transaction.
        let profile = profile(caller).await?;
        return perform(caller, body.key, now, problem::<T>, move |writer| {
            let created = writer.create(&draft)?;
            let help = help_from(
                writer,
                &profile,
                |record| Ok(Occasion::from(&decode::<T>(record)?)),
                &created,
                now,
            )?;
            Ok(reply::<T>(&created, &help, member))
        })
        .await;
    }
    let created = store_draft::<T>(caller, draft, now).await?;
    let (Created::New(record) | Created::Replayed(record)) = &created;
    let occasion = Occasion::from(&decode::<T>(&record.body)?);
    let help = match help(caller, occasion.clone()).await {
        Ok(help) => help,
        Err(problem) => {
            log::error!("help could not be put together: {problem}");
            toolkit(&occasion, &fallback(), now)
        }
    };
    Ok(reply::<T>(&created, &help, member).into_response())
}

fn help_from(
    records: &mut Records<'_>,
    profile: &Profile,
    occasion: impl FnOnce(&[u8]) -> Result<Occasion, StoreError>,
    created: &Created,
    now: DateTime<Utc>,
) -> Result<Toolkit, StoreError> {
    let (Created::New(record) | Created::Replayed(record)) = created;
    let occasion = occasion(&record.body)?;
    Ok(put_together(&occasion, profile, &known(records)?, now))
}

fn reply<T: Record>(created: &Created, help: &Toolkit, member: &str) -> Reply {
    let (answer, record) = created_answer::<T>(created);
    let mut body = format!("{{\"{member}\":").into_bytes();
    body.extend_from_slice(&encode(record));
    body.extend_from_slice(b",\"support\":");
    body.extend_from_slice(&to_json(help));
    body.push(b'}');
    Reply::new(cache_private(answer), body)
}

fn fallback() -> Sources<'static> {
    Sources {
        plan: None,
        contacts: &[],
        events: &[],
        helplines: helpline::select(None, None).into_iter().cloned().collect(),
        time_zone: chrono_tz::UTC,
    }
}

struct WithId {
    plan: Option<(Uuid, Plan)>,
    contacts: Vec<(Uuid, SupportContact)>,
    events: Vec<CravingEvent>,
}

async fn profile(caller: &Caller) -> HandlerResult<Profile> {
    let account = caller.state.store.account(caller.scope().account()).await?;
    Ok(Profile::from(&account))
}

async fn help(caller: &Caller, occasion: Occasion) -> HandlerResult<Toolkit> {
    let profile = profile(caller).await?;
    let known = caller.state.store.read(caller.scope(), known).await?;
    Ok(put_together(
        &occasion,
        &profile,
        &known,
        caller.state.clock.now(),
    ))
}

fn put_together(occasion: &Occasion, profile: &Profile, known: &WithId, now: DateTime<Utc>) -> Toolkit {
    let helplines = helpline::select(
        profile.helpline_country().as_deref(),
        profile.language().as_deref(),
    );
    let sources = Sources {
        plan: known.plan.as_ref().map(|(id, plan)| (*id, plan)),
        contacts: &known.contacts,
        events: &known.events,
        helplines: helplines.into_iter().cloned().collect(),
        time_zone: profile.time_zone.0,
    };
    toolkit(occasion, &sources, now)
}

fn known(records: &mut Records<'_>) -> Result<WithId, StoreError> {
    let newest = |limit| Range {
        limit,
        order: Order::Descending,
        ..Range::default()
    };
    let plan = records.by_slot(Kind::Plan, PlanKind::RelapsePrevention.active_slot())?;
    let plan = plan
        .map(|stored| Ok::<_, StoreError>((stored.id, decode(&stored.body)?)))
        .transpose()?;
    let contacts = records.list(Kind::SupportContact, &newest(CONTACTS))?;
    let contacts = contacts
        .into_iter()
        .map(|stored| Ok((stored.id, decode(&stored.body)?)))
        .collect::<Result<_, StoreError>>()?;
    let events = records.list(Kind::CravingEvent, &newest(LEARNT_FROM))?;
    let events = events
        .into_iter()
        .map(|stored| decode(&stored.body))
        .collect::<Result<_, StoreError>>()?;
    Ok(WithId {
        plan,
        contacts,
        events,
    })
}

/// The schema of an event with help.
pub fn with_help_schema<T: Record>(components: &mut Components, member: &str) -> Value {
    let event = add_record::<T>(components);
    let support = add::<Toolkit>(components);
    let name = format!("{}WithSupport", T::name());
    let mut properties = serde_json::Map::new();
    properties.insert(member.to_owned(), event);
    properties.insert("support".to_owned(), support);
    components.insert(
        name.clone(),
        json!({
            "type": "object",
            "description": format!("A stored {} with help.", T::KIND.singular()),
            "required": [member, "support"],
            "properties": properties,
        }),
    );
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The example of an event with help.
pub fn with_help_example<T: Record>(member: &str) -> Value {
    let mut example = serde_json::Map::new();
    example.insert(member.to_owned(), crate::record::example::<T>());
    example.insert("support".to_owned(), toolkit_example());
    Value::Object(example)
}

fn toolkit_example() -> Value {
    let contact_id: Uuid = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a48".parse().unwrap_or_default();
    let plan_id: Uuid = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a49".parse().unwrap_or_default();
    let plan = Plan::example();
    let contacts = [(contact_id, SupportContact::example())];
    let sources = Sources {
        plan: Some((plan_id, &plan)),
        contacts: &contacts,
        events: &[CravingEvent::example()],
        helplines: helpline::select(Some("US"), None)
            .into_iter()
            .take(2)
            .cloned()
            .collect(),
        time_zone: chrono_tz::America::New_York,
    };
    let at = CravingEvent::example().occurred_at.to_utc();
    let mut help = toolkit(&Occasion::default(), &sources, at);
    help.strategies.truncate(2);
    serde_json::to_value(help).unwrap_or_default()
}
