//! Every statement of a person's usual day is answered from an index, on both engines, and the hot ones from the index
//! that was made for them.

use std::sync::{Mutex, PoisonError};

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation},
    sql_query,
    sql_types::Text,
};
use mainstay_domain::{
    account::{Profile, Role, SealedAccount, SealedSession},
    audit::AccessAction,
    check_in::CheckIn,
    craving_event::CravingEvent,
    goal::Goal,
    plan::Plan,
    record::{Draft, Incoming, Kind, Record, draft},
    security_event::{SecurityEvent, SecurityEventCode},
    value::place::{Email, ZoneName},
};
use uuid::Uuid;

use super::{
    break_glass::open_in_emergency, contributions::receive_help, database::TestDatabase,
    invitation::help_each_other,
};
use crate::{
    DatabaseUrl, Expected, History, Part, PersonScope, Range, Store, VersionRange,
    account::NewAccount,
    audit::{AccessBy, AuditRange, BreachQuery, HeadCursor, HeadsAtCheckpoints, OwnAccess},
    credentials::PasswordReplacement,
    engine::{connection::Conn, single},
    login_delay::{DelayKey, Failures},
    on,
    security_event::{Collapse, CountedFailures, EventRange},
    session::{BegunFrom, NewSession, Rotation, SessionRange},
};

static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Recorder;

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default().trim();
            statements().push(text.to_owned());
        }
    }
}

fn statements() -> std::sync::MutexGuard<'static, Vec<String>> {
    STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records the statements of every connection that is made from now on.
pub(super) fn record_statements() {
    set_default_instrumentation(|| Some(Box::new(Recorder))).unwrap();
}

/// Takes the statements that were recorded so far, in their order.
pub(super) fn recorded() -> Vec<String> {
    std::mem::take(&mut *statements())
}

pub(super) const NOW: i64 = 1_800_000_000_000_000;

fn new_draft<T: Record>(id: u128) -> Draft {
    let incoming = Incoming {
        id: None,
        body: T::example(),
        context: None,
    };
    let now = chrono::DateTime::from_timestamp_micros(NOW).unwrap();
    let mut next = id * 1000;
    draft(
        incoming,
        Uuid::from_u128(id),
        None,
        now,
        chrono_tz::UTC,
        &mut || {
            next += 1;
            Uuid::from_u128(next)
        },
    )
    .unwrap()
}

/// A draft without references, which need not exist then.
pub(super) fn alone<T: Record>(id: u128) -> Draft {
    let mut draft = new_draft::<T>(id);
    draft.references.clear();
    draft
}

pub(super) async fn sign_up(store: &Store) -> (PersonScope, Uuid) {
    sign_up_as(store, 1, "sam@example.org").await
}

/// Creates an account with that id, whose session has the next one.
pub(super) async fn sign_up_as(store: &Store, id: u128, address: &str) -> (PersonScope, Uuid) {
    let (account, session) = (Uuid::from_u128(id), Uuid::from_u128(id + 1));
    let new = NewAccount {
        id: account,
        role: Role::Person,
        content: SealedAccount {
            email: Email::new(address).unwrap(),
            profile: Profile::new(ZoneName(chrono_tz::UTC)),
        },
        password_hash: "hash".to_owned(),
    };
    let first = NewSession {
        id: session,
        refresh_hash: vec![1],
        content: SealedSession::default(),
        begun_from: BegunFrom::default(),
    };
    store.create_account(new, Some(first), None, NOW).await.unwrap();
    let principal = store.principal(account, session, 0).await.unwrap().unwrap();
    (principal.scope, session)
}

