//! Tests of scoring.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{reference::questionnaire::answer::AnswerCoding, value::text::Text};

/// Creates a questionnaire whose items have options from 0 up to a maximum, with one scoring rule.
fn questionnaire(highest: &[i64], rule: &serde_json::Value) -> Questionnaire {
    let items: Vec<serde_json::Value> = highest.iter().enumerate().map(|(n, highest)| json!({
        "link_id": format!("i{n}"), "type": "choice", "required": false, "repeats": false, "read_only": false,
        "options": (0..=*highest).map(|w| json!({ "value_coding": { "code": format!("c{w}") }, "weight": w })).collect::<Vec<_>>(),
    })).collect();
    let names: Vec<String> = (0..highest.len()).map(|n| format!("i{n}")).collect();
    let mut whole = json!({ "id": "00000000-0000-0000-0000-000000000000", "url": "u", "version": "1", "title": "t", "status": "active", "licence": "l",
        "attribution": "a", "items": items, "scoring": { "version": "7", "scores": [{ "id": "s", "label": "S", "items": names }] } });
    let made = &mut whole["scoring"]["scores"][0];
    made.as_object_mut()
        .unwrap()
        .extend(rule.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn answers(values: &[Option<i64>]) -> Vec<Answer> {
    let given = values
        .iter()
        .enumerate()
        .filter_map(|(n, value)| Some((n, (*value)?)));
    given
        .map(|(n, value)| Answer {
            value_coding: Some(AnswerCoding {
                system: None,
                code: Text::new(format!("c{value}")).unwrap(),
                display: None,
            }),
            ..Answer::to(Text::new(format!("i{n}")).unwrap())
        })
        .collect()
}

fn scored(whole: &Questionnaire, values: &[Option<i64>]) -> Score {
    let mut outcome = score(whole, &answers(values), true);
    assert_eq!(outcome.version.as_deref(), Some("7"));
    outcome.scores.remove(0)
}

#[test]
fn missing_answers_are_made_up_for_as_far_as_the_rule_allows() {
    let highest = [3, 3, 3, 3];
    let given = [Some(1), Some(3), None, Some(2)];
    for (rule, expected, prorated) in [
        (json!({}), None, false),
        (json!({ "max_missing": 1 }), Some(8.0), true),
        (json!({ "max_missing": 1, "missing": "zero" }), Some(6.0), false),
        (json!({ "max_missing": 1, "method": "mean" }), Some(2.0), true),
        (
            json!({ "max_missing": 1, "method": "mean", "missing": "zero" }),
            Some(1.5),
            false,
        ),
        (
            json!({ "max_missing": 1, "multiply": 2.5, "decimals": 0 }),
            Some(20.0),
            true,
        ),
        (json!({ "max_missing": 1, "reverse": ["i1"] }), Some(4.0), true),
    ] {
        let made = scored(&questionnaire(&highest, &rule), &given);
        assert_eq!(
            (made.value, made.prorated, made.answered, made.asked),
            (expected, prorated, 3, 4),
            "{rule}"
        );
    }
    assert_eq!(
        scored(&questionnaire(&highest, &json!({ "max_missing": 3 })), &[None; 4]).value,
        None
    );
}

#[test]
fn bands_begin_where_they_say() {
    let rule = json!({ "bands": [{ "from": 1, "label": "some" }, { "from": 3, "label": "more" }] });
    let whole = questionnaire(&[5], &rule);
    let band = |value: i64| scored(&whole, &[Some(value)]).band;
    assert_eq!(
        [band(0), band(1), band(2), band(3), band(5)].map(Option::unwrap_or_default),
        ["", "some", "some", "more", "more"]
    );
}

#[test]
fn numbers_yes_and_no_and_several_answers_count() {
    let mut whole = questionnaire(&[3], &json!({}));
    let scoring = json!({ "version": "7", "scores": [{ "id": "s", "label": "S", "items": ["yes", "n", "many"], "reverse": ["yes"] }],
        "gates": [{ "id": "g", "item": "n", "at_least": 2.5 }, { "id": "h", "score": "s", "at_least": 100, "text": "Own words" }] });
    whole.scoring = serde_json::from_value(scoring).unwrap();
    let plain = json!({ "required": false, "repeats": false, "read_only": false });
    whole.items = [
        json!({ "link_id": "yes", "type": "boolean" }),
        json!({ "link_id": "n", "type": "decimal" }),
        json!({ "link_id": "many", "type": "choice", "repeats": true, "options": [
            { "value_coding": { "code": "a" }, "weight": 2 }, { "value_coding": { "code": "b" }, "weight": 5 }, { "value_coding": { "code": "none" } }] }),
    ]
    .into_iter()
    .map(|item| {
        let mut all = plain.as_object().unwrap().clone();
        all.extend(item.as_object().unwrap().clone());
        serde_json::from_value(json!(all)).unwrap()
    })
    .collect();
    let code = |code: &str| json!({ "link_id": "many", "value_coding": { "code": code } });
    let made = |values: serde_json::Value, is_completed: bool| {
        let answers: Vec<Answer> = serde_json::from_value(values).unwrap();
        score(&whole, &answers, is_completed)
    };
    let yes = json!({ "link_id": "yes", "value_boolean": true });
    let n = |n: f64| json!({ "link_id": "n", "value_decimal": n });
    let all = made(json!([yes, n(2.25), code("a"), code("b")]), true);
    assert_eq!(
        (all.scores[0].value, all.scores[0].highest, all.notes.len()),
        (Some(9.25), None, 0)
    );
    // The choice of an option without a weight does not count.
    assert_eq!(
        made(json!([yes, n(1.0), code("none")]), true).scores[0].value,
        None
    );
    let open = made(json!([n(2.5)]), false);
    assert_eq!(
        (open.scores.len(), open.notes.len(), open.version.as_deref()),
        (0, 1, Some("7"))
    );
    let high = made(json!([yes, n(100.0), code("a")]), true);
    assert_eq!(
        high.notes.iter().map(|note| note.id.as_str()).collect::<Vec<_>>(),
        ["g", "h"]
    );
    assert_eq!(high.notes[1].text, "Own words");
    assert_eq!(made(json!([]), false).version, None);
}

#[test]
fn items_that_are_not_asked_do_not_count_and_are_not_missing() {
    let mut whole = questionnaire(&[4, 4], &json!({}));
    whole.items[1].enable_when = serde_json::from_value(json!([
        { "link_id": "i0", "operator": "equal", "answer_coding": { "code": "c4" } },
    ]))
    .unwrap();
    let made = scored(&whole, &[Some(2), None]);
    assert_eq!((made.value, made.highest, made.asked), (Some(2.0), Some(4.0), 1));
    assert_eq!(scored(&whole, &[Some(4), None]).value, None);
    assert_eq!(scored(&whole, &[Some(4), Some(1)]).value, Some(5.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Prorating equals filling in the mean for each missing answer explicitly.
    #[test]
    fn prorating_is_putting_the_mean_in_the_empty_places(
        given in prop::collection::vec((1_i64..6, prop::option::weighted(0.8, 0_i64..6), any::<bool>()), 1..12), is_mean in any::<bool>(), allowed in 0_u32..12,
    ) {
        let highest: Vec<i64> = given.iter().map(|(highest, ..)| *highest).collect();
        let values: Vec<Option<i64>> = given.iter().map(|(highest, value, _)| value.map(|v| v.min(*highest))).collect();
        let reverse: Vec<String> = given.iter().enumerate().filter(|(_, g)| g.2).map(|(n, _)| format!("i{n}")).collect();
        let method = if is_mean { "mean" } else { "sum" };
        let whole = questionnaire(&highest, &json!({ "method": method, "max_missing": allowed, "reverse": reverse, "decimals": 6 }));
        let made = scored(&whole, &values);
        let counted: Vec<f64> = given.iter().zip(&values).filter_map(|((highest, _, is_reversed), value)| {
            let value = (*value)?;
            Some(f64::from(i32::try_from(if *is_reversed { highest - value } else { value }).unwrap()))
        }).collect();
        let missing = values.len() - counted.len();
        let mean = counted.iter().sum::<f64>() / f64::from(u32::try_from(counted.len()).unwrap());
        let filled: f64 = counted.iter().sum::<f64>() + (0..missing).map(|_| mean).sum::<f64>();
        let expected: f64 = if is_mean { filled / f64::from(u32::try_from(values.len()).unwrap()) } else { filled };
        if counted.is_empty() || missing > usize::try_from(allowed).unwrap() {
            prop_assert_eq!(made.value, None);
        } else {
            let expected = expected.clamp(made.lowest.unwrap(), made.highest.unwrap());
            prop_assert!((made.value.unwrap() - expected).abs() < 1e-5, "{:?} {expected}", made.value);
            prop_assert!(made.lowest.unwrap() <= made.value.unwrap() && made.value.unwrap() <= made.highest.unwrap());
        }
    }

    /// A higher answer never lowers a score. An answer to a reversed item never raises it.
    #[test]
    fn scores_go_with_their_answers(
        given in prop::collection::vec((1_i64..6, 0_i64..6), 1..10), pick in any::<usize>(), is_reversed in any::<bool>(), gap in any::<usize>(),
    ) {
        let highest: Vec<i64> = given.iter().map(|(highest, _)| *highest).collect();
        let n = pick % given.len();
        let rule = json!({ "max_missing": 1, "reverse": if is_reversed { vec![format!("i{n}")] } else { vec![] }, "method": if gap % 2 == 0 { "sum" } else { "mean" } });
        let whole = questionnaire(&highest, &rule);
        let mut values: Vec<Option<i64>> = given.iter().map(|(highest, value)| Some((*value).min(*highest))).collect();
        let empty = gap % (given.len() + 3);
        if empty < given.len() && empty != n {
            values[empty] = None;
        }
        let scores: Vec<f64> = (0..=highest[n]).map(|value| {
            values[n] = Some(value);
            scored(&whole, &values).value.unwrap()
        }).collect();
        prop_assert!(scores.windows(2).all(|w| if is_reversed { w[0] >= w[1] } else { w[0] <= w[1] }), "{scores:?}");
    }
}
