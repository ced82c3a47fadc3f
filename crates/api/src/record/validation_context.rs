//! Loads what a record is validated against beyond itself: the questionnaire that it answers, helplines, and the person's
//! time zone.
//!
//! This happens before the record is drafted. A draft refuses a record whose questionnaire was not loaded, and takes the
//! time zone as an argument, so no way of writing can skip this step.

use std::{collections::HashMap, sync::Arc};

use chrono_tz::Tz;
use mainstay_domain::{
    account::Profile,
    record::{Incoming, Record, ValidationContext},
    reference::{
        helpline::{self, Helpline},
        questionnaire::{Questionnaire, shipped},
    },
};
use mainstay_store::Store;
use uuid::Uuid;

use crate::http::{caller::Caller, problem::HandlerResult};

/// Validation contexts by the ids of their questionnaires.
pub type ValidationContexts = HashMap<Uuid, ValidationContext>;

/// Returns a questionnaire that ships with the server or was imported.
///
/// # Errors
/// Errors of the store.
pub async fn questionnaire(store: &Store, id: Uuid) -> HandlerResult<Option<Questionnaire>> {
    match shipped(id) {
        Some(own) => Ok(Some(own.clone())),
        None => Ok(store.questionnaire(id).await?),
    }
}

/// Adds the validation context to a record that depends on a questionnaire, if the server has that questionnaire.
///
/// # Errors
/// Errors of the store.
pub async fn with_context<T: Record>(
    caller: &Caller,
    mut incoming: Incoming<T>,
) -> HandlerResult<Incoming<T>> {
    if let Some(id) = incoming.body.depends_on_questionnaire() {
        incoming.context = validation_contexts(caller, [id]).await?.remove(&id);
    }
    Ok(incoming)
}

/// Returns the time zone in which a record is drafted. The account is read only if the record needs its zone; never from a
/// cache, so that a new zone counts from the next request on.
///
/// # Errors
/// Errors of the store.
pub async fn zone_for<T: Record>(caller: &Caller, incoming: &mut Incoming<T>) -> HandlerResult<Tz> {
    if incoming.needs_zone() {
        Box::pin(zone_of(caller)).await
    } else {
        Ok(Tz::UTC)
    }
}

/// Returns the time zone of the caller's account.
///
/// # Errors
/// Errors of the store.
pub async fn zone_of(caller: &Caller) -> HandlerResult<Tz> {
    Ok(profile(caller).await?.time_zone.0)
}

/// Returns the profile of the caller's account.
///
/// # Errors
/// Errors of the store.
pub async fn profile(caller: &Caller) -> HandlerResult<Profile> {
    let account = caller.state.store.account_of(caller.scope()).await?;
    Ok(Profile::from(&account))
}

/// Loads the validation contexts for some questionnaires. Unknown ids are left out.
///
/// # Errors
/// Errors of the store.
pub async fn validation_contexts(
    caller: &Caller,
    ids: impl IntoIterator<Item = Uuid>,
) -> HandlerResult<ValidationContexts> {
    let mut contexts = ValidationContexts::new();
    let mut helplines = None;
    for id in ids {
        if contexts.contains_key(&id) {
            continue;
        }
        let Some(questionnaire) = questionnaire(&caller.state.store, id).await? else {
            continue;
        };
        // Helplines are part of the notes that a score may bring; most questionnaires have no such notes.
        let has_notes = questionnaire
            .scoring
            .as_ref()
            .is_some_and(|rules| !rules.gates.is_empty());
        if has_notes && helplines.is_none() {
            helplines = Some(helplines_of(caller).await?);
        }
        let context = ValidationContext {
            questionnaire: Arc::new(questionnaire),
            helplines: helplines.clone().unwrap_or_default(),
        };
        contexts.insert(id, context);
    }
    Ok(contexts)
}

/// The helplines for the caller's country and language.
async fn helplines_of(caller: &Caller) -> HandlerResult<Arc<[Helpline]>> {
    let profile = profile(caller).await?;
    let (country, language) = (profile.helpline_country(), profile.language());
    let selected = helpline::select(country.as_deref(), language.as_deref());
    Ok(selected.into_iter().cloned().collect())
}
