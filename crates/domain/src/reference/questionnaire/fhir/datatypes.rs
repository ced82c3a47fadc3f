//! The datatypes of FHIR that occur in a questionnaire.

use super::member::{Place, Shape, Type, unused, unused_list, used};

pub(super) static CODING: Type = Type {
    place: Place::Option,
    members: &[
        used("system", Shape::Text),
        used("code", Shape::Text),
        used("display", Shape::Text),
        unused("version", Shape::Text),
        unused("userSelected", Shape::Boolean),
    ],
    outdated: &[],
};

pub(super) static QUANTITY: Type = Type {
    place: Place::Elsewhere,
    members: &[
        used("value", Shape::Decimal),
        unused("comparator", Shape::Text),
        unused("unit", Shape::Text),
        unused("system", Shape::Text),
        unused("code", Shape::Text),
    ],
    outdated: &[],
};

pub(super) static CODEABLE_CONCEPT: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused_list("coding", Shape::Object(&CODING)),
        unused("text", Shape::Text),
    ],
    outdated: &[],
};

pub(super) static IDENTIFIER: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("use", Shape::Text),
        unused("type", Shape::Object(&CODEABLE_CONCEPT)),
        unused("system", Shape::Text),
        unused("value", Shape::Text),
        unused("period", Shape::Object(&PERIOD)),
        unused("assigner", Shape::Object(&REFERENCE)),
    ],
    outdated: &[],
};

pub(super) static REFERENCE: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("reference", Shape::Text),
        unused("type", Shape::Text),
        unused("identifier", Shape::Object(&IDENTIFIER)),
        unused("display", Shape::Text),
    ],
    outdated: &[],
};

pub(super) static PERIOD: Type = Type {
    place: Place::Elsewhere,
    members: &[unused("start", Shape::Text), unused("end", Shape::Text)],
    outdated: &[],
};

pub(super) static RANGE: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("low", Shape::Object(&QUANTITY)),
        unused("high", Shape::Object(&QUANTITY)),
    ],
    outdated: &[],
};

pub(super) static EXPRESSION: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("description", Shape::Text),
        unused("name", Shape::Text),
        unused("language", Shape::Text),
        unused("expression", Shape::Text),
        unused("reference", Shape::Text),
    ],
    outdated: &[],
};

pub(super) static CONTACT_DETAIL: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("name", Shape::Text),
        unused_list("telecom", Shape::Object(&CONTACT_POINT)),
    ],
    outdated: &[],
};

static CONTACT_POINT: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("system", Shape::Text),
        unused("value", Shape::Text),
        unused("use", Shape::Text),
        unused("rank", Shape::Integer),
        unused("period", Shape::Object(&PERIOD)),
    ],
    outdated: &[],
};

pub(super) static USAGE_CONTEXT: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("code", Shape::Object(&CODING)),
        unused("valueCodeableConcept", Shape::Object(&CODEABLE_CONCEPT)),
        unused("valueQuantity", Shape::Object(&QUANTITY)),
        unused("valueRange", Shape::Object(&RANGE)),
        unused("valueReference", Shape::Object(&REFERENCE)),
    ],
    outdated: &[],
};

pub(super) static META: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("versionId", Shape::Text),
        unused("lastUpdated", Shape::Text),
        unused("source", Shape::Text),
        unused_list("profile", Shape::Text),
        unused_list("security", Shape::Object(&CODING)),
        unused_list("tag", Shape::Object(&CODING)),
    ],
    outdated: &[],
};

pub(super) static NARRATIVE: Type = Type {
    place: Place::Elsewhere,
    members: &[unused("status", Shape::Text), unused("div", Shape::Text)],
    outdated: &[],
};

/// The sibling of a primitive value, whose name begins with `_`.
pub(super) static ELEMENT: Type = Type {
    place: Place::Primitive,
    members: &[],
    outdated: &[],
};

/// The shape of the value of an extension with a name, such as `valueCoding`; `None` if FHIR has no such member.
pub(super) fn extension_value(name: &str) -> Option<Shape> {
    Some(match name.strip_prefix("value")? {
        "Boolean" => Shape::Boolean,
        "Integer" | "PositiveInt" | "UnsignedInt" => Shape::Integer,
        "Decimal" => Shape::Decimal,
        "Base64Binary" | "Canonical" | "Code" | "Date" | "DateTime" | "Id" | "Instant" | "Integer64"
        | "Markdown" | "Oid" | "String" | "Time" | "Uri" | "Url" | "Uuid" => Shape::Text,
        "Coding" => Shape::Object(&CODING),
        "CodeableConcept" => Shape::Object(&CODEABLE_CONCEPT),
        "Age" | "Count" | "Distance" | "Duration" | "Quantity" => Shape::Object(&QUANTITY),
        "ContactDetail" => Shape::Object(&CONTACT_DETAIL),
        "ContactPoint" => Shape::Object(&CONTACT_POINT),
        "Expression" => Shape::Object(&EXPRESSION),
        "Identifier" => Shape::Object(&IDENTIFIER),
        "Meta" => Shape::Object(&META),
        "Period" => Shape::Object(&PERIOD),
        "Range" => Shape::Object(&RANGE),
        "Reference" => Shape::Object(&REFERENCE),
        "UsageContext" => Shape::Object(&USAGE_CONTEXT),
        "Address"
        | "Annotation"
        | "Attachment"
        | "Availability"
        | "CodeableReference"
        | "Contributor"
        | "DataRequirement"
        | "Dosage"
        | "ExtendedContactDetail"
        | "HumanName"
        | "MonetaryComponent"
        | "Money"
        | "ParameterDefinition"
        | "Ratio"
        | "RatioRange"
        | "RelatedArtifact"
        | "SampledData"
        | "Signature"
        | "Timing"
        | "TriggerDefinition"
        | "VirtualServiceDetail" => Shape::Opaque,
        _ => return None,
    })
}
