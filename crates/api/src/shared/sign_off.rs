//! Sign-offs of a plan by clinicians.

use mainstay_domain::{
    account::Roles,
    audit::{AccessAction, What},
    record::{Kind, json as to_json},
    sharing::{DataClass, member::shows_versions},
    sign_off::{NewSignOff, SignOff, may_sign_off},
};
use mainstay_store::{Contributed, sharing::Found};
use serde_json::{Value, json};

use super::{
    answer::respond_with,
    caller::SharedCaller,
    contribution::{Given, NOTICE, Outcome, Task, before, given_response, plan_in_path, plan_tally},
    document::{given_schema, person_parameter, with_note_example},
};
use crate::{
    http::{
        body::Body,
        problem::{HandlerResult, ProblemKind},
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::Components,
    },
    record::{id_parameter, missing_unless},
    server::id::new_id,
};

/// Signing off. Who does not see the whole plan sees no number of it, and cannot stand behind one.
const TASK: Task = Task {
    is_allowed: |contributor| {
        may_sign_off(contributor.role) && shows_versions(Kind::Plan, contributor.grants.covered())
    },
    what: What::Records(Kind::Plan),
    description: "a sign-off of a plan, with the number of the plan",
    class: Some(DataClass::Plans),
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let handler = missing_unless(plan_in_path(TASK), sign);
    vec![
        endpoint::post("/v1/shared/{person_id}/plans/{id}/sign-off", handler)
            .roles(Roles::CLINICIANS)
            .operation(Tag::Sharing, "signSharedPlanOff", "Sign a plan of a person off")
            .about(format!(
                "For clinicians. Says that you stand behind the number of the plan that you have seen, which must be the latest. \
                 It needs consents for the whole plan: `plans`, `support_contacts` and `safety`. Signing the same number again \
                 changes nothing. {NOTICE}"
            ))
            .parameter(person_parameter())
            .parameter(id_parameter())
            .takes::<NewSignOff>(|| json!({ "number": 2 }))
            .gives_schema(201, "Signed.", Box::new(schema), example)
            .with_headers(&["X-Part2-Notice", "Link"])
            .gives_schema(200, "Signed before.", Box::new(schema), example)
            .with_headers(&["X-Part2-Notice", "Link", "Idempotent-Replayed"])
            .problems(&[ProblemKind::PlanNumberChanged]),
    ]
}

fn schema(components: &mut Components) -> Value {
    given_schema::<SignOff>(components, "OwnPlanSignOff")
}

fn example() -> Value {
    let by_role = mainstay_domain::account::Role::Clinician;
    with_note_example(json!(SignOff {
        by_role,
        ..SignOff::example()
    }))
}

async fn sign(body: Body<NewSignOff>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let plan = caller.path_id("id")?;
    let caller = SharedCaller::from_caller(caller).await?;
    let (new, id) = (value.into_inner(), new_id());
    let given = caller.give(key.as_ref(), TASK, move |writer, by| {
        let contributed = writer.sign_off(&by.author, plan, (id, new))?;
        let (Contributed::New(signed) | Contributed::Replayed(signed)) = &contributed;
        Ok(Given {
            id: signed.id,
            contributed,
            action: AccessAction::SignOff,
            tally: plan_tally(by, plan),
        })
    });
    match given.await? {
        Outcome::Done(contributed, note) => Ok(given_response(&contributed, &note)),
        Outcome::Before(reply) => {
            let (id, response) = before(&reply)?;
            let read = caller.read_given(TASK, move |records, by| {
                Ok(Found {
                    value: records.own_sign_off(&by.author, plan, id)?,
                    tally: plan_tally(by, plan),
                })
            });
            let (signed, note) = read.await?;
            Ok(respond_with(response, to_json(&signed), &note))
        }
    }
}
