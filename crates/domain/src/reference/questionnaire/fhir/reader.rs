//! Reads the items and the metadata of a FHIR questionnaire, and collects faults and remarks.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Terms, coding, extension, first,
    resource::{FhirCondition, FhirExtension, FhirItem, FhirOption, FhirQuestionnaire, FhirValueSet},
    weight,
};
use crate::{
    reference::questionnaire::{
        AnswerOption, EnableBehavior, EnableCondition, EnableOperator, ItemType, MAX_ITEMS, MAX_OPTIONS,
        QuestionnaireItem,
        answer::{is_date, is_time},
        scoring::Scoring,
    },
    value::validation::{Finding, FindingCode, Findings},
};

/// The state of an import: the items read so far, faults and remarks.
pub(super) struct Reader {
    pub contained: HashMap<String, FhirValueSet>,
    pub items: Vec<QuestionnaireItem>,
    pub findings: Findings,
    pub remarks: Findings,
}

impl Reader {
    /// Returns a required text; adds a finding if it is absent or too long.
    pub fn needed(&mut self, text: Option<String>, longest: usize, pointer: &str) -> String {
        let text = text.unwrap_or_default();
        if text.is_empty() {
            self.findings.add(pointer, FindingCode::Required, "must be given");
        } else if text.chars().count() > longest {
            self.findings.add(
                pointer,
                FindingCode::Length,
                format!("must have at most {longest} characters"),
            );
        }
        text
    }

    /// Returns the licence or attribution; adds a finding if neither the resource nor the operator gives it.
    pub fn term(&mut self, text: Option<String>, name: &str, what: &str) -> String {
        if let Some(text) = text {
            return self.needed(Some(text), 4000, &format!("/{name}"));
        }
        let message = format!("the resource does not say {what}; find out, and give --{name}");
        self.findings
            .add(format!("/{name}"), FindingCode::Required, message);
        String::new()
    }

    /// Returns the canonical address; without one, derives it from the name and adds a remark.
    pub fn address(&mut self, resource: &FhirQuestionnaire, terms: &Terms) -> String {
        if let Some(url) = first(&[terms.url.as_ref(), resource.url.as_ref()]) {
            return self.needed(Some(url), 500, "/url");
        }
        let name = first(&[resource.name.as_ref(), resource.title.as_ref()]).unwrap_or_default();
        let words: Vec<String> = name
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let url: String = format!("urn:mainstay:questionnaire:{}", words.join("-"))
            .chars()
            .take(500)
            .collect();
        let message = format!("there is none, so it is {url}; --url gives it another");
        self.remarks.add("/url", FindingCode::Missing, message);
        url
    }

    /// Reads an item and those inside it.
    pub fn item(&mut self, item: &FhirItem, parent: Option<&str>, at: &str) {
        if self.items.len() >= MAX_ITEMS {
            self.findings.add(
                "/item",
                FindingCode::Length,
                format!("must have at most {MAX_ITEMS} items"),
            );
            return;
        }
        let link_id = self.needed(Some(item.link_id.clone()), 255, &format!("{at}/linkId"));
        let Some(kind) = kind(&item.kind) else {
            let message = "must be group, display, boolean, decimal, integer, date, dateTime, time, string, text, url, choice, \
                open-choice or quantity";
            self.findings
                .add(format!("{at}/type"), FindingCode::Enum, message);
            return;
        };
        if item.text.as_ref().is_some_and(|text| text.chars().count() > 4000) {
            self.findings.add(
                format!("{at}/text"),
                FindingCode::Length,
                "must have at most 4000 characters",
            );
        }
        let is_computed = self.remark_on(item, kind, at);
        let options = self.options(item, at);
        let conditions = item.enable_when.iter().enumerate();
        let enable_when = conditions
            .filter_map(|(n, condition)| self.condition(condition, &format!("{at}/enableWhen/{n}")))
            .collect();
        let bound = |name: &str| extension(&item.extension, &[name]).and_then(FhirExtension::number);
        let unit =
            extension(&item.extension, &["questionnaire-unit"]).and_then(|unit| unit.value_coding.as_ref());
        self.items.push(QuestionnaireItem {
            parent_link_id: parent.map(str::to_owned),
            kind,
            prefix: item.prefix.as_ref().map(|text| text.chars().take(255).collect()),
            text: item.text.clone(),
            required: item.required && kind != ItemType::Display,
            repeats: item.repeats && kind.is_question(),
            read_only: is_computed || item.read_only,
            max_length: item.max_length.filter(|longest| *longest > 0),
            min_value: bound("minValue"),
            max_value: bound("maxValue"),
            unit: unit.and_then(|unit| unit.display.clone().or(Some(unit.code.clone()))),
            options,
            enable_when,
            enable_behavior: match item.enable_behavior.as_deref() {
                Some("any") => EnableBehavior::Any,
                _ => EnableBehavior::All,
            },
            link_id: link_id.clone(),
        });
        for (n, inner) in item.item.iter().enumerate() {
            self.item(inner, Some(&link_id), &format!("{at}/item/{n}"));
        }
    }

