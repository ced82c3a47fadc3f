//! A batch that cannot go on leaves nothing behind, and nobody in it is told of success.

use std::sync::mpsc::channel;

use diesel::{QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};

use super::*;
use crate::engine::{connection::SQLITE_PRAGMAS, job};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn sqlite(conn: &mut Conn) -> &mut diesel::SqliteConnection {
    match conn {
        Conn::Sqlite(c) => c,
        Conn::Postgres(_) => panic!("a connection of another engine"),
    }
}

fn insert(n: i64) -> Job {
    job(move |conn| {
        Ok(
            sql_query(format!("INSERT INTO numbers VALUES ({n}, zeroblob(10))"))
                .execute(sqlite(conn))
                .map(drop)?,
        )
    })
}

/// Allows no further page, then inserts a row that needs a thousand. SQLite says that the disk is full.
fn fill_the_disk(n: i64) -> Job {
    job(move |conn| {
        let c = sqlite(conn);
        sql_query("PRAGMA max_page_count = 1").execute(c)?;
        let full = sql_query(format!("INSERT INTO numbers VALUES ({n}, zeroblob(2000000))")).execute(c);
        Ok(full.map(drop)?)
    })
}

/// The numbers that are stored, as a connection that was made later sees them.
fn stored(url: &DatabaseUrl) -> Vec<i64> {
    let mut conn = connect(url, Access::Read).unwrap();
    let rows: Vec<Row> = sql_query("SELECT n FROM numbers ORDER BY n")
        .load(sqlite(&mut conn))
        .unwrap();
    rows.into_iter().map(|row| row.n).collect()
}

/// Runs jobs in one batch, and gives for each whether its caller was told of success.
async fn run_together(writer: &Writer, jobs: Vec<(Isolation, Job)>) -> Vec<bool> {
    let (open, gate) = channel::<()>();
    // Holds the batch open until all the others are queued.
    let first = writer.write(
        Lane::Ordinary,
        Isolation::Savepoint,
        job(move |_| {
            let _ = gate.recv();
            Ok(())
        }),
    );
    let mut calls: Vec<std::pin::Pin<Box<dyn Future<Output = Result<JobOutput>>>>> = vec![Box::pin(first)];
    for (isolation, job) in jobs {
        calls.push(Box::pin(writer.write(Lane::Ordinary, isolation, job)));
    }
    // Each call queues its job when it is polled for the first time.
    for call in &mut calls {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    drop(open);
    let mut told = Vec::new();
    for call in calls {
        told.push(call.await.is_ok());
    }
    told.split_off(1)
}

async fn after_a_full_disk(isolation: Isolation) {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(directory.path().join("test.db"));
    assert!(SQLITE_PRAGMAS.contains("WAL"));
    sql_query("CREATE TABLE numbers (n INTEGER NOT NULL, filler BLOB NOT NULL)")
        .execute(sqlite(&mut connect(&url, Access::Write).unwrap()))
        .unwrap();
    let writer = Writer::start(&url).unwrap();
    let told = run_together(
        &writer,
        vec![
            (isolation, insert(1)),
            (isolation, fill_the_disk(2)),
            (Isolation::Savepoint, insert(3)),
            (Isolation::None, insert(4)),
        ],
    )
    .await;
    let promised: Vec<i64> = (1..)
        .zip(&told)
        .filter_map(|(n, told)| told.then_some(n))
        .collect();
    assert_eq!(stored(&url), promised, "{told:?}");
    assert!(!promised.contains(&2));
    assert!(
        writer.write(Lane::Ordinary, isolation, insert(5)).await.is_ok(),
        "the writer goes on"
    );
    assert!(stored(&url).contains(&5));
}

#[tokio::test]
async fn after_a_full_disk_only_what_was_promised_is_stored() {
    after_a_full_disk(Isolation::Savepoint).await;
}

#[tokio::test]
async fn after_a_full_disk_without_a_savepoint_only_what_was_promised_is_stored() {
    after_a_full_disk(Isolation::None).await;
}

#[tokio::test]
async fn a_savepoint_that_cannot_be_undone_ends_the_batch() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(directory.path().join("test.db"));
    sql_query("CREATE TABLE numbers (n INTEGER NOT NULL, filler BLOB NOT NULL)")
        .execute(sqlite(&mut connect(&url, Access::Write).unwrap()))
        .unwrap();
    let writer = Writer::start(&url).unwrap();
    // What SQLite does by itself after an I/O error.
    let rolled_back = |result: fn() -> Result<()>| {
        job(move |conn| {
            sql_query("ROLLBACK").execute(sqlite(conn))?;
            result()
        })
    };
    for result in [(|| Ok(())) as fn() -> Result<()>, || Err(StoreError::Final)] {
        let told = run_together(
            &writer,
            vec![
                (Isolation::Savepoint, insert(1)),
                (Isolation::Savepoint, rolled_back(result)),
                (Isolation::Savepoint, insert(3)),
            ],
        )
        .await;
        assert_eq!(told, [false, false, true], "the third is of the next batch");
    }
    assert_eq!(stored(&url), [3, 3]);
}

#[tokio::test]
async fn a_commit_that_fails_has_an_unknown_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(directory.path().join("test.db"));
    let mut conn = connect(&url, Access::Write).unwrap();
    for sql in [
        "CREATE TABLE numbers (n INTEGER NOT NULL PRIMARY KEY, filler BLOB NOT NULL)",
        "CREATE TABLE squares (n INTEGER NOT NULL REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)",
    ] {
        sql_query(sql).execute(sqlite(&mut conn)).unwrap();
    }
    let writer = Writer::start(&url).unwrap();
    let refused_at_commit = job(|conn| {
        Ok(sql_query("INSERT INTO squares VALUES (7)")
            .execute(sqlite(conn))
            .map(drop)?)
    });
    let outcome = writer
        .write(Lane::Ordinary, Isolation::Savepoint, refused_at_commit)
        .await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))));
    assert!(
        writer
            .write(Lane::Ordinary, Isolation::Savepoint, insert(1))
            .await
            .is_ok()
    );
    assert_eq!(stored(&url), [1]);
}

#[tokio::test]
async fn an_urgent_job_goes_before_those_that_wait_and_an_abandoned_one_is_not_run() {
    let directory = tempfile::tempdir().unwrap();
    let writer = Writer::start(&DatabaseUrl::Sqlite(directory.path().join("test.db"))).unwrap();
    let (open, gate) = channel::<()>();
    let (ran, order) = channel();
    let note = |n: u8| {
        let ran = ran.clone();
        job(move |_| ran.send(n).map_err(|e| StoreError::Internal(e.to_string())))
    };
    let first = job(move |_| {
        let _ = gate.recv();
        Ok(())
    });
    let write = |lane, job| Box::pin(writer.write(lane, Isolation::Savepoint, job));
    let mut calls = [
        write(Lane::Ordinary, first),
        write(Lane::Ordinary, note(1)),
        write(Lane::Ordinary, note(2)),
        write(Lane::Urgent, note(3)),
    ];
    for call in &mut calls {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    let [first, abandoned, ordinary, urgent] = calls;
    drop(abandoned);
    drop(open);
    for call in [first, ordinary, urgent] {
        call.await.unwrap();
    }
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [3, 2]);
}
