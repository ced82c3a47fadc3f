//! What records are judged by that is no part of the person's record: looked up before they are drafted. A record that
//! needs it and comes without is refused by the draft itself, so no way of writing can forget it.

use std::{collections::HashMap, sync::Arc};

use mainstay_domain::{
    account::Profile,
    record::{Incoming, Record, ValidationContext},
    reference::{
        helpline,
        questionnaire::{Questionnaire, shipped},
    },
};
use mainstay_store::Store;
use uuid::Uuid;

use crate::http::{caller::Caller, problem::HandlerResult};

/// Bases by the ids of their questionnaires.
pub type ValidationContexts = HashMap<Uuid, ValidationContext>;

/// A questionnaire that this server has.
///
/// # Errors
/// What the store says.
pub async fn questionnaire(store: &Store, id: Uuid) -> HandlerResult<Option<Questionnaire>> {
    match shipped(id) {
        Some(own) => Ok(Some(own.clone())),
        None => Ok(store.questionnaire(id).await?),
    }
}

/// The record with what it is judged by, if it is judged by anything that is there.
///
/// # Errors
/// What the store says.
pub async fn with_context<T: Record>(
    caller: &Caller,
    mut incoming: Incoming<T>,
) -> HandlerResult<Incoming<T>> {
    if let Some(id) = incoming.body.depends_on_questionnaire() {
        incoming.context = validation_contexts(caller, [id]).await?.remove(&id);
    }
    Ok(incoming)
}

/// What records are judged by that name these questionnaires; those that are not there are left out.
///
/// # Errors
/// What the store says.
pub async fn validation_contexts(
    caller: &Caller,
    ids: impl IntoIterator<Item = Uuid>,
) -> HandlerResult<ValidationContexts> {
    let mut found = ValidationContexts::new();
    let mut helplines = None;
    for id in ids {
        if found.contains_key(&id) {
            continue;
        }
        let Some(questionnaire) = questionnaire(&caller.state.store, id).await? else {
            continue;
        };
        let has_notes = questionnaire
            .scoring
            .as_ref()
            .is_some_and(|rules| !rules.gates.is_empty());
        if has_notes && helplines.is_none() {
            let account = caller.state.store.account(caller.scope().account()).await?;
            let profile = Profile::from(&account);
            let (country, language) = (profile.helpline_country(), profile.language());
            let lines = helpline::select(country.as_deref(), language.as_deref());
            helplines = Some(lines.into_iter().cloned().collect::<Arc<[_]>>());
        }
        let made = ValidationContext {
            questionnaire: Arc::new(questionnaire),
            helplines: helplines.clone().unwrap_or_default(),
        };
        found.insert(id, made);
    }
    Ok(found)
}
