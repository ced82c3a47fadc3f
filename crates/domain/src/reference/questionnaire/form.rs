//! Which items of a questionnaire are asked, given the answers so far, and what is wrong with answers.

use std::{cmp::Ordering, collections::HashMap};

use super::{
    EnableBehavior, EnableCondition, EnableOperator, ItemType, Questionnaire, QuestionnaireItem,
    answer::{Answer, Value, is_date, is_time},
};
use crate::value::{
    timestamp::Timestamp,
    validation::{FindingCode, Findings},
};

/// A questionnaire with answers.
pub struct Form<'a> {
    items: &'a [QuestionnaireItem],
    places: HashMap<&'a str, usize>,
    parents: Vec<Option<usize>>,
    /// The answers to each item, by their place among all.
    answers: Vec<Vec<(usize, &'a Answer)>>,
    unknown: Vec<usize>,
    enabled: Vec<bool>,
}

impl<'a> Form<'a> {
    /// Fills in a questionnaire.
    pub fn new(questionnaire: &'a Questionnaire, answers: &'a [Answer]) -> Self {
        let items = questionnaire.items.as_slice();
        let places: HashMap<&str, usize> = items
            .iter()
            .enumerate()
            .map(|(n, item)| (item.link_id.as_str(), n))
            .collect();
        let parent = |item: &QuestionnaireItem| places.get(item.parent_link_id.as_deref()?).copied();
        let parents: Vec<Option<usize>> = items.iter().map(parent).collect();
        let mut of_item: Vec<Vec<(usize, &Answer)>> = items.iter().map(|_| Vec::new()).collect();
        let mut unknown = Vec::new();
        for (n, answer) in answers.iter().enumerate() {
            let place = places.get(&*answer.link_id);
            match place.and_then(|place| of_item.get_mut(*place)) {
                Some(own) => own.push((n, answer)),
                None => unknown.push(n),
            }
        }
        let mut form = Self {
            items,
            places,
            parents,
            answers: of_item,
            unknown,
            enabled: vec![false; items.len()],
        };
        // One that was imported has an order; without one nothing would be asked.
        for place in form.order().unwrap_or_default() {
            let enabled = form.check_with(place);
            if let Some(slot) = form.enabled.get_mut(place) {
                *slot = enabled;
            }
        }
        form
    }

