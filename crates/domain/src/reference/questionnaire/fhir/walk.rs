//! Walks through a whole resource, and names every member that is not known, has a wrong type, must not be
//! ignored, or is not used in full. Reading the resource afterwards only meets what is left to name.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::{
    datatypes::{ELEMENT, extension_value},
    extensions::{Treatment, hl7_name, treatment},
    member::{Member, Place, Role, Shape, Type},
    schema::{QUESTIONNAIRE, VALUE_SET},
};
use crate::{
    reference::{
        questionnaire::answer::{is_date, is_time},
        suggest::nearest,
    },
    value::validation::{FindingCode, Findings, pointer_segment},
};

/// The outcome of a walk.
#[derive(Default)]
pub(super) struct Walk {
    /// What prevents an import.
    pub faults: Findings,
    /// What was not understood, or is used only in part.
    pub remarks: Findings,
    /// The names of members and extensions that are known and have no effect, with how often they occur.
    pub without_effect: BTreeMap<String, usize>,
    /// Pointers to members that only R5 has.
    pub of_r5: Vec<String>,
    /// The ids of contained value sets to which an item refers.
    value_sets: HashSet<String>,
}

/// Whether a value has an effect on what is imported. If it has none, a fault in it is only a remark.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Some,
    None,
}

impl Effect {
    fn of(self, role: Role) -> Self {
        if self == Self::Some && role.has_effect() {
            Self::Some
        } else {
            Self::None
        }
    }
}

impl Walk {
    /// Walks through a Questionnaire.
    pub fn through(resource: &Map<String, Value>) -> Self {
        let mut walk = Self::default();
        walk.find_value_sets(resource.get("item"));
        walk.object(resource, &QUESTIONNAIRE, "", Effect::Some);
        walk
    }

    fn find_value_sets(&mut self, items: Option<&Value>) {
        for item in items.and_then(Value::as_array).into_iter().flatten() {
            let reference = item.get("answerValueSet").and_then(Value::as_str);
            self.value_sets
                .extend(reference.and_then(|set| set.strip_prefix('#')).map(str::to_owned));
            self.find_value_sets(item.get("item"));
        }
    }

    fn add(&mut self, effect: Effect, at: &str, code: FindingCode, message: &str) {
        match effect {
            Effect::Some => self.faults.add(at, code, message),
            Effect::None => self.remarks.add(at, code, message),
        }
    }

    fn count_without_effect(&mut self, name: &str) {
        *self.without_effect.entry(name.to_owned()).or_default() += 1;
    }

    fn object(&mut self, members: &Map<String, Value>, of: &'static Type, at: &str, effect: Effect) {
        for (name, value) in members {
            let at = format!("{at}/{}", pointer_segment(name));
            match name.as_str() {
                "id" => self.value(value, Shape::Text, &at, Effect::None),
                "extension" => self.extensions(value, of.place, &at, effect),
                "modifierExtension" => self.modifier(value, &at),
                "fhir_comments" => self.count_without_effect(name),
                _ => match of.member(name) {
                    Some(member) => self.member(value, member, &at, effect),
                    None => self.other(name, value, of, &at, effect),
                },
            }
        }
    }

    fn member(&mut self, value: &Value, member: &'static Member, at: &str, effect: Effect) {
        if member.role.is_of_r5() {
            self.of_r5.push(at.to_owned());
        }
        if let Role::Refused(reason) = member.role {
            if !value.is_null() {
                self.add(effect, at, FindingCode::NotSupported, reason);
            }
            return;
        }
        if effect == Effect::Some && !member.role.has_effect() {
            self.count_without_effect(member.name);
        }
        let effect = effect.of(member.role);
        if !member.is_list || value.is_null() {
            self.value(value, member.shape, at, effect);
        } else if let Some(values) = self.list(value, at, effect) {
            for (n, value) in values.iter().enumerate() {
                self.value(value, member.shape, &format!("{at}/{n}"), effect);
            }
        }
    }

