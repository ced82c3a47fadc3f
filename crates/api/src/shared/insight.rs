//! Insights into somebody else's record, computed over what the consents cover and nothing else.

use std::collections::BTreeSet;

use mainstay_domain::{
    audit::{AccessAction, View, What},
    insight::{
        abstinence::Abstinence,
        craving::Cravings,
        facts::Window,
        medication::MedicationCoverage,
        milestone::Milestones,
        self_efficacy::SelfEfficacy,
        series::{Bucket, Metric, Series},
        strategy::Strategies,
        summary::Summary,
        trigger::Triggers,
        warning::Warnings,
    },
    sharing::{
        Covered, DataClass,
        insight::{InsightScope, SharedInsight},
    },
};
use mainstay_store::{
    Records, StoreError,
    sharing::{Found, Reach, Tally},
};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    answer::respond,
    caller::SharedCaller,
    document::{person_parameter, shared_insight_schema, with_note_example},
    record::NOTICE,
};
use crate::{
    http::{problem::HandlerResult, query::Parameters},
    insight::{
        document::{as_of_parameter, example_facts, example_helplines, example_moment, window_parameter},
        facts::{Needs, read},
        needs,
        request::{AskedMoment, InsightRequest},
    },
    openapi::{
        endpoint::{self, Endpoint, Parameter, Priority, Tag},
        schema::add,
    },
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        documented::<Abstinence>(
            endpoint::get("/v1/shared/{person_id}/insights/abstinence", get_abstinence),
            "getSharedAbstinence",
            "Days without use that are shared",
            SharedInsight::Abstinence,
        ),
        documented::<Milestones>(
            endpoint::get("/v1/shared/{person_id}/insights/milestones", get_milestones),
            "getSharedMilestones",
            "Milestones that are shared",
            SharedInsight::Milestones,
        ),
        series_endpoint(),
        documented::<Cravings>(
            endpoint::get("/v1/shared/{person_id}/insights/cravings", get_cravings),
            "getSharedCravings",
            "How cravings go, as it is shared",
            SharedInsight::Cravings,
        )
        .parameter(window_parameter()),
    ];
    all.extend(more_endpoints());
    all
}

fn more_endpoints() -> Vec<Endpoint> {
    vec![
        documented::<Triggers>(
            endpoint::get("/v1/shared/{person_id}/insights/triggers", get_triggers),
            "getSharedTriggers",
            "What brings cravings on, as it is shared",
            SharedInsight::Triggers,
        )
        .parameter(window_parameter()),
        documented::<Strategies>(
            endpoint::get("/v1/shared/{person_id}/insights/strategies", get_strategies),
            "getSharedStrategies",
            "What helps, as it is shared",
            SharedInsight::Strategies,
        )
        .parameter(window_parameter()),
        documented::<SelfEfficacy>(
            endpoint::get("/v1/shared/{person_id}/insights/self-efficacy", get_self_efficacy),
            "getSharedSelfEfficacy",
            "Confidence by kind of situation, as it is shared",
            SharedInsight::SelfEfficacy,
        )
        .parameter(window_parameter()),
        documented::<MedicationCoverage>(
            endpoint::get("/v1/shared/{person_id}/insights/medication", get_medication),
            "getSharedMedicationCoverage",
            "How much of the time medication covered, as it is shared",
            SharedInsight::Medication,
        )
        .parameter(window_parameter()),
        documented::<Warnings>(
            endpoint::get("/v1/shared/{person_id}/insights/warnings", get_warnings),
            "getSharedWarnings",
            "Early warnings that are shared",
            SharedInsight::Warnings,
        ),
        documented::<Summary>(
            endpoint::get("/v1/shared/{person_id}/insights/summary", get_summary),
            "getSharedSummary",
            "All that is shared, small",
            SharedInsight::Summary,
        )
        .parameter(window_parameter()),
    ]
}

fn series_endpoint() -> Endpoint {
    documented::<Series>(
        endpoint::get("/v1/shared/{person_id}/insights/series", get_series),
        "getSharedSeries",
        "One measure over time, as it is shared",
        SharedInsight::Series(Metric::Craving, Bucket::Week),
    )
    .parameter(Parameter {
        required: true,
        ..Parameter::query(
            "metric",
            "The measure.",
            json!({ "$ref": "#/components/schemas/InsightMetric" }),
            json!("craving"),
        )
    })
    .parameter(Parameter::query(
        "bucket",
        "The span of time that one point covers; `day` if left out.",
        json!({ "$ref": "#/components/schemas/InsightBucket" }),
        json!("week"),
    ))
    .parameter(window_parameter())
}

/// Documents an insight.
fn documented<T: ToSchema + 'static>(
    endpoint: Endpoint,
    id: &str,
    summary: &str,
    insight: SharedInsight,
) -> Endpoint {
    endpoint
        .priority(Priority::Deferrable)
        .operation(Tag::Sharing, id, summary)
        .about(format!(
            "The same as the person's own insight, computed over what the consents cover. What is not covered is left out, never \
             shown as 0. {NOTICE}"
        ))
        .parameter(person_parameter())
        .parameter(as_of_parameter())
        .gives_schema(200, "What is shared of it.", Box::new(shared_insight_schema::<T>), move || {
            with_note_example(example(insight))
        })
        .with_headers(&["X-Part2-Notice", "Link"])
        .naming(Box::new(add::<Window>))
}