/// Performs a usual day of one person.
async fn live_a_day(store: &Store) {
    let (scope, session) = sign_up(store).await;
    let account = scope.account();
    for draft in [
        alone::<CheckIn>(10),
        alone::<CravingEvent>(11),
        alone::<Goal>(12),
        alone::<Plan>(13),
    ] {
        store.create(&scope, session, NOW, draft).await.unwrap();
    }
    read_everything(store, &scope).await;
    receive_help(store, &scope, session).await;
    store.revision(&scope).await.unwrap();
    store
        .write(&scope, session, NOW, |writer| {
            writer.replace(&alone::<CheckIn>(10), &Expected::Any)?;
            writer
                .lock()?
                .records()
                .has_version_of(&alone::<CheckIn>(10), 1)?;
            writer.replace(&new_draft::<Plan>(13), &Expected::Any)?;
            writer.remove(
                Kind::CravingEvent,
                Uuid::from_u128(11),
                &Expected::Any,
                History::Kept,
            )
        })
        .await
        .unwrap();
    open_in_emergency(store, &scope, session).await;
    sign_in_again(store, account, session).await;
    live_with_the_audit(store, &scope, session).await;
    store.run_timers(NOW + 1).await.unwrap();
    store.date_back_stored_responses(NOW).await.unwrap();
    store.sweep_stored_responses(0).await.unwrap();
    store.sweep_failures(NOW).await.unwrap();
    store.sweep_invites(0).await.unwrap();
    help_each_other(store, (&scope, session)).await;
    store.sweep_tombstones(0).await.unwrap();
    store.sweep_sessions(NOW, 1).await.unwrap();
    live_with_events(store, &scope).await;
    store.resume_erasures(NOW).await.unwrap();
    store.sweep_pending_keys(0).await.unwrap();
    store.erase_account(account, NOW).await.unwrap();
}

/// Adds events of one account, reads them and deletes old ones.
async fn live_with_events(store: &Store, scope: &PersonScope) {
    let failures = CountedFailures {
        account: scope.account(),
        event: SecurityEvent::new(SecurityEventCode::SignInFailed),
        last_at: NOW,
    };
    store
        .add_counted_failures(failures, Collapse::ByHour)
        .await
        .unwrap();
    for after in [None, Some((NOW, Uuid::max()))] {
        let range = EventRange { after, limit: 30 };
        store.security_events(scope, range).await.unwrap();
    }
    store.sweep_security_events(0).await.unwrap();
}

/// Writes to the audit of one person, and reads it in every way.
async fn live_with_the_audit(store: &Store, scope: &PersonScope, session: Uuid) {
    let own = OwnAccess {
        account: scope.account(),
        role: Role::Person,
        session,
        action: AccessAction::Read,
        subject: Vec::new(),
    };
    store.write_own_accesses(&[own], NOW).await.unwrap();
    store
        .read(scope, |records| {
            let range = AuditRange {
                from: Some(NOW - 1),
                to: Some(NOW + 1),
                before: Some(9),
                limit: 30,
            };
            records.access_log(&range, AccessBy::All)?;
            records.access_log(&range, AccessBy::Others)?;
            records.disclosures(&range)
        })
        .await
        .unwrap();
    store.audit_heads_after(HeadCursor::at(0), 30).await.unwrap();
    let seen = HeadsAtCheckpoints::default();
    let summary = store.verify_audit(None, seen, |_fault| {}).await.unwrap();
    assert_eq!(summary.faults, 0);
    store
        .find_affected(&BreachQuery::default(), |_person| {})
        .await
        .unwrap();
}

/// Reads records of one person in every way.
async fn read_everything(store: &Store, scope: &PersonScope) {
    store
        .read(scope, |records| {
            records.get(Kind::CheckIn, Uuid::from_u128(10))?.unwrap();
            records.by_slot(Kind::Plan, "active:relapse_prevention")?;
            for order in [crate::Order::Ascending, crate::Order::Descending] {
                let range = Range {
                    order,
                    limit: 30,
                    ..Range::default()
                };
                records.page(Kind::CheckIn, &range)?;
            }
            let part = |kind| Part {
                kind,
                from: Some(NOW - 1),
                to: Some(NOW),
                limit: 30,
            };
            let parts = records.parts([part(Kind::CheckIn), part(Kind::Goal), part(Kind::Dose)])?;
            assert_eq!(
                parts.iter().map(|part| part.0).collect::<Vec<_>>(),
                Vec::<Kind>::new()
            );
            records.sync_state()?;
            records.changes(0, 20)?;
            let versions = VersionRange {
                below: None,
                limit: 20,
            };
            records.history(Kind::CheckIn, Uuid::from_u128(10), versions)?;
            records.client_versions(Kind::Plan, Uuid::from_u128(13), versions)?;
            records.client_version(Kind::Plan, Uuid::from_u128(13), 1)?;
            Ok(())
        })
        .await
        .unwrap();
}

