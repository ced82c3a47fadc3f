//! The peer profile: how the caller introduces themselves to the people they help.

use actix_web::HttpResponse;
use mainstay_domain::{peer_profile::PeerProfile, record::json as to_json};
use serde_json::Value;

use crate::{
    http::{
        body::Body,
        caller::Caller,
        problem::{HandlerResult, Problem, ProblemKind},
    },
    openapi::endpoint::{self, Endpoint, Tag},
    record::{id_parameter, json_response},
};

const PATH: &str = "/v1/me/peer-profile";

/// Returns the endpoints of the peer profile.
pub fn endpoints() -> Vec<Endpoint> {
    let tag = Tag::Sharing;
    vec![
        endpoint::get("/v1/invitations/{id}/peer-profile", read_of_helper)
            .operation(tag, "getHelperProfile", "Read how somebody introduces themselves who took your invitation")
            .about(
                "In their own words, from when they have taken the invitation until it ends. Nobody has to introduce themselves.",
            )
            .parameter(id_parameter())
            .gives::<PeerProfile>(200, "The profile.", profile_example),
        endpoint::get(PATH, read)
            .operation(tag, "getPeerProfile", "Read how you introduce yourself")
            .about("Your own words for the people whose invitations you took.")
            .gives::<PeerProfile>(200, "The profile.", profile_example)
            .problems(&[ProblemKind::NotFound]),
        endpoint::put(PATH, put)
            .operation(tag, "putPeerProfile", "Introduce yourself to the people you help")
            .about("Writes the whole profile, in place of an earlier one. An optional member that is left out is unset.")
            .takes::<PeerProfile>(profile_example)
            .gives::<PeerProfile>(200, "Written.", profile_example),
        endpoint::delete(PATH, remove)
            .operation(tag, "deletePeerProfile", "Delete how you introduce yourself")
            .about("Nobody sees it any more.")
            .gives_nothing(204, "Deleted.")
            .problems(&[ProblemKind::NotFound]),
    ]
}

fn profile_example() -> Value {
    serde_json::to_value(PeerProfile::example()).unwrap_or_default()
}

async fn read(caller: Caller) -> HandlerResult {
    let profile = caller.state.store.peer_profile(caller.scope().account()).await?;
    let profile = profile.ok_or(Problem::new(ProblemKind::NotFound))?;
    Ok(json_response(HttpResponse::Ok(), to_json(&profile)))
}

/// The profile of the account that took an invitation of the caller's.
async fn read_of_helper(caller: Caller) -> HandlerResult {
    let id = caller.path_id("id")?;
    let (store, now) = (&caller.state.store, caller.state.clock.micros());
    let invitation = store.invitation(caller.scope(), id, now).await?;
    let taker = invitation.taker.filter(|_| invitation.status.is_taken());
    let missing = || Problem::new(ProblemKind::NotFound);
    let profile = store.peer_profile(taker.ok_or_else(missing)?).await?;
    let profile = profile.ok_or_else(missing)?;
    Ok(json_response(HttpResponse::Ok(), to_json(&profile)))
}

async fn put(body: Body<PeerProfile>) -> HandlerResult {
    let Body { caller, value, .. } = body;
    let (profile, now) = (value.into_inner(), caller.state.clock.micros());
    let shown = to_json(&profile);
    caller
        .state
        .store
        .put_peer_profile(caller.scope(), profile, now)
        .await?;
    Ok(json_response(HttpResponse::Ok(), shown))
}

async fn remove(caller: Caller) -> HandlerResult {
    let removed = caller.state.store.delete_peer_profile(caller.scope()).await?;
    if removed {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::new(ProblemKind::NotFound))
    }
}
