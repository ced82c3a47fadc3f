//! Sets of roles: which accounts may call an operation.

use super::Role;

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles(&'static [Role]);

impl Roles {
    /// Every role. For accounts, sessions and passwords, and for what is the same for everyone.
    pub const ALL: Self = Self(&[Role::Person, Role::Supporter, Role::Clinician, Role::Operator]);
    /// The roles that own a record. An operator runs the service and reaches no record, so they have none either.
    pub const OWN_RECORD: Self = Self(&[Role::Person, Role::Supporter, Role::Clinician]);
    /// Clinicians alone.
    pub const CLINICIANS: Self = Self(&[Role::Clinician]);

    /// Whether the set has a role.
    pub fn contains(self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// The roles of the set.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn every_role_but_that_of_operators_owns_a_record() {
        for role in Role::VARIANTS {
            assert!(Roles::ALL.contains(*role));
            assert_eq!(Roles::OWN_RECORD.contains(*role), *role != Role::Operator);
        }
        assert_eq!(Roles::CLINICIANS.iter().collect::<Vec<_>>(), [Role::Clinician]);
    }
}
