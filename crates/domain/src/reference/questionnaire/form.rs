//! A questionnaire with answers: which items are asked given the answers, and the validation of the answers.

mod order;

use std::{cmp::Ordering, collections::HashMap};

use super::{
    EnableBehavior, EnableCondition, EnableOperator, ItemType, Questionnaire, QuestionnaireItem,
    answer::{Answer, Value, is_date, is_time},
};
use crate::value::{
    timestamp::Timestamp,
    validation::{FindingCode, Findings},
};

/// A questionnaire that is filled in with answers.
pub struct Form<'a> {
    items: &'a [QuestionnaireItem],
    indices: HashMap<&'a str, usize>,
    parents: Vec<Option<usize>>,
    /// The answers to each item, with their indices in the list of all answers.
    answers: Vec<Vec<(usize, &'a Answer)>>,
    unknown: Vec<usize>,
    enabled: Vec<bool>,
}

impl<'a> Form<'a> {
    /// Fills in a questionnaire with answers.
    pub fn new(questionnaire: &'a Questionnaire, answers: &'a [Answer]) -> Self {
        let items = questionnaire.items.as_slice();
        let indices: HashMap<&str, usize> = items
            .iter()
            .enumerate()
            .map(|(n, item)| (item.link_id.as_str(), n))
            .collect();
        let parent = |item: &QuestionnaireItem| indices.get(item.parent_link_id.as_deref()?).copied();
        let parents: Vec<Option<usize>> = items.iter().map(parent).collect();
        let mut answers_by_item: Vec<Vec<(usize, &Answer)>> = items.iter().map(|_| Vec::new()).collect();
        let mut unknown = Vec::new();
        for (n, answer) in answers.iter().enumerate() {
            let index = indices.get(&*answer.link_id);
            match index.and_then(|index| answers_by_item.get_mut(*index)) {
                Some(answers_of_item) => answers_of_item.push((n, answer)),
                None => unknown.push(n),
            }
        }
        let mut form = Self {
            items,
            indices,
            parents,
            answers: answers_by_item,
            unknown,
            enabled: vec![false; items.len()],
        };
        // Every imported questionnaire has an order. Without an order nothing would be asked.
        for index in form.order().unwrap_or_default() {
            let enabled = form.is_condition_met(index);
            if let Some(slot) = form.enabled.get_mut(index) {
                *slot = enabled;
            }
        }
        form
    }

    /// Sorts the items so that each comes after those on which it depends: the item that contains it, and
    /// those in its conditions. `None` if there is a circle.
    pub fn order(&self) -> Option<Vec<usize>> {
        let order = order::sorted(&self.dependencies());
        (order.len() == self.items.len()).then_some(order)
    }

    /// Finds the conditions of items that wait for each other: the index of each item, and that of the condition
    /// among its own.
    pub fn circular_conditions(&self) -> Vec<(usize, usize)> {
        let circular = order::circular(&self.dependencies());
        let waits = |link_id: &str| {
            let other = self.indices.get(link_id);
            other.is_some_and(|other| circular.binary_search(other).is_ok())
        };
        let items = circular
            .iter()
            .filter_map(|index| Some((*index, self.items.get(*index)?)));
        items
            .flat_map(|(index, item)| {
                let conditions = item.enable_when.iter().enumerate();
                let waiting = conditions.filter(|(_, condition)| waits(&condition.link_id));
                waiting.map(move |(nth, _)| (index, nth))
            })
            .collect()
    }

    /// The items on which each depends.
    fn dependencies(&self) -> Vec<Vec<usize>> {
        let items = self.items.iter().zip(&self.parents);
        let dependencies_of = |(item, parent): (&QuestionnaireItem, &Option<usize>)| {
            let conditions = item.enable_when.iter();
            let compared = conditions.filter_map(|condition| self.indices.get(condition.link_id.as_str()));
            compared.copied().chain(*parent).collect()
        };
        items.map(dependencies_of).collect()
    }

    /// Whether an item is asked. The items on which it depends must have been checked before.
    fn is_condition_met(&self, index: usize) -> bool {
        let Some(item) = self.items.get(index) else {
            return false;
        };
        let parent = self.parents.get(index).copied().flatten();
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

    /// Whether the items inside an item can be asked: it is a group that is asked, or a question that has an
    /// answer.
    fn is_open(&self, index: usize) -> bool {
        let is_question = self.items.get(index).is_some_and(|item| item.kind.is_question());
        self.is_enabled(index) && (!is_question || self.answers_at(index).next().is_some())
    }

    fn is_enabled(&self, index: usize) -> bool {
        self.enabled.get(index).copied().unwrap_or(false)
    }

    /// The answers that count: none if the item is not asked or takes no answer, and only the first if it
    /// takes one answer.
    fn answers_at(&self, index: usize) -> impl Iterator<Item = &'a Answer> {
        let limit = match self.items.get(index) {
            Some(item) if !self.is_enabled(index) || !item.kind.is_question() || item.read_only => 0,
            Some(item) if item.repeats => usize::MAX,
            _ => 1,
        };
        let answers_of_item = self.answers.get(index).into_iter().flatten();
        answers_of_item.take(limit).map(|(_, answer)| *answer)
    }

