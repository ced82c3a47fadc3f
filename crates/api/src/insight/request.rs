//! What was asked of the record, and answering it: not at all if the client has the answer, from memory if it was
//! given before, else by opening the record.

use actix_web::http::header::{self, HeaderValue};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use mainstay_domain::{
    account::{Discretion, Profile},
    insight::facts::{AsOf, Facts, Window},
    record::json as to_json,
    reference::helpline::{self, Helpline},
    value::timestamp::Timestamp,
};
use mainstay_store::{Records, StoreError, cache::response_cache::CachedBody};
use serde::Serialize;

use super::{
    facts::{Needs, read},
    facts_cache::FactsCache,
};
use crate::{
    http::{
        caller::Caller,
        conditional::{etag_of, has_current},
        problem::{HandlerResult, Problem},
        query::Parameters,
    },
    record::versioned,
};

/// How long an answer holds as long as the record stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// For the person's day.
    Day,
    /// For the hour: some of its spans are in hours.
    Hour,
}

/// The form of an answer that is not JSON.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its media type.
    pub media_type: &'static str,
    /// What it may load and run (Content-Security-Policy).
    pub policy: &'static str,
}

/// A question to the record.
#[derive(Debug, Clone)]
pub struct InsightRequest {
    /// The moment that is looked at.
    pub as_of: AsOf,
    /// The window.
    pub window: Window,
    profile: Profile,
    /// How long the answer holds.
    holds: Holds,
    /// The latest moment whose records count, in microseconds; none if all do.
    upto: Option<i64>,
    /// The question in words, without the moment.
    words: String,
}

impl InsightRequest {
    /// Reads a question that has no parameters of its own.
    ///
    /// # Errors
    /// 422 that names every wrong parameter.
    pub async fn of(caller: &Caller, name: &str, parameters: &[&str]) -> HandlerResult<Self> {
        Self::with(caller, Parameters::read(&caller.request, parameters), name).await
    }

    /// Reads a question; `words` name it with all its parameters but `as_of` and `window`.
    ///
    /// # Errors
    /// 422 that names every wrong parameter.
    pub async fn with(caller: &Caller, mut parameters: Parameters, words: &str) -> HandlerResult<Self> {
        let now = caller.state.clock.now();
        let window = parameters.get("window", "enum", "must be 7d, 30d, 90d, 365d or all", |text| {
            Window::ALL.into_iter().find(|window| window.word() == text)
        });
        let at = as_of(&mut parameters, now);
        parameters.finish()?;
        let window = window.unwrap_or_default();
        let account = caller.state.store.account(caller.scope().account()).await?;
        let profile = Profile::from(&account);
        Ok(Self {
            as_of: AsOf {
                at: at.unwrap_or(now),
                zone: profile.time_zone.0,
                week_start: u8::try_from(profile.week_start.get()).unwrap_or(1),
            },
            window,
            upto: at.map(|at| at.timestamp_micros()),
            holds: Holds::Day,
            words: format!(
                "{words} {} account {} {}",
                window.word(),
                account.version,
                env!("CARGO_PKG_VERSION")
            ),
            profile,
        })
    }

    /// The same question, whose answer looks at hours.
    #[must_use]
    pub fn by_the_hour(self) -> Self {
        Self {
            holds: Holds::Hour,
            ..self
        }
    }

    /// The helplines of the person's country.
    pub fn helplines(&self) -> Vec<Helpline> {
        let (country, language) = (self.profile.helpline_country(), self.profile.language());
        let found = helpline::select(country.as_deref(), language.as_deref());
        found.into_iter().cloned().collect()
    }

    /// How much a page may give away at a glance.
    pub fn discretion(&self) -> Discretion {
        self.profile.discretion
    }

    /// The latest moment whose records count, in microseconds; none if all do.
    pub fn upto(&self) -> Option<i64> {
        self.upto
    }

    /// First day of the window.
    pub fn first_day(&self) -> Option<NaiveDate> {
        self.window.first(self.as_of.today())
    }

