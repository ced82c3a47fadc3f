//! Help now: strategies, people and helplines, put together from the person's record.

use std::marker::PhantomData;

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
        idempotency::Reply,
        problem::{HandlerResult, Problem},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{Components, add, add_record},
    },
    record::{
        CreateResponder, Creation, ReadContext, cache_private, create_with, created_response, decode, encode,
        find_by_path_id, id_parameter, json_response, new_draft, path_of_one, profile, zone_for,
    },
};

/// The largest number of craving events that strategies are ranked by, the newest ones, so that help is quick after
/// years of records too.
const MAX_EVENTS: i64 = 500;
/// The largest number of contacts that are considered.
const MAX_CONTACTS: i64 = 2000;

/// Returns the endpoint for help without an event.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/support", get_help)
            .operation(Tag::Support, "getSupport", "Get help now")
            .about("Returns what works for this person, whom they can reach now, and helplines of their country.")
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
    endpoint::get(format!("{}/support", path_of_one::<T>()), get_help_for_event::<T>)
        .operation(tag, format!("get{name}Support"), format!("Get help for a {one}"))
        .about(format!(
            "Returns the same help as the response that stored the {one}, as of now."
        ))
        .parameter(id_parameter())
        .gives::<Toolkit>(200, "Help.", toolkit_example)
}

async fn get_help(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["category"]);
    let category = parameters.choice::<SituationCategory>("category");
    parameters.finish()?;
    let occasion = Occasion {
        category,
        ..Occasion::default()
    };
    respond_with_help(&caller, &occasion).await
}

async fn get_help_for_event<T: Record>(caller: Caller) -> HandlerResult
where
    for<'a> Occasion: From<&'a T>,
{
    let event: T = decode(&find_by_path_id(&caller, T::KIND).await?.body)?;
    respond_with_help(&caller, &Occasion::from(&event)).await
}

async fn respond_with_help(caller: &Caller, occasion: &Occasion) -> HandlerResult {
    let profile = profile(caller).await?;
    let records = caller.state.store.read(caller.scope(), read_records).await?;
    let help = build_toolkit(occasion, &profile, &records, caller.state.clock.now());
    Ok(json_response(HttpResponse::Ok(), to_json(&help)))
}

/// Stores an event and responds with it and with help, in the response's members `member` and `support`.
///
/// # Errors
/// 422 that names every wrong field; the store's refusals.
pub async fn create_with_help<T: Record>(body: Body<Incoming<T>>, member: &'static str) -> HandlerResult
where
    for<'a> Occasion: From<&'a T>,
{
    let (caller, mut incoming) = (&body.caller, body.value.into_inner());
    let profile = profile(caller).await;
    let zone = match &profile {
        Ok(profile) => profile.time_zone.0,
        Err(_) => zone_for(caller, &mut incoming).await?,
    };
    let now = caller.state.clock.now();
    let responder = HelpResponder::<T> {
        profile,
        member,
        now,
        event: PhantomData,
    };
    let creation = Creation {
        draft: new_draft(incoming, now, zone)?,
        caller,
        now,
        key: body.key,
    };
    create_with::<T, _>(creation, responder).await
}

/// Responds to the create of an event with the event and with help.
///
/// Help that cannot be put together never hides that the event was stored: then the response has the helplines that need
/// no record.
struct HelpResponder<T> {
    profile: HandlerResult<Profile>,
    member: &'static str,
    now: DateTime<Utc>,
    event: PhantomData<fn() -> T>,
}

impl<T: Record> CreateResponder for HelpResponder<T>
where
    for<'a> Occasion: From<&'a T>,
{
    type Context = HelpRecords;
    const READ_CONTEXT: Option<ReadContext<HelpRecords>> = Some(read_records);

    fn respond(
        self,
        created: &Created,
        context: Option<Result<HelpRecords, StoreError>>,
    ) -> Result<Reply, StoreError> {
        let (Created::New(record) | Created::Replayed(record)) = created;
        let occasion = Occasion::from(&decode::<T>(&record.body)?);
        let records = context.unwrap_or_else(|| Err(StoreError::Internal("help without records".to_owned())));
        let sources = self
            .profile
            .and_then(|profile| Ok((profile, records.map_err(Problem::from)?)));
        let help = match sources {
            Ok((profile, records)) => build_toolkit(&occasion, &profile, &records, self.now),
            Err(problem) => {
                log::error!("help could not be put together: {problem}");
                toolkit(&occasion, &helplines_only(), self.now)
            }
        };
        let (response, record) = created_response::<T>(created);
        let mut body = format!("{{\"{}\":", self.member).into_bytes();
        body.extend_from_slice(&encode(record));
        body.extend_from_slice(b",\"support\":");
        body.extend_from_slice(&to_json(&help));
        body.push(b'}');
        Ok(Reply::new(cache_private(response), body))
    }
}

/// Sources that need neither the record nor the account.
fn helplines_only() -> Sources<'static> {
    Sources {
        plan: None,
        contacts: &[],
        events: &[],
        helplines: helpline::select(None, None).into_iter().cloned().collect(),
        time_zone: chrono_tz::UTC,
    }
}

/// The records that help is put together from.
struct HelpRecords {
    plan: Option<(Uuid, Plan)>,
    contacts: Vec<(Uuid, SupportContact)>,
    events: Vec<CravingEvent>,
}

fn build_toolkit(
    occasion: &Occasion,
    profile: &Profile,
    records: &HelpRecords,
    now: DateTime<Utc>,
) -> Toolkit {
    let helplines = helpline::select(
        profile.helpline_country().as_deref(),
        profile.language().as_deref(),
    );
    let sources = Sources {
        plan: records.plan.as_ref().map(|(id, plan)| (*id, plan)),
        contacts: &records.contacts,
        events: &records.events,
        helplines: helplines.into_iter().cloned().collect(),
        time_zone: profile.time_zone.0,
    };
    toolkit(occasion, &sources, now)
}

fn read_records(records: &mut Records<'_>) -> Result<HelpRecords, StoreError> {
    let newest = |limit| Range {
        limit,
        order: Order::Descending,
        ..Range::default()
    };
    let plan = records.by_slot(Kind::Plan, PlanKind::RelapsePrevention.active_slot())?;
    let plan = plan
        .map(|stored| Ok::<_, StoreError>((stored.id, decode(&stored.body)?)))
        .transpose()?;
    let contacts = records.list(Kind::SupportContact, &newest(MAX_CONTACTS))?;
    let contacts = contacts
        .into_iter()
        .map(|stored| Ok((stored.id, decode(&stored.body)?)))
        .collect::<Result<_, StoreError>>()?;
    let events = records.list(Kind::CravingEvent, &newest(MAX_EVENTS))?;
    let events = events
        .into_iter()
        .map(|stored| decode(&stored.body))
        .collect::<Result<_, StoreError>>()?;
    Ok(HelpRecords {
        plan,
        contacts,
        events,
    })
}

/// Adds the schema of an event with help.
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

/// Returns the example of an event with help.
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