    fn holds(&self, condition: &EnableCondition) -> bool {
        let Some(index) = self.indices.get(condition.link_id.as_str()) else {
            return false;
        };
        let mut answers = self.answers_at(*index).filter_map(Answer::value);
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
        self.indices
            .get(link_id)
            .is_some_and(|index| self.is_enabled(*index))
    }

    /// Finds an item by its link id.
    pub fn item(&self, link_id: &str) -> Option<&'a QuestionnaireItem> {
        self.indices.get(link_id).and_then(|index| self.items.get(*index))
    }

    /// The answers to an item; empty if it is not asked.
    pub fn answers(&self, link_id: &str) -> Vec<&'a Answer> {
        let index = self.indices.get(link_id).copied();
        index
            .into_iter()
            .flat_map(|index| self.answers_at(index))
            .collect()
    }

    /// Adds a finding for each fault of the answers, and for each missing answer of a completed response.
    /// Pointers to missing answers use the indices after the last answer.
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
        for (index, item) in self.items.iter().enumerate() {
            let answers_of_item = self.answers.get(index).map_or(&[][..], Vec::as_slice);
            self.check_item(index, item, answers_of_item, findings);
            if is_completed && item.required && self.is_enabled(index) && self.is_missing(index, item) {
                let pointer = format!("/answers/{}", answered + missing);
                let message = if item.kind == ItemType::Group {
                    format!("an answer in the group {} is needed", item.link_id)
                } else {
                    format!("an answer to {} is needed", item.link_id)
                };
                findings.add(pointer, FindingCode::Required, message);
                missing += 1;
            }
        }
    }

    fn check_item(
        &self,
        index: usize,
        item: &QuestionnaireItem,
        answers_of_item: &[(usize, &Answer)],
        findings: &mut Findings,
    ) {
        for (nth, (n, answer)) in answers_of_item.iter().enumerate() {
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
            } else if !self.is_enabled(index) {
                findings.add(
                    at("/link_id"),
                    FindingCode::NotEnabled,
                    "is an item that is not asked with these answers",
                );
            } else if nth > 0 && !item.repeats {
                findings.add(
                    at("/link_id"),
                    FindingCode::Repeated,
                    "is an item that takes one answer",
                );
            } else {
                check_answer(item, answer, *n, findings);
                let is_repeated = answers_of_item
                    .iter()
                    .take(nth)
                    .any(|(_, before)| is_same_option(before, answer));
                if is_repeated {
                    findings.add(at("/value_coding"), FindingCode::Duplicate, "was chosen before");
                }
            }
        }
    }

    /// Whether a required item has no answer. A required group is missing if a question inside is asked but
    /// none is answered.
    fn is_missing(&self, index: usize, item: &QuestionnaireItem) -> bool {
        if item.read_only || item.kind == ItemType::Display {
            return false;
        }
        if item.kind.is_question() {
            return self.answers_at(index).next().is_none();
        }
        let inside: Vec<usize> = (0..self.items.len())
            .filter(|other| self.is_inside(*other, index) && self.is_enabled(*other))
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

    fn is_inside(&self, index: usize, group: usize) -> bool {
        let mut ancestor = self.parents.get(index).copied().flatten();
        // A parent always precedes its items, so the loop ends.
        while let Some(parent) = ancestor {
            if parent == group {
                return true;
            }
            ancestor = self
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

/// Adds a finding for the fault of an answer's value, if any.
fn check_answer(item: &QuestionnaireItem, answer: &Answer, n: usize, findings: &mut Findings) {
    let members = item.members();
    let expected = members.join(" or ");
    let mut matching = Vec::new();
    for (name, value) in answer.values() {
        if members.contains(&name) {
            matching.push((name, value));
        } else {
            findings.add(
                format!("/answers/{n}/{name}"),
                FindingCode::Type,
                format!("must be left out: this item takes {expected}"),
            );
        }
    }
    match matching.as_slice() {
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

/// Finds the fault of a value of the right type, if any.
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
            || item.max_value.is_some_and(|limit| number > limit)
        {
            let bounds = match (item.min_value, item.max_value) {
                (Some(least), Some(limit)) => format!("must be from {least} to {limit}"),
                (Some(least), None) => format!("must be at least {least}"),
                (_, limit) => format!("must be at most {}", limit.unwrap_or_default()),
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
    if let Value::Coding(coding) = value
        && let Some(candidates) = item.ambiguous(coding)
    {
        let message = format!("must name the system: options have this code in {candidates}");
        return Some((FindingCode::Ambiguous, message));
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