    /// Adds a remark for each feature that is not supported. Returns whether an expression computes the item.
    fn remark_on(&mut self, item: &FhirItem, kind: ItemType, at: &str) -> bool {
        if kind == ItemType::Group && item.repeats {
            let message = "a group that repeats is asked once";
            self.remarks
                .add(format!("{at}/repeats"), FindingCode::NotSupported, message);
        }
        if extension(&item.extension, &["sdc-questionnaire-enableWhenExpression"]).is_some() {
            let message = "its condition is an expression, which is not worked out: it is always asked";
            self.remarks
                .add(format!("{at}/extension"), FindingCode::NotSupported, message);
        }
        let is_computed = extension(&item.extension, &["sdc-questionnaire-calculatedExpression"]).is_some();
        if is_computed {
            let message =
                "is worked out by an expression, so it takes no answer; scores are made by the scoring rules";
            self.remarks.add(at, FindingCode::NotSupported, message);
        }
        is_computed
    }

    fn options(&mut self, item: &FhirItem, at: &str) -> Vec<AnswerOption> {
        let mut options: Vec<AnswerOption> = Vec::new();
        for (n, option) in item.answer_option.iter().enumerate() {
            match offered(option) {
                Some(option) => options.push(option),
                None => self.findings.add(
                    format!("{at}/answerOption/{n}"),
                    FindingCode::Type,
                    "must have a valueCoding with a code, a valueString, valueInteger, valueDate or valueTime",
                ),
            }
        }
        match item
            .answer_value_set
            .as_deref()
            .map(|set| (set, set.strip_prefix('#')))
        {
            None => {}
            Some((_, Some(id))) => match self.contained.get(id) {
                Some(set) => {
                    for concept in set.concepts() {
                        match concept {
                            Some(option) => options.push(option),
                            None => self.findings.add(
                                format!("{at}/answerValueSet"),
                                FindingCode::Required,
                                "must be a ValueSet whose concepts have a code each",
                            ),
                        }
                    }
                }
                None => self.findings.add(
                    format!("{at}/answerValueSet"),
                    FindingCode::UnknownReference,
                    "must be a ValueSet that the resource contains",
                ),
            },
            Some((_, None)) => {
                let message = "the value set is not in the resource: any code is taken";
                self.remarks
                    .add(format!("{at}/answerValueSet"), FindingCode::NotSupported, message);
            }
        }
        if options.len() > MAX_OPTIONS {
            self.findings.add(
                at,
                FindingCode::Length,
                format!("must have at most {MAX_OPTIONS} options"),
            );
        }
        options
    }

    fn condition(&mut self, condition: &FhirCondition, at: &str) -> Option<EnableCondition> {
        let Some(operator) = operator(&condition.operator) else {
            let message = "must be exists, =, !=, >, <, >= or <=";
            self.findings
                .add(format!("{at}/operator"), FindingCode::Enum, message);
            return None;
        };
        let dates = [
            &condition.answer_date,
            &condition.answer_date_time,
            &condition.answer_time,
        ];
        let numbers = [&condition.answer_integer, &condition.answer_decimal];
        let number = numbers.into_iter().flatten().next();
        let integer = number
            .and_then(Value::as_i64)
            .filter(|integer| i32::try_from(*integer).is_ok());
        let misplaced = number
            .and_then(Value::as_str)
            .filter(|text| is_date(text) || is_time(text));
        if misplaced.is_some() {
            let message = "the value of a number is a date or time, and is taken as such";
            self.remarks.add(at, FindingCode::Format, message);
        }
        let quantity = condition
            .answer_quantity
            .as_ref()
            .and_then(|quantity| quantity.value);
        let imported = EnableCondition {
            link_id: condition.question.clone(),
            operator,
            answer_boolean: condition.answer_boolean,
            answer_integer: integer,
            answer_decimal: number
                .filter(|_| integer.is_none())
                .and_then(Value::as_f64)
                .or(quantity),
            answer_date: dates
                .into_iter()
                .flatten()
                .next()
                .cloned()
                .or(misplaced.map(str::to_owned)),
            answer_string: condition.answer_string.clone(),
            answer_coding: condition.answer_coding.as_ref().and_then(|own| coding(own, None)),
        };
        let is_usable = match operator {
            EnableOperator::Exists => imported.answer_boolean.is_some(),
            _ => imported.value().is_some(),
        };
        if !is_usable {
            let message =
                "must have an answerBoolean for exists, and for the others a value that is no reference";
            self.findings.add(at, FindingCode::Required, message);
        }
        Some(imported)
    }

