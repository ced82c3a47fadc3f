//! Which members of a shared record a recipient gets: a table for each collection.
//!
//! A member is shown if its collection is covered and the classes that its table names are, too. A member that no table
//! names is never shown. The tables have the members in the order in which they are stored.

mod care;
mod check_in;
mod craving_event;
mod goal;
mod medication;
mod plan;
mod practice;
mod questionnaire;
mod support_contact;
mod use_event;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Covered, DataClass, class_of};
use crate::record::Kind;

/// A member of an object, with what it takes to see it.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    name: &'static str,
    /// The classes that must be covered beside that of the collection. `None` if nobody else sees the member.
    classes: Option<&'static [DataClass]>,
    /// The JSON that stands in the place of the member if it is withheld. Empty if it is left out.
    instead: &'static str,
    /// Whether it only tells one item of a list from the next.
    is_name: bool,
    content: Content,
}

/// The content of a member.
#[derive(Debug, Clone, Copy)]
enum Content {
    /// A value without members, or a list of such values.
    Value,
    /// An object, or a list of objects, that is shown as it is. For reference data and for types of one purpose.
    Whole,
    /// An object, or a list of objects, with a table of its own.
    Object(&'static [Member]),
}

impl Member {
    /// A member that is shown with its object.
    pub(super) const fn shown(name: &'static str) -> Self {
        Self {
            name,
            classes: Some(&[]),
            instead: "",
            is_name: false,
            content: Content::Value,
        }
    }

    /// A member that tells one item of a list from the next, and says nothing by itself.
    const fn name(name: &'static str) -> Self {
        Self {
            is_name: true,
            ..Self::shown(name)
        }
    }

    /// A member that is shown if some more classes are covered.
    pub(super) const fn with(name: &'static str, classes: &'static [DataClass]) -> Self {
        Self {
            classes: Some(classes),
            ..Self::shown(name)
        }
    }

    /// A member that nobody else sees.
    pub(super) const fn never(name: &'static str) -> Self {
        Self {
            classes: None,
            ..Self::shown(name)
        }
    }

    /// The same member, which has this JSON in its place where it is withheld.
    const fn or(self, instead: &'static str) -> Self {
        Self { instead, ..self }
    }

    /// The same member, whose value is an object or a list of objects with these members.
    pub(super) const fn of(self, members: &'static [Self]) -> Self {
        Self {
            content: Content::Object(members),
            ..self
        }
    }

    /// The same member, whose value is an object or a list of objects that has no members to decide on.
    pub(super) const fn whole(self) -> Self {
        Self {
            content: Content::Whole,
            ..self
        }
    }

    fn is_covered(&self, covered: Covered) -> bool {
        self.classes.is_some_and(|classes| covered.contains_all(classes))
    }

    /// Whether this member and all inside of it are covered.
    fn is_wholly_covered(&self, covered: Covered) -> bool {
        let inside: &[Self] = match self.content {
            Content::Object(members) => members,
            Content::Value | Content::Whole => &[],
        };
        self.is_covered(covered) && inside.iter().all(|member| member.is_wholly_covered(covered))
    }
}

/// Returns the table of a collection. `None` if it is never shared.
fn table(kind: Kind) -> Option<&'static [Member]> {
    match kind {
        Kind::Goal => Some(goal::MEMBERS),
        Kind::Plan => Some(plan::MEMBERS),
        Kind::CheckIn => Some(check_in::MEMBERS),
        Kind::CravingEvent => Some(craving_event::MEMBERS),
        Kind::UseEvent => Some(use_event::MEMBERS),
        Kind::SupportContact => Some(support_contact::MEMBERS),
        Kind::Medication => Some(medication::MEMBERS),
        Kind::Dose => Some(medication::DOSE_MEMBERS),
        Kind::PracticeSession => Some(practice::MEMBERS),
        Kind::SelfEfficacyProfile => Some(practice::PROFILE_MEMBERS),
        Kind::Appointment => Some(care::APPOINTMENT_MEMBERS),
        Kind::Referral => Some(care::REFERRAL_MEMBERS),
        Kind::Transition => Some(care::TRANSITION_MEMBERS),
        Kind::QuestionnaireResponse => Some(questionnaire::MEMBERS),
        Kind::UseEventReview
        | Kind::ThoughtRecord
        | Kind::Attendance
        | Kind::Commitment
        | Kind::JournalEntry
        | Kind::WarningFeedback => None,
    }
}

