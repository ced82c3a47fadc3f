//! Counts what people do in sessions of their own, and writes it to their access logs each minute.
//!
//! A request only adds to a number in memory. It never waits for the log, and never fails because of it. A server that is
//! killed loses what it has counted since the last minute; accesses of others are written in the transaction of the access.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use actix_web::http::Method;
use mainstay_domain::{
    account::Role,
    audit::{AccessAction, Subject, View, What},
    record::Kind,
};
use mainstay_store::{
    Store, StoreError,
    audit::{OwnAccess, PEOPLE_AT_ONCE},
    session::Principal,
};
use tokio::sync::Notify;
use uuid::Uuid;

/// The parts of the map, each with a lock of its own.
const SHARDS: usize = 64;
/// The sessions of a part from which on it is written early.
const FULL: usize = 1000;
/// The sessions of a part from which on no further one is counted, while the database cannot be reached.
const OVERFULL: usize = 4 * FULL;
/// The different things that are counted of a session. There are fewer in all.
const MAX_THINGS: usize = 128;

/// Who sent a request, for the layer around it.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn {
    account: Uuid,
    role: Role,
    session: Uuid,
}

impl SignedIn {
    /// The account and the session of a caller.
    pub fn of(principal: &Principal) -> Self {
        Self {
            account: principal.scope.account(),
            role: principal.role,
            session: principal.session,
        }
    }
}

/// What people have done in sessions of their own since it was written last.
pub struct OwnAccesses {
    shards: [Mutex<Shard>; SHARDS],
    full: Notify,
}

type Shard = HashMap<Uuid, Counted>;

/// What was done in one session.
struct Counted {
    account: Uuid,
    role: Role,
    counts: Vec<(AccessAction, What, u32)>,
}

impl Default for OwnAccesses {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            full: Notify::new(),
        }
    }
}

impl OwnAccesses {
    /// Counts a request that has succeeded. `route` is the template of its path.
    pub fn count(&self, by: SignedIn, method: &Method, route: &str) {
        if let Some((action, what)) = access_of(method, route) {
            self.add(by, action, what, 1);
        }
    }

