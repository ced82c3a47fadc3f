use mainstay_domain::{
    craving_event::CravingEvent,
    record::{
        ALWAYS_READ_ONLY, Kind, Record,
        registry::{ForNoun, for_noun},
    },
    self_efficacy_profile::SelfEfficacyProfile,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::*;
use crate::openapi::schema::{add, add_body, add_input, add_patch, add_record};

/// Returns the schemas of a document that refers to these schemas.
fn schemas(add: impl FnOnce(&mut Components) -> Vec<Value>) -> Components {
    let mut components = Components::new();
    let mut document = json!(add(&mut components));
    finish(&components, &mut document)
}

fn names(schemas: &Components) -> Vec<&str> {
    schemas.keys().map(String::as_str).collect()
}

#[test]
fn a_type_that_is_answered_and_sent_has_two_schemas_and_an_enum_has_one() {
    let schemas = schemas(|c| vec![add_record::<CravingEvent>(c), add_input::<CravingEvent>(c)]);
    assert_eq!(
        names(&schemas),
        [
            "ContactChannel",
            "ContactRelationship",
            "CravingCompany",
            "CravingEvent",
            "CravingEventInput",
            "CravingOutcome",
            "CravingPlace",
            "CravingRating",
            "CravingRatingInput",
            "FeelsSafe",
            "Helpline",
            "HelplineChannel",
            "HelplineChannelKind",
            "HelplineTopic",
            "PlanText",
            "SafetyNote",
            "SafetyStep",
            "SafetyTopic",
            "SituationCategory",
            "StrategyCategory",
            "StrategyUse",
            "StrategyUseInput",
            "Substance",
            "SupportToolkit",
            "ToolkitContact",
            "ToolkitStrategy",
        ]
    );
    let answer = &schemas["CravingEvent"];
    assert_eq!(
        answer["properties"]["strategy_uses"]["items"],
        json!({ "$ref": "#/components/schemas/StrategyUse" })
    );
    assert_eq!(answer.get("additionalProperties"), None, "an answer may grow");
    let input = &schemas["CravingEventInput"];
    assert_eq!(
        input["properties"]["strategy_uses"]["items"],
        json!({ "$ref": "#/components/schemas/StrategyUseInput" })
    );
    assert_eq!(input["additionalProperties"], json!(false));
}

#[test]
fn an_answer_requires_what_is_always_there_and_an_input_what_must_be_sent() {
    let schemas = schemas(|c| vec![add_record::<CravingEvent>(c), add_input::<CravingEvent>(c)]);
    assert_eq!(
        schemas["CravingEvent"]["required"],
        json!([
            "created_at",
            "id",
            "occurred_at",
            "outcome",
            "peak",
            "ratings",
            "strategy_uses",
            "trigger_ids",
            "updated_at",
            "version"
        ])
    );
    assert_eq!(
        schemas["CravingEventInput"]["required"],
        json!(["occurred_at", "ratings"])
    );
    assert_eq!(schemas["StrategyUse"]["required"], json!(["id"]));
    assert_eq!(schemas["StrategyUseInput"].get("required"), None);
}

#[test]
fn only_an_optional_scalar_or_list_of_an_input_may_be_null() {
    let schemas = schemas(|c| vec![add_record::<CravingEvent>(c), add_input::<CravingEvent>(c)]);
    let (answer, input) = (
        &schemas["CravingEvent"]["properties"],
        &schemas["CravingEventInput"]["properties"],
    );
    let note = "A free note in the person's own words.";
    assert_eq!(
        answer["note"],
        json!({ "type": "string", "maxLength": 4000, "description": note })
    );
    assert_eq!(
        input["note"],
        json!({ "type": ["string", "null"], "maxLength": 4000, "description": note })
    );
    assert_eq!(input["trigger_ids"]["type"], json!(["array", "null"]));
    let place = json!({ "$ref": "#/components/schemas/CravingPlace", "description": "The place." });
    assert_eq!((&answer["place"], &input["place"]), (&place, &place));
    assert_eq!(input["occurred_at"]["type"], json!("string"));
}

#[test]
fn a_read_only_member_is_marked_in_the_input_only() {
    let schemas = schemas(|c| vec![add_record::<CravingEvent>(c), add_input::<CravingEvent>(c)]);
    let peak = json!({ "type": "integer", "minimum": 0, "maximum": 10, "description": "The strongest of the ratings." });
    assert_eq!(schemas["CravingEvent"]["properties"]["peak"], peak);
    let mut marked = peak;
    marked["readOnly"] = json!(true);
    assert_eq!(schemas["CravingEventInput"]["properties"]["peak"], marked);
}

#[test]
fn a_patch_requires_nothing_and_goes_into_objects_but_not_into_lists() {
    let schemas = schemas(|c| {
        vec![
            add_input::<SelfEfficacyProfile>(c),
            add_patch::<SelfEfficacyProfile>(c),
            add_input::<CravingEvent>(c),
            add_patch::<CravingEvent>(c),
        ]
    });
    let patch = &schemas["SelfEfficacyProfilePatch"];
    assert_eq!(patch.get("required"), None);
    assert_eq!(
        patch["properties"]["confidence"]["$ref"],
        json!("#/components/schemas/SelfEfficacyConfidencePatch")
    );
    assert_eq!(schemas["SelfEfficacyConfidencePatch"].get("required"), None);
    let patch = &schemas["CravingEventPatch"]["properties"];
    assert_eq!(patch["note"]["type"], json!(["string", "null"]));
    assert_eq!(
        patch["occurred_at"]["type"],
        json!("string"),
        "it cannot be unset"
    );
    assert_eq!(
        patch["ratings"]["items"],
        json!({ "$ref": "#/components/schemas/CravingRating" }),
        "a type that is only sent keeps its name"
    );
}

struct ReadOnly;

impl ForNoun for ReadOnly {
    type Output = ();

    fn run<T: Record>(self) {
        let schemas = schemas(|c| vec![add_record::<T>(c), add_input::<T>(c)]);
        let members = schemas[&format!("{}Input", T::name())]["properties"]
            .as_object()
            .unwrap();
        let marked: BTreeSet<&str> = members
            .iter()
            .filter(|(_, member)| member["readOnly"] == json!(true))
            .map(|(name, _)| name.as_str())
            .collect();
        let ignored: BTreeSet<&str> = T::READ_ONLY.iter().copied().chain(ALWAYS_READ_ONLY).collect();
        assert_eq!(marked, ignored, "{}", T::KIND.path());
    }
}

#[test]
fn the_members_that_are_ignored_are_those_that_the_document_marks() {
    for kind in Kind::ALL.iter().copied() {
        for_noun(kind, ReadOnly);
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Inner {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    free: Option<serde_json::Value>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Outer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inner: Option<Inner>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    filled: Option<Inner>,
}

#[test]
fn a_patch_that_equals_its_input_has_no_name_of_its_own() {
    let schemas = schemas(|c| {
        add::<Outer>(c);
        [Form::Answer, Form::Input, Form::Patch]
            .map(|form| form.reference("Outer"))
            .into()
    });
    assert_eq!(names(&schemas), ["Inner", "InnerInput", "Outer", "OuterInput"]);
    assert_eq!(schemas["Outer"]["required"], json!(["filled"]));
    assert_eq!(
        schemas["Inner"]["properties"]["free"],
        json!({ "type": "object", "additionalProperties": true })
    );
}

#[test]
fn an_input_is_validated_without_null_and_with_anything_in_read_only_members() {
    let mut components = Components::new();
    let root = add_input::<CravingEvent>(&mut components);
    let document = for_validation(&components, root);
    assert_eq!(document["$ref"], json!("#/components/inputs/CravingEvent"));
    let members = &document["components"]["inputs"]["CravingEvent"]["properties"];
    assert_eq!(members["peak"], json!(true));
    assert_eq!(members["note"]["type"], json!("string"));
    let mut components = Components::new();
    let root = add_body::<Outer>(&mut components);
    let document = for_validation(&components, root);
    assert_eq!(
        document["components"]["inputs"]["Inner"]["properties"]["free"]["type"],
        json!("object")
    );
}
