//! Tests of the shipped questionnaire, and of answering and scoring together.

use strum::VariantArray;

use super::*;
use crate::{
    questionnaire_response::{QuestionnaireResponse, ResponseStatus},
    record::{Incoming, Record, ValidationContext, draft},
    reference::questionnaire::{answer::Answer, form::Form, score::score, trend::trend},
    value::{kindness::unkind_words, text::text, validation::Findings},
};

fn own() -> &'static Questionnaire {
    SHIPPED.as_ref().unwrap()
}

#[test]
fn the_shipped_one_reads_is_scored_and_kind() {
    let own = own();
    let mut findings = Findings::default();
    own.scoring.as_ref().unwrap().check(&own.items, &mut findings);
    assert_eq!(findings.into_vec(), []);
    assert!(Form::new(own, &[]).order().is_some());
    let texts = own.items.iter().filter_map(|item| item.text.as_deref());
    for text in texts.chain([own.title.as_str()]) {
        assert_eq!(unkind_words(text), Vec::<&str>::new(), "{text}");
    }
    assert_eq!(shipped(own.id), Some(own));
    assert_eq!(QuestionnaireSummary::from(own).questions, 7);
}

#[test]
fn a_status_has_the_same_name_everywhere() {
    for status in QuestionnaireStatus::VARIANTS {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(status.as_str().parse(), Ok(*status));
    }
}

fn incoming(
    response: QuestionnaireResponse,
    context: Option<ValidationContext>,
) -> Incoming<QuestionnaireResponse> {
    Incoming {
        id: None,
        body: response,
        context,
    }
}

#[test]
fn a_response_without_its_questionnaire_is_never_stored() {
    let now = "2026-03-02T00:00:00Z".parse().unwrap();
    let context = ValidationContext {
        questionnaire: std::sync::Arc::new(own().clone()),
        helplines: std::sync::Arc::default(),
    };
    let other = ValidationContext {
        questionnaire: std::sync::Arc::new(Questionnaire {
            id: Uuid::nil(),
            ..own().clone()
        }),
        ..context.clone()
    };
    let example = QuestionnaireResponse::example();
    let make = |context| {
        draft(
            incoming(example.clone(), context),
            Uuid::nil(),
            None,
            now,
            chrono_tz::UTC,
            &mut Uuid::nil,
        )
    };
    for missing in [None, Some(other)] {
        let findings = make(missing).unwrap_err();
        assert_eq!(findings[0].pointer, "/questionnaire_id");
    }
    assert!(make(Some(context)).is_ok());
}

#[test]
fn a_note_comes_with_helplines_also_before_it_is_completed() {
    let mut answer = Answer::to(text!("too-much"));
    answer
        .value_coding
        .clone_from(&own().items[4].options[3].value_coding);
    let mut response = QuestionnaireResponse {
        status: ResponseStatus::InProgress,
        answers: crate::value::list::List::of([answer]),
        ..QuestionnaireResponse::example()
    };
    let context = ValidationContext {
        questionnaire: std::sync::Arc::new(own().clone()),
        helplines: crate::reference::helpline::select(Some("US"), None)
            .into_iter()
            .cloned()
            .collect(),
    };
    response.complete_with(&context);
    assert_eq!(response.safety_notes.len(), 1);
    assert!(response.scores.is_empty() && !response.helplines.is_empty());
    assert_eq!(unkind_words(&response.safety_notes[0].text), Vec::<&str>::new());
    response.answers = crate::value::list::List::default();
    response.complete_with(&context);
    assert!(
        response.safety_notes.is_empty()
            && response.helplines.is_empty()
            && response.scoring_version.is_none()
    );
}

#[test]
fn a_trend_has_the_change_since_the_last_unless_the_rules_changed() {
    let response = |value: f64, version: &str| {
        let mut response = QuestionnaireResponse::example();
        response.scores.truncate(1);
        response.scores[0].value = Some(value);
        response.scoring_version = Some(version.to_owned());
        (Uuid::nil(), response)
    };
    let mut without = response(1.0, "1");
    without.1.scores[0].value = None;
    let response = trend(
        own().id,
        &[
            response(4.0, "1"),
            without,
            response(6.5, "1"),
            response(3.0, "2"),
        ],
    );
    let changes: Vec<Option<f64>> = response.scores[0]
        .points
        .iter()
        .map(|point| point.change)
        .collect();
    assert_eq!(
        (response.n, response.scores[0].n, changes),
        (4, 3, vec![None, Some(2.5), None])
    );
}

#[test]
fn the_example_is_scored_as_by_hand() {
    let example = QuestionnaireResponse::example();
    let outcome = score(own(), &example.answers, true);
    // Most days rested, in company and calm count 2 each; too much on most days is reversed and counts 3 − 2.
    assert_eq!(
        (outcome.scores[0].value, outcome.scores[0].band.as_deref()),
        (Some(7.0), Some("An uneven week"))
    );
    assert_eq!(
        (outcome.scores[0].lowest, outcome.scores[0].highest),
        (Some(0.0), Some(12.0))
    );
}
