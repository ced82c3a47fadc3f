//! The progress report for a care team: what the consents cover, to read and to print, with the notice on every page.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderValue},
};
use mainstay_domain::{
    audit::{AccessAction, NOTICE_SHORT, View, What},
    insight::facts::Window,
    sharing::{
        Covered, DataClass,
        insight::{
            InsightScope,
            progress::{ReportPart, SharedProgress, shared_progress},
            source::may_read,
        },
    },
};
use mainstay_store::{
    Records, StoreError,
    sharing::{Found, Reach, Tally},
};
use serde_json::json;

use super::{
    answer::{NOTICE_PATH, with_notice},
    caller::SharedCaller,
    document::person_parameter,
    record::NOTICE,
};
use crate::{
    http::{problem::HandlerResult, query::Parameters},
    insight::{
        document::{as_of_parameter, window_parameter},
        facts::read,
        needs,
        request::{AskedMoment, InsightRequest},
    },
    openapi::{
        endpoint::{self, Endpoint, Priority, Tag},
        schema::add,
    },
    report::{ForOthers, PAGE, Parts, page_for_others, plans_over_time},
};

/// Returns the endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::get("/v1/shared/{person_id}/reports/progress", get_report)
            .priority(Priority::Deferrable)
            .operation(Tag::Sharing, "getSharedProgressReport", "The progress report that is shared, to read and to print")
            .about(format!(
                "One page of HTML without scripts, with the parts of the person's report that a consent covers and no others. Each \
                 printed page carries the notice. {NOTICE}"
            ))
            .parameter(person_parameter())
            .parameter(as_of_parameter())
            .parameter(window_parameter())
            .naming(Box::new(add::<Window>))
            .gives_media(200, "The page.", "text/html", || json!("<!DOCTYPE html>…"))
            .with_headers(&["X-Part2-Notice", "Link"]),
    ]
}

async fn get_report(caller: SharedCaller) -> HandlerResult {
    let parameters = Parameters::read(&caller.caller.request, &["as_of", "window"]);
    let moment = AskedMoment::read(parameters, caller.caller.state.clock.now())?;
    let profile = caller.profile().await?;
    let others = ForOthers {
        display_name: profile.profile.display_name.as_ref().map(ToString::to_string),
        notice: NOTICE_SHORT,
        notice_path: NOTICE_PATH,
    };
    let request = InsightRequest::new(&moment, profile.profile, profile.version, "shared report");
    let asked = caller.asks(
        AccessAction::Report,
        What::View(View::ProgressReport),
        "the progress report".to_owned(),
        Reach::Long,
    );
    let read = caller.read(&asked, move |records, grants| {
        let covered = grants.covered();
        let Some(shared) = read_shared(records, covered, &request)? else {
            return Ok(None);
        };
        let mut tally = Tally::default();
        for class in shared.sources().iter() {
            tally.add_view(View::ProgressReport, class);
        }
        let page = page_for_others(&shared.figures, &Parts::shared(&shared), &others);
        let value = page.into_string().into_bytes();
        Ok(Some(Found { value, tally }))
    });
    let (body, _grants) = read.await?;
    let mut response = with_notice(HttpResponse::Ok());
    response
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(PAGE.media_type)))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE.policy),
        ));
    Ok(response.body(body))
}

/// Reads the record, and computes the parts that are covered; `None` if there are none.
fn read_shared(
    records: &mut Records<'_>,
    covered: Covered,
    request: &InsightRequest,
) -> Result<Option<SharedProgress>, StoreError> {
    // Nothing is read for somebody who sees nothing: the time of the answer would tell how much there is.
    if !ReportPart::ALL
        .into_iter()
        .any(|part| covered.contains_all(part.classes()))
    {
        return Ok(None);
    }
    let needs = needs::for_others(
        needs::report(request),
        request,
        covered.contains(DataClass::Warnings),
        |kind| may_read(kind, covered),
    );
    let facts = read(records, needs, request.upto())?;
    let plans = if covered.contains_all(ReportPart::PlanChanges.classes()) {
        plans_over_time(records, &facts, request)?
    } else {
        Vec::new()
    };
    let helplines = request.helplines();
    let scope = InsightScope {
        as_of: &request.as_of,
        window: request.window,
        helplines: &helplines,
    };
    Ok(shared_progress(&facts, &plans, covered, &scope))
}
