//! The parts of the OpenAPI document that all insights share, and the record that their examples are computed from.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are built here"
)]

use mainstay_domain::{
    attendance::Attendance,
    check_in::CheckIn,
    craving_event::CravingEvent,
    dose::Dose,
    goal::Goal,
    insight::{
        Insight,
        facts::{AsOf, Facts, InsightBasis, WithId},
    },
    medication::Medication,
    plan::{Plan, PlanStatus},
    practice_session::PracticeSession,
    questionnaire_response::QuestionnaireResponse,
    record::Record,
    reference::helpline::{self, Helpline},
    self_efficacy_profile::SelfEfficacyProfile,
    support_contact::SupportContact,
    transition::Transition,
    use_event::UseEvent,
    warning_feedback::WarningFeedback,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    openapi::{
        endpoint::{Endpoint, Parameter},
        schema::{Components, add, extend},
    },
    record::if_none_match,
};

/// Adds the schema of an insight: the members that every insight has, then its own.
pub fn insight_schema<T: ToSchema>(components: &mut Components) -> Value {
    let reference = add::<T>(components);
    add::<InsightBasis>(components);
    let basis = components.remove(&*InsightBasis::name()).unwrap_or_default();
    if let Some(own) = components.get_mut(&*T::name())
        && own["properties"].get("as_of").is_none()
    {
        extend(own, basis["properties"].clone(), json!({}));
        let required = [&basis["required"], &own["required"]].map(|list| list.as_array().cloned());
        own["required"] = required.into_iter().flatten().flatten().collect();
    }
    reference
}

/// Adds the parameters and responses that every insight has.
pub fn insight<T>(endpoint: Endpoint, example: fn(&Facts, &AsOf) -> Insight<T>) -> Endpoint
where
    T: ToSchema + Serialize + 'static,
{
    let example = move || {
        let found = example(&example_facts(), &example_moment());
        serde_json::to_value(found).unwrap_or_default()
    };
    endpoint
        .parameter(as_of_parameter())
        .parameter(if_none_match())
        .gives_schema(200, "The insight.", Box::new(insight_schema::<T>), example)
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

/// The parameter `as_of`.
pub fn as_of_parameter() -> Parameter {
    Parameter::query(
        "as_of",
        "The moment of the insight; now if left out. Records of a later time do not count. At most 5 minutes in the future.",
        json!({ "type": "string", "format": "date-time", "maxLength": 64 }),
        // The reference page would send an example by itself.
        Value::Null,
    )
}

/// The parameter `window`.
pub fn window_parameter() -> Parameter {
    Parameter::query(
        "window",
        "How many days of the person's calendar count, today included; `90d` if left out.",
        json!({ "$ref": "#/components/schemas/InsightWindow" }),
        json!("90d"),
    )
}

/// Returns the moment of the examples.
pub fn example_moment() -> AsOf {
    AsOf {
        at: "2026-03-09T01:00:00Z".parse().unwrap_or_default(),
        zone: chrono_tz::America::New_York,
        week_start: 1,
        standard_drink_g: Some(14.0),
    }
}

/// Returns the record that the examples are computed from: the example of each noun.
pub fn example_facts() -> Facts {
    fn one<T: Record>(id: &str) -> Vec<WithId<T>> {
        vec![WithId {
            id: id.parse::<Uuid>().unwrap_or_default(),
            record: T::example(),
            written: None,
        }]
    }
    let mut plans = one::<Plan>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a42");
    for plan in &mut plans {
        plan.record.status = PlanStatus::Active;
    }
    Facts {
        goals: one::<Goal>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a41"),
        plans,
        check_ins: one::<CheckIn>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a43"),
        cravings: one::<CravingEvent>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a44"),
        uses: one::<UseEvent>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a45"),
        medications: one::<Medication>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a47"),
        doses: one::<Dose>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a48"),
        practice_sessions: one::<PracticeSession>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a49"),
        attendances: one::<Attendance>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4a"),
        profiles: one::<SelfEfficacyProfile>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4b"),
        feedback: one::<WarningFeedback>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4c"),
        contacts: one::<SupportContact>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4d"),
        transitions: one::<Transition>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4e"),
        responses: one::<QuestionnaireResponse>("0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a4f"),
    }
}

/// Returns the helplines of the examples.
pub fn example_helplines() -> Vec<Helpline> {
    let found = helpline::select(Some("US"), None);
    found.into_iter().take(2).cloned().collect()
}
