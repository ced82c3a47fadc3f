//! The schemas and examples of responses with help.

use mainstay_domain::{
    craving_event::CravingEvent,
    insight::facts::{AsOf, Facts, WithId},
    plan::{Plan, PlanKind, SafetyStep},
    record::Record,
    reference::helpline,
    support::toolkit::{HelpOccasion, Sources, Toolkit, toolkit},
    support_contact::SupportContact,
    value::{list::List, number::Int, text::text, vocabulary::Substance},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    openapi::{
        reference::Form,
        schema::{Components, add, add_record},
    },
    record::example,
};

/// Adds the schema of a record in a member of the response, with help.
pub fn with_help_schema<T: Record>(components: &mut Components, member: &str) -> Value {
    let event = add_record::<T>(components);
    let support = add::<Toolkit>(components);
    let mut properties = Map::new();
    properties.insert(member.to_owned(), event);
    properties.insert("support".to_owned(), support);
    let schema = json!({
        "type": "object",
        "description": format!("A stored {} with help.", T::KIND.singular()),
        "required": [member, "support"],
        "properties": properties,
    });
    add_with_support::<T>(components, schema)
}

fn add_with_support<T: Record>(components: &mut Components, schema: Value) -> Value {
    let name = format!("{}WithSupport", T::name());
    let reference = Form::Answer.reference(&name);
    components.insert(name, schema);
    reference
}

/// Returns the example of a record in a member of the response, with help.
pub fn with_help_example<T: Record>(member: &str) -> Value {
    let mut members = Map::new();
    members.insert(member.to_owned(), example::<T>());
    members.insert("support".to_owned(), toolkit_example());
    Value::Object(members)
}

/// Returns the example of a record with the member `support`.
pub fn example_beside_help<T: Record>() -> Value {
    let mut found = example::<T>();
    if let Value::Object(members) = &mut found {
        members.insert("support".to_owned(), toolkit_example());
    }
    found
}

/// Returns the example of help: for a craving some days after use of an opioid.
pub(super) fn toolkit_example() -> Value {
    let id = |text: &str| text.parse::<Uuid>().unwrap_or_default();
    let (plan_id, safety_plan_id) = (
        id("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a49"),
        id("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4a"),
    );
    let (plan, safety_plan) = (Plan::example(), example_safety_plan());
    let contacts = [(
        id("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a48"),
        SupportContact::example(),
    )];
    let craving = WithId {
        id: id("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a44"),
        record: CravingEvent {
            substance: Some(Substance::OpioidHeroin),
            ..CravingEvent::example()
        },
        written: None,
    };
    let as_of = AsOf {
        at: craving.record.occurred_at.to_utc(),
        zone: chrono_tz::America::New_York,
        week_start: 1,
        standard_drink_g: Some(14.0),
    };
    let occasion = CravingEvent::occasion(&craving);
    let mut facts = Facts::default();
    CravingEvent::include_in(craving, &mut facts);
    let two_helplines = helpline::select(Some("US"), None).into_iter().take(2);
    let sources = Sources {
        plan: Some((plan_id, &plan)),
        safety_plan: Some((safety_plan_id, &safety_plan)),
        contacts: &contacts,
        facts: &facts,
        helplines: two_helplines.cloned().collect(),
        as_of: &as_of,
    };
    let mut help = toolkit(&occasion, &sources);
    help.strategies.truncate(2);
    serde_json::to_value(help).unwrap_or_default()
}

fn example_safety_plan() -> Plan {
    let mut plan = Plan {
        kind: PlanKind::Safety,
        ..Plan::example()
    };
    plan.content.safety_steps = List::of([SafetyStep {
        id: "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4b".parse().ok(),
        step: Int::clamped(1),
        text: text!("I stop answering messages."),
    }]);
    plan
}
