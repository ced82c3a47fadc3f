//! Somebody who asks for the record of another person.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    audit::{AccessAction, What},
    sharing::DataClass,
};
use mainstay_store::{
    Records, StoreError,
    engine::log_label::current_label,
    sharing::{Found, Grants, Reach, Reader, SharedRead, SharerProfile},
};
use uuid::Uuid;

use super::answer::DisclosureNote;
use crate::{
    http::{
        admission::turns::aside,
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    server::clock::Clock,
};

/// A caller who asks for the record of the person in the path.
pub struct SharedCaller {
    /// The caller.
    pub caller: Caller,
    /// The account of the person.
    pub person: Uuid,
    /// The caller, as a reader of that record.
    pub reader: Reader,
}

impl SharedCaller {
    /// The caller as one who asks for the record of the person in the path.
    ///
    /// # Errors
    /// 404 if the path names nobody.
    pub async fn from_caller(caller: Caller) -> HandlerResult<Self> {
        let person = caller.path_id("person_id")?;
        let account = caller.state.store.account_of(caller.scope()).await?;
        let name = account.display_name.map(|name| name.to_string());
        Ok(Self {
            person,
            reader: Reader::from(&caller.principal).named(name),
            caller,
        })
    }

    /// What an answer with something of these classes rests on, with the notice in force.
    pub fn note(&self, grants: &Grants, classes: impl IntoIterator<Item = DataClass>) -> DisclosureNote {
        DisclosureNote {
            notice_version: self.caller.state.notice.version.clone(),
            ..DisclosureNote::of(self.person, grants, classes)
        }
    }

    /// What a request for something of the record is, as the access log and the accounting say it.
    pub fn asks(&self, action: AccessAction, what: What, description: String, reach: Reach) -> SharedRead {
        SharedRead {
            person: self.person,
            action,
            what,
            description,
            request_id: current_label().map(|id| id.to_string()),
            notice_version: self.caller.state.notice.version.clone(),
            reach,
            look: None,
        }
    }

    /// Reads the record with work that gives `None` if the consents do not cover what it is after. Other requests run
    /// meanwhile.
    ///
    /// # Errors
    /// 404 if the consents do not cover it, or if it does not exist; those of the store.
    pub async fn read<T, F>(&self, asked: &SharedRead, work: F) -> HandlerResult<(T, Grants)>
    where
        T: Send + 'static,
        F: Fn(&mut Records<'_>, &Grants) -> Result<Option<Found<T>>, StoreError> + Clone + Send + 'static,
    {
        let clock: Clock = self.caller.state.clock.clone();
        let store = &self.caller.state.store;
        let read = store.read_shared(&self.reader, asked, move || clock.micros(), work);
        Box::pin(aside(read))
            .await?
            .ok_or(Problem::new(ProblemKind::NotFound))
    }

    /// The profile of the person, for the zone of their days.
    ///
    /// # Errors
    /// 404 if the person shares nothing with the caller, or does not exist.
    pub async fn profile(&self) -> HandlerResult<SharerProfile> {
        let now = self.caller.state.clock.micros();
        let read = self
            .caller
            .state
            .store
            .sharer_profile(&self.reader, self.person, now);
        read.await?.ok_or(Problem::new(ProblemKind::NotFound))
    }
}

impl FromRequest for SharedCaller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { Self::from_caller(Caller::of(&request).await?).await }.boxed_local()
    }
}
