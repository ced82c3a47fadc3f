//! A request for an insight: its parameters, its entity tag, and the response.
//!
//! If the client has the current response already, the record is not opened. Otherwise a cached body is used, and only if
//! there is none is the insight computed.

use actix_web::http::header::{self, HeaderValue};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use mainstay_domain::{
    account::{Discretion, Profile},
    insight::facts::{AsOf, Facts, Window},
    record::json as to_json,
    reference::{
        helpline::{self, Helpline},
        standard_drink::standard_drink_g,
    },
    value::validation::FindingCode,
};
use mainstay_store::{
    Records, StoreError,
    cache::{response_cache::CachedBody, revision::ObservedRevision},
};
use serde::Serialize;

use super::{
    facts::{Needs, read},
    facts_cache::with_facts,
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

/// How long a response stays valid while the record does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Validity {
    /// For the person's day.
    Day,
    /// For the hour, because the response depends on spans of hours.
    Hour,
}

/// A media type other than JSON.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The media type.
    pub media_type: &'static str,
    /// The `Content-Security-Policy`.
    pub policy: &'static str,
}

/// A request for an insight.
#[derive(Debug, Clone)]
pub struct InsightRequest {
    /// The moment of the insight.
    pub as_of: AsOf,
    /// The window.
    pub window: Window,
    profile: Profile,
    validity: Validity,
    /// Only records up to this moment count, in microseconds; `None` if all do.
    upto: Option<i64>,
    /// The insight and all its parameters but the moment.
    name: String,
}

impl InsightRequest {
    /// Reads a request for an insight that has no parameters beyond `as_of` and `window`.
    ///
    /// # Errors
    /// 422 that names every wrong parameter.
    pub async fn of(caller: &Caller, name: &str, parameters: &[&str]) -> HandlerResult<Self> {
        Self::with(caller, Parameters::read(&caller.request, parameters), name).await
    }

    /// Reads a request. `name` is that of the insight, with all parameters but `as_of` and `window`.
    ///
    /// # Errors
    /// 422 that names every wrong parameter.
    pub async fn with(caller: &Caller, parameters: Parameters, name: &str) -> HandlerResult<Self> {
        let asked = AskedMoment::read(parameters, caller.state.clock.now())?;
        let account = caller.state.store.account_of(caller.scope()).await?;
        Ok(Self::new(&asked, Profile::from(&account), account.version, name))
    }

    /// A request for an insight about the person with a profile, at that version of their account.
    pub fn new(asked: &AskedMoment, profile: Profile, version: i64, name: &str) -> Self {
        let AskedMoment { window, at, now } = *asked;
        Self {
            as_of: AsOf {
                at: at.unwrap_or(now),
                zone: profile.time_zone.0,
                week_start: u8::try_from(profile.week_start.get()).unwrap_or(1),
                standard_drink_g: standard_drink_g(profile.stated_country().as_deref()),
            },
            window,
            upto: at.map(|at| at.timestamp_micros()),
            validity: Validity::Day,
            name: format!(
                "{name} {} account {version} {}",
                window.as_str(),
                env!("CARGO_PKG_VERSION")
            ),
            profile,
        }
    }

    /// Makes the response valid for the hour instead of the day.
    #[must_use]
    pub fn by_the_hour(self) -> Self {
        Self {
            validity: Validity::Hour,
            ..self
        }
    }

    /// The helplines of the person's country.
    pub fn helplines(&self) -> Vec<Helpline> {
        let (country, language) = (self.profile.helpline_country(), self.profile.language());
        let selected = helpline::select(country.as_deref(), language.as_deref());
        selected.into_iter().cloned().collect()
    }

    /// How much a page may give away at a glance.
    pub fn discretion(&self) -> Discretion {
        self.profile.discretion
    }

    /// Only records up to this moment count, in microseconds; `None` if all do.
    pub fn upto(&self) -> Option<i64> {
        self.upto
    }

    /// The first day of the window; `None` if it has no beginning.
    pub fn first_day(&self) -> Option<NaiveDate> {
        self.window.first_day(self.as_of.today())
    }

