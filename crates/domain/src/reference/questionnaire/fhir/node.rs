//! Access to the members of an object of a resource. A member of a wrong type counts as absent, because the walk has named
//! it already.

use serde_json::{Map, Value};

use super::extensions::{MARKUP, WEIGHTS, hl7_name};
use crate::reference::plain_text;

/// An object of a resource, with the pointer to it.
#[derive(Clone)]
pub(super) struct Node<'a> {
    members: &'a Map<String, Value>,
    pub at: String,
}

/// A text, and whether it stood only in markup.
pub(super) struct NodeText {
    pub text: String,
    pub is_from_markup: bool,
}

impl<'a> Node<'a> {
    pub fn new(members: &'a Map<String, Value>, at: impl Into<String>) -> Self {
        Self {
            members,
            at: at.into(),
        }
    }

    /// The pointer to a member.
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }

    /// Whether a member is there, be its type right or wrong.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    pub fn str(&self, name: &str) -> Option<&'a str> {
        self.members.get(name)?.as_str()
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.members.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.members.get(name)?.as_f64()
    }

    /// A whole number of 32 bits.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.members
            .get(name)?
            .as_i64()
            .filter(|number| i32::try_from(*number).is_ok())
    }

    pub fn node(&self, name: &str) -> Option<Node<'a>> {
        let members = self.members.get(name)?.as_object()?;
        Some(Self::new(members, self.pointer(name)))
    }

    pub fn nodes(&self, name: &str) -> Vec<Node<'a>> {
        let list = self.members.get(name).and_then(Value::as_array);
        let objects = list.into_iter().flatten().enumerate();
        objects
            .filter_map(|(n, value)| Some(Self::new(value.as_object()?, format!("{}/{name}/{n}", self.at))))
            .collect()
    }

    /// A text for people: the member, or the words of its markup if it has no member. `None` if nothing of it is
    /// visible.
    pub fn text(&self, name: &str) -> Option<NodeText> {
        let own = self
            .str(name)
            .map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
        if let Some(text) = own.filter(|text| plain_text::is_visible(text)) {
            return Some(NodeText {
                text,
                is_from_markup: false,
            });
        }
        let sibling = self.node(&format!("_{name}"))?;
        let marked_up = MARKUP.iter().find_map(|markup| {
            let extension = sibling.extension(&[markup])?;
            extension
                .str("valueMarkdown")
                .or_else(|| extension.str("valueString"))
        })?;
        let text = plain_text::from_html(marked_up);
        plain_text::is_visible(&text).then_some(NodeText {
            text,
            is_from_markup: true,
        })
    }

    /// Finds the first extension of HL7 with one of the names.
    pub fn extension(&self, names: &[&str]) -> Option<Node<'a>> {
        let mut all = self.nodes("extension").into_iter();
        all.find(|extension| {
            extension
                .str("url")
                .and_then(hl7_name)
                .is_some_and(|name| names.contains(&name))
        })
    }

    /// The value of an extension that is a number.
    pub fn extension_number(&self, names: &[&str]) -> Option<f64> {
        let extension = self.extension(names)?;
        extension
            .number("valueDecimal")
            .or_else(|| extension.number("valueInteger"))
    }

    /// The weight in scores, from any of the extensions for weights.
    pub fn weight(&self) -> Option<f64> {
        self.extension_number(&WEIGHTS)
    }
}