/// Performs a usual day of an account: its sessions, profile and password.
async fn sign_in_again(store: &Store, account: Uuid, session: Uuid) {
    store
        .credentials(&Email::new("sam@example.org").unwrap())
        .await
        .unwrap();
    store.refresh_state(account, session).await.unwrap();
    let rotation = Rotation {
        counter: 0,
        next: 1,
        refresh_hash: vec![2],
        keep: None,
    };
    store
        .rotate_session(account, session, rotation, NOW)
        .await
        .unwrap();
    store.sessions(account, 0, SessionRange::ALL).await.unwrap();
    let keys = [
        DelayKey::Account("sam".to_owned()),
        DelayKey::Network("192.0.2.1".to_owned()),
    ];
    let next = |before: &[Failures]| Some(before.to_vec());
    store.change_failures(&keys, next).await.unwrap();
    store.failures(&keys).await.unwrap();
    let profile = Profile::new(ZoneName(chrono_tz::UTC));
    store
        .update_profile(account, |_| Ok(profile), Expected::Any, NOW)
        .await
        .unwrap();
    let password = PasswordReplacement {
        verified_generation: 1,
        hash: "other".to_owned(),
        network: None,
    };
    store
        .change_password(account, password, session, None, NOW)
        .await
        .unwrap();
    let event = SecurityEvent::new(SecurityEventCode::OtherSessionsEnded);
    store
        .end_other_sessions(account, event, session, None, NOW)
        .await
        .unwrap();
}

#[derive(QueryableByName)]
struct SqlitePlan {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresPlan {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "QUERY PLAN")]
    plan: String,
}

/// The types of a statement's values, where PostgreSQL cannot tell them from the text.
fn parameter_types(sql: &str) -> &'static str {
    if sql.contains("AS query") {
        "(bigint[], bigint[], bigint[])"
    } else if sql.contains("unnest") {
        "(bigint[], smallint[], uuid[], bigint[], timestamptz[], bytea[], bytea[], bytea[], bytea[], timestamptz[], \
         timestamptz[], bigint[], bigint[], bigint[], bigint[])"
    } else {
        ""
    }
}

/// How the engine would run a statement whose values it does not know.
fn plan(conn: &mut Conn, sql: &str) -> String {
    match conn {
        Conn::Sqlite(c) => {
            let rows: Vec<SqlitePlan> = sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
                .load(c)
                .unwrap_or_else(|e| panic!("{e}: {sql}"));
            rows.into_iter().map(|row| row.detail + "\n").collect()
        }
        Conn::Postgres(c) => {
            let values = (1..100).take_while(|n| sql.contains(&format!("${n}"))).count();
            let nulls = vec!["NULL"; values].join(", ");
            let list = if values == 0 {
                String::new()
            } else {
                format!("({nulls})")
            };
            for setup in [
                // A few rows are read faster without an index, whichever there is.
                "SET enable_seqscan = off".to_owned(),
                "SET plan_cache_mode = force_generic_plan".to_owned(),
                format!("PREPARE statement{} AS {sql}", parameter_types(sql)),
            ] {
                sql_query(&setup)
                    .execute(c)
                    .unwrap_or_else(|e| panic!("{e}: {setup}"));
            }
            let rows: Vec<PostgresPlan> = sql_query(format!("EXPLAIN EXECUTE statement{list}"))
                .load(c)
                .unwrap();
            sql_query("DEALLOCATE statement").execute(c).unwrap();
            rows.into_iter().map(|row| row.plan + "\n").collect()
        }
    }
}

/// People with records, so that PostgreSQL has something to estimate from. On empty tables it takes any index.
const POPULATION: &[&str] = &[
    "INSERT INTO accounts (id, role, state, version, sealed, password_hash, password_changed_at, created_at, updated_at) \
     SELECT gen_random_uuid(), 'person', 'active', 1, '', '', now(), now(), now() FROM generate_series(1, 200)",
    "INSERT INTO people (person_no, rev, epoch, floor_rev) SELECT no, 50, 1, 0 FROM accounts",
    "INSERT INTO records (person_no, collection, id, version, rev, occurred_at, slot, deleted, origin, digest, sealed, \
     created_at, updated_at) SELECT person_no, 1 + n % 3, gen_random_uuid(), 1, n, now() - n * interval '1 hour', \
     decode(md5(n::text), 'hex'), n % 20 = 0, '', '', 'x', now(), now() FROM people, generate_series(1, 50) n",
    "INSERT INTO record_history (person_no, collection, id, version, digest, sealed, written_at, replaced_at) \
     SELECT person_no, collection, id, 1, '', '', now(), now() FROM records",
    "INSERT INTO timers SELECT person_no, collection, id, now() FROM records",
    "ANALYZE",
];

/// The same for statements that only one engine runs.
const HOT_ON_SQLITE: &[(&str, &str)] = &[("max(records.rev)", "records_rev"), ("AS latest", "records_rev")];
const HOT_ON_POSTGRES: &[(&str, &str)] = &[
    ("records.rev > after", "records_rev"),
    ("WHERE r.id = new.id", "records_id"),
    ("r.slot = new.slot", "records_slot"),
];