    /// Responds with JSON that `compute` makes of the part of the record that it needs.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn respond<T, F>(self, caller: &Caller, needs: Needs, compute: F) -> HandlerResult
    where
        T: Serialize,
        F: FnOnce(&Facts, &Self) -> T + Send + 'static,
    {
        let CacheEntry { key, tag, observed } = self.cache_entry(caller).await?;
        if has_current(&caller.request, &tag) {
            return Ok(versioned(&caller.request, &tag, Vec::new));
        }
        let (is_now, now) = (self.upto.is_none(), caller.state.clock.micros());
        let (owner, cache) = (caller.scope().clone(), caller.state.store.clone());
        let work = move |records: &mut Records<'_>| -> Result<Option<CachedBody>, StoreError> {
            let body = |facts: &Facts| to_json(&compute(facts, &self));
            let body = if is_now && needs.is_whole() {
                with_facts(&cache, &owner, records, needs, now, body)?
            } else {
                body(&read(records, needs, self.upto)?)
            };
            Ok(Some(CachedBody::new(body)))
        };
        // An insight of a past moment is hardly requested twice.
        let body = if is_now {
            caller.get_or_compute_long(&key, observed, work).await?
        } else {
            caller.read_long(work).await?
        };
        let body = body.ok_or(Problem::internal("an insight without a body"))?;
        Ok(versioned(&caller.request, &tag, || body.bytes))
    }

    /// Responds in another format than JSON. Such bodies are large and requested seldom, so they are not cached on the
    /// server.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn respond_in<F>(self, caller: &Caller, format: &Format, render: F) -> HandlerResult
    where
        F: FnOnce(&mut Records<'_>, &Self) -> Result<Vec<u8>, StoreError> + Send + 'static,
    {
        let tag = self.cache_entry(caller).await?.tag;
        let mut response = if has_current(&caller.request, &tag) {
            versioned(&caller.request, &tag, Vec::new)
        } else {
            let work = move |records: &mut Records<'_>| render(records, &self);
            let body = caller.read_long(work).await?;
            let mut response = versioned(&caller.request, &tag, || body);
            let media_type = HeaderValue::from_static(format.media_type);
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            response
        };
        // The headers of a 304 replace those that the client has stored (RFC 9111, section 4.3.4).
        let policy = HeaderValue::from_static(format.policy);
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
        Ok(response)
    }

    /// The cache key of the request, and the entity tag of its response at the current revision of the record.
    async fn cache_entry(&self, caller: &Caller) -> HandlerResult<CacheEntry> {
        let moment = match (self.upto, self.validity) {
            (Some(micros), _) => format!("at {micros}"),
            (None, Validity::Day) => format!("on {}", self.as_of.today()),
            (None, Validity::Hour) => {
                format!("on {} from {}", self.as_of.today(), self.as_of.last_full_hour())
            }
        };
        let key = format!("insight {} {moment}", self.name);
        let observed = caller.state.store.revision(caller.scope()).await?;
        let versioned_key = format!("{key} {} {}", observed.revision.epoch, observed.revision.rev);
        // Weak: within the day the response means the same, while its `as_of` may be another moment.
        let tag = format!("W/{}", etag_of(versioned_key.as_bytes()));
        Ok(CacheEntry { key, tag, observed })
    }
}

/// The moment and the window that a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct AskedMoment {
    window: Window,
    at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl AskedMoment {
    /// Reads `as_of` and `window`, after which nothing may be left of the parameters.
    ///
    /// # Errors
    /// 422 that names every wrong parameter.
    pub fn read(mut parameters: Parameters, now: DateTime<Utc>) -> HandlerResult<Self> {
        let window = parameters.get(
            "window",
            FindingCode::Enum,
            "must be 7d, 30d, 90d, 365d or all",
            |text| Window::ALL.into_iter().find(|window| window.as_str() == text),
        );
        let at = as_of(&mut parameters, now);
        parameters.finish()?;
        Ok(Self {
            window: window.unwrap_or_default(),
            at,
            now,
        })
    }
}

/// How a response is found in the caches of the client and of the server.
struct CacheEntry {
    /// The key in the server's cache.
    key: String,
    /// The entity tag.
    tag: String,
    /// The revision of the record that the tag is for.
    observed: ObservedRevision,
}

/// The moment in `as_of`, if the request has one.
fn as_of(parameters: &mut Parameters, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let at = parameters.time("as_of")?;
    if at.is_future(now) {
        parameters.add(
            "as_of",
            FindingCode::Future,
            "must not be more than 5 minutes in the future",
        );
    } else if at.to_utc().year() < 1900 {
        parameters.add("as_of", FindingCode::Range, "the year must be from 1900 on");
    }
    Some(at.to_utc())
}
