//! Work that nobody asks for: closing what is due, forgetting what is old.

use std::time::Duration;

use actix_web::rt;

use mainstay_store::timer::AT_ONCE;

use crate::{auth::refresh_token::IDLE_S, http::problem::HandlerResult, server::state::State};

/// How often due records are looked for, in seconds.
const SETTLE_EVERY_S: u64 = 5;
/// How often the recorder of figures folds the times of requests, in milliseconds. Until then it holds each by itself:
/// 16 bytes, of which a busy second makes a megabyte.
const FOLD_EVERY_MS: u64 = 250;
/// How often what is old is forgotten, in seconds.
const SWEEP_EVERY_S: u64 = 600;
/// How long first answers are kept for retries with an Idempotency-Key, in seconds.
const KEEP_ANSWERS_S: i64 = 24 * 3600;
/// How long failed sign-ins are kept, and with them which networks an account is known from, in seconds.
const KEEP_FAILURES_S: i64 = 90 * 24 * 3600;

/// Starts the work; it ends with the process.
pub fn start(state: State) {
    let settling = state.clone();
    rt::spawn(async move {
        loop {
            match settling.store.run_timers(settling.clock.micros()).await {
                Ok(AT_ONCE) => continue,
                Ok(_) => {}
                Err(error) => log::error!("due records could not be closed: {error}"),
            }
            settling.store.sweep_cache(settling.clock.micros());
            rt::time::sleep(Duration::from_secs(SETTLE_EVERY_S)).await;
        }
    });
    let metrics = state.metrics.clone();
    rt::spawn(async move {
        loop {
            metrics.upkeep();
            rt::time::sleep(Duration::from_millis(FOLD_EVERY_MS)).await;
        }
    });
    rt::spawn(async move {
        loop {
            if let Err(error) = sweep(&state).await {
                log::error!("what is old could not be forgotten: {error}");
            }
            rt::time::sleep(Duration::from_secs(SWEEP_EVERY_S)).await;
        }
    });
}

async fn sweep(state: &State) -> HandlerResult<()> {
    let now = state.clock.micros();
    state.limits.sweep();
    state.store.resume_erasures().await?;
    state
        .store
        .sweep_stored_responses(now - KEEP_ANSWERS_S * 1_000_000)
        .await?;
    let forgotten = now - state.tombstone_days * 86_400_000_000;
    state.store.sweep_tombstones(forgotten).await?;
    state
        .store
        .sweep_failures(now - KEEP_FAILURES_S * 1_000_000)
        .await?;
    state.store.sweep_sessions(now - IDLE_S * 1_000_000).await?;
    Ok(())
}
