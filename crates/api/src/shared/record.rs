//! Records of a person, as far as a consent covers them.

use std::collections::BTreeSet;

use actix_web::Handler;
use mainstay_domain::{
    appointment::Appointment,
    audit::{AccessAction, What},
    check_in::CheckIn,
    craving_event::CravingEvent,
    dose::Dose,
    goal::Goal,
    medication::Medication,
    practice_session::PracticeSession,
    questionnaire_response::QuestionnaireResponse,
    record::{Kind, Record},
    referral::Referral,
    sharing::{
        Covered, DataClass, class_of,
        member::{further_classes, shown, shows_versions},
    },
    support_contact::SupportContact,
    transition::Transition,
    use_event::UseEvent,
};
use mainstay_store::{
    StoreError, Stored,
    sharing::{Found, Reach, Tally},
};
use serde_json::json;

use super::{
    answer::respond,
    caller::SharedCaller,
    document::{
        note_example, person_parameter, shared_example, shared_list_schema, shared_schema, with_note_example,
    },
};
use crate::{
    http::{
        page::{cursor, page},
        problem::HandlerResult,
    },
    openapi::{
        endpoint::{self, Endpoint, Tag},
        schema::add_enum,
    },
    record::{encode, id_parameter, list_body, page_parameters, plural},
};

/// Returns the endpoints of the collections that can be shared. Plans have endpoints of their own.
pub fn endpoints() -> Vec<Endpoint> {
    let groups = [
        collection::<Goal>(),
        collection::<CheckIn>(),
        collection::<CravingEvent>(),
        collection::<UseEvent>(),
        collection::<Medication>(),
        collection::<Dose>(),
        collection::<PracticeSession>(),
        collection::<Appointment>(),
        collection::<Referral>(),
        collection::<Transition>(),
        collection::<SupportContact>(),
        collection::<QuestionnaireResponse>(),
    ];
    groups.into_iter().flatten().collect()
}

/// Lists and reads the records of a collection.
fn collection<T: Record>() -> [Endpoint; 2] {
    [list_endpoint::<T>(), read_endpoint::<T>()]
}

fn list_endpoint<T: Record>() -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let path = format!("/v1/shared/{{person_id}}/{}", T::KIND.path());
    let about = format!(
        "The {} that the person shares, with the members that a consent covers. {NOTICE} Where a member is hidden, `version` is \
         always 1, and `updated_at` is `created_at`.",
        plural(one)
    );
    let endpoint = endpoint::get(path, list_handler(T::KIND))
        .operation(
            Tag::Sharing,
            format!("listShared{}", plural(&name)),
            format!("List {} that are shared", plural(one)),
        )
        .about(about)
        .parameter(person_parameter())
        .gives_schema(
            200,
            "A page.",
            Box::new(shared_list_schema::<T>),
            || json!({ "items": [shared_example::<T>()], "next_cursor": null, "disclosure": note_example() }),
        )
        .with_headers(&["X-Part2-Notice", "Link"])
        .naming(Box::new(|c| {
            add_enum(
                c,
                "ListOrder",
                "The order of a list, by the time of its records.",
                &["asc", "desc"],
            )
        }));
    page_parameters().into_iter().fold(endpoint, Endpoint::parameter)
}

fn read_endpoint<T: Record>() -> Endpoint {
    let (name, one) = (T::name(), T::KIND.singular());
    let path = format!("/v1/shared/{{person_id}}/{}/{{id}}", T::KIND.path());
    endpoint::get(path, read_handler(T::KIND))
        .operation(
            Tag::Sharing,
            format!("getShared{name}"),
            format!("Read one {one} that is shared"),
        )
        .about(format!("The members that a consent covers. {NOTICE}"))
        .parameter(person_parameter())
        .parameter(id_parameter())
        .gives_schema(200, "What is shared of it.", Box::new(shared_schema::<T>), || {
            with_note_example(shared_example::<T>())
        })
        .with_headers(&["X-Part2-Notice", "Link"])
}

