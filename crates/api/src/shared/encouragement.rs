//! Kind words, from the side of whoever writes them.

use mainstay_domain::{
    audit::{AccessAction, View, What},
    encouragement::{Encouragement, NewEncouragement},
    record::json as to_json,
};
use mainstay_store::{
    Contributed,
    sharing::{Found, Tally},
};
use serde_json::{Value, json};

use super::{
    answer::{respond, respond_with},
    caller::SharedCaller,
    contribution::{Given, NOTICE, Outcome, Task, before, given_response, person_in_path},
    document::{given_schema, list_with_note, note_example, person_parameter, with_note_example},
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
    record::{contribution_list, contribution_range, cursor_parameter, limit_parameter, missing_unless},
    server::id::new_id,
};

const PATH: &str = "/v1/shared/{person_id}/encouragements";

/// Sending kind words, and reading one's own with the thanks.
const TASK: Task = Task {
    is_allowed: |_| true,
    what: What::View(View::Encouragements),
    description: "the thanks for words of encouragement",
    class: None,
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let handler = missing_unless(person_in_path(TASK, View::Encouragements), send);
    vec![
        endpoint::post(PATH, handler)
            .operation(Tag::Sharing, "sendEncouragement", "Send kind words to a person")
            .about(format!(
                "For everyone whom the person has confirmed as a helper and shares something with. Each may write five times on one \
                 day of the person. {NOTICE}"
            ))
            .parameter(person_parameter())
            .takes::<NewEncouragement>(|| {
                json!({ "text": "I saw you at the river this morning. I am glad that you are here." })
            })
            .gives_schema(201, "Sent.", Box::new(schema), || {
                let sent = Encouragement {
                    thanks: None,
                    ..Encouragement::example()
                };
                with_note_example(json!(sent))
            })
            .with_headers(&["X-Part2-Notice", "Link"])
            .gives_schema(200, "Sent before.", Box::new(schema), example)
            .with_headers(&["X-Part2-Notice", "Link", "Idempotent-Replayed"])
            .problems(&[ProblemKind::IdConflict, ProblemKind::EnoughEncouragements]),
        endpoint::get(PATH, list)
            .operation(Tag::Sharing, "listOwnEncouragements", "List the kind words that you sent to a person")
            .about(format!("Your own, newest first, with the thanks of the person. {NOTICE}"))
            .parameter(person_parameter())
            .parameter(limit_parameter())
            .parameter(cursor_parameter())
            .gives_schema(200, "A page.", Box::new(list_schema), || {
                let item = Encouragement::example();
                json!({ "items": [item], "next_cursor": null, "disclosure": note_example() })
            })
            .with_headers(&["X-Part2-Notice", "Link"]),
    ]
}

fn schema(components: &mut Components) -> Value {
    given_schema::<Encouragement>(components, "OwnEncouragement")
}

fn list_schema(components: &mut Components) -> Value {
    let items = schema(components);
    list_with_note(components, "OwnEncouragementList", &items)
}

fn example() -> Value {
    with_note_example(json!(Encouragement::example()))
}

/// What an answer with some of the caller's words tells of the person: their thanks.
fn tally_of(words: &[Encouragement]) -> Tally {
    let mut tally = Tally::default();
    for one in words.iter().filter(|one| one.thanks.is_some()) {
        tally.add_words(View::Encouragements, one.id);
    }
    if words.iter().all(|one| one.thanks.is_none()) {
        tally.add_unclassed(View::Encouragements);
    }
    tally
}

async fn send(body: Body<NewEncouragement>) -> HandlerResult {
    let Body { caller, value, key } = body;
    let caller = SharedCaller::from_caller(caller).await?;
    let NewEncouragement { id, text } = value.into_inner();
    let id = id.unwrap_or_else(new_id);
    let given = caller.give(key.as_ref(), TASK, move |writer, by| {
        let contributed = writer.encourage(&by.author, (id, text))?;
        let (Contributed::New(sent) | Contributed::Replayed(sent)) = &contributed;
        Ok(Given {
            tally: tally_of(std::slice::from_ref(sent)),
            contributed,
            id,
            action: AccessAction::Encouragement,
        })
    });
    match given.await? {
        Outcome::Done(contributed, note) => Ok(given_response(&contributed, &note)),
        Outcome::Before(reply) => {
            let (id, response) = before(&reply)?;
            let read = caller.read_given(TASK, move |records, by| {
                let value = records.own_encouragement(&by.author, id)?;
                let tally = tally_of(std::slice::from_ref(&value));
                Ok(Found { value, tally })
            });
            let (sent, note) = read.await?;
            Ok(respond_with(response, to_json(&sent), &note))
        }
    }
}

async fn list(caller: SharedCaller) -> HandlerResult {
    let range = contribution_range(&caller.caller)?;
    let read = caller.read_given(TASK, move |records, by| {
        let value = records.own_encouragements(&by.author, range)?;
        let tally = tally_of(&value.items);
        Ok(Found { value, tally })
    });
    let (page, note) = read.await?;
    Ok(respond(contribution_list(&page), &note))
}
