//! Endpoints of questionnaires, of a person's answers to them, and of scores over time.

use std::ops::ControlFlow;

use actix_web::HttpRequest;
use mainstay_domain::{
    account::Roles,
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
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::{add, add_list},
    },
    record::{
        EXAMPLE_ID, collection, cursor_parameter, decode, id_parameter, if_none_match, limit_parameter,
        list_body, questionnaire, versioned,
    },
};

/// The number of latest responses that a trend reads, so that it stays fast after years.
const MAX_READ: i64 = 2000;

/// The expected value of `cursor`.
const EXPECTED_CURSOR: &str = "must be a next_cursor of this list";

/// Lists the endpoints of questionnaires and of answers to them.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![list_endpoint(), read_endpoint(), trend_endpoint()];
    all.extend(collection::<QuestionnaireResponse>(Tag::Questionnaires));
    all
}

fn list_endpoint() -> Endpoint {
    let status = json!({ "$ref": "#/components/schemas/QuestionnaireStatus" });
    endpoint::get("/v1/questionnaires", list)
        .roles(Roles::ALL)
        .operation(Tag::Questionnaires, "listQuestionnaires", "List questionnaires")
        .about(
            "The questionnaires that the operator imported, and a short one that is part of Mainstay, by title and version. \
             Show licence and attribution with a questionnaire.",
        )
        .parameter(Parameter::query("status", "Only questionnaires of this status.", status, json!("active")))
        .parameter(Parameter::query("url", "Only versions of the questionnaire with this URL.", json!({ "type": "string", "minLength": 1, "maxLength": 500 }), Value::Null))
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

/// Returns the path parameter with the id of a questionnaire.
fn questionnaire_id() -> Parameter {
    Parameter {
        description: "The id of the questionnaire.",
        example: json!(SHIPPED.as_ref().map(|own| own.id)),
        ..id_parameter()
    }
}

fn read_endpoint() -> Endpoint {
    endpoint::get("/v1/questionnaires/{id}", read)
        .roles(Roles::ALL)
        .operation(Tag::Questionnaires, "getQuestionnaire", "Read one questionnaire")
        .about(
            "The items are a flat list in their order; each names the item that contains it. Retired questionnaires stay \
             readable. The questions under an id never change, so an app can keep them on the device.",
        )
        .parameter(questionnaire_id())
        .parameter(if_none_match())
        .gives::<Questionnaire>(200, "The questionnaire.", || json!(*SHIPPED))
        .with_headers(&["ETag"])
        .gives_nothing(304, "Not changed since the ETag in If-None-Match.")
        .with_headers(&["ETag"])
}

fn trend_endpoint() -> Endpoint {
    endpoint::get("/v1/questionnaires/{id}/trend", read_trend)
        .priority(Priority::Deferrable)
        .operation(Tag::Questionnaires, "getQuestionnaireTrend", "Follow scores over time")
        .about(
            "The person's scores of one questionnaire, oldest first, each with the change since the one before. There is \
             no change where the scoring rules were different.",
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

/// The questionnaires that a list request asks for.
struct ListQuery {
    status: Option<QuestionnaireStatus>,
    url: Option<String>,
    limit: usize,
    after: Option<Uuid>,
}

impl ListQuery {
    fn read(request: &HttpRequest) -> HandlerResult<Self> {
        let mut parameters = Parameters::read(request, &["status", "url", "limit", "cursor"]);
        let query = Self {
            status: parameters.choice("status"),
            url: parameters.get(
                "url",
                FindingCode::Length,
                "must have 1 to 500 characters",
                |text| (1..=500).contains(&text.chars().count()).then(|| text.to_owned()),
            ),
            limit: usize::try_from(page_limit(&mut parameters)).unwrap_or(1),
            after: parameters.get("cursor", FindingCode::Cursor, EXPECTED_CURSOR, |text| {
                text.parse().ok()
            }),
        };
        parameters.finish()?;
        Ok(query)
    }

    fn matches(&self, one: &QuestionnaireSummary) -> bool {
        self.status.is_none_or(|status| one.status == status)
            && self.url.as_ref().is_none_or(|url| one.url == *url)
    }
}

async fn list(caller: Caller) -> HandlerResult {
    let query = ListQuery::read(&caller.request)?;
    let mut all = caller.state.store.questionnaires().await?;
    all.extend(SHIPPED.as_ref().map(QuestionnaireSummary::from));
    all.retain(|one| query.matches(one));
    all.sort_by(|a, b| (&a.title, &a.version, a.id).cmp(&(&b.title, &b.version, b.id)));
    let start = match query.after {
        None => 0,
        Some(id) => {
            let last = all.iter().position(|one| one.id == id);
            last.ok_or_else(|| Problem::invalid("/cursor", FindingCode::Cursor, EXPECTED_CURSOR))? + 1
        }
    };
    let page: Vec<_> = all.iter().skip(start).take(query.limit).collect();
    let next = page
        .last()
        .filter(|_| start + page.len() < all.len())
        .map(|last| last.id.to_string());
    let body = list_body(page.iter().map(to_json), next.as_deref());
    Ok(versioned(&caller.request, &etag_of(&body), || body))
}

async fn read(caller: Caller) -> HandlerResult {
    let body = to_json(&find_questionnaire(&caller).await?);
    Ok(versioned(&caller.request, &etag_of(&body), || body))
}

/// Finds the questionnaire whose id is in the path.
async fn find_questionnaire(caller: &Caller) -> HandlerResult<Questionnaire> {
    let found = questionnaire(&caller.state.store, caller.path_id("id")?).await?;
    found.ok_or(Problem::new(ProblemKind::NotFound))
}

async fn read_trend(caller: Caller) -> HandlerResult {
    let id = find_questionnaire(&caller).await?.id;
    let question = format!("trend {id}");
    let body = caller.get_or_compute(
        &question,
        &[Kind::QuestionnaireResponse],
        |_stale| None,
        move |records| {
            let bytes = to_json(&trend(id, &completed(records, id)?));
            let tag = Some(etag_of(&bytes));
            Ok(Some(CachedBody {
                tag,
                ..CachedBody::new(bytes)
            }))
        },
    );
    let body = body.await?.ok_or(Problem::internal("a trend has no body"))?;
    let tag = body.tag.as_deref().unwrap_or_default();
    Ok(versioned(&caller.request, tag, || body.bytes.clone()))
}

/// Reads the latest completed responses to a questionnaire, oldest first.
fn completed(
    records: &mut KeyedRecords<'_, '_>,
    id: Uuid,
) -> Result<Vec<(Uuid, QuestionnaireResponse)>, StoreError> {
    let mut found = Vec::new();
    let range = Range {
        limit: MAX_READ,
        order: Order::Descending,
        ..Range::default()
    };
    records.for_each(Kind::QuestionnaireResponse, &range, |stored| {
        let response: QuestionnaireResponse = decode(&stored.body)?;
        if response.questionnaire_id == id && response.status == ResponseStatus::Completed {
            found.push((stored.id, response));
        }
        Ok(if found.len() < MAX_POINTS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    found.reverse();
    Ok(found)
}