    /// The items in an order in which each comes behind those that it depends on: the one that it stands in, and those
    /// that its conditions look at. `None` if some depend on each other in a circle.
    pub fn order(&self) -> Option<Vec<usize>> {
        let mut waits_for: Vec<usize> = vec![0; self.items.len()];
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); self.items.len()];
        for (place, item) in self.items.iter().enumerate() {
            let conditions = item.enable_when.iter();
            let looked_at = conditions.filter_map(|condition| self.places.get(condition.link_id.as_str()));
            let parent = self.parents.get(place).copied().flatten();
            for other in looked_at.copied().chain(parent) {
                *waits_for.get_mut(place)? += 1;
                waiting.get_mut(other)?.push(place);
            }
        }
        let mut order: Vec<usize> = (0..self.items.len())
            .filter(|n| waits_for.get(*n) == Some(&0))
            .collect();
        let mut next = 0;
        while let Some(done) = order.get(next).copied() {
            next += 1;
            for place in waiting.get(done)? {
                let left = waits_for.get_mut(*place)?;
                *left -= 1;
                if *left == 0 {
                    order.push(*place);
                }
            }
        }
        (order.len() == self.items.len()).then_some(order)
    }

    /// Whether an item is asked. What is looked at has been judged before.
    fn check_with(&self, place: usize) -> bool {
        let Some(item) = self.items.get(place) else {
            return false;
        };
        let parent = self.parents.get(place).copied().flatten();
        if !parent.is_none_or(|parent| self.is_open(parent)) {
            return false;
        }
        let mut conditions = item.enable_when.iter();
        match item.enable_behavior {
            _ if item.enable_when.is_empty() => true,
            EnableBehavior::All => conditions.all(|condition| self.holds(condition)),
            EnableBehavior::Any => conditions.any(|condition| self.holds(condition)),
        }
    }

    /// Whether what stands in an item is asked: a group that is asked, or a question that has an answer.
    fn is_open(&self, place: usize) -> bool {
        let is_question = self.items.get(place).is_some_and(|item| item.kind.is_question());
        self.is_enabled(place) && (!is_question || self.answers_at(place).next().is_some())
    }

    fn is_enabled(&self, place: usize) -> bool {
        self.enabled.get(place).copied().unwrap_or(false)
    }

    /// The answers that count: none where the item is not asked or takes none, and the first where it takes one.
    fn answers_at(&self, place: usize) -> impl Iterator<Item = &'a Answer> {
        let most = match self.items.get(place) {
            Some(item) if !self.is_enabled(place) || !item.kind.is_question() || item.read_only => 0,
            Some(item) if item.repeats => usize::MAX,
            _ => 1,
        };
        let own = self.answers.get(place).into_iter().flatten();
        own.take(most).map(|(_, answer)| *answer)
    }

    fn holds(&self, condition: &EnableCondition) -> bool {
        let Some(place) = self.places.get(condition.link_id.as_str()) else {
            return false;
        };
        let mut answers = self.answers_at(*place).filter_map(Answer::value);
        if condition.operator == EnableOperator::Exists {
            return answers.next().is_some() == condition.answer_boolean.unwrap_or(true);
        }
        let Some(value) = condition.value() else {
            return false;
        };
        let mut any =
            |fits: fn(Ordering) -> bool| answers.any(|answer| answer.compare(value).is_some_and(fits));
        match condition.operator {
            EnableOperator::Exists => false,
            EnableOperator::Equal => any(Ordering::is_eq),
            EnableOperator::NotEqual => !any(Ordering::is_eq),
            EnableOperator::Greater => any(Ordering::is_gt),
            EnableOperator::Less => any(Ordering::is_lt),
            EnableOperator::GreaterOrEqual => any(Ordering::is_ge),
            EnableOperator::LessOrEqual => any(Ordering::is_le),
        }
    }

    /// Whether an item is asked.
    pub fn is_asked(&self, link_id: &str) -> bool {
        self.places
            .get(link_id)
            .is_some_and(|place| self.is_enabled(*place))
    }

    /// The item of that name.
    pub fn item(&self, link_id: &str) -> Option<&'a QuestionnaireItem> {
        self.places.get(link_id).and_then(|place| self.items.get(*place))
    }

    /// The answers to an item, as far as it is asked.
    pub fn answers(&self, link_id: &str) -> Vec<&'a Answer> {
        let place = self.places.get(link_id).copied();
        place
            .into_iter()
            .flat_map(|place| self.answers_at(place))
            .collect()
    }

    /// Notes everything that is wrong with the answers; of a completed response also what is missing. What is missing
    /// is named at the places behind the last answer.
    pub fn check(&self, is_completed: bool, findings: &mut Findings) {
        let answered: usize = self.answers.iter().map(Vec::len).sum::<usize>() + self.unknown.len();
        for n in &self.unknown {
            findings.add(
                format!("/answers/{n}/link_id"),
                FindingCode::UnknownItem,
                "is no item of the questionnaire",
            );
        }
        let mut missing = 0;
        for (place, item) in self.items.iter().enumerate() {
            let own = self.answers.get(place).map_or(&[][..], Vec::as_slice);
            self.check_item(place, item, own, findings);
            if is_completed && item.required && self.is_enabled(place) && self.is_missing(place, item) {
                let pointer = format!("/answers/{}", answered + missing);
                let what = if item.kind == ItemType::Group {
                    format!("an answer in the group {} is needed", item.link_id)
                } else {
                    format!("an answer to {} is needed", item.link_id)
                };
                findings.add(pointer, FindingCode::Required, what);
                missing += 1;
            }
        }
    }

    fn check_item(
        &self,
        place: usize,
        item: &QuestionnaireItem,
        own: &[(usize, &Answer)],
        findings: &mut Findings,
    ) {
        for (index, (n, answer)) in own.iter().enumerate() {
            let at = |member: &str| format!("/answers/{n}{member}");
            if !item.kind.is_question() {
                findings.add(
                    at("/link_id"),
                    FindingCode::NotAQuestion,
                    "is an item that takes no answer",
                );
            } else if item.read_only {
                findings.add(
                    at("/link_id"),
                    FindingCode::ReadOnly,
                    "is an item that is worked out, not answered",
                );
            } else if !self.is_enabled(place) {
                findings.add(
                    at("/link_id"),
                    FindingCode::NotEnabled,
                    "is an item that is not asked with these answers",
                );
            } else if index > 0 && !item.repeats {
                findings.add(
                    at("/link_id"),
                    FindingCode::Repeated,
                    "is an item that takes one answer",
                );
            } else {
                check_answer(item, answer, *n, findings);
                let is_again = own
                    .iter()
                    .take(index)
                    .any(|(_, before)| is_same_option(before, answer));
                if is_again {
                    findings.add(at("/value_coding"), FindingCode::Duplicate, "was chosen before");
                }
            }
        }
    }

    /// Whether a required item has no answer, or a required group none inside although something in it is asked.
    fn is_missing(&self, place: usize, item: &QuestionnaireItem) -> bool {
        if item.read_only || item.kind == ItemType::Display {
            return false;
        }
        if item.kind.is_question() {
            return self.answers_at(place).next().is_none();
        }
        let inside: Vec<usize> = (0..self.items.len())
            .filter(|other| self.is_inside(*other, place) && self.is_enabled(*other))
            .filter(|other| {
                self.items
                    .get(*other)
                    .is_some_and(|i| i.kind.is_question() && !i.read_only)
            })
            .collect();
        !inside.is_empty()
            && inside
                .iter()
                .all(|other| self.answers_at(*other).next().is_none())
    }

    fn is_inside(&self, place: usize, group: usize) -> bool {
        let mut at = self.parents.get(place).copied().flatten();
        // A parent stands before what is in it, so this ends.
        while let Some(parent) = at {
            if parent == group {
                return true;
            }
            at = self
                .parents
                .get(parent)
                .copied()
                .flatten()
                .filter(|above| *above < parent);
        }
        false
    }
}