/// Returns the body of a stored record with what is covered and nothing else. `None` if the collection is not covered.
///
/// The existence and the time of a record belong to the class of its collection. So a check-in of which no answer is
/// covered is shown with empty `answers`. What is shown has the bytes in which it is stored.
///
/// # Errors
/// If the body is not a JSON object.
pub fn shown(kind: Kind, covered: Covered, body: &[u8]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let is_covered = class_of(kind).is_some_and(|class| covered.contains(class));
    let Some(members) = table(kind).filter(|_| is_covered) else {
        return Ok(None);
    };
    select(&[members], covered, body).map(Some)
}

/// Whether a recipient sees all members of a collection. If not, the version and the time of the last change of its
/// records would tell that something withheld was changed. A recipient then gets version 1, and `created_at` as
/// `updated_at`.
pub fn shows_versions(kind: Kind, covered: Covered) -> bool {
    let is_covered = class_of(kind).is_some_and(|class| covered.contains(class));
    let members = table(kind).filter(|_| is_covered);
    members.is_some_and(|members| members.iter().all(|member| member.is_wholly_covered(covered)))
}

/// Returns the classes that members of a collection need beside the class of the collection itself.
pub fn further_classes(kind: Kind) -> Covered {
    fn collect(members: &[Member], into: &mut Vec<DataClass>) {
        for member in members {
            into.extend(member.classes.unwrap_or_default());
            if let Content::Object(inside) = member.content {
                collect(inside, into);
            }
        }
    }
    let mut classes = Vec::new();
    collect(table(kind).unwrap_or_default(), &mut classes);
    classes.into_iter().collect()
}

/// Returns a JSON object with the members that are covered, in the order of their tables.
///
/// # Errors
/// If the body is not a JSON object.
pub(super) fn select(
    tables: &[&[Member]],
    covered: Covered,
    body: &[u8],
) -> Result<Vec<u8>, serde_json::Error> {
    let mut selected = Vec::with_capacity(body.len());
    add_object(tables, covered, &serde_json::from_slice(body)?, &mut selected)?;
    Ok(selected)
}

/// The members of a JSON object, each as it is written.
type Object<'a> = BTreeMap<String, &'a RawValue>;

fn add_object(
    tables: &[&[Member]],
    covered: Covered,
    object: &Object<'_>,
    into: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    into.push(b'{');
    let mut is_first = true;
    for member in tables.iter().copied().flatten() {
        let value = object
            .get(member.name)
            .filter(|_| member.is_covered(covered))
            .copied();
        let stands_instead = !member.is_covered(covered) && !member.instead.is_empty();
        if value.is_none() && !stands_instead {
            continue;
        }
        if !is_first {
            into.push(b',');
        }
        is_first = false;
        into.push(b'"');
        into.extend_from_slice(member.name.as_bytes());
        into.extend_from_slice(b"\":");
        match value {
            Some(value) => add_value(member, covered, value, into)?,
            None => into.extend_from_slice(member.instead.as_bytes()),
        }
    }
    into.push(b'}');
    Ok(())
}

fn add_value(
    member: &Member,
    covered: Covered,
    value: &RawValue,
    into: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let text = value.get();
    match member.content {
        Content::Object(members) if text.starts_with('{') => {
            add_object(&[members], covered, &serde_json::from_str(text)?, into)
        }
        Content::Object(members) if text.starts_with('[') => {
            let items: Vec<Object<'_>> = serde_json::from_str(text)?;
            let shown = items.iter().filter(|item| says_something(members, covered, item));
            into.push(b'[');
            for (n, item) in shown.enumerate() {
                if n > 0 {
                    into.push(b',');
                }
                add_object(&[members], covered, item, into)?;
            }
            into.push(b']');
            Ok(())
        }
        Content::Value | Content::Whole | Content::Object(_) => {
            into.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
}

/// Whether an item of a list is shown: a recipient from whom something may be hidden sees no item of which no more than its
/// name is left. It would tell that there is one.
fn says_something(members: &[Member], covered: Covered, item: &Object<'_>) -> bool {
    let is_shown =
        |member: &Member| !member.is_name && member.is_covered(covered) && item.contains_key(member.name);
    members.iter().all(|member| member.is_wholly_covered(covered)) || members.iter().any(is_shown)
}

#[cfg(test)]
pub(super) mod tests;
