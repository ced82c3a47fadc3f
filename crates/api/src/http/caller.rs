//! The caller: the account that the access token of a request names, if its session is live.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header};
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::{
    record::{Incoming, Kind, Record},
    value::validation::FindingCode,
};
use mainstay_store::{
    Expected, KeyedRecords, PersonScope, Records, StoreError, Urgency,
    cache::{
        response_cache::{CachedBody, Stale},
        revision::ObservedRevision,
    },
    session::Principal,
};
use uuid::Uuid;

use crate::{
    auth::access_token::Claims,
    http::{
        admission::turns::aside,
        conditional,
        kept_request::keep_principal,
        network::client_address,
        problem::{HandlerResult, Problem, ProblemKind},
        role::check_role,
    },
    server::{own_accesses::SignedIn, state::State},
};

/// The account that sends a request, with the request.
pub struct Caller {
    /// The account and its session.
    pub principal: Principal,
    /// The request.
    pub request: HttpRequest,
    /// The shared state.
    pub state: State,
}

impl Caller {
    /// Authenticates the caller of a request. One that is signed in is counted for the account, and every other one for the
    /// network.
    ///
    /// # Errors
    /// 401 without a valid access token of a live session; 403 if the operation is not for the caller's role; 429 after too
    /// many requests.
    pub async fn of(request: &HttpRequest) -> HandlerResult<Self> {
        let caller = Self::signed_in(request).await?;
        let account = caller.scope().account();
        caller.state.limits.count_account(account, request)?;
        check_role(request, caller.principal.role)?;
        keep_principal(request, &caller.principal);
        Ok(caller)
    }

    /// Authenticates the caller of a request that is counted elsewhere if it is signed in.
    ///
    /// # Errors
    /// 401 without a valid access token of a live session; 403 if the operation is not for the caller's role; 429 after too
    /// many requests without a token.
    pub async fn authenticated(request: &HttpRequest) -> HandlerResult<Self> {
        let caller = Self::signed_in(request).await?;
        check_role(request, caller.principal.role)?;
        Ok(caller)
    }

    /// Finds the account and the session that the access token of a request names.
    async fn signed_in(request: &HttpRequest) -> HandlerResult<Self> {
        let state = State::of(request);
        let claims = claims(request)?;
        let urgency = request.extensions().get::<Urgency>().copied().unwrap_or_default();
        let principal = state
            .sessions
            .principal(&state.store, &claims, state.clock.micros(), urgency)
            .await?
            .ok_or_else(|| unauthenticated(request, &state))?;
        let principal = Principal {
            scope: principal.scope.with_urgency(urgency),
            ..principal
        };
        request.extensions_mut().insert(SignedIn::of(&principal));
        Ok(Self {
            principal,
            request: request.clone(),
            state,
        })
    }

    /// The caller's right to access their own record.
    pub fn scope(&self) -> &PersonScope {
        &self.principal.scope
    }

    /// Gives a response that is derived from the collections in `kinds` and from nothing else. The cached response with
    /// that name is used, after `apply_changes` if it is stale. Otherwise `compute` makes a new one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get_or_compute<A, F>(
        &self,
        name: &str,
        kinds: &'static [Kind],
        apply_changes: A,
        compute: F,
    ) -> HandlerResult<Option<CachedBody>>
    where
        A: FnOnce(&Stale) -> Option<CachedBody>,
        F: FnOnce(&mut KeyedRecords<'_, '_>) -> Result<Option<CachedBody>, StoreError> + Send + 'static,
    {
        let (store, now) = (&self.state.store, self.state.clock.micros());
        let body = store.get_or_compute(self.scope(), name, kinds, now, apply_changes, compute);
        Ok(body.await?)
    }

    /// Reads the caller's record with work that may take long, as [`mainstay_store::Store::read_long`]. Other requests run
    /// meanwhile.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read_long<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Records<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(aside(self.state.store.read_long(self.scope(), work))).await
    }

    /// Reads a part of the caller's record that may be large, for help, as [`mainstay_store::Store::read_large`]. Other
    /// requests run meanwhile.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read_large<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Records<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(aside(self.state.store.read_large(self.scope(), work))).await
    }

    /// Gives the cached response of that name at the observed revision, or computes it, as
    /// [`mainstay_store::Store::get_or_compute_long`]. Other requests run meanwhile.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn get_or_compute_long<F>(
        &self,
        name: &str,
        observed: ObservedRevision,
        compute: F,
    ) -> Result<Option<CachedBody>, StoreError>
    where
        F: FnOnce(&mut Records<'_>) -> Result<Option<CachedBody>, StoreError> + Send + 'static,
    {
        let (store, now) = (&self.state.store, self.state.clock.micros());
        Box::pin(aside(store.get_or_compute_long(
            self.scope(),
            name,
            observed,
            now,
            compute,
        )))
        .await
    }

    /// Returns an id from the path.
    ///
    /// # Errors
    /// 404 if it is not a UUID, since no resource has such a path.
    pub fn path_id(&self, name: &str) -> HandlerResult<Uuid> {
        self.path(name)
    }

    /// Parses a value from the path.
    ///
    /// # Errors
    /// 404 if it cannot be parsed.
    pub fn path<T: std::str::FromStr>(&self, name: &str) -> HandlerResult<T> {
        let text = self.request.match_info().get(name).unwrap_or_default();
        text.parse()
            .map_err(|_invalid| Problem::new(ProblemKind::NotFound))
    }

    /// Returns the version that `If-Match` expects.
    ///
    /// # Errors
    /// 428 without the header; 412 if it cannot match any version.
    pub fn if_match(&self) -> HandlerResult<Expected> {
        conditional::if_match(&self.request)
    }

    /// Returns the id from the path, after a check that the body has the same id or none.
    ///
    /// # Errors
    /// 404 if the path holds no valid id; 422 if the two differ.
    pub fn same_id<T: Record>(&self, incoming: &Incoming<T>) -> HandlerResult<Uuid> {
        let id = self.path_id("id")?;
        match incoming.id {
            Some(sent) if sent != id => Err(Problem::invalid(
                "/id",
                FindingCode::Mismatch,
                "must equal the id in the path",
            )),
            _ => Ok(id),
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, HandlerResult<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { Self::of(&request).await }.boxed_local()
    }
}

/// Returns the claims of a request's access token, whether its session is live or not. Without a valid token the request is
/// counted for the network.
///
/// # Errors
/// 401 without a valid access token; 429 after too many requests without one.
pub fn claims(request: &HttpRequest) -> HandlerResult<Claims> {
    let state = State::of(request);
    bearer(request)
        .and_then(|token| state.tokens.verify(token, state.clock.now()))
        .ok_or_else(|| unauthenticated(request, &state))
}

/// Counts a request that is not signed in, and returns the problem of it: 401, or 429 after too many.
fn unauthenticated(request: &HttpRequest, state: &State) -> Problem {
    let address = client_address(request, &state.trusted_proxies);
    let counted = state.limits.count_network(address, request);
    counted
        .err()
        .unwrap_or(Problem::new(ProblemKind::Unauthenticated))
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
