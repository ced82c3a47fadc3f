//! Background jobs: changing records when their timers run out, deleting expired rows, upkeep of caches and metrics.
//!
//! Each job has a loop and a period of its own. A run that fails or panics is logged and counted; the job runs again
//! after its period, and no other job notices.

use std::{panic::AssertUnwindSafe, time::Duration};

use actix_web::rt;
use futures_util::future::{FutureExt, LocalBoxFuture};
use mainstay_domain::account::IDLE_S;
use mainstay_store::{StoreError, security_event::Collapse, timer::AT_ONCE};
use metrics::counter;

use crate::server::{metrics::WORKER_FAILURES, state::State};

/// How often due timers and unfinished erasures are looked for, and caches are swept.
const TIMER_PERIOD: Duration = Duration::from_secs(5);
/// How often the files of the keys are looked at, unless a key is missing. After it every server uses a key that was added.
const KEY_PERIOD: Duration = Duration::from_secs(2);
/// How often the metrics recorder folds request durations into its histograms. Until then it holds each of them by
/// itself: 16 bytes, which makes a megabyte in a busy second.
const FOLD_PERIOD: Duration = Duration::from_millis(250);
/// How often the accesses of people to their own records are written to their logs, and checkpoints are made.
const AUDIT_PERIOD: Duration = Duration::from_mins(1);
/// How often expired rows are deleted.
const SWEEP_PERIOD: Duration = Duration::from_mins(10);
/// How long the key of a new account may be pending before the sweep finds out about it, in microseconds: an hour.
const PENDING_KEY_US: i64 = 3600 * 1_000_000;
/// How long responses are stored for retries with an `Idempotency-Key`, in microseconds: a day.
const STORED_RESPONSE_US: i64 = 24 * 3600 * 1_000_000;

/// How long invites stay in the list after they have ended, in microseconds: 30 days.
const ENDED_INVITE_US: i64 = 30 * 24 * 3600 * 1_000_000;

/// How long invitations are kept after they have ended, in microseconds: 180 days.
const ENDED_INVITATION_US: i64 = 180 * 24 * 3600 * 1_000_000;

/// How long security events are kept, in microseconds: a year.
const SECURITY_EVENT_US: i64 = 365 * 24 * 3600 * 1_000_000;

/// How soon a job runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Everything is done until the next period.
    Done,
    /// There may be more to do at once.
    Unfinished,
}

type JobResult = Result<Progress, StoreError>;

/// A piece of work that is repeated.
struct Job {
    /// Its name in the log and in the metrics.
    name: &'static str,
    period: Duration,
    run: Box<dyn Fn() -> LocalBoxFuture<'static, JobResult>>,
    /// Ends the pause before the period is over.
    wake: Option<Box<dyn Fn() -> LocalBoxFuture<'static, ()>>>,
}

/// Starts all jobs on the current runtime. They end with the process.
pub fn start(state: &State) {
    for job in jobs(state) {
        rt::spawn(job.run_forever());
    }
}

/// Writes what is left of the audit when the server has stopped.
pub async fn write_audit(state: &State) {
    for job in audit_jobs(state) {
        job.run_once().await;
    }
    if let Err(error) = state.failed_tries.write(&state.store, Collapse::Never).await {
        log::error!("counted wrong passwords are lost: {}", failure_kind(&error));
    }
}

