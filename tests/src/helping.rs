//! What people who help give to a person, as their side of the API stores it.

use mainstay_domain::{
    account::Role, encouragement::EncouragementText, proposal::NewProposal,
    shared_commitment::NewSharedCommitment,
};
use mainstay_store::{Author, LockedWriter, StoreError};
use serde_json::Value;
use uuid::Uuid;

use crate::{app::TestApp, client::Person};

/// Someone who helps, with a role.
pub struct Helper<'a> {
    app: &'a TestApp,
    author: Author,
}

impl<'a> Helper<'a> {
    /// An account that helps in a role.
    pub async fn new(app: &'a TestApp, account: &Person, role: Role) -> Self {
        Self { app, author: Author::of(&app.scope(account).await, role) }
    }

    /// Writes into a person's record.
    ///
    /// # Errors
    /// Those of the work and of the store.
    pub async fn write<T: Send + 'static>(
        &self,
        person: &Person,
        work: impl FnOnce(&mut LockedWriter<'_, '_>, &Author) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (scope, author) = (self.app.scope(person).await, self.author);
        let store = &self.app.state().store;
        store
            .write(&scope, Uuid::nil(), self.app.clock.micros(), move |writer| {
                work(&mut writer.lock()?, &author)
            })
            .await
    }

    /// Proposes content for a plan. Gives the id of the proposal.
    pub async fn propose(&self, person: &Person, plan: &str, content: &Value, note: &str) -> Uuid {
        let new = serde_json::json!({ "content": content, "note": note });
        let new: NewProposal = serde_json::from_value(new).expect("a proposal");
        let (draft, plan) = (new.into_draft(&mut new_id), plan.parse().expect("an id"));
        let id = draft.id;
        self.write(person, move |writer, author| writer.propose(author, plan, draft))
            .await
            .expect("it is stored");
        id
    }

    /// Sends kind words. Gives their id.
    ///
    /// # Errors
    /// If they are one too many.
    pub async fn encourage(&self, person: &Person, text: &str) -> Result<Uuid, StoreError> {
        let (id, text) = (new_id(), EncouragementText::new(text).expect("a text"));
        self.write(person, move |writer, author| writer.encourage(author, (id, text))).await?;
        Ok(id)
    }

    /// Shares a commitment. Gives its id.
    pub async fn share_commitment(&self, person: &Person, text: &str, on: &str) -> Uuid {
        let new = serde_json::json!({ "text": text, "on": on });
        let new: NewSharedCommitment = serde_json::from_value(new).expect("a commitment");
        let id = new_id();
        self.write(person, move |writer, author| writer.share_commitment(author, (id, new)))
            .await
            .expect("it is stored");
        id
    }
}

/// A new id.
fn new_id() -> Uuid {
    mainstay_api::server::id::new_id()
}
