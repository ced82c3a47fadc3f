//! The members of a FHIR Questionnaire and of what it contains, in R4 and R5, and what an import does with each.

use super::{
    datatypes::{
        CODEABLE_CONCEPT, CODING, CONTACT_DETAIL, IDENTIFIER, META, NARRATIVE, PERIOD, QUANTITY, REFERENCE,
        USAGE_CONTEXT,
    },
    member::{Member, Place, Shape, Type, in_r5, list, refused, unused, unused_list, used},
};

const IMPLICIT_RULES: Member = refused(
    "implicitRules",
    Shape::Text,
    "names rules without which the resource must not be read, and this program does not know them",
);

/// A Questionnaire.
pub(super) static QUESTIONNAIRE: Type = Type {
    place: Place::Root,
    members: &[
        used("resourceType", Shape::Text),
        used("url", Shape::Text),
        used("version", Shape::Text),
        used("name", Shape::Text),
        used("title", Shape::Text),
        used("status", Shape::Text),
        used("description", Shape::Text),
        used("copyright", Shape::Text),
        in_r5(used("copyrightLabel", Shape::Text)),
        list(used("contained", Shape::Contained)),
        list(used("item", Shape::Object(&ITEM))),
        IMPLICIT_RULES,
        unused("meta", Shape::Object(&META)),
        unused("language", Shape::Text),
        unused("text", Shape::Object(&NARRATIVE)),
        unused_list("identifier", Shape::Object(&IDENTIFIER)),
        in_r5(unused("versionAlgorithmString", Shape::Text)),
        in_r5(unused("versionAlgorithmCoding", Shape::Object(&CODING))),
        unused_list("derivedFrom", Shape::Text),
        unused("experimental", Shape::Boolean),
        unused_list("subjectType", Shape::Text),
        unused("date", Shape::Text),
        unused("publisher", Shape::Text),
        unused_list("contact", Shape::Object(&CONTACT_DETAIL)),
        unused_list("useContext", Shape::Object(&USAGE_CONTEXT)),
        unused_list("jurisdiction", Shape::Object(&CODEABLE_CONCEPT)),
        unused("purpose", Shape::Text),
        unused("approvalDate", Shape::Text),
        unused("lastReviewDate", Shape::Text),
        unused("effectivePeriod", Shape::Object(&PERIOD)),
        unused_list("code", Shape::Object(&CODING)),
    ],
    outdated: &[
        ("group", "is of DSTU2; R4 has item"),
        ("concept", "is of DSTU2; R4 has code"),
    ],
};

/// An item of a questionnaire.
pub(super) static ITEM: Type = Type {
    place: Place::Item,
    members: &[
        used("linkId", Shape::Text),
        used("type", Shape::Text),
        used("prefix", Shape::Text),
        used("text", Shape::Text),
        used("required", Shape::Boolean),
        used("repeats", Shape::Boolean),
        used("readOnly", Shape::Boolean),
        used("maxLength", Shape::Integer),
        in_r5(used("answerConstraint", Shape::Text)),
        used("answerValueSet", Shape::Text),
        list(used("answerOption", Shape::Object(&OPTION))),
        list(used("enableWhen", Shape::Object(&CONDITION))),
        used("enableBehavior", Shape::Text),
        list(used("item", Shape::Object(&ITEM))),
        in_r5(unused("disabledDisplay", Shape::Text)),
        unused("definition", Shape::Text),
        unused_list("code", Shape::Object(&CODING)),
        unused_list("initial", Shape::Object(&INITIAL)),
    ],
    outdated: &[
        ("option", "is of STU3; R4 has answerOption"),
        ("options", "is of STU3; R4 has answerValueSet"),
        ("question", "is of DSTU2; R4 has item"),
        ("group", "is of DSTU2; R4 has item"),
        ("concept", "is of DSTU2; R4 has code"),
        ("repeating", "is of DSTU2; R4 has repeats"),
    ],
};

/// An option of an item.
static OPTION: Type = Type {
    place: Place::Option,
    members: &[
        used("valueCoding", Shape::Object(&CODING)),
        used("valueString", Shape::Text),
        used("valueInteger", Shape::Integer),
        used("valueDate", Shape::Text),
        used("valueTime", Shape::Text),
        refused(
            "valueReference",
            Shape::Object(&REFERENCE),
            "is a reference to a resource, which cannot be an answer here",
        ),
        unused("initialSelected", Shape::Boolean),
    ],
    outdated: &[],
};

/// A condition of an item.
static CONDITION: Type = Type {
    place: Place::Elsewhere,
    members: &[
        used("question", Shape::Text),
        used("operator", Shape::Text),
        used("answerBoolean", Shape::Boolean),
        used("answerInteger", Shape::IntegerOrDate),
        used("answerDecimal", Shape::DecimalOrDate),
        used("answerDate", Shape::Text),
        used("answerDateTime", Shape::Text),
        used("answerTime", Shape::Text),
        used("answerString", Shape::Text),
        used("answerCoding", Shape::Object(&CODING)),
        used("answerQuantity", Shape::Object(&QUANTITY)),
        refused(
            "answerReference",
            Shape::Object(&REFERENCE),
            "is a reference to a resource, which cannot be an answer here",
        ),
    ],
    outdated: &[(
        "hasAnswer",
        "is of STU3; R4 has the operator exists with answerBoolean",
    )],
};