/// Lists the jobs of an application.
fn jobs(state: &State) -> Vec<Job> {
    let job =
        |name, period, run: fn(State) -> LocalBoxFuture<'static, JobResult>| job(state, name, period, run);
    let upkeep = |name, period, run: fn(&State)| {
        let state = state.clone();
        Job::new(name, period, move || {
            run(&state);
            Box::pin(async { Ok(Progress::Done) })
        })
    };
    let mut jobs = vec![
        job("timers", TIMER_PERIOD, |state| Box::pin(run_timers(state))),
        upkeep("cache", TIMER_PERIOD, |state| {
            state.store.sweep_cache(state.clock.micros());
        }),
        upkeep("metrics", FOLD_PERIOD, |state| state.metrics.upkeep()),
        upkeep("rate_limits", SWEEP_PERIOD, sweep_limits),
        job("pending_keys", SWEEP_PERIOD, |state| {
            let before = state.clock.micros() - PENDING_KEY_US;
            Box::pin(async move { state.store.sweep_pending_keys(before).await.map(finished) })
        }),
        job("stored_responses", SWEEP_PERIOD, |state| {
            let now = state.clock.micros();
            Box::pin(async move {
                state.store.date_back_stored_responses(now).await?;
                let before = now - STORED_RESPONSE_US;
                state.store.sweep_stored_responses(before).await.map(finished)
            })
        }),
        job("tombstones", SWEEP_PERIOD, |state| {
            let before = state.clock.micros() - state.tombstone_days * 86_400_000_000;
            Box::pin(async move { state.store.sweep_tombstones(before).await.map(finished) })
        }),
        job("invites", SWEEP_PERIOD, |state| Box::pin(sweep_invites(state))),
        job("invitations", SWEEP_PERIOD, |state| {
            Box::pin(sweep_invitations(state))
        }),
    ];
    jobs.extend(erasure_jobs(state));
    jobs.extend(sign_in_jobs(state));
    jobs.extend(audit_jobs(state));
    if state.key_watch.is_some() {
        let state = state.clone();
        let keys = job("keys", KEY_PERIOD, |state| Box::pin(look_at_keys(state)));
        jobs.push(keys.woken_by(move || {
            let state = state.clone();
            Box::pin(async move { state.store.master_key_wanted().await })
        }));
    }
    jobs
}

async fn sweep_invitations(state: State) -> JobResult {
    let now = state.clock.micros();
    let ended = now - ENDED_INVITATION_US;
    state.store.sweep_invitations(now, ended).await.map(finished)
}

/// Lists the jobs that finish erasures.
fn erasure_jobs(state: &State) -> Vec<Job> {
    vec![
        job(state, "erasures", TIMER_PERIOD, |state| {
            let now = state.clock.micros();
            Box::pin(async move { state.store.resume_erasures(now).await.map(finished) })
        }),
        job(state, "erasure_ledger", SWEEP_PERIOD, |state| {
            Box::pin(async move {
                state
                    .store
                    .complete_erasure_ledger()
                    .await
                    .map(|()| Progress::Done)
            })
        }),
    ]
}

/// Counts what the password hashes of the accounts cost. Once all have the present cost, no others come.
async fn count_password_costs(state: State) -> JobResult {
    if state.passwords.are_costs_settled() {
        return Ok(Progress::Done);
    }
    let forms = state.store.hash_forms().await?;
    state.passwords.set_forms(&forms);
    Ok(Progress::Done)
}

/// Lists the jobs of sign-ins, and those that delete what sign-ins leave behind.
fn sign_in_jobs(state: &State) -> Vec<Job> {
    vec![
        job(state, "password_costs", SWEEP_PERIOD, |state| {
            Box::pin(count_password_costs(state))
        }),
        job(state, "login_failures", SWEEP_PERIOD, |state| {
            let now = state.clock.micros();
            Box::pin(async move { state.store.sweep_failures(now).await.map(finished) })
        }),
        job(state, "sessions", SWEEP_PERIOD, |state| {
            let now = state.clock.micros();
            Box::pin(async move {
                state
                    .store
                    .sweep_sessions(now, IDLE_S * 1_000_000)
                    .await
                    .map(finished)
            })
        }),
        job(state, "failed_tries", AUDIT_PERIOD, |state| {
            Box::pin(async move {
                state.failed_tries.write(&state.store, Collapse::ByHour).await?;
                Ok(Progress::Done)
            })
        }),
        job(state, "security_events", SWEEP_PERIOD, |state| {
            let before = state.clock.micros() - SECURITY_EVENT_US;
            Box::pin(async move { state.store.sweep_security_events(before).await.map(finished) })
        }),
    ]
}

/// Lists the jobs that write the audit of people's records.
fn audit_jobs(state: &State) -> Vec<Job> {
    let own = job(state, "own_accesses", AUDIT_PERIOD, |state| {
        Box::pin(async move {
            let now = state.clock.micros();
            state.own_accesses.write(&state.store, now).await?;
            Ok(Progress::Done)
        })
    });
    let full = state.clone();
    let own = own.woken_by(move || {
        let state = full.clone();
        Box::pin(async move { state.own_accesses.filled().await })
    });
    let checkpoints = job(state, "checkpoints", AUDIT_PERIOD, |state| {
        Box::pin(async move {
            let now = state.clock.micros();
            state.checkpoints.write(&state.store, &state.tokens, now).await?;
            Ok(Progress::Done)
        })
    });
    vec![own, checkpoints]
}

