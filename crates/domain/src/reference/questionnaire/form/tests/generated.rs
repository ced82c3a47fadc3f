//! Property tests: generated questionnaires with valid answers are accepted, and each injected fault is
//! named.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    reference::questionnaire::answer::{AnswerCoding, Whole},
    value::text::{Text, text},
};

/// A source of random numbers.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(7)) % n
    }
}

/// Generates a questionnaire with conditions on earlier or later items but without circles: an item depends
/// only on items of smaller rank.
fn any_questionnaire(dice: &mut Dice<'_>) -> Questionnaire {
    let count = 2 + dice.below(9);
    let mut items = Vec::new();
    for n in 0..count {
        let kind =
            ["group", "boolean", "integer", "choice"][if n == 0 { 1 + dice.below(3) } else { dice.below(4) }];
        let mut item = json!({ "link_id": format!("i{n}"), "type": kind, "required": dice.below(3) == 0, "repeats": kind != "group" && dice.below(4) == 0 });
        if kind == "choice" {
            item["options"] = json!([{ "value_coding": { "code": "0" } }, { "value_coding": { "code": "1" } }, { "value_coding": { "code": "2" } }]);
        }
        if n > 0 && dice.below(3) == 0 {
            item["parent_link_id"] = json!(format!("i{}", dice.below(n)));
        }
        let conditions: Vec<serde_json::Value> = (0..dice.below(3))
            .filter(|_| n > 0)
            .map(|_| {
                let on = dice.below(n);
                let operator = ["exists", "equal", "not_equal", "greater", "less_or_equal"][dice.below(5)];
                let mut condition = json!({ "link_id": format!("i{on}"), "operator": operator });
                match dice.below(3) {
                    _ if operator == "exists" => condition["answer_boolean"] = json!(dice.below(2) == 0),
                    0 => condition["answer_boolean"] = json!(true),
                    1 => condition["answer_integer"] = json!(1),
                    _ => condition["answer_coding"] = json!({ "code": "1" }),
                }
                condition
            })
            .collect();
        item["enable_when"] = json!(conditions);
        item["enable_behavior"] = json!(["all", "any"][dice.below(2)]);
        items.push(item);
    }
    questionnaire(&json!(items))
}

/// Whether an item is asked, straight from the definition: items of smaller rank are evaluated again each
/// time instead of in order.
fn asked_by_definition(whole: &Questionnaire, n: usize, given: &[Vec<usize>]) -> bool {
    let item = &whole.items[n];
    let number = |link_id: &str| link_id[1..].parse::<usize>().unwrap();
    let counted = |on: usize| {
        if asked_by_definition(whole, on, given) {
            given[on].clone()
        } else {
            Vec::new()
        }
    };
    if let Some(parent) = &item.parent_link_id {
        let parent = number(parent);
        let open = asked_by_definition(whole, parent, given)
            && (whole.items[parent].kind == ItemType::Group || !given[parent].is_empty());
        if !open {
            return false;
        }
    }
    let holds = |condition: &EnableCondition| {
        let on = number(&condition.link_id);
        let values = counted(on);
        let kind = whole.items[on].kind;
        // The value of the condition as a number like those of the given answers, if the types are the same.
        let value = match kind {
            ItemType::Boolean => condition.answer_boolean.map(usize::from),
            ItemType::Integer => condition.answer_integer.map(|n| usize::try_from(n).unwrap()),
            ItemType::Choice => condition.answer_coding.as_ref().map(|c| c.code.parse().unwrap()),
            _ => None,
        };
        match condition.operator {
            EnableOperator::Exists => values.is_empty() != condition.answer_boolean.unwrap(),
            EnableOperator::Equal => values.iter().any(|v| Some(*v) == value),
            EnableOperator::NotEqual => !values.iter().any(|v| Some(*v) == value),
            EnableOperator::Greater => {
                kind != ItemType::Choice && values.iter().any(|v| value.is_some_and(|value| *v > value))
            }
            _ => values.iter().any(|v| {
                value.is_some_and(|value| {
                    if kind == ItemType::Choice {
                        *v == value
                    } else {
                        *v <= value
                    }
                })
            }),
        }
    };
    let mut conditions = item.enable_when.iter();
    item.enable_when.is_empty()
        || match item.enable_behavior {
            EnableBehavior::All => conditions.all(holds),
            EnableBehavior::Any => conditions.any(holds),
        }
}

fn answer(whole: &Questionnaire, n: usize, value: usize) -> Answer {
    let mut answer = Answer::to(Text::new(format!("i{n}")).unwrap());
    match whole.items[n].kind {
        ItemType::Boolean => answer.value_boolean = Some(value == 1),
        ItemType::Integer => answer.value_integer = Some(Whole::clamped(i64::try_from(value).unwrap())),
        _ => {
            answer.value_coding = Some(AnswerCoding {
                system: None,
                code: Text::new(value.to_string()).unwrap(),
                display: None,
            });
        }
    }
    answer
}

