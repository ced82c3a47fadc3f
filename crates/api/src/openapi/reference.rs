//! References to the schemas of types, each in one of its forms.

use serde_json::{Value, json};

/// Marks a reference that may be null, until the forms are made.
pub const MAY_BE_NULL: &str = "nullable";

/// A form of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// As it is answered: what is always there is required, and nothing is null.
    Answer,
    /// As it is sent: what must be sent is required, and what is optional may be null.
    Input,
    /// As a merge patch (RFC 7396): nothing is required, and null unsets a member.
    Patch,
}

impl Form {
    /// The part of a reference before the name of the type.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Answer => "#/components/schemas/",
            Self::Input => "#/components/inputs/",
            Self::Patch => "#/components/patches/",
        }
    }

    /// Returns a reference to a type in this form. `form::finish` replaces it by the name in the document.
    pub fn reference(self, name: &str) -> Value {
        json!({ "$ref": format!("{}{name}", self.prefix()) })
    }

    /// Returns the form and the name of a reference; `None` if it refers to something else than a type.
    pub fn of(reference: &str) -> Option<(Self, &str)> {
        [Self::Answer, Self::Input, Self::Patch]
            .into_iter()
            .find_map(|form| Some((form, reference.strip_prefix(form.prefix())?)))
    }

    /// The form of the items of a list: a patch replaces the whole list.
    #[must_use]
    pub const fn of_items(self) -> Self {
        match self {
            Self::Patch => Self::Input,
            other => other,
        }
    }
}