    fn add(&self, by: SignedIn, action: AccessAction, what: What, count: u32) {
        let mut shard = self.shard(by.session);
        let len = shard.len();
        let counted = match shard.entry(by.session) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(_) if len >= OVERFULL => return,
            Entry::Vacant(vacant) => {
                if len >= FULL {
                    self.full.notify_one();
                }
                vacant.insert(Counted {
                    account: by.account,
                    role: by.role,
                    counts: Vec::new(),
                })
            }
        };
        let counts = &mut counted.counts;
        if let Some((.., sum)) = counts
            .iter_mut()
            .find(|(own, thing, _)| *own == action && *thing == what)
        {
            *sum = sum.saturating_add(count);
        } else if counts.len() < MAX_THINGS {
            counts.push((action, what, count));
        }
    }

    fn shard(&self, session: Uuid) -> MutexGuard<'_, Shard> {
        // The last bytes of an id are random.
        let [.., last] = session.into_bytes();
        let [first, ..] = &self.shards;
        let shard = self.shards.get(usize::from(last) % SHARDS).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a part is full.
    pub async fn filled(&self) {
        self.full.notified().await;
    }

    /// Writes what was counted to the access logs, an entry for each session and kind of access.
    ///
    /// # Errors
    /// Of the databases. What could not be written is counted further, and written the next time.
    pub async fn write(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        for shard in &self.shards {
            let counted = mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            let mut accesses: Vec<OwnAccess> = counted.into_iter().flat_map(entries).collect();
            accesses.sort_by_key(|access| access.account);
            let mut rest = accesses.as_slice();
            while !rest.is_empty() {
                let (some, others) = rest.split_at(people(rest));
                match store.write_own_accesses(some, now).await {
                    // It may have been written. Once too few is better than twice.
                    Ok(()) | Err(StoreError::OutcomeUnknown(_)) => rest = others,
                    // One whose log cannot be written must not keep the others waiting.
                    Err(StoreError::Internal(_) | StoreError::Database(_) | StoreError::Sealed(_)) => {
                        write_each(store, some, now).await;
                        rest = others;
                    }
                    Err(error) => {
                        for access in rest {
                            self.put_back(access);
                        }
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn put_back(&self, access: &OwnAccess) {
        let by = SignedIn {
            account: access.account,
            role: access.role,
            session: access.session,
        };
        for subject in &access.subject {
            self.add(by, access.action, subject.what, subject.count);
        }
    }
}

/// How many of the first entries belong to the people of one transaction. They are sorted by person.
fn people(accesses: &[OwnAccess]) -> usize {
    let (mut people, mut last) = (0, None);
    let beyond = accesses.iter().position(|access| {
        if last != Some(access.account) {
            people += 1;
            last = Some(access.account);
        }
        people > PEOPLE_AT_ONCE
    });
    beyond.unwrap_or(accesses.len())
}

/// The entries of a session, one for each kind of access.
fn entries((session, counted): (Uuid, Counted)) -> Vec<OwnAccess> {
    let mut entries: Vec<OwnAccess> = Vec::new();
    for (action, what, count) in counted.counts {
        let class = None;
        let subject = Subject { what, class, count };
        match entries.iter_mut().find(|entry| entry.action == action) {
            Some(entry) => entry.subject.push(subject),
            None => entries.push(OwnAccess {
                account: counted.account,
                role: counted.role,
                session,
                action,
                subject: vec![subject],
            }),
        }
    }
    entries
}

/// Writes entries one by one, after some of them could not be written together. One that fails is left out.
async fn write_each(store: &Store, accesses: &[OwnAccess], now: i64) {
    for access in accesses {
        if let Err(error) = store.write_own_accesses(std::slice::from_ref(access), now).await {
            log::error!("an access log cannot be written, run `mainstay audit verify`: {error}");
        }
    }
}

/// What a request to a route does to the record of its sender. `None` for reference data, and for the records of others:
/// those who reach them write that themselves.
fn access_of(method: &Method, route: &str) -> Option<(AccessAction, What)> {
    let path = route.strip_prefix("/v1/")?;
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let what = match first {
        "questionnaires" if rest.ends_with("trend") => What::Records(Kind::QuestionnaireResponse),
        "shared" | "meetings" | "practices" | "helplines" | "break-glass" | "questionnaires" => return None,
        "reports" => What::View(View::ProgressReport),
        "insights" if rest == "warnings/feedback" => What::Records(Kind::WarningFeedback),
        "insights" => path.parse().ok()?,
        _ => first.parse().ok()?,
    };
    let is_read = method == Method::GET || method == Method::HEAD;
    let action = match what {
        What::View(View::ProgressReport) => AccessAction::Report,
        What::View(View::Sync) => AccessAction::Read,
        What::View(_) if first == "insights" => AccessAction::Insight,
        _ if is_read => AccessAction::Read,
        What::View(View::Consents) => AccessAction::Consent,
        What::View(View::Proposals) => AccessAction::Proposal,
        What::View(View::Encouragements) => AccessAction::Encouragement,
        _ => AccessAction::Write,
    };
    Some((action, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAM: SignedIn = SignedIn {
        account: Uuid::from_u128(1),
        role: Role::Person,
        session: Uuid::from_u128(2),
    };

    fn counted(accesses: &OwnAccesses) -> Vec<(AccessAction, String, u32)> {
        let mut all = Vec::new();
        for shard in &accesses.shards {
            for counted in shard.lock().unwrap().values() {
                all.extend(counted.counts.iter().map(|(a, w, n)| (*a, w.to_string(), *n)));
            }
        }
        all
    }

    #[test]
    fn routes_are_told_apart_by_what_they_reach() {
        let of = |method: Method, route: &str| {
            access_of(&method, route).map(|(action, what)| (action.as_str(), what.as_str()))
        };
        for (method, route, expected) in [
            (Method::GET, "/v1/check-ins", ("read", "check-ins")),
            (Method::HEAD, "/v1/check-ins/{id}/history", ("read", "check-ins")),
            (Method::POST, "/v1/craving-events", ("write", "craving-events")),
            (
                Method::GET,
                "/v1/craving-events/{id}/support",
                ("read", "craving-events"),
            ),
            (Method::DELETE, "/v1/goals/{id}", ("write", "goals")),
            (Method::GET, "/v1/plans/active", ("read", "plans")),
            (
                Method::GET,
                "/v1/insights/abstinence",
                ("insight", "insights/abstinence"),
            ),
            (
                Method::POST,
                "/v1/insights/warnings/feedback",
                ("write", "warning-feedback"),
            ),
            (
                Method::GET,
                "/v1/reports/charts/{name}.svg",
                ("report", "reports/progress"),
            ),
            (Method::POST, "/v1/sync", ("read", "sync")),
            (Method::GET, "/v1/support", ("read", "support")),
            (Method::GET, "/v1/me", ("read", "me")),
            (Method::PATCH, "/v1/me", ("write", "me")),
            (Method::GET, "/v1/auth/sessions", ("read", "auth")),
            (
                Method::GET,
                "/v1/questionnaires/{id}/trend",
                ("read", "questionnaire-responses"),
            ),
            (Method::POST, "/v1/consents/{id}/sign", ("consent", "consents")),
            (Method::GET, "/v1/access-log", ("read", "access-log")),
            (Method::GET, "/v1/of-a-later-version", ("read", "other")),
        ] {
            assert_eq!(of(method, route), Some(expected), "{route}");
        }
        for route in [
            "/v1/shared/{person_id}/check-ins",
            "/v1/meetings",
            "/v1/questionnaires/{id}",
            "/docs",
        ] {
            assert_eq!(of(Method::GET, route), None, "{route}");
        }
    }

    #[test]
    fn every_route_of_a_signed_in_person_has_a_name_of_its_own() {
        for endpoint in crate::routes::endpoints()
            .iter()
            .filter(|endpoint| !endpoint.public)
        {
            let reaches = access_of(&endpoint.method, &endpoint.path);
            assert!(
                reaches.is_none_or(|(_, what)| what != What::View(View::Other)),
                "{} {}",
                endpoint.method,
                endpoint.path
            );
        }
    }

    #[test]
    fn requests_of_a_session_are_added_up_and_a_full_map_stays_bounded() {
        let accesses = OwnAccesses::default();
        for _ in 0..3 {
            accesses.count(SAM, &Method::GET, "/v1/check-ins");
        }
        accesses.count(SAM, &Method::POST, "/v1/check-ins");
        assert_eq!(
            counted(&accesses),
            [
                (AccessAction::Read, "check-ins".to_owned(), 3),
                (AccessAction::Write, "check-ins".to_owned(), 1)
            ]
        );
        // All of one part.
        for no in 0..(OVERFULL as u128 + 10) {
            let session = Uuid::from_u128((no << 8) | 7);
            accesses.count(SignedIn { session, ..SAM }, &Method::GET, "/v1/goals");
        }
        assert_eq!(accesses.shard(Uuid::from_u128(7)).len(), OVERFULL);
    }

    #[test]
    fn a_transaction_takes_whole_people() {
        let of = |person: usize| OwnAccess {
            account: Uuid::from_u128(person as u128),
            role: Role::Person,
            session: Uuid::nil(),
            action: AccessAction::Read,
            subject: Vec::new(),
        };
        let accesses: Vec<OwnAccess> = (0..PEOPLE_AT_ONCE + 2).flat_map(|n| [of(n), of(n)]).collect();
        assert_eq!(people(&accesses), 2 * PEOPLE_AT_ONCE);
        assert_eq!(people(&accesses[..3]), 3);
        assert_eq!(people(&[]), 0);
    }
}
