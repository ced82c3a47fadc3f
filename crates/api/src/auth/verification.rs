//! Verifying a password: the attempt is counted, and a right password takes its count back.
//!
//! From the moment an attempt has its turn, this goes on to its end even if the client disconnects. Otherwise a right
//! password that is sent on a bad connection would be counted as a wrong one. Whoever leaves earlier is not counted.

use std::time::Duration;

use mainstay_domain::account::CurrentPassword;
use mainstay_store::{StoreError, credentials::HashRenewal, engine::log_label::keep_label_in};
use tokio::time::sleep;

use crate::{
    auth::{
        login_delay::{Attempt, Counted},
        password::{Claimed, HashTurn},
    },
    http::{
        admission::turns::aside,
        problem::{HandlerResult, Problem},
    },
    server::state::State,
};

/// The pauses before the count of a right password is taken back once more, if the database could not be written.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
];

/// Counts an attempt, verifies its password in its turn, and gives its count back if the password is right. Without an account
/// the result is false, after the same time. The hash of a right password is renewed if it is not one of today. `on_wrong` is
/// called after a password that is wrong, with an account or without.
///
/// # Errors
/// 429 with the time to wait; then the password is not verified. Those of a write, and a fault if the work panics.
pub async fn verify(
    state: &State,
    attempt: Attempt,
    turn: HashTurn,
    password: CurrentPassword,
    claimed: Claimed,
    on_wrong: impl FnOnce() + 'static,
) -> HandlerResult<bool> {
    let state = state.clone();
    // A task of its own runs to its end even if the client disconnects.
    let task = actix_web::rt::spawn(keep_label_in(async move {
        let counted = attempt.count().await?;
        let Some(verified) = turn.verify(&password, claimed).await? else {
            on_wrong();
            return Ok(false);
        };
        if let Some(renewal) = verified.renewal {
            renew(&state, renewal).await;
        }
        give_back(attempt, counted).await;
        Ok(true)
    }));
    aside(task)
        .await
        .map_err(|_panic| Problem::internal("the task of a verification panicked"))?
}

/// Stores the renewed hash of a right password. If that fails, it is done at the next sign-in.
async fn renew(state: &State, renewal: HashRenewal) {
    match state.store.renew_hash(renewal.clone()).await {
        Ok(()) => state.passwords.renewed(&renewal),
        Err(error) => log::warn!("a renewed password hash could not be stored: {error}"),
    }
}

/// Takes the count of an attempt back. If the database cannot be written just now, this is tried again later, and nobody
/// waits for it: the password was right.
async fn give_back(attempt: Attempt, counted: Counted) {
    let Err(error) = attempt.succeeded(&counted).await else {
        return;
    };
    actix_web::rt::spawn(keep_label_in(async move {
        let again = async || attempt.succeeded(&counted).await;
        if let Err(error) = again_after(&PAUSES, error, again).await {
            log::warn!("a right password stays counted as a try: {error}");
        }
    }));
}

/// Does work again after each pause, until it succeeds. A failure after which the work may be done all the same ends this:
/// a count must not be taken back twice.
async fn again_after(
    pauses: &[Duration],
    mut error: StoreError,
    again: impl AsyncFn() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for pause in pauses {
        if !matches!(error, StoreError::Busy | StoreError::Unavailable(_)) {
            break;
        }
        sleep(*pause).await;
        match again().await {
            Ok(()) => return Ok(()),
            Err(next) => error = next,
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const AT_ONCE: [Duration; 3] = [Duration::ZERO; 3];

    /// Tries again with these outcomes. Returns whether one succeeded, and how many were not needed.
    async fn try_again(first: StoreError, mut outcomes: Vec<Result<(), StoreError>>) -> (bool, usize) {
        outcomes.reverse();
        let outcomes = RefCell::new(outcomes);
        let again = async || outcomes.borrow_mut().pop().unwrap();
        let done = again_after(&AT_ONCE, first, again).await.is_ok();
        (done, outcomes.into_inner().len())
    }

    #[tokio::test]
    async fn a_count_is_taken_back_once_the_database_can_be_written_and_never_twice() {
        let down = || StoreError::Unavailable("down".to_owned());
        let unknown = || StoreError::OutcomeUnknown("lost".to_owned());
        assert_eq!(
            try_again(down(), vec![Err(StoreError::Busy), Ok(()), Ok(())]).await,
            (true, 1)
        );
        assert_eq!(
            try_again(down(), vec![Err(down()), Err(down()), Err(down())]).await,
            (false, 0)
        );
        assert_eq!(try_again(down(), vec![Err(unknown()), Ok(())]).await, (false, 1));
        assert_eq!(try_again(unknown(), vec![Ok(())]).await, (false, 1));
    }
}
