//! Plans of a person, as far as a consent covers them.

use mainstay_domain::{
    audit::{AccessAction, What},
    plan::{MAX_ACTIVE_BYTES, Plan, PlanKind},
    record::Kind,
    sharing::{Covered, DataClass},
    support_contact::SupportContact,
};
use mainstay_store::{
    Records, StoreError,
    sharing::{Found, Reach, Tally},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::{
    answer::respond,
    caller::SharedCaller,
    document::{person_parameter, shared_example, shared_form, shared_schema, with_note_example},
    record::{NOTICE, encode_shown, read, tally_of},
};
use crate::{
    http::{problem::HandlerResult, query::Parameters},
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::Components,
    },
    plan::active_schema,
    record::{decode, id_parameter},
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    // Before `/plans/{id}`, which would match it too.
    vec![active_endpoint(), read_endpoint()]
}

fn active_endpoint() -> Endpoint {
    endpoint::get("/v1/shared/{person_id}/plans/active", active)
        .operation(Tag::Sharing, "getSharedActivePlan", "Read the active plan that is shared")
        .about(format!(
            "The active plan, with its contacts in calling order if support contacts are covered too. {NOTICE}"
        ))
        .parameter(person_parameter())
        .parameter(Parameter::query(
            "kind",
            "Which plan; `relapse_prevention` if left out.",
            json!({ "$ref": "#/components/schemas/PlanKind" }),
            json!("relapse_prevention"),
        ))
        .gives_schema(200, "The active plan.", Box::new(active_plan_schema), || {
            with_note_example(shared_example::<Plan>())
        })
        .with_headers(&["X-Part2-Notice", "Link"])
}

fn read_endpoint() -> Endpoint {
    endpoint::get("/v1/shared/{person_id}/plans/{id}", |caller: SharedCaller| {
        read(caller, Kind::Plan)
    })
    .operation(Tag::Sharing, "getSharedPlan", "Read one plan that is shared")
    .about(format!("The members that a consent covers. {NOTICE}"))
    .parameter(person_parameter())
    .parameter(id_parameter())
    .gives_schema(
        200,
        "What is shared of it.",
        Box::new(shared_schema::<Plan>),
        || with_note_example(shared_example::<Plan>()),
    )
    .with_headers(&["X-Part2-Notice", "Link"])
}

async fn active(caller: SharedCaller) -> HandlerResult {
    let mut parameters = Parameters::read(&caller.caller.request, &["kind"]);
    let kind = parameters.choice::<PlanKind>("kind");
    parameters.finish()?;
    let kind = kind.unwrap_or_default();
    let asked = caller.asks(
        AccessAction::Read,
        What::Records(Kind::Plan),
        "the active plan".to_owned(),
        Reach::Short,
    );
    let read = caller.read(&asked, move |records, grants| {
        active_plan(records, kind, grants.covered())
    });
    let ((body, classes), grants) = read.await?;
    Ok(respond(body, &caller.note(&grants, classes)))
}

/// The active plan as it is shared, with the classes that it has something of.
type Shown = (Vec<u8>, BTreeSet<DataClass>);

fn active_plan(
    records: &mut Records<'_>,
    kind: PlanKind,
    covered: Covered,
) -> Result<Option<Found<Shown>>, StoreError> {
    if !covered.contains(DataClass::Plans) {
        return Ok(None);
    }
    let Some(stored) = records.by_slot(Kind::Plan, kind.active_slot())? else {
        return Ok(None);
    };
    let plan: Plan = decode(&stored.body)?;
    let mut tally = tally_of(Kind::Plan, DataClass::Plans, covered);
    tally.add(Kind::Plan, DataClass::Plans, stored.id);
    let mut document = encode_shown(Kind::Plan, covered, &stored)?;
    if covered.contains(DataClass::SupportContacts) {
        add_contacts(records, &plan, covered, &mut document, &mut tally)?;
    }
    let classes = tally.classes().collect();
    Ok(Some(Found {
        value: (document, classes),
        tally,
    }))
}

fn add_contacts(
    records: &mut Records<'_>,
    plan: &Plan,
    covered: Covered,
    document: &mut Vec<u8>,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    document.pop();
    document.extend_from_slice(b",\"contacts\":[");
    let mut is_first = true;
    // The note of a contact is for looking after it, not for the moment of need.
    let without_notes: Covered = covered
        .iter()
        .filter(|class| *class != DataClass::Notes)
        .collect();
    for id in plan.content.contact_ids.iter() {
        let Some(found) = records.get_live(Kind::SupportContact, *id)? else {
            continue;
        };
        let id = found.id;
        let contact = encode_shown(Kind::SupportContact, without_notes, &found)?;
        if document.len() + contact.len() + 3 > MAX_ACTIVE_BYTES {
            break;
        }
        if !is_first {
            document.push(b',');
        }
        is_first = false;
        tally.add(Kind::SupportContact, DataClass::SupportContacts, id);
        document.extend_from_slice(&contact);
    }
    document.extend_from_slice(b"]}");
    Ok(())
}

fn active_plan_schema(components: &mut Components) -> Value {
    let contacts = shared_schema::<SupportContact>(components);
    active_schema(components);
    if let Some(active) = components.get_mut("ActivePlan")
        && let Some(items) = active.pointer_mut("/properties/contacts/items")
    {
        let own = std::mem::replace(items, contacts);
        let shared = shared_form(
            components,
            "ActivePlan",
            &["id", "version", "created_at", "updated_at"],
        );
        if let Some(items) = components
            .get_mut("ActivePlan")
            .and_then(|active| active.pointer_mut("/properties/contacts/items"))
        {
            *items = own;
        }
        return shared;
    }
    shared_schema::<Plan>(components)
}
