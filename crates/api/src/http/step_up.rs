//! Step-up: the password of the account, where a request needs proof that its owner sends it.

use mainstay_domain::{account::CurrentPassword, security_event::SecurityEventCode};
use mainstay_store::credentials::Credentials;

use crate::{
    auth::{
        failed_tries::FailedTry,
        login_delay::Attempt,
        password::{Claimed, HashTurn},
        turns::{Applicant, Precedence},
        verification::verify,
    },
    http::{
        caller::Caller,
        network::{client_address, coarse_network, customer, network},
        problem::{HandlerResult, Problem, ProblemKind},
    },
};

/// Checks the password of the caller and returns the credentials that it was checked against. Wrong passwords cause growing
/// delays, as at sign-in, for the session that sends them.
///
/// # Errors
/// 401 if it is wrong; 429 after several wrong ones.
pub async fn confirm_password(caller: &Caller, password: &CurrentPassword) -> HandlerResult<Credentials> {
    let (state, account) = (&caller.state, caller.scope().account());
    let attempt = Attempt::confirmation(&state.store, account, caller.principal.session, &state.clock);
    attempt.look().await?;
    let turn = confirmation_turn(caller).await?;
    let credentials = state.store.credentials_of_account(account).await?;
    let claimed = match &credentials {
        Some(credentials) => Claimed::Account(credentials.clone()),
        // The account was erased since the session was looked up.
        None => Claimed::Nobody(account.to_string()),
    };
    let (tries, failed) = (
        caller.state.clone(),
        FailedTry {
            account,
            code: SecurityEventCode::ConfirmationFailed,
            session: Some(caller.principal.session),
            network: coarse_network(&caller.request, &state.trusted_proxies),
            at: state.clock.micros(),
        },
    );
    let on_wrong = move || tries.failed_tries.count(failed);
    let is_correct = verify(state, attempt, turn, password.clone(), claimed, on_wrong).await?;
    let credentials = credentials.filter(|_| is_correct);
    credentials.ok_or(Problem::new(ProblemKind::WrongPassword))
}

/// Waits for a turn to confirm or change the caller's password. Networks take turns, and then the accounts in each. So
/// somebody with many accounts of their own does not keep others from it.
///
/// # Errors
/// 503 if no turn comes.
pub async fn confirmation_turn(caller: &Caller) -> HandlerResult<HashTurn> {
    let address = client_address(&caller.request, &caller.state.trusted_proxies);
    let applicant = Applicant {
        customer: &customer(address),
        network: &network(address),
        account: Some(caller.scope().account()),
        precedence: Precedence::Usual,
    };
    caller.state.passwords.confirmation_turn(applicant).await
}
