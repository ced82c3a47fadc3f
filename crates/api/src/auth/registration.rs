//! Registration: who may create an account, and the account with its first session.

use actix_web::HttpResponse;
use mainstay_domain::{
    account::{InviteCode, Registration, Role, SealedAccount},
    value::timestamp::Timestamp,
};
use mainstay_store::{account::NewAccount, invite::InviteIndex, session::BegunFrom};
use serde_json::json;

use crate::{
    auth::{
        password::HashTurn,
        password_filter::refuse_leaked,
        registration_policy::RegistrationMode,
        session::{SignedIn, once_with_session, signed_in, signed_in_example, start_session},
        turns::{Applicant, Precedence},
    },
    http::{
        body::PublicBody,
        idempotency::OutdatedReply,
        network::{client_address, coarse_network, customer, network},
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::endpoint::{self, Endpoint, Priority, Tag},
    server::{id::new_id, state::State},
};

/// Lists the endpoint of registration.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::post("/v1/auth/register", register)
            .priority(Priority::Deferrable)
            .public()
            .operation(Tag::Accounts, "register", "Create an account and sign in")
            .about(
                "Creates an account for a person in recovery and starts a session. Some services need the code of an invite, and some \
                 take no registrations: then that is the problem, whatever the body is.",
            )
            .takes::<Registration>(|| json!({
                "email": "sam@example.org", "password": "rivers bend slowly", "display_name": "Sam",
                "time_zone": "America/New_York", "locale": "en-US", "country": "US", "device_name": "Sam's phone",
            }))
            .gives::<SignedIn>(201, "Created, and signed in.", signed_in_example)
            .problems(&[
                ProblemKind::EmailTaken,
                ProblemKind::InviteInvalid,
                ProblemKind::RegistrationClosed,
            ]),
    ]
}

async fn register(body: PublicBody<Registration>) -> HandlerResult {
    let state = State::of(&body.request);
    once_with_session(&state, body.key.as_ref(), async |outdated| {
        create_account(&state, &body, outdated).await
    })
    .await
}

/// Creates the account, and starts its first session.
async fn create_account(
    state: &State,
    body: &PublicBody<Registration>,
    outdated: Option<OutdatedReply>,
) -> HandlerResult {
    let registration = &body.value;
    let (invite, turn) = admit(state, body).await?;
    let account = new_id();
    let password_hash = turn.hash(account, &registration.password).await?;
    let begun_from = BegunFrom {
        network: coarse_network(&body.request, &state.trusted_proxies),
        is_known_device: false,
    };
    let device_name = registration.device_name.clone();
    let (session, tokens) = start_session(state, account, Role::Person, device_name, begun_from)?;
    let new = NewAccount {
        id: account,
        role: Role::Person,
        content: SealedAccount {
            email: registration.email.clone(),
            profile: registration.profile(),
        },
        password_hash,
    };
    let now = state.clock.micros();
    let (content, at) = (new.content.clone(), Timestamp::from_micros(now));
    let account = content.open(account, Role::Person, at, at, 1);
    let reply = signed_in(HttpResponse::Created(), account, tokens);
    let stored = body
        .key
        .as_ref()
        .map(|key| key.to_stored_in_place_of(&reply, outdated));
    state
        .store
        .create_invited_account(new, Some(session), stored, invite, now)
        .await?;
    Ok(reply.into_response())
}

/// Decides whether a registration goes on, before it costs the hash of a password. Returns the invite that it uses, and its
/// turn to hash.
///
/// Whoever is refused before their question for the address is answered was not counted. The question is the last thing: an
/// earlier refusal does not tell whether the address is taken, so nobody can ask without being counted.
///
/// # Errors
/// 403 if registration is closed, or needs an invite that can be used; 409 if the address is taken; 429 or 503 after too
/// many registrations, or if the queue for a hash is full.
async fn admit(
    state: &State,
    body: &PublicBody<Registration>,
) -> HandlerResult<(Option<InviteIndex>, HashTurn)> {
    let (policy, address) = (
        &state.registration,
        client_address(&body.request, &state.trusted_proxies),
    );
    let invite = match policy.mode {
        RegistrationMode::Closed => return Err(Problem::new(ProblemKind::RegistrationClosed)),
        RegistrationMode::Invite => usable_invite(state, body).await?,
        RegistrationMode::Open => None,
    };
    let of_network = match policy.count_network(address) {
        Err(problem) if invite.is_none() => return Err(problem),
        counted => counted,
    };
    let (of_all, precedence) = match (&invite, policy.mode) {
        (Some(_), _) => (policy.count_invited()?, Precedence::Usual),
        (None, RegistrationMode::Open) => policy.count_all(address)?,
        (None, _) => {
            of_network?.keep();
            return Err(Problem::new(ProblemKind::InviteInvalid));
        }
    };
    refuse_leaked(state.password_filter.as_ref(), &body.value.password, "/password")?;
    let applicant = Applicant {
        customer: &customer(address),
        network: &network(address),
        account: None,
        precedence,
    };
    let turn = state.passwords.registration_turn(applicant).await?;
    if state.store.is_email_taken(&body.value.email).await? {
        // An invite is for making accounts, and not for asking who has one: each question costs one of its uses.
        if let Some(invite) = invite {
            state.store.use_up_invite(invite, state.clock.micros()).await?;
        }
        of_network?.keep();
        return Err(Problem::new(ProblemKind::EmailTaken));
    }
    of_all.keep();
    if let Ok(of_network) = of_network {
        of_network.keep();
    }
    Ok((invite, turn))
}

/// Returns the invite whose code a registration has, if it can be used.
///
/// # Errors
/// 429 after very many codes from the network, before the database is asked.
async fn usable_invite(state: &State, body: &PublicBody<Registration>) -> HandlerResult<Option<InviteIndex>> {
    let code = body.value.invite_code.as_deref().and_then(InviteCode::parse);
    let Some(code) = code else { return Ok(None) };
    let address = client_address(&body.request, &state.trusted_proxies);
    let counted = state.registration.count_code(address)?;
    let invite = state.store.usable_invite(&code, state.clock.micros()).await?;
    counted.keep();
    Ok(invite)
}
