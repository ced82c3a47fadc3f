//! Help now: strategies, people and helplines, put together from the person's record, and what to say in acute danger.

mod change;
mod document;

mod records;
mod refusal;
mod responder;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use mainstay_domain::{
    account::Profile,
    insight::facts::{AsOf, WithId},
    record::{Record, json as to_json},
    reference::{
        helpline::{self, Helpline},
        standard_drink::standard_drink_g,
    },
    support::toolkit::{HelpOccasion, Occasion, Sources, Toolkit, toolkit},
    value::vocabulary::SituationCategory,
};
use mainstay_store::{Records, StoreError};
use serde_json::json;

use self::records::{HelpRecords, read_records, with_id};
pub use self::{
    change::{merge_endpoint_with_help, replace_endpoint_with_help},
    document::{example_beside_help, with_help_example, with_help_schema},
    refusal::helping,
    responder::{RecordPlace, create_with_help},
};
use crate::{
    http::{caller::Caller, problem::HandlerResult, query::Parameters},
    openapi::endpoint::{self, Endpoint, Parameter, Priority, Tag},
    record::{find_by_path_id, id_parameter, json_response, path_of_one},
};

/// Returns the endpoint for help without an event.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/support", get_help)
            .priority(Priority::Urgent)
            .operation(Tag::Support, "getSupport", "Get help now")
            .about(
                "Returns what works for this person, whom they can reach now, helplines of their country, the steps of the active \
                 safety plan, and a safety note for each acute danger that the record tells of now.",
            )
            .parameter(Parameter::query(
                "category",
                "The kind of situation.",
                json!({ "$ref": "#/components/schemas/SituationCategory" }),
                json!("social_pressure"),
            ))
            .gives::<Toolkit>(200, "Help.", document::toolkit_example),
    ]
}

/// `GET /v1/{collection}/{id}/support`.
pub fn for_event<T: Record + HelpOccasion>(tag: Tag) -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    endpoint::get(format!("{}/support", path_of_one::<T>()), get_help_for_event::<T>)
        .priority(Priority::Urgent)
        .operation(tag, format!("get{name}Support"), format!("Get help for a {one}"))
        .about(format!(
            "Returns the same help as the response that stored the {one}, as of now."
        ))
        .parameter(id_parameter())
        .gives::<Toolkit>(200, "Help.", document::toolkit_example)
}

async fn get_help(caller: Caller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.request, &["category"]);
    let category = parameters.choice::<SituationCategory>("category");
    parameters.finish()?;
    let occasion = Occasion {
        category,
        ..Occasion::default()
    };
    let help = from_record(&caller, move |profile, records, now| {
        to_json(&toolkit_of_record(&occasion, profile, &records, now))
    });
    Ok(json_response(HttpResponse::Ok(), help.await?))
}

async fn get_help_for_event<T: Record + HelpOccasion>(caller: Caller) -> HandlerResult {
    let event = with_id::<T>(&find_by_path_id(&caller, T::KIND).await?)?;
    let help = from_record(&caller, move |profile, records, now| {
        to_json(&build_toolkit(event.clone(), profile, records, now))
    });
    Ok(json_response(HttpResponse::Ok(), help.await?))
}

/// Puts something together from the caller's profile and from the records that help needs, as of now. It happens in the
/// turn in which they are read: a person has one at a time, and those who wait have cost nothing so far.
async fn from_record<R, F>(caller: &Caller, build: F) -> Result<R, StoreError>
where
    R: Send + 'static,
    F: Fn(&Profile, HelpRecords, DateTime<Utc>) -> R + Send + 'static,
{
    let now = caller.state.clock.now();
    let work = move |records: &mut Records<'_>| {
        let profile = Profile::from(&records.account()?);
        Ok(build(&profile, read_records(records, now)?, now))
    };
    caller.read_large(work).await
}

/// Puts help for an event together, or help that needs no record if that fails.
async fn help_for_event<T: Record + HelpOccasion>(caller: &Caller, event: WithId<T>) -> Toolkit {
    let of_record = event.clone();
    let help = from_record(caller, move |profile, records, now| {
        build_toolkit(of_record.clone(), profile, records, now)
    });
    help.await.unwrap_or_else(|error| {
        log::error!("help could not be put together: {error}");
        helplines_only(event, caller.state.clock.now())
    })
}

/// Builds the toolkit for an event.
fn build_toolkit<T: HelpOccasion>(
    event: WithId<T>,
    profile: &Profile,
    mut records: HelpRecords,
    now: DateTime<Utc>,
) -> Toolkit {
    let occasion = T::occasion(&event);
    T::include_in(event, &mut records.facts);
    toolkit_of_record(&occasion, profile, &records, now)
}

fn toolkit_of_record(
    occasion: &Occasion,
    profile: &Profile,
    records: &HelpRecords,
    now: DateTime<Utc>,
) -> Toolkit {
    let country = profile.helpline_country();
    let as_of = AsOf {
        at: now,
        zone: profile.time_zone.0,
        week_start: u8::try_from(profile.week_start.get()).unwrap_or(1),
        standard_drink_g: standard_drink_g(profile.stated_country().as_deref()),
    };
    let helplines = selected(helpline::select(
        country.as_deref(),
        profile.language().as_deref(),
    ));
    build(occasion, records, helplines, &as_of)
}

/// Builds a toolkit that needs neither the record nor the account: the helplines, and what the event itself tells of.
fn helplines_only<T: HelpOccasion>(event: WithId<T>, now: DateTime<Utc>) -> Toolkit {
    let occasion = T::occasion(&event);
    let mut records = HelpRecords::default();
    T::include_in(event, &mut records.facts);
    let as_of = AsOf {
        at: now,
        zone: Tz::UTC,
        week_start: 1,
        standard_drink_g: None,
    };
    build(
        &occasion,
        &records,
        selected(helpline::select(None, None)),
        &as_of,
    )
}

fn build(occasion: &Occasion, records: &HelpRecords, helplines: Vec<Helpline>, as_of: &AsOf) -> Toolkit {
    let sources = Sources {
        plan: records.plan.as_ref().map(|(id, plan)| (*id, plan)),
        safety_plan: records.safety_plan.as_ref().map(|(id, plan)| (*id, plan)),
        contacts: &records.contacts,
        facts: &records.facts,
        helplines,
        as_of,
    };
    toolkit(occasion, &sources)
}

fn selected(helplines: Vec<&'static Helpline>) -> Vec<Helpline> {
    helplines.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use mainstay_domain::{
        safety::SafetyTopic,
        use_event::{Harm, UseEvent},
        value::vocabulary::Substance,
    };
    use uuid::Uuid;

    use super::*;

    #[test]
    fn without_the_record_help_has_what_the_event_tells_of_and_a_number_to_call() {
        let event = WithId {
            id: Uuid::from_u128(1),
            record: UseEvent {
                substance: Substance::OpioidHeroin,
                harm: Some(Harm::Overdose),
                ..UseEvent::example()
            },
            written: None,
        };
        let now = "2026-05-01T12:00:00Z".parse().unwrap();
        let help = helplines_only(event, now);
        let topics: Vec<SafetyTopic> = help.safety_notes.iter().map(|note| note.topic).collect();
        assert_eq!(topics, [SafetyTopic::Overdose, SafetyTopic::OpioidTolerance]);
        assert_eq!(help.helplines[0].id, "international-112");
        assert!(!help.strategies.is_empty());
    }
}