fn is_same_option(before: &Answer, answer: &Answer) -> bool {
    match (&before.value_coding, &answer.value_coding) {
        (Some(a), Some(b)) => a.is_same(b),
        _ => false,
    }
}

/// Notes what is wrong with the value of an answer.
fn check_answer(item: &QuestionnaireItem, answer: &Answer, n: usize, findings: &mut Findings) {
    let members = item.members();
    let expected = members.join(" or ");
    let mut right = Vec::new();
    for (name, value) in answer.values() {
        if members.contains(&name) {
            right.push((name, value));
        } else {
            findings.add(
                format!("/answers/{n}/{name}"),
                FindingCode::Type,
                format!("must be left out: this item takes {expected}"),
            );
        }
    }
    match right.as_slice() {
        [] => {
            let first = members.first().copied().unwrap_or_default();
            findings.add(
                format!("/answers/{n}/{first}"),
                FindingCode::Required,
                format!("this item takes {expected}"),
            );
        }
        [(name, value)] => {
            if let Some((code, message)) = fault(item, answer, *value) {
                findings.add(format!("/answers/{n}/{name}"), code, message);
            }
        }
        [_, (name, _), ..] => {
            findings.add(
                format!("/answers/{n}/{name}"),
                FindingCode::Type,
                "must be left out: an answer has one value",
            );
        }
    }
}

/// What is wrong with a value of the right type.
fn fault(item: &QuestionnaireItem, answer: &Answer, value: Value<'_>) -> Option<(FindingCode, String)> {
    let form = match (item.kind, value) {
        (ItemType::Date, Value::When(text)) if !is_date(text) => Some("must be a date, such as 2026-03-01"),
        (ItemType::Time, Value::When(text)) if !is_time(text) => Some("must be a time of day, such as 18:30"),
        (ItemType::DateTime, Value::When(text)) if !is_date(text) && text.parse::<Timestamp>().is_err() => {
            Some("must be an RFC 3339 time, or a date")
        }
        (ItemType::String | ItemType::Text | ItemType::OpenChoice, Value::Text(text))
            if text.trim().is_empty() =>
        {
            Some("must say something; leave the answer out otherwise")
        }
        _ => None,
    };
    if let Some(message) = form {
        return Some((FindingCode::Format, message.to_owned()));
    }
    if let (Some(longest), Value::Text(text)) = (item.max_length, value)
        && i64::try_from(text.chars().count()).unwrap_or(i64::MAX) > longest
    {
        return Some((
            FindingCode::Length,
            format!("must have at most {longest} characters"),
        ));
    }
    if let Value::Number(number) = value {
        if item.min_value.is_some_and(|least| number < least)
            || item.max_value.is_some_and(|most| number > most)
        {
            let bounds = match (item.min_value, item.max_value) {
                (Some(least), Some(most)) => format!("must be from {least} to {most}"),
                (Some(least), None) => format!("must be at least {least}"),
                (_, most) => format!("must be at most {}", most.unwrap_or_default()),
            };
            return Some((FindingCode::Range, bounds));
        }
        if !number.is_finite() || number.abs() > 1e15 {
            return Some((
                FindingCode::Range,
                "must be a number that is not that large".to_owned(),
            ));
        }
    }
    let is_own = item.kind == ItemType::OpenChoice && answer.value_string.is_some();
    let is_offered =
        |option: &super::AnswerOption| option.value().and_then(|v| v.compare(value)) == Some(Ordering::Equal);
    if !is_own && !item.options.is_empty() && !item.options.iter().any(is_offered) {
        return Some((
            FindingCode::Option,
            "must be one of the options of the item".to_owned(),
        ));
    }
    None
}

#[cfg(test)]
mod tests;