/// A part of each hot statement, and the index that was made for it.
const HOT: &[(&str, &str)] = &[
    ("ORDER BY \"records\".\"occurred_at\" DESC", "records_time"),
    ("ORDER BY \"records\".\"occurred_at\" ASC", "records_time"),
    ("UNION ALL SELECT * FROM (SELECT collection", "records_time"),
    ("(\"records\".\"rev\" > ", "records_rev"),
    ("(\"records\".\"slot\" = ", "records_slot"),
    ("WHERE (((\"records\".\"id\" = ", "records_id"),
    ("FROM \"record_history\"", "record_history_version"),
    ("FROM ((\"timers\"", "timers_due"),
];

/// Statements for which no index is wanted: they run every ten minutes at most, on tables that stay small.
const WITHOUT_INDEX: &[&str] = &[
    // Erasures that were interrupted.
    "WHERE (\"accounts\".\"state\" = ",
];

/// True for a statement that changes or reads rows of ours.
fn has_a_plan(sql: &str) -> bool {
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
        .iter()
        .any(|word| sql.starts_with(word))
        && !sql.contains("sqlite_version")
        && !sql.contains("sqlite_master")
        && !sql.contains("__diesel_schema_migrations")
        && !["data_keys", "erasures", "installation"]
            .iter()
            .any(|table| sql.contains(table))
        && !sql.contains("pg_")
        && sql != "SELECT 1"
}

async fn every_statement_uses_an_index(database: TestDatabase) {
    record_statements();
    let store = database.store();
    live_a_day(&store).await;
    drop(store);
    let mut statements = recorded();
    statements.retain(|sql| has_a_plan(sql));
    statements.sort();
    statements.dedup();
    let mut conn = single(&database.locations.data).unwrap();
    if let Conn::Postgres(c) = &mut conn {
        for sql in POPULATION {
            sql_query(*sql)
                .execute(c)
                .unwrap_or_else(|e| panic!("{e}: {sql}"));
        }
    }
    let quoted = |sql: &str| sql.replace('`', "\"");
    let own = match &conn {
        Conn::Sqlite(_) => HOT_ON_SQLITE,
        Conn::Postgres(_) => HOT_ON_POSTGRES,
    };
    let hot = || HOT.iter().chain(own);
    let mut missing: Vec<&str> = hot().map(|(part, _)| *part).collect();
    let mut unused = WITHOUT_INDEX.to_vec();
    for sql in statements {
        let plan = plan(&mut conn, &sql);
        let text = quoted(&sql);
        for (part, index) in hot().filter(|(part, _)| text.contains(part)) {
            assert!(plan.contains(index), "{text}\nis to use {index}:\n{plan}");
            missing.retain(|other| other != part);
        }
        if WITHOUT_INDEX.iter().any(|part| text.contains(part)) {
            unused.retain(|part| !text.contains(part));
            continue;
        }
        let scans_a_table = plan.lines().any(|line| {
            line.contains("Seq Scan")
                || line.trim_start().starts_with("SCAN ")
                    && !line.contains("USING")
                    && !line.contains("CONSTANT ROW")
                    // A scan of what the statement itself has selected.
                    && line.trim() != "SCAN part"
                    && !line.contains("VALUES CLAUSE")
        });
        assert!(!scans_a_table, "{text}\nreads a whole table:\n{plan}");
    }
    assert!(missing.is_empty(), "the day has no statement with {missing:?}");
    assert!(unused.is_empty(), "the day has no statement with {unused:?}");
}

#[tokio::test]
async fn on_sqlite_every_statement_uses_an_index() {
    let database = TestDatabase::sqlite();
    assert!(matches!(database.locations.data, DatabaseUrl::Sqlite(_)));
    every_statement_uses_an_index(database).await;
}

#[tokio::test]
async fn on_postgresql_every_statement_uses_an_index() {
    every_statement_uses_an_index(TestDatabase::postgres("plans")).await;
}

#[test]
fn a_statement_without_an_index_is_found() {
    let database = TestDatabase::sqlite();
    let mut conn = single(&database.locations.data).unwrap();
    let plan = plan(&mut conn, "SELECT no FROM records WHERE version = 3");
    assert!(plan.starts_with("SCAN records"), "{plan}");
    on!(&mut conn, |c| sql_query("SELECT 1").execute(c)).unwrap();
}
