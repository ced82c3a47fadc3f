//! Questionnaires: reference data that operators import. It is the same for everyone.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use mainstay_domain::{
    record::json,
    reference::questionnaire::{Questionnaire, QuestionnaireSummary},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Store,
    engine::{
        Party,
        connection::Conn,
        schema::questionnaires,
        types::{DbTimestamp, DbUuid},
    },
    error::{Result, StoreError},
    on,
};

/// The outcome of importing a questionnaire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionnaireImport {
    /// It is new.
    New,
    /// It was there with the same questions. Its terms, status and scoring are those of the import now.
    Renewed,
    /// It was there already, the same in every part.
    Unchanged,
    /// It was there with other questions. Nothing was changed.
    AsksOther,
}

impl Store {
    /// Stores a questionnaire, or renews the parts of an existing one that may change. `now` is in microseconds.
    pub async fn import_questionnaire(&self, new: Questionnaire, now: i64) -> Result<QuestionnaireImport> {
        self.data
            .write(move |conn| import(conn, &new, DbTimestamp(now)))
            .await
    }

    /// One imported questionnaire.
    pub async fn questionnaire(&self, id: Uuid) -> Result<Option<Questionnaire>> {
        self.data
            .read_for(Party::Public, move |conn| found(conn, id))
            .await
    }

    /// The summaries of all imported questionnaires.
    pub async fn questionnaires(&self) -> Result<Vec<QuestionnaireSummary>> {
        let read = self.data.read_for(Party::Public, |conn| {
            let query = questionnaires::table.select(questionnaires::summary);
            let all: Vec<String> = on!(conn, |c| query.load(c))?;
            all.iter().map(|summary| decode(summary)).collect()
        });
        read.await
    }
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|e| StoreError::Internal(format!("a stored questionnaire cannot be read: {e}")))
}

fn text<T: Serialize>(value: &T) -> Result<String> {
    String::from_utf8(json(value)).map_err(|e| StoreError::Internal(e.to_string()))
}

fn found(conn: &mut Conn, id: Uuid) -> Result<Option<Questionnaire>> {
    let query = questionnaires::table
        .filter(questionnaires::id.eq(DbUuid(id)))
        .select(questionnaires::body);
    let body: Option<String> = on!(conn, |c| query.first(c).optional())?;
    body.map(|body| decode(&body)).transpose()
}

fn import(conn: &mut Conn, new: &Questionnaire, now: DbTimestamp) -> Result<QuestionnaireImport> {
    let summary = text(&QuestionnaireSummary::from(new))?;
    let body = text(new)?;
    let row = (
        questionnaires::id.eq(DbUuid(new.id)),
        questionnaires::url.eq(&new.url),
        questionnaires::version.eq(&new.version),
        questionnaires::summary.eq(&summary),
        questionnaires::body.eq(&body),
        questionnaires::imported_at.eq(now),
    );
    let inserted = on!(&mut *conn, |c| diesel::insert_into(questionnaires::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    if inserted == 1 {
        return Ok(QuestionnaireImport::New);
    }
    // The id follows from address and version, so the conflict is with this very questionnaire.
    let before = found(conn, new.id)?.ok_or(StoreError::Busy)?;
    if before.items != new.items {
        return Ok(QuestionnaireImport::AsksOther);
    }
    if before == *new {
        return Ok(QuestionnaireImport::Unchanged);
    }
    let change = diesel::update(questionnaires::table.filter(questionnaires::id.eq(DbUuid(new.id)))).set((
        questionnaires::summary.eq(summary),
        questionnaires::body.eq(body),
        questionnaires::imported_at.eq(now),
    ));
    on!(conn, |c| change.execute(c))?;
    Ok(QuestionnaireImport::Renewed)
}
