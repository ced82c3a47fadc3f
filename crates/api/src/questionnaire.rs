//! Questionnaires that can be answered, and a person's scores over time.

use mainstay_domain::{
    questionnaire_response::{QuestionnaireResponse, ResponseStatus},
    record::{Kind, Record, json as to_json},
    reference::questionnaire::{
        Questionnaire, QuestionnaireStatus, QuestionnaireSummary, SHIPPED,
        trend::{MAX_POINTS, QuestionnaireTrend, trend},
    },
    value::validation::FindingCode,
};
use mainstay_store::{KeyedRecords, Order, Range, StoreError, cache::response_cache::CachedBody};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::{
        caller::Caller,
        conditional::etag_of,
        page::page_limit,
        problem::{HandlerResult, Problem, ProblemKind},
        query::Parameters,
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Tag},
        schema::{add, add_list},
    },
    record::{
        EXAMPLE_ID, collection, cursor_parameter, decode, id_parameter, if_none_match, limit_parameter,
        list_body, questionnaire, versioned,
    },
};

/// Responses that a trend looks at, the latest ones, so that the answer stays quick after years.
const LOOKED_AT: usize = 2000;

/// The endpoints of questionnaires and of responses to them.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![list_endpoint(), read_endpoint(), follows()];
    all.extend(collection::<QuestionnaireResponse>(Tag::Questionnaires));
    all
}