/// Generates answers to the asked items, including all that a completed response needs.
fn right_answers(whole: &Questionnaire, dice: &mut Dice<'_>) -> Vec<Vec<usize>> {
    let mut given: Vec<Vec<usize>> = vec![Vec::new(); whole.items.len()];
    for n in 0..whole.items.len() {
        let item = &whole.items[n];
        if item.kind == ItemType::Group || !asked_by_definition(whole, n, &given) {
            continue;
        }
        // Every item is answered, so that no required group stays empty.
        let values = if item.kind == ItemType::Boolean { 2 } else { 3 };
        given[n].push(dice.below(values));
        if item.repeats && dice.below(2) == 0 {
            let another = (given[n][0] + 1) % values;
            given[n].push(another);
        }
    }
    given
}

fn listed(whole: &Questionnaire, given: &[Vec<usize>]) -> Vec<Answer> {
    let all = given.iter().enumerate().rev();
    all.flat_map(|(n, values)| values.iter().map(move |value| answer(whole, n, *value)))
        .collect()
}

fn found(whole: &Questionnaire, answers: &[Answer], is_completed: bool) -> Vec<(String, String)> {
    let mut findings = Findings::default();
    Form::new(whole, answers).check(is_completed, &mut findings);
    findings
        .into_vec()
        .into_iter()
        .map(|f| (f.pointer, f.code.to_string()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn valid_answers_are_accepted_and_each_fault_is_named(bytes in prop::collection::vec(any::<u8>(), 160), pick in any::<usize>()) {
        let mut dice = Dice(bytes.iter());
        let whole = any_questionnaire(&mut dice);
        prop_assert!(Form::new(&whole, &[]).order().is_some());
        let given = right_answers(&whole, &mut dice);
        let answers = listed(&whole, &given);
        prop_assert_eq!(found(&whole, &answers, true), vec![]);
        let asked: Vec<bool> = (0..whole.items.len()).map(|n| asked_by_definition(&whole, n, &given)).collect();
        let form = Form::new(&whole, &answers);
        for (n, expected) in asked.iter().enumerate() {
            prop_assert_eq!(form.is_asked(&format!("i{n}")), *expected);
        }
        // One fault at a time, at the end, so that nothing before it changes.
        let n = pick % whole.items.len();
        let item = &whole.items[n];
        let last = format!("/answers/{}", answers.len());
        let mut more = answers.clone();
        let expected = if item.kind == ItemType::Group {
            more.push(Answer { value_boolean: Some(true), ..Answer::to(Text::new(&item.link_id).unwrap()) });
            "not-a-question"
        } else if !asked[n] {
            more.push(answer(&whole, n, 0));
            "not-enabled"
        } else if !item.repeats {
            more.push(answer(&whole, n, 0));
            "repeated"
        } else {
            more.push(Answer { value_boolean: Some(true), ..Answer::to(text!("nothing")) });
            "unknown-item"
        };
        prop_assert_eq!(found(&whole, &more, false), vec![(format!("{last}/link_id"), expected.to_owned())]);
    }

    #[test]
    fn a_required_answer_that_is_missing_is_named_only_once_it_is_completed(bytes in prop::collection::vec(any::<u8>(), 160), pick in any::<usize>()) {
        let mut dice = Dice(bytes.iter());
        let whole = any_questionnaire(&mut dice);
        let mut given = right_answers(&whole, &mut dice);
        let n = pick % whole.items.len();
        given[n].clear();
        // Other items may be asked now: keep the answers that still apply and add none.
        for other in 0..whole.items.len() {
            if !asked_by_definition(&whole, other, &given) {
                given[other].clear();
            }
        }
        let answers = listed(&whole, &given);
        prop_assert_eq!(found(&whole, &answers, false), vec![]);
        let asked = |n: usize| asked_by_definition(&whole, n, &given);
        let inside = |n: usize, group: usize| {
            let mut at = n;
            while let Some(parent) = &whole.items[at].parent_link_id {
                at = parent[1..].parse().unwrap();
                if at == group {
                    return true;
                }
            }
            false
        };
        let missing = (0..whole.items.len()).filter(|n| {
            let item = &whole.items[*n];
            let questions: Vec<usize> = (0..whole.items.len())
                .filter(|q| inside(*q, *n) && asked(*q) && whole.items[*q].kind != ItemType::Group).collect();
            let is_empty = if item.kind == ItemType::Group {
                !questions.is_empty() && questions.iter().all(|q| given[*q].is_empty())
            } else {
                given[*n].is_empty()
            };
            item.required && asked(*n) && is_empty
        }).count();
        let named = found(&whole, &answers, true);
        prop_assert_eq!(named.len(), missing);
        prop_assert!(named.iter().all(|(_, code)| code == "required"));
    }
}