/// Creates a job on the shared state.
fn job(
    state: &State,
    name: &'static str,
    period: Duration,
    run: fn(State) -> LocalBoxFuture<'static, JobResult>,
) -> Job {
    let state = state.clone();
    Job::new(name, period, move || run(state.clone()))
}

async fn look_at_keys(state: State) -> JobResult {
    if let Some(watch) = &state.key_watch {
        watch.look(&state.store, &state.tokens).await?;
    }
    Ok(Progress::Done)
}

fn sweep_limits(state: &State) {
    state.limits.sweep();
    state.registration.sweep();
}

async fn sweep_invites(state: State) -> JobResult {
    let before = state.clock.micros() - ENDED_INVITE_US;
    state.store.sweep_invites(before).await.map(finished)
}

async fn run_timers(state: State) -> JobResult {
    Ok(match state.store.run_timers(state.clock.micros()).await? {
        AT_ONCE => Progress::Unfinished,
        _ => Progress::Done,
    })
}

/// The progress of a sweep, whatever the number of rows that it deleted.
fn finished(_rows: usize) -> Progress {
    Progress::Done
}

impl Job {
    fn new(
        name: &'static str,
        period: Duration,
        run: impl Fn() -> LocalBoxFuture<'static, JobResult> + 'static,
    ) -> Self {
        let run = Box::new(run);
        Self {
            name,
            period,
            run,
            wake: None,
        }
    }

    /// Runs the job also whenever that returns.
    fn woken_by(self, wake: impl Fn() -> LocalBoxFuture<'static, ()> + 'static) -> Self {
        Self {
            wake: Some(Box::new(wake)),
            ..self
        }
    }

    async fn run_forever(self) {
        // A counter that was never touched would be missing from the metrics until the first failure.
        counter!(WORKER_FAILURES, "job" => self.name).increment(0);
        loop {
            if self.run_once().await == Some(Progress::Unfinished) {
                continue;
            }
            self.pause().await;
        }
    }

    async fn pause(&self) {
        match &self.wake {
            None => rt::time::sleep(self.period).await,
            // It makes no difference which of the two ends the pause.
            Some(wake) => drop(rt::time::timeout(self.period, wake()).await),
        }
    }

    /// Runs the job once. A failure or a panic is logged by its kind alone, since the text of an error may name an
    /// account, and counted.
    async fn run_once(&self) -> Option<Progress> {
        // The closure runs inside the future, so that a panic of either is caught.
        let run = AssertUnwindSafe(async { (self.run)().await });
        let failure = match run.catch_unwind().await {
            Ok(Ok(progress)) => return Some(progress),
            Ok(Err(error)) => failure_kind(&error),
            Err(_panic) => "it panicked",
        };
        counter!(WORKER_FAILURES, "job" => self.name).increment(1);
        log::error!(job = self.name; "a background job failed and will run again: {failure}");
        None
    }
}

