//! The description of the members of a FHIR type.

/// A type of FHIR with members.
pub(super) struct Type {
    /// The place that it is for extensions.
    pub place: Place,
    /// Its members. Every type also has `id` and `extension`.
    pub members: &'static [Member],
    /// Members of other versions of FHIR that would change what is asked, with what replaces them.
    pub outdated: &'static [(&'static str, &'static str)],
}

impl Type {
    /// Finds a member by its name.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// A member of a type.
pub(super) struct Member {
    pub name: &'static str,
    pub shape: Shape,
    /// Whether it is a list.
    pub is_list: bool,
    pub role: Role,
}

/// The JSON form of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Boolean,
    Integer,
    Decimal,
    /// A whole number; a date or time as text is accepted with a remark, as some files have them here.
    IntegerOrDate,
    /// A number; a date or time as text is accepted with a remark.
    DecimalOrDate,
    Text,
    Object(&'static Type),
    /// An object whose members an import does not look at.
    Opaque,
    /// The resources that a questionnaire contains.
    Contained,
}

impl Shape {
    /// Whether it is a primitive type, which can have a sibling whose name begins with `_`.
    pub fn is_primitive(self) -> bool {
        !matches!(self, Self::Object(_) | Self::Opaque | Self::Contained)
    }
}

/// What an import does with a member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is used.
    Used,
    /// It is used, and only R5 has it.
    UsedInR5,
    /// It is known and has no effect here.
    NoEffect,
    /// It is known, has no effect here, and only R5 has it.
    NoEffectInR5,
    /// It must not be ignored, and is not supported.
    Refused(&'static str),
}

impl Role {
    /// Whether what the member says has an effect on what is imported.
    pub fn has_effect(self) -> bool {
        matches!(self, Self::Used | Self::UsedInR5)
    }

    /// Whether only R5 has the member.
    pub fn is_of_r5(self) -> bool {
        matches!(self, Self::UsedInR5 | Self::NoEffectInR5)
    }
}

/// The places of extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The questionnaire.
    Root,
    /// An item.
    Item,
    /// An option, a coding, or a concept of a value set.
    Option,
    /// The sibling of a primitive value.
    Primitive,
    /// Anything else.
    Elsewhere,
}

/// A member that is used.
pub(super) const fn used(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        shape,
        is_list: false,
        role: Role::Used,
    }
}

/// A member without effect.
pub(super) const fn unused(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        shape,
        is_list: false,
        role: Role::NoEffect,
    }
}

/// Makes it a list.
pub(super) const fn list(mut member: Member) -> Member {
    member.is_list = true;
    member
}

/// A list without effect.
pub(super) const fn unused_list(name: &'static str, shape: Shape) -> Member {
    list(unused(name, shape))
}

/// Says that only R5 has it.
pub(super) const fn in_r5(mut member: Member) -> Member {
    member.role = match member.role {
        Role::Used => Role::UsedInR5,
        _ => Role::NoEffectInR5,
    };
    member
}

/// A member that must not be ignored, and is not supported.
pub(super) const fn refused(name: &'static str, shape: Shape, reason: &'static str) -> Member {
    Member {
        name,
        shape,
        is_list: false,
        role: Role::Refused(reason),
    }
}