    /// Answers with what `compute` finds in the part of the record that it needs.
    ///
    /// # Errors
    /// What the store says.
    pub async fn answer<T, F>(self, caller: &Caller, needs: Needs, compute: F) -> HandlerResult
    where
        T: Serialize,
        F: FnOnce(&Facts, &Self) -> T + Send + 'static,
    {
        let (question, tag) = self.question(caller).await?;
        if has_current(&caller.request, &tag) {
            return Ok(versioned(&caller.request, &tag, Vec::new));
        }
        let facts_cache = FactsCache::of(&caller.request)?;
        let (scope, now) = (caller.scope().clone(), caller.state.clock.micros());
        let (is_now, account) = (self.upto.is_none(), scope.account());
        let store = &caller.state.store;
        let work = move |records: &mut Records<'_>| -> Result<Option<CachedBody>, StoreError> {
            let body = |facts: &Facts| to_json(&compute(facts, &self));
            let body = if is_now && needs.is_whole() {
                facts_cache.look(records, account, needs, now, body)?
            } else {
                body(&read(records, needs, self.upto)?)
            };
            Ok(Some(CachedBody::new(body)))
        };
        // What was asked of one moment of the past is hardly asked again.
        let made = if is_now {
            store.get_or_compute_long(&scope, &question, now, work).await?
        } else {
            store.read_long(&scope, work).await?
        };
        let made = made.ok_or(Problem::internal("an insight without a body"))?;
        Ok(versioned(&caller.request, &tag, || made.bytes))
    }

    /// Answers in another form than JSON with what `make` makes of the record. It is made each time that the client
    /// does not have it: such answers are large and asked for seldom.
    ///
    /// # Errors
    /// What the store says.
    pub async fn answer_in<F>(self, caller: &Caller, form: &Form, make: F) -> HandlerResult
    where
        F: FnOnce(&mut Records<'_>, &Self) -> Result<Vec<u8>, StoreError> + Send + 'static,
    {
        let (_, tag) = self.question(caller).await?;
        let mut answer = if has_current(&caller.request, &tag) {
            versioned(&caller.request, &tag, Vec::new)
        } else {
            let work = move |records: &mut Records<'_>| make(records, &self);
            let body = caller.state.store.read_long(caller.scope(), work).await?;
            let mut answer = versioned(&caller.request, &tag, || body);
            let media_type = HeaderValue::from_static(form.media_type);
            answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
            answer
        };
        // A 304 replaces the headers that the client has kept (RFC 9111, section 4.3.4).
        let policy = HeaderValue::from_static(form.policy);
        answer
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
        Ok(answer)
    }

    /// The question in words with its moment, and the entity tag of its answer at the present state of the record.
    async fn question(&self, caller: &Caller) -> HandlerResult<(String, String)> {
        let moment = match (self.upto, self.holds) {
            (Some(micros), _) => format!("at {micros}"),
            (None, Holds::Day) => format!("on {}", self.as_of.today()),
            (None, Holds::Hour) => format!("on {} from {}", self.as_of.today(), self.as_of.hour()),
        };
        let question = format!("insight {} {moment}", self.words);
        let revision = caller.state.store.revision(caller.scope()).await?;
        let state = format!("{question} {} {}", revision.epoch, revision.rev);
        // Weak: within the day the answer means the same, while its `as_of` may be another moment.
        let tag = format!("W/{}", etag_of(state.as_bytes()));
        Ok((question, tag))
    }
}

/// The moment in `as_of`, if it is given.
fn as_of(parameters: &mut Parameters, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let at = parameters.get("as_of", "format", "must be an RFC 3339 time", |text| {
        text.parse::<Timestamp>().ok()
    })?;
    if at.is_future(now) {
        parameters.add("as_of", "future", "must not be more than 5 minutes in the future");
    } else if at.to_utc().year() < 1900 {
        parameters.add("as_of", "range", "the year must be from 1900 on");
    }
    Some(at.to_utc())
}