    fn list<'a>(&mut self, value: &'a Value, at: &str, effect: Effect) -> Option<&'a [Value]> {
        let list = value.as_array();
        if list.is_none() {
            self.add(effect, at, FindingCode::Type, "must be a list");
        }
        list.map(Vec::as_slice)
    }

    /// A member that the type does not have: the sibling of a primitive value, a member of another version of
    /// FHIR, or one that is not known at all.
    fn other(&mut self, name: &str, value: &Value, of: &'static Type, at: &str, effect: Effect) {
        let sibling = name.strip_prefix('_').and_then(|primitive| of.member(primitive));
        if let Some(member) = sibling.filter(|member| member.shape.is_primitive()) {
            return self.siblings(value, member, at, effect.of(member.role));
        }
        if let Some((_, message)) = of.outdated.iter().find(|(outdated, _)| *outdated == name) {
            return self.add(effect, at, FindingCode::NotSupported, message);
        }
        let known = of.members.iter().map(|member| member.name);
        match nearest(name, known.chain(["extension", "modifierExtension"])) {
            Some(meant) => {
                let message = format!("is no member that FHIR R4 or R5 has here; {meant} may be meant");
                self.add(effect, at, FindingCode::UnknownField, &message);
            }
            None => self.remarks.add(
                at,
                FindingCode::UnknownField,
                "is no member that FHIR R4 or R5 has here, and was not read",
            ),
        }
    }

    /// The sibling of a primitive value; for a list of values, a list of siblings.
    fn siblings(&mut self, value: &Value, member: &Member, at: &str, effect: Effect) {
        if member.is_list
            && let Some(values) = value.as_array()
        {
            for (n, value) in values.iter().enumerate().filter(|(_, value)| !value.is_null()) {
                self.value(value, Shape::Object(&ELEMENT), &format!("{at}/{n}"), effect);
            }
        } else {
            self.value(value, Shape::Object(&ELEMENT), at, effect);
        }
    }

    fn value(&mut self, value: &Value, shape: Shape, at: &str, effect: Effect) {
        if value.is_null() {
            let message = "is null, which FHIR does not allow; it counts as left out";
            return self.remarks.add(at, FindingCode::Type, message);
        }
        match shape {
            Shape::Object(of) => match value.as_object() {
                Some(members) => self.object(members, of, at, effect),
                None => self.add(effect, at, FindingCode::Type, "must be an object"),
            },
            Shape::Opaque if value.is_object() => {}
            Shape::Opaque => self.add(effect, at, FindingCode::Type, "must be an object"),
            Shape::Contained => self.contained(value, at),
            _ => self.primitive(value, shape, at, effect),
        }
    }

    fn primitive(&mut self, value: &Value, shape: Shape, at: &str, effect: Effect) {
        let is_when = |text: &str| is_date(text) || is_time(text);
        let is_whole = value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
        let expected = match shape {
            Shape::Boolean if value.is_boolean() => return,
            Shape::Boolean if matches!(value.as_str(), Some("true" | "false")) => {
                let message = "is true or false as text, and is taken as such; it must be a boolean";
                return self.remarks.add(at, FindingCode::Type, message);
            }
            Shape::Boolean => "must be true or false",
            Shape::Integer | Shape::IntegerOrDate if is_whole => return,
            Shape::Decimal | Shape::DecimalOrDate if value.is_number() => return,
            Shape::IntegerOrDate | Shape::DecimalOrDate if value.as_str().is_some_and(is_when) => {
                let message = "is a date or time in the place of a number, and is taken as such";
                return self.remarks.add(at, FindingCode::Format, message);
            }
            Shape::Integer | Shape::IntegerOrDate => "must be a whole number of 32 bits",
            Shape::Decimal | Shape::DecimalOrDate => "must be a number",
            _ if value.is_string() => return,
            _ => "must be text",
        };
        self.add(effect, at, FindingCode::Type, expected);
    }

    /// A contained resource. Only value sets to which an item refers have an effect.
    fn contained(&mut self, value: &Value, at: &str) {
        let Some(members) = value.as_object() else {
            return self.faults.add(at, FindingCode::Type, "must be an object");
        };
        let kind = members.get("resourceType").and_then(Value::as_str);
        if kind.is_some_and(|kind| kind != "ValueSet") {
            let message = "is a resource that is not read: only contained value sets are";
            return self.remarks.add(at, FindingCode::NotSupported, message);
        }
        if !members.contains_key("resourceType") {
            let at = format!("{at}/resourceType");
            self.remarks.add(
                at,
                FindingCode::Required,
                "must be given; without it, the resource is not read",
            );
        }
        let id = members.get("id").and_then(Value::as_str);
        let is_used = kind.is_some() && id.is_some_and(|id| self.value_sets.contains(id));
        let effect = if is_used { Effect::Some } else { Effect::None };
        self.object(members, &VALUE_SET, at, effect);
    }

    /// A modifier extension changes the meaning of what it stands in, so it must not be ignored.
    fn modifier(&mut self, value: &Value, at: &str) {
        if value.as_array().is_some_and(Vec::is_empty) {
            return;
        }
        let message = "changes the meaning of the resource in a way that this program does not know";
        self.faults.add(at, FindingCode::NotSupported, message);
    }

    fn extensions(&mut self, value: &Value, place: Place, at: &str, effect: Effect) {
        if value.is_null() {
            return self.value(value, Shape::Opaque, at, effect);
        }
        let Some(list) = self.list(value, at, effect) else {
            return;
        };
        for (n, extension) in list.iter().enumerate() {
            let at = format!("{at}/{n}");
            match extension.as_object() {
                Some(members) => self.extension(members, place, &at, effect),
                None => self.add(effect, &at, FindingCode::Type, "must be an object"),
            }
        }
    }

    fn extension(&mut self, members: &Map<String, Value>, place: Place, at: &str, effect: Effect) {
        let url = members.get("url").and_then(Value::as_str);
        let inner = match url.map(|url| (url, treatment(url))) {
            None => {
                let message = "must be an extension with its address as text";
                self.add(effect, &format!("{at}/url"), FindingCode::Required, message);
                Effect::None
            }
            Some((_, Some(Treatment::Used(of, values)))) if of == place => {
                let is_value =
                    |name: &str| values.contains(&name) && !members.get(name).is_none_or(Value::is_null);
                if !members.keys().any(|name| is_value(name)) {
                    let message = format!("must have a {}", values.join(", or a "));
                    self.add(effect, at, FindingCode::Type, &message);
                }
                effect
            }
            Some((_, Some(Treatment::InPart(message)))) => {
                self.remarks.add(at, FindingCode::NotSupported, message);
                Effect::None
            }
            Some((url, Some(Treatment::NoEffect))) => {
                self.count_without_effect(hl7_name(url).unwrap_or(url));
                Effect::None
            }
            Some((_, Some(Treatment::Refused(message)))) => {
                self.add(effect, at, FindingCode::NotSupported, message);
                Effect::None
            }
            Some((_, Some(Treatment::Used(..)) | None)) => {
                let message = "is an extension that is not known here, and was not read";
                self.remarks.add(at, FindingCode::NotSupported, message);
                Effect::None
            }
        };
        let values = members
            .iter()
            .filter(|(name, value)| extension_value(name).is_some() && !value.is_null());
        if values.count() > 1 {
            self.add(inner, at, FindingCode::Type, "must have one value");
        }
        if inner == Effect::Some && members.contains_key("extension") {
            let message = "is in an extension of which only the value is read";
            self.remarks
                .add(format!("{at}/extension"), FindingCode::NotSupported, message);
        }
        self.extension_members(members, at, inner);
    }

    /// The members of an extension. Extensions inside it belong to it, so only their form is checked.
    fn extension_members(&mut self, members: &Map<String, Value>, at: &str, effect: Effect) {
        for (name, value) in members {
            let at = format!("{at}/{}", pointer_segment(name));
            let bare = name.strip_prefix('_').unwrap_or(name);
            match (name.as_str(), extension_value(bare)) {
                ("id" | "url", _) => self.value(value, Shape::Text, &at, Effect::None),
                ("fhir_comments", _) => self.count_without_effect(name),
                ("modifierExtension", _) => self.modifier(value, &at),
                ("extension", _) => {
                    for (n, inner) in self
                        .list(value, &at, effect)
                        .unwrap_or_default()
                        .iter()
                        .enumerate()
                    {
                        let at = format!("{at}/{n}");
                        match inner.as_object() {
                            Some(members) => self.extension_members(members, &at, Effect::None),
                            None => self.add(effect, &at, FindingCode::Type, "must be an object"),
                        }
                    }
                }
                (_, Some(shape)) if bare.len() == name.len() => self.value(value, shape, &at, effect),
                (_, Some(shape)) if shape.is_primitive() => {
                    self.value(value, Shape::Object(&ELEMENT), &at, Effect::None);
                }
                _ => self.unknown_extension_member(name, &at, effect),
            }
        }
    }

    fn unknown_extension_member(&mut self, name: &str, at: &str, effect: Effect) {
        const NAMES: [&str; 9] = [
            "url",
            "extension",
            "valueBoolean",
            "valueCoding",
            "valueDecimal",
            "valueInteger",
            "valueString",
            "valueMarkdown",
            "valueExpression",
        ];
        let meant = nearest(name, NAMES)
            .map(|meant| format!("; {meant} may be meant"))
            .unwrap_or_default();
        let effect = if meant.is_empty() { Effect::None } else { effect };
        let message = format!("is no member that an extension of FHIR R4 or R5 has{meant}");
        self.add(effect, at, FindingCode::UnknownField, &message);
    }
}