/// The example of an insight of which all is shared.
pub fn example(insight: SharedInsight) -> Value {
    let all: Covered = DataClass::ALL.iter().copied().collect();
    let (as_of, helplines) = (example_moment(), example_helplines());
    let scope = InsightScope {
        as_of: &as_of,
        window: Window::default(),
        helplines: &helplines,
    };
    let found = insight.compute(&example_facts(), all, &scope).ok().flatten();
    found
        .and_then(|found| serde_json::from_slice(&found).ok())
        .unwrap_or_default()
}

/// Computes what is covered of an insight, as JSON. `None` if nothing is.
///
/// # Errors
/// Errors of the database; a record that cannot be opened.
pub fn shared_figures(
    records: &mut Records<'_>,
    insight: SharedInsight,
    needs: Needs,
    covered: Covered,
    request: &InsightRequest,
) -> Result<Option<Vec<u8>>, StoreError> {
    if !insight.is_covered(covered) {
        return Ok(None);
    }
    let needs = needs::for_others(needs, request, insight.shows_level(covered), |kind| {
        insight.may_read(kind, covered)
    });
    let facts = read(records, needs, request.upto())?;
    let helplines = request.helplines();
    let scope = InsightScope {
        as_of: &request.as_of,
        window: request.window,
        helplines: &helplines,
    };
    let found = insight.compute(&facts, covered, &scope);
    found.map_err(|error| StoreError::Internal(error.to_string()))
}

/// A request for an insight into somebody else's record.
struct Request {
    caller: SharedCaller,
    insight: SharedInsight,
    view: View,
    of: InsightRequest,
}

impl Request {
    /// Reads the parameters, and the profile of the person.
    async fn of(
        caller: SharedCaller,
        parameters: Parameters,
        insight: SharedInsight,
        view: View,
    ) -> HandlerResult<Self> {
        let moment = AskedMoment::read(parameters, caller.caller.state.clock.now())?;
        let profile = caller.profile().await?;
        let of = InsightRequest::new(&moment, profile.profile, profile.version, view.as_str());
        Ok(Self {
            caller,
            insight,
            view,
            of,
        })
    }

    /// Responds with what is covered of the insight.
    async fn respond(self, needs: Needs) -> HandlerResult {
        let Self {
            caller,
            insight,
            view,
            of,
        } = self;
        let description = format!("figures: {}", view.words());
        let asked = caller.asks(AccessAction::Insight, What::View(view), description, Reach::Long);
        let read = caller.read(&asked, move |records, grants| {
            let covered = grants.covered();
            let Some(found) = shared_figures(records, insight, needs, covered, &of)? else {
                return Ok(None);
            };
            let mut tally = Tally::default();
            for class in insight.sources(covered).iter() {
                tally.add_view(view, class);
            }
            let classes: BTreeSet<DataClass> = tally.classes().collect();
            Ok(Some(Found {
                value: (found, classes),
                tally,
            }))
        });
        let ((body, classes), grants) = read.await?;
        Ok(respond(body, &caller.note(&grants, classes)))
    }
}

/// The parameters of a request, of which these are known.
fn parameters(caller: &SharedCaller, known: &[&str]) -> Parameters {
    Parameters::read(&caller.caller.request, known)
}

async fn get_abstinence(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of"]);
    let request = Request::of(caller, asked, SharedInsight::Abstinence, View::Abstinence).await?;
    request.respond(needs::abstinence()).await
}

async fn get_milestones(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of"]);
    let request = Request::of(caller, asked, SharedInsight::Milestones, View::Milestones).await?;
    request.respond(needs::milestones()).await
}

async fn get_series(caller: SharedCaller) -> HandlerResult {
    let mut asked = parameters(&caller, &["metric", "bucket", "as_of", "window"]);
    asked.require("metric");
    // A request without a metric is refused with the rest.
    let metric = asked.choice::<Metric>("metric").unwrap_or(Metric::Craving);
    let bucket = asked.choice::<Bucket>("bucket").unwrap_or_default();
    let request = Request::of(caller, asked, SharedInsight::Series(metric, bucket), View::Series).await?;
    let needs = needs::series(metric, &request.of);
    request.respond(needs).await
}

async fn get_cravings(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of", "window"]);
    let request = Request::of(caller, asked, SharedInsight::Cravings, View::Cravings).await?;
    let needs = needs::cravings(&request.of);
    request.respond(needs).await
}

async fn get_triggers(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of", "window"]);
    let request = Request::of(caller, asked, SharedInsight::Triggers, View::Triggers).await?;
    let needs = needs::triggers(&request.of);
    request.respond(needs).await
}

async fn get_strategies(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of", "window"]);
    let request = Request::of(caller, asked, SharedInsight::Strategies, View::Strategies).await?;
    let needs = needs::strategies(&request.of);
    request.respond(needs).await
}

async fn get_self_efficacy(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of", "window"]);
    let request = Request::of(caller, asked, SharedInsight::SelfEfficacy, View::SelfEfficacy).await?;
    let needs = needs::self_efficacy(&request.of);
    request.respond(needs).await
}

async fn get_medication(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of", "window"]);
    let request = Request::of(caller, asked, SharedInsight::Medication, View::MedicationCoverage).await?;
    request.respond(needs::medication()).await
}

async fn get_warnings(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of"]);
    let request = Request::of(caller, asked, SharedInsight::Warnings, View::Warnings).await?;
    let needs = needs::warnings(&request.of);
    request.respond(needs).await
}

async fn get_summary(caller: SharedCaller) -> HandlerResult {
    let asked = parameters(&caller, &["as_of", "window"]);
    let request = Request::of(caller, asked, SharedInsight::Summary, View::Summary).await?;
    let needs = needs::summary(&request.of);
    request.respond(needs).await
}