/// The answer with which an app may begin.
static INITIAL: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("valueBoolean", Shape::Boolean),
        unused("valueDecimal", Shape::Decimal),
        unused("valueInteger", Shape::Integer),
        unused("valueDate", Shape::Text),
        unused("valueDateTime", Shape::Text),
        unused("valueTime", Shape::Text),
        unused("valueString", Shape::Text),
        unused("valueUri", Shape::Text),
        unused("valueAttachment", Shape::Opaque),
        unused("valueCoding", Shape::Object(&CODING)),
        unused("valueQuantity", Shape::Object(&QUANTITY)),
        unused("valueReference", Shape::Object(&REFERENCE)),
    ],
    outdated: &[],
};

/// A `ValueSet` that the questionnaire contains.
pub(super) static VALUE_SET: Type = Type {
    place: Place::Elsewhere,
    members: &[
        used("resourceType", Shape::Text),
        used("compose", Shape::Object(&COMPOSE)),
        used("expansion", Shape::Object(&EXPANSION)),
        IMPLICIT_RULES,
        unused("meta", Shape::Object(&META)),
        unused("language", Shape::Text),
        unused("text", Shape::Object(&NARRATIVE)),
        unused("url", Shape::Text),
        unused_list("identifier", Shape::Object(&IDENTIFIER)),
        unused("version", Shape::Text),
        in_r5(unused("versionAlgorithmString", Shape::Text)),
        in_r5(unused("versionAlgorithmCoding", Shape::Object(&CODING))),
        unused("name", Shape::Text),
        unused("title", Shape::Text),
        unused("status", Shape::Text),
        unused("experimental", Shape::Boolean),
        unused("date", Shape::Text),
        unused("publisher", Shape::Text),
        unused_list("contact", Shape::Object(&CONTACT_DETAIL)),
        unused("description", Shape::Text),
        unused_list("useContext", Shape::Object(&USAGE_CONTEXT)),
        unused_list("jurisdiction", Shape::Object(&CODEABLE_CONCEPT)),
        unused("immutable", Shape::Boolean),
        unused("purpose", Shape::Text),
        unused("copyright", Shape::Text),
        in_r5(unused("copyrightLabel", Shape::Text)),
        unused("approvalDate", Shape::Text),
        unused("lastReviewDate", Shape::Text),
        unused("effectivePeriod", Shape::Object(&PERIOD)),
    ],
    outdated: &[],
};

static COMPOSE: Type = Type {
    place: Place::Elsewhere,
    members: &[
        list(used("include", Shape::Object(&INCLUDE))),
        list(used("exclude", Shape::Object(&INCLUDE))),
        unused("lockedDate", Shape::Text),
        unused("inactive", Shape::Boolean),
        in_r5(unused_list("property", Shape::Text)),
    ],
    outdated: &[],
};

static INCLUDE: Type = Type {
    place: Place::Elsewhere,
    members: &[
        used("system", Shape::Text),
        list(used("concept", Shape::Object(&CONCEPT))),
        list(used("filter", Shape::Object(&FILTER))),
        list(used("valueSet", Shape::Text)),
        unused("version", Shape::Text),
        in_r5(unused("copyright", Shape::Text)),
    ],
    outdated: &[],
};

static FILTER: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("property", Shape::Text),
        unused("op", Shape::Text),
        unused("value", Shape::Text),
    ],
    outdated: &[],
};

static CONCEPT: Type = Type {
    place: Place::Option,
    members: &[
        used("code", Shape::Text),
        used("display", Shape::Text),
        unused_list("designation", Shape::Object(&DESIGNATION)),
    ],
    outdated: &[],
};

static DESIGNATION: Type = Type {
    place: Place::Elsewhere,
    members: &[
        unused("language", Shape::Text),
        unused("use", Shape::Object(&CODING)),
        in_r5(unused_list("additionalUse", Shape::Object(&CODING))),
        unused("value", Shape::Text),
    ],
    outdated: &[],
};

static EXPANSION: Type = Type {
    place: Place::Elsewhere,
    members: &[
        list(used("contains", Shape::Object(&CONTAINS))),
        unused("identifier", Shape::Text),
        in_r5(unused("next", Shape::Text)),
        unused("timestamp", Shape::Text),
        unused("total", Shape::Integer),
        unused("offset", Shape::Integer),
        unused_list("parameter", Shape::Opaque),
        in_r5(unused_list("property", Shape::Opaque)),
    ],
    outdated: &[],
};

static CONTAINS: Type = Type {
    place: Place::Option,
    members: &[
        used("system", Shape::Text),
        used("abstract", Shape::Boolean),
        used("code", Shape::Text),
        used("display", Shape::Text),
        list(used("contains", Shape::Object(&CONTAINS))),
        unused("inactive", Shape::Boolean),
        unused("version", Shape::Text),
        unused_list("designation", Shape::Object(&DESIGNATION)),
        in_r5(unused_list("property", Shape::Opaque)),
    ],
    outdated: &[],
};