/// Describes a failure without the text of the error.
fn failure_kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Busy => "too many requests are waiting for the database",
        StoreError::Unavailable(_) => "the database is out of reach",
        StoreError::Database(_) => "the database refused a statement",
        StoreError::Sealed(_) => "a sealed value does not open",
        StoreError::Ledger(_) => {
            "the ledger of erasures cannot be read or written; `mainstay doctor` says why"
        }
        _ => "an internal error",
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeMap, net::TcpListener, path::PathBuf, rc::Rc};

    use mainstay_domain::account::quota::Quota;
    use mainstay_store::{
        DatabaseUrl, Locations, MasterKeys, PoolSize,
        engine::{migration, single},
        erasure_ledger::ErasureLedger,
        migrate_all,
    };

    use super::*;
    use crate::{
        auth::{
            access_token::generate_signing_key, password::cost::HashCost,
            registration_policy::RegistrationSettings,
        },
        http::{admission::LoadShedding, rate_limit::LimitMode},
        server::{
            application::{Application, Configuration},
            clock::Clock,
            metrics::Metrics,
        },
    };

    fn failures(metrics: &Metrics, job: &str) -> Option<String> {
        let text = metrics.render();
        let name = format!("{WORKER_FAILURES}{{job=\"{job}\"}} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&name))
            .map(str::to_owned)
    }

    #[actix_web::test]
    async fn a_job_that_fails_or_panics_runs_again_and_stops_no_other() {
        let metrics = Metrics::install().unwrap();
        let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
        let job = |name: &'static str, outcome: fn() -> JobResult| {
            let ran = ran.clone();
            Job::new(name, Duration::from_millis(1), move || {
                ran.send(name).unwrap();
                Box::pin(async move { outcome() })
            })
        };
        for job in [
            job("failing", || Err(StoreError::Busy)),
            job("panicking", || panic!("a test of panics")),
            job("sound", || Ok(Progress::Done)),
        ] {
            rt::spawn(job.run_forever());
        }
        let mut counts = BTreeMap::new();
        while counts.len() < 3 || counts.values().any(|count| *count < 3) {
            *counts.entry(runs.recv().await.unwrap()).or_insert(0) += 1;
        }
        for job in ["failing", "panicking"] {
            let count: u64 = failures(&metrics, job).unwrap().parse().unwrap();
            assert!(count >= 2, "{job}: {count}");
        }
        assert_eq!(failures(&metrics, "sound").as_deref(), Some("0"));
    }

    #[actix_web::test]
    async fn an_unfinished_job_runs_again_without_a_pause() {
        let (runs, seen) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (counted, last) = (Rc::clone(&runs), Rc::clone(&seen));
        let job = Job::new("unfinished", Duration::from_hours(1), move || {
            counted.set(counted.get() + 1);
            let progress = if counted.get() < 3 {
                Progress::Unfinished
            } else {
                Progress::Done
            };
            last.set(counted.get());
            Box::pin(async move { Ok(progress) })
        });
        let looped = rt::time::timeout(Duration::from_millis(50), job.run_forever());
        assert!(looped.await.is_err(), "a job never ends");
        assert_eq!((runs.get(), seen.get()), (3, 3));
    }

    fn application(directory: &PathBuf) -> (Application, Locations) {
        std::fs::create_dir_all(directory).unwrap();
        let pool = PoolSize { connections: 4 };
        let locations = Locations {
            data: DatabaseUrl::Sqlite(directory.join("mainstay.db")),
            keys: DatabaseUrl::Sqlite(directory.join("keys.db")),
            pool,
            key_pool: pool,
        };
        // Without the tables of the record every job that needs them fails.
        migration::migrate(&mut single(&locations.keys).unwrap(), migration::Database::Keys).unwrap();
        let configuration = Configuration {
            locations: locations.clone(),
            password_cost: HashCost::DEFAULT,
            password_filter: None,
            master: MasterKeys::parse(&MasterKeys::generate().unwrap()).unwrap(),
            signing_keys: generate_signing_key().unwrap(),
            issuer: "mainstay".to_owned(),
            security_contact: Vec::new(),
            public_url: None,
            limits: LimitMode::Off,
            registration: RegistrationSettings::default(),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            load_shedding: LoadShedding::Off,
            connections_per_network: 256,
            erasure_ledger: ErasureLedger::at(&directory.join("erasures.jsonl")),
            quota: Quota::DEFAULT,
            audit: crate::server::application::AuditSettings::default(),
            tombstone_days: 180,
            workers: 2,
            clock: Clock::default(),
            key_files: None,
        };
        (Application::build(configuration).unwrap(), locations)
    }

    #[actix_web::test]
    async fn every_sweep_fails_by_itself_and_works_again_once_the_database_does() {
        // A free port is a number that no other test of this moment uses.
        let number = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let directory = std::env::temp_dir().join(format!("mainstay-worker-{}-{number}", std::process::id()));
        let (application, locations) = application(&directory);
        let jobs = jobs(application.state());
        let outcomes = async || {
            let mut outcomes = Vec::new();
            for job in &jobs {
                outcomes.push((job.name, job.run_once().await.is_some()));
            }
            outcomes
        };
        let failing = [
            "timers",
            "erasures",
            "stored_responses",
            "tombstones",
            "password_costs",
            "login_failures",
            "invites",
            "invitations",
            "sessions",
            "security_events",
        ];
        for (name, is_done) in outcomes().await {
            assert_eq!(is_done, !failing.contains(&name), "{name}");
            let count = failures(&application.state().metrics, name);
            assert_eq!(count.as_deref(), failing.contains(&name).then_some("1"), "{name}");
        }
        migrate_all(&locations).unwrap();
        for (name, is_done) in outcomes().await {
            assert!(is_done, "{name}");
        }
        drop(application);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
