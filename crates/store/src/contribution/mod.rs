//! What people who help give to a person: proposals, sign-offs, encouragements, shared commitments. It belongs to the person
//! and is sealed under their key. Each noun has a file of its own; this one stores, finds and lists for all of them.

mod query;

use mainstay_domain::{
    account::Role,
    sharing::{Covered, DataClass},
};
use uuid::Uuid;

pub(crate) use self::query::{
    count, delete, delete_contributions, find, insert, lock, make_room, newest_of, oldest, page, update,
};
use crate::key::scope::PersonScope;

/// The kinds of contributions, with their numbers in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContributionKind {
    Proposal = 1,
    SignOff = 2,
    Encouragement = 3,
    SharedCommitment = 4,
}

impl ContributionKind {
    pub(crate) const fn code(self) -> i16 {
        self as i16
    }

    /// What its seal is bound to.
    pub(crate) const fn place(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::SignOff => "sign-off",
            Self::Encouragement => "encouragement",
            Self::SharedCommitment => "shared commitment",
        }
    }
}

/// The state of a contribution that nobody has decided on, or hidden.
pub(crate) const OPEN: i16 = 1;

/// The account that gives something, or answers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    pub(crate) no: i64,
    pub(crate) account: Uuid,
    pub(crate) role: Role,
    /// What it sees of the person's record.
    pub(crate) covered: Covered,
}

impl Author {
    /// The account that has signed in with this right to its own record.
    pub fn of(own: &PersonScope, role: Role) -> Self {
        Self {
            no: own.no,
            account: own.account,
            role,
            covered: DataClass::ALL.iter().copied().collect(),
        }
    }
}

/// A part of a list of contributions, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContributionRange {
    /// After this one, by its time in microseconds and its id; `None` begins with the newest.
    pub after: Option<(i64, Uuid)>,
    /// The largest number of them.
    pub limit: i64,
}

/// A page of contributions, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionPage<T> {
    /// The contributions.
    pub items: Vec<T>,
    /// The time and the id of the last one, if there are more.
    pub next: Option<(i64, Uuid)>,
}

impl<T> ContributionPage<T> {
    /// Converts each contribution.
    pub(crate) fn map<U>(self, convert: impl FnMut(T) -> U) -> ContributionPage<U> {
        ContributionPage {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
        }
    }
}

/// The outcome of giving something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contributed<T> {
    /// It is new.
    New(T),
    /// It was given before. This is what it is now.
    Replayed(T),
}

/// A stored contribution, opened.
#[derive(Debug, Clone)]
pub(crate) struct Contribution<T> {
    pub id: Uuid,
    /// The number of the account that gave it, and its id; none if it was erased.
    pub author: Option<(i64, Uuid)>,
    pub plan_id: Option<Uuid>,
    pub state: i16,
    pub created_at: i64,
    pub content: T,
}

impl<T> Contribution<T> {
    /// The id of the account that gave it.
    pub fn by(&self) -> Option<Uuid> {
        self.author.map(|(_, account)| account)
    }

    /// Whether that account gave it.
    pub fn is_by(&self, author_no: i64) -> bool {
        self.author.is_some_and(|(no, _)| no == author_no)
    }
}

/// Which contributions of a kind a query is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Selection {
    pub author_no: Option<i64>,
    pub plan_id: Option<Uuid>,
    pub states: States,
}

/// The states that a query is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum States {
    #[default]
    All,
    Only(i16),
    AllBut(i16),
}

/// A contribution that is to be stored.
pub(crate) struct NewContribution<'a, T> {
    pub kind: ContributionKind,
    pub id: Uuid,
    pub author: &'a Author,
    pub plan_id: Option<Uuid>,
    pub content: &'a T,
}