    /// Returns the scoring rules, from the operator or derived from weights, and adds a finding for each fault.
    pub fn scoring(&mut self, terms: &Terms) -> Option<Scoring> {
        let rules = terms.scoring.clone().or_else(|| Scoring::derived(&self.items))?;
        let mut faults = Findings::default();
        rules.check(&self.items, &mut faults);
        self.findings
            .extend(faults.into_vec().into_iter().map(|finding| Finding {
                pointer: format!("/scoring{}", finding.pointer),
                ..finding
            }));
        Some(rules)
    }

    /// Adds a finding for each duplicate link id and each condition on an item that does not exist or is not
    /// a question.
    pub fn check_items(&mut self) {
        let mut kinds: HashMap<&str, ItemType> = HashMap::new();
        let mut faults = Findings::default();
        for item in &self.items {
            if kinds.insert(&item.link_id, item.kind).is_some() {
                let message = format!("the linkId {} is taken twice", item.link_id);
                faults.add(format!("/item/{}", item.link_id), FindingCode::Duplicate, message);
            }
        }
        for item in &self.items {
            for condition in &item.enable_when {
                if !kinds
                    .get(condition.link_id.as_str())
                    .is_some_and(|kind| kind.is_question())
                {
                    let message = format!(
                        "{} has a condition on {}, which is no question",
                        item.link_id, condition.link_id
                    );
                    faults.add(
                        format!("/item/{}/enableWhen", item.link_id),
                        FindingCode::UnknownItem,
                        message,
                    );
                }
            }
        }
        self.findings.extend(faults.into_vec());
    }
}

/// The operator with a name in FHIR.
fn operator(name: &str) -> Option<EnableOperator> {
    Some(match name {
        "exists" => EnableOperator::Exists,
        "=" => EnableOperator::Equal,
        "!=" => EnableOperator::NotEqual,
        ">" => EnableOperator::Greater,
        "<" => EnableOperator::Less,
        ">=" => EnableOperator::GreaterOrEqual,
        "<=" => EnableOperator::LessOrEqual,
        _ => return None,
    })
}

/// The type of item with a name in FHIR.
fn kind(name: &str) -> Option<ItemType> {
    Some(match name {
        "group" => ItemType::Group,
        "display" => ItemType::Display,
        "boolean" => ItemType::Boolean,
        "decimal" => ItemType::Decimal,
        "integer" => ItemType::Integer,
        "date" => ItemType::Date,
        "dateTime" => ItemType::DateTime,
        "time" => ItemType::Time,
        "string" | "url" => ItemType::String,
        "text" => ItemType::Text,
        "choice" => ItemType::Choice,
        "open-choice" => ItemType::OpenChoice,
        "quantity" => ItemType::Quantity,
        _ => return None,
    })
}

/// Converts an option; `None` if it has no value, or a coding without a code.
fn offered(option: &FhirOption) -> Option<AnswerOption> {
    let value_coding = match &option.value_coding {
        Some(own) => Some(coding(own, None)?),
        None => None,
    };
    let weight_of_coding = option
        .value_coding
        .as_ref()
        .and_then(|own| weight(&own.extension));
    let offered = AnswerOption {
        value_coding,
        value_string: option.value_string.clone(),
        value_integer: option.value_integer.map(i64::from),
        value_date: option.value_date.clone(),
        value_time: option.value_time.clone(),
        weight: weight(&option.extension).or(weight_of_coding),
    };
    offered.value().is_some().then_some(offered)
}