fn list_endpoint() -> Endpoint {
    let status = json!({ "$ref": "#/components/schemas/QuestionnaireStatus" });
    endpoint::get("/v1/questionnaires", list)
        .operation(Tag::Questionnaires, "listQuestionnaires", "List questionnaires")
        .about("What the operator imported, and a short one of our own, by title and version. Show licence and attribution with a questionnaire.")
        .parameter(Parameter::query("status", "Only those of this status.", status, json!("active")))
        .parameter(Parameter::query("url", "Only versions of this one.", json!({ "type": "string", "minLength": 1, "maxLength": 500 }), Value::Null))
        .parameter(limit_parameter())
        .parameter(cursor_parameter())
        .parameter(if_none_match())
        .gives_schema(
            200,
            "A page.",
            Box::new(|c| {
                let items = add::<QuestionnaireSummary>(c);
                add_list(c, "QuestionnaireList", &items)
            }),
            || json!({ "items": SHIPPED.iter().map(QuestionnaireSummary::from).collect::<Vec<_>>(), "next_cursor": null }),
        )
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

/// The id of a questionnaire in the path.
fn questionnaire_id() -> Parameter {
    Parameter {
        description: "The id of the questionnaire.",
        example: json!(SHIPPED.as_ref().map(|own| own.id)),
        ..id_parameter()
    }
}

fn read_endpoint() -> Endpoint {
    endpoint::get("/v1/questionnaires/{id}", read)
        .operation(Tag::Questionnaires, "getQuestionnaire", "Read one questionnaire")
        .about(
            "The items in their order, flat: each names the item that it stands in. Retired ones stay readable. What a \
             questionnaire asks never changes under its id, so it can be kept on the device.",
        )
        .parameter(questionnaire_id())
        .parameter(if_none_match())
        .gives::<Questionnaire>(200, "The questionnaire.", || json!(*SHIPPED))
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn follows() -> Endpoint {
    endpoint::get("/v1/questionnaires/{id}/trend", follow)
        .operation(Tag::Questionnaires, "getQuestionnaireTrend", "Follow scores over time")
        .about(
            "The person's scores of one questionnaire, oldest first, each with the change since the one before. Where the \
             scoring rules changed in between, there is no change to tell.",
        )
        .parameter(questionnaire_id())
        .parameter(if_none_match())
        .gives::<QuestionnaireTrend>(200, "The scores.", trend_example)
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn trend_example() -> Value {
    let first: Uuid = EXAMPLE_ID.parse().unwrap_or_default();
    let one = QuestionnaireResponse::example();
    let responses = [
        (first, one.clone()),
        (Uuid::from_u128(first.as_u128() + 1), one.clone()),
    ];
    json!(trend(one.questionnaire_id, &responses))
}

async fn list(caller: Caller) -> HandlerResult {
    let mut asked = Parameters::read(&caller.request, &["status", "url", "limit", "cursor"]);
    let status = asked.choice::<QuestionnaireStatus>("status");
    let url = asked.get(
        "url",
        FindingCode::Length,
        "must have 1 to 500 characters",
        |text| (1..=500).contains(&text.chars().count()).then(|| text.to_owned()),
    );
    let limit = usize::try_from(page_limit(&mut asked)).unwrap_or(1);
    let after = asked.get(
        "cursor",
        FindingCode::Cursor,
        "must be a next_cursor of this list",
        |text| text.parse::<Uuid>().ok(),
    );
    asked.finish()?;
    let mut all = caller.state.store.questionnaires().await?;
    all.extend(SHIPPED.as_ref().map(QuestionnaireSummary::from));
    all.retain(|one| {
        status.is_none_or(|status| one.status == status) && url.as_ref().is_none_or(|url| one.url == *url)
    });
    all.sort_by(|a, b| (&a.title, &a.version, a.id).cmp(&(&b.title, &b.version, b.id)));
    let start = match after {
        None => 0,
        Some(id) => {
            let place = all.iter().position(|one| one.id == id);
            place.ok_or_else(|| {
                Problem::invalid(
                    "/cursor",
                    FindingCode::Cursor,
                    "must be a next_cursor of this list",
                )
            })? + 1
        }
    };
    let page: Vec<_> = all.iter().skip(start).take(limit).collect();
    let next = page
        .last()
        .filter(|_| start + page.len() < all.len())
        .map(|last| last.id.to_string());
    let body = list_body(page.iter().map(to_json), next.as_deref());
    Ok(versioned(&caller.request, &etag_of(&body), || body))
}

async fn read(caller: Caller) -> HandlerResult {
    let found = known(&caller).await?;
    let body = to_json(&found);
    Ok(versioned(&caller.request, &etag_of(&body), || body))
}

/// The questionnaire whose id is in the path.
async fn known(caller: &Caller) -> HandlerResult<Questionnaire> {
    let found = questionnaire(&caller.state.store, caller.path_id("id")?).await?;
    found.ok_or(Problem::new(ProblemKind::NotFound))
}

async fn follow(caller: Caller) -> HandlerResult {
    let id = known(&caller).await?.id;
    let question = format!("trend {id}");
    let made = caller.get_or_compute(
        &question,
        &[Kind::QuestionnaireResponse],
        |_before| None,
        move |records| {
            let bytes = to_json(&trend(id, &completed(records, id)?));
            let tag = Some(etag_of(&bytes));
            Ok(Some(CachedBody {
                tag,
                ..CachedBody::new(bytes)
            }))
        },
    );
    let made = made.await?;
    let made = made.ok_or(Problem::internal("a trend without a body"))?;
    let tag = made.tag.as_deref().unwrap_or_default();
    Ok(versioned(&caller.request, tag, || made.bytes.clone()))
}

/// The latest completed responses to a questionnaire, oldest first.
fn completed(
    records: &mut KeyedRecords<'_, '_>,
    id: Uuid,
) -> Result<Vec<(Uuid, QuestionnaireResponse)>, StoreError> {
    let mut found = Vec::new();
    let (mut looked_at, mut after) = (0, None);
    loop {
        let range = Range {
            limit: 200,
            order: Order::Descending,
            after,
            ..Range::default()
        };
        let page = records.list(Kind::QuestionnaireResponse, &range)?;
        for stored in &page {
            let response: QuestionnaireResponse = decode(&stored.body)?;
            if response.questionnaire_id == id && response.status == ResponseStatus::Completed {
                found.push((stored.id, response));
            }
        }
        looked_at += page.len();
        after = page.last().map(|last| (last.occurred_at, last.id));
        if page.len() < 200 || looked_at >= LOOKED_AT || found.len() >= MAX_POINTS {
            break;
        }
    }
    found.truncate(MAX_POINTS);
    found.reverse();
    Ok(found)
}
