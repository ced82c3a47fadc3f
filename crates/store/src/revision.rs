//! The revision of a person's record, asked before anything that was remembered is used again.

use std::{
    collections::HashMap,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, RunQueryDsl};
use tokio::sync::oneshot;

use crate::{
    conn::{Access, Breaks, Conn, DatabaseUrl, connect_for_lists},
    error::{Result, StoreError},
    on,
    schema::people,
};

/// Questions that may wait before further ones are turned away.
const QUEUE: usize = 4096;
/// Most people in one query.
const BATCH: usize = 256;

/// The state of a person's record: any write makes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The number of the latest change.
    pub rev: i64,
    /// Another one means that the record was restored from a backup.
    pub epoch: i64,
}

/// The revision of one person's record.
pub(crate) fn of_one(conn: &mut Conn, person_no: i64) -> Result<Revision> {
    let query = people::table
        .filter(people::person_no.eq(person_no))
        .select((people::rev, people::epoch));
    let found = on!(conn, |c| query.first(c).optional())?;
    found
        .map(|(rev, epoch)| Revision { rev, epoch })
        .ok_or(StoreError::NotFound)
}

type Asked = (i64, oneshot::Sender<Result<Revision>>);

/// Asks a server for the revisions of all who wait at once: one round trip for many requests, as group commit is one
/// write for many. Each question is asked of the database after it was put.
pub(crate) struct Revisions {
    questions: Option<SyncSender<Asked>>,
    thread: Option<JoinHandle<()>>,
}

impl Revisions {
    /// Starts the thread that asks, with a connection of its own.
    pub fn start(url: &DatabaseUrl, breaks: Breaks) -> Result<Self> {
        let (questions, queue) = sync_channel(QUEUE);
        let url = url.clone();
        let thread = std::thread::Builder::new()
            .name("mainstay-revisions".to_owned())
            .spawn(move || run(&url, &breaks, &queue))
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(Self {
            questions: Some(questions),
            thread: Some(thread),
        })
    }

    /// The revision of one person's record.
    pub async fn of(&self, person_no: i64) -> Result<Revision> {
        let (answer, answered) = oneshot::channel();
        let questions = self.questions.as_ref().ok_or(StoreError::Busy)?;
        questions.try_send((person_no, answer)).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Internal("nobody asks for revisions".to_owned()),
        })?;
        answered
            .await
            .map_err(|_gone| StoreError::Unavailable("the revision was not asked for".to_owned()))?
    }
}

impl Drop for Revisions {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(url: &DatabaseUrl, breaks: &Breaks, queue: &Receiver<Asked>) {
    let mut conn = None;
    while let Ok(first) = queue.recv() {
        let mut asked = vec![first];
        asked.extend(queue.try_iter().take(BATCH - 1));
        let people: Vec<i64> = asked.iter().map(|(person_no, _)| *person_no).collect();
        // A connection that broke since the last time is replaced; reading twice does no harm.
        let found = ask(url, &mut conn, &people).or_else(|_broken| {
            if conn.take().is_some() {
                breaks.note();
            }
            ask(url, &mut conn, &people)
        });
        for (person_no, answer) in asked {
            // Whoever has gone away needs no answer.
            let _ = answer.send(match &found {
                Ok(found) => found.get(&person_no).copied().ok_or(StoreError::NotFound),
                Err(cause) => Err(StoreError::Unavailable(cause.clone())),
            });
        }
    }
}

fn ask(
    url: &DatabaseUrl,
    conn: &mut Option<Conn>,
    people: &[i64],
) -> std::result::Result<HashMap<i64, Revision>, String> {
    if conn.is_none() {
        *conn = Some(connect_for_lists(url, Access::Read).map_err(|e| e.to_string())?);
    }
    let Some(Conn::Postgres(c)) = conn else {
        return Err("a connection of another engine".to_owned());
    };
    let rows: QueryResult<Vec<(i64, i64, i64)>> = people::table
        .filter(people::person_no.eq_any(people))
        .select((people::person_no, people::rev, people::epoch))
        .load(c);
    let rows = rows.map_err(|e| e.to_string())?;
    Ok(rows
        .into_iter()
        .map(|(person_no, rev, epoch)| (person_no, Revision { rev, epoch }))
        .collect())
}