/// What every answer about somebody else's record is.
pub const NOTICE: &str = "The answer is accounted for, carries the notice of 42 CFR 2.32, and must not be stored by caches. \
     What is not covered, was revoked, has ended or does not exist is one and the same 404.";

fn list_handler(kind: Kind) -> impl Handler<(SharedCaller,), Output = HandlerResult> {
    move |caller| list(caller, kind)
}

async fn list(caller: SharedCaller, kind: Kind) -> HandlerResult {
    let range = page(&caller.caller.request, kind)?;
    let asked = caller.asks(
        AccessAction::Read,
        What::Records(kind),
        format!("a page of {}", plural(kind.singular())),
        Reach::Short,
    );
    let read = caller.read(&asked, move |records, grants| {
        let covered = grants.covered();
        let Some(class) = class_of(kind).filter(|class| covered.contains(*class)) else {
            return Ok(None);
        };
        let (page, has_more) = records.page(kind, &range)?;
        let mut tally = tally_of(kind, class, covered);
        let keys: Vec<_> = page
            .iter()
            .map(|record| (record.occurred_at, record.id))
            .collect();
        let mut items = Vec::with_capacity(page.len());
        for record in page {
            tally.add(kind, class, record.id);
            items.push(encode_shown(kind, covered, &record)?);
        }
        if items.is_empty() {
            tally.add_empty(kind, class);
        }
        let last = keys.last().copied().filter(|_| has_more);
        let next = last.map(|last| cursor(last, kind, range.order));
        let body = list_body(items.iter().map(Vec::as_slice), next.as_deref());
        Ok(Some(Found {
            value: (body, tally.classes().collect::<BTreeSet<_>>()),
            tally,
        }))
    });
    let ((body, classes), grants) = read.await?;
    Ok(respond(body, &caller.note(&grants, classes)))
}

fn read_handler(kind: Kind) -> impl Handler<(SharedCaller,), Output = HandlerResult> {
    move |caller| read(caller, kind)
}

/// Responds with one record of a collection.
pub async fn read(caller: SharedCaller, kind: Kind) -> HandlerResult {
    let id = caller.caller.path_id("id")?;
    let asked = caller.asks(
        AccessAction::Read,
        What::Records(kind),
        format!("one {}", kind.singular()),
        Reach::Short,
    );
    let read = caller.read(&asked, move |records, grants| {
        let covered = grants.covered();
        let Some(class) = class_of(kind).filter(|class| covered.contains(*class)) else {
            return Ok(None);
        };
        // What is marked as entered in error has left the record.
        let found = records.get_live(kind, id)?;
        found
            .map(|record| {
                let mut tally = tally_of(kind, class, covered);
                tally.add(kind, class, record.id);
                let body = encode_shown(kind, covered, &record)?;
                Ok(Found {
                    value: (body, tally.classes().collect::<BTreeSet<_>>()),
                    tally,
                })
            })
            .transpose()
    });
    let ((body, classes), grants) = read.await?;
    Ok(respond(body, &caller.note(&grants, classes)))
}

/// The tally of an answer with records of a kind: their class first, and the classes of the members that are shown too.
pub fn tally_of(kind: Kind, class: DataClass, covered: Covered) -> Tally {
    let mut tally = Tally::default();
    tally.add_class(class);
    for class in further_classes(kind)
        .iter()
        .filter(|class| covered.contains(*class))
    {
        tally.add_class(class);
    }
    tally
}

/// Encodes what is covered of a record.
///
/// # Errors
/// A record that cannot be read.
pub fn encode_shown(kind: Kind, covered: Covered, record: &Stored) -> Result<Vec<u8>, StoreError> {
    let body = shown(kind, covered, &record.body).map_err(|error| StoreError::unreadable(kind, &error))?;
    let body = body.ok_or_else(|| StoreError::Internal(format!("{} is not covered", kind.path())))?;
    let (version, updated_at) = if shows_versions(kind, covered) {
        (record.version, record.updated_at)
    } else {
        // That there is a later version would tell of a change of a hidden member.
        (1, record.created_at)
    };
    Ok(encode(&Stored {
        body,
        version,
        updated_at,
        ..*record
    }))
}
