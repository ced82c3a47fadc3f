//! Scoring rules of a questionnaire. An operator imports them as JSON with the questionnaire, or they are
//! derived from the weights of its options.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ItemType, QuestionnaireItem};
use crate::value::{
    kindness::unkind_words,
    validation::{FindingCode, Findings},
};

/// The version of rules that are derived from the weights of options.
pub const DERIVED: &str = "derived-1";

/// How a score is computed from the values of items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMethod {
    /// The sum of the values.
    #[default]
    Sum,
    /// The mean of the values.
    Mean,
}

/// The treatment of missing answers, as far as `max_missing` allows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingRule {
    /// Each missing answer counts as the mean of the others (prorating).
    #[default]
    Prorate,
    /// Each missing answer counts as 0.
    Zero,
}

/// A named range of a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreBand {
    /// The lowest score of the band. The band ends where the next one begins.
    pub from: f64,
    /// The name in kind words, because people see it.
    #[schema(max_length = 200)]
    pub label: String,
}

/// The rule for one score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreRule {
    /// The name for programs.
    #[schema(max_length = 60)]
    pub id: String,
    /// The name for people.
    #[schema(max_length = 200)]
    pub label: String,
    /// The method.
    #[serde(default)]
    pub method: ScoreMethod,
    /// The items that count.
    #[schema(max_items = 1000, max_length = 255)]
    pub items: Vec<String>,
    /// The items that are reversed: their lowest value counts as the highest.
    #[serde(default)]
    #[schema(max_items = 1000, max_length = 255)]
    pub reverse: Vec<String>,
    /// The number of answers that may be missing. With more there is no score.
    #[serde(default)]
    #[schema(maximum = 1000)]
    pub max_missing: u32,
    /// The treatment of missing answers.
    #[serde(default)]
    pub missing: MissingRule,
    /// The factor by which the result is multiplied; 1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiply: Option<f64>,
    /// The number of decimals to which the result is rounded, halves away from zero; 2 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 6)]
    pub decimals: Option<u8>,
    /// The bands in ascending order.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub bands: Vec<ScoreBand>,
}

/// A condition under which a response carries a note with helplines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreGate {
    /// The name for programs.
    #[schema(max_length = 60)]
    pub id: String,
    /// The item whose value is compared, also while the response is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub item: Option<String>,
    /// The score that is compared. A gate has either a score or an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 60)]
    pub score: Option<String>,
    /// The value from which the response carries the note.
    pub at_least: f64,
    /// The text of the note in kind words; a default text if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub text: Option<String>,
}

/// The scoring rules of a questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scoring {
    /// The version of these rules. It is stored with every score.
    #[schema(max_length = 60)]
    pub version: String,
    /// The scores, such as a total and subscales.
    #[schema(max_items = 50)]
    pub scores: Vec<ScoreRule>,
    /// The conditions for notes with helplines.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub gates: Vec<ScoreGate>,
}

impl QuestionnaireItem {
    /// The lowest and highest value of the item in a score; `None` if it has no value or no bounds.
    pub fn range(&self) -> Option<(f64, f64)> {
        match self.kind {
            ItemType::Boolean => Some((0.0, 1.0)),
            ItemType::Integer | ItemType::Decimal | ItemType::Quantity if self.options.is_empty() => {
                self.min_value.zip(self.max_value)
            }
            _ => self
                .options
                .iter()
                .filter_map(|option| option.weight)
                .fold(None, |range, weight| {
                    let (least, most) = range.unwrap_or((weight, weight));
                    Some((f64::min(least, weight), f64::max(most, weight)))
                }),
        }
    }

    /// Whether the item can count in a score. One that is hidden cannot, because nobody answers it.
    pub fn is_countable(&self) -> bool {
        let is_number = matches!(
            self.kind,
            ItemType::Boolean | ItemType::Integer | ItemType::Decimal | ItemType::Quantity
        );
        self.kind.is_question()
            && !self.hidden
            && (is_number || self.options.iter().any(|option| option.weight.is_some()))
    }
}

impl Scoring {
    /// Derives rules from the weights of the options: their sum, with no missing answers allowed. `None`
    /// without weights.
    pub fn derived(items: &[QuestionnaireItem]) -> Option<Self> {
        let weighted = items
            .iter()
            .filter(|item| !item.read_only && item.options.iter().any(|option| option.weight.is_some()));
        let items: Vec<String> = weighted.map(|item| item.link_id.clone()).collect();
        (!items.is_empty()).then(|| Self {
            version: DERIVED.to_owned(),
            scores: vec![ScoreRule {
                id: "total".to_owned(),
                label: "Total".to_owned(),
                method: ScoreMethod::Sum,
                items,
                reverse: Vec::new(),
                max_missing: 0,
                missing: MissingRule::Prorate,
                multiply: None,
                decimals: None,
                bands: Vec::new(),
            }],
            gates: Vec::new(),
        })
    }

    /// Adds a finding for each fault of the rules for these items. Pointers are from the root of the rules.
    pub fn check(&self, items: &[QuestionnaireItem], findings: &mut Findings) {
        check_text(&self.version, 60, "/version", findings);
        let mut ids = HashSet::new();
        for (n, rule) in self.scores.iter().enumerate() {
            let at = format!("/scores/{n}");
            if !ids.insert(rule.id.as_str()) {
                findings.add(
                    format!("{at}/id"),
                    FindingCode::Duplicate,
                    "is the id of another score as well",
                );
            }
            rule.check(&at, items, findings);
        }
        for (max, count, at) in [
            (50, self.scores.len(), "/scores"),
            (50, self.gates.len(), "/gates"),
        ] {
            if count > max {
                findings.add(at, FindingCode::Length, format!("must have at most {max} items"));
            }
        }
        for (n, gate) in self.gates.iter().enumerate() {
            gate.check(&format!("/gates/{n}"), &ids, items, findings);
        }
    }
}

impl ScoreRule {
    fn check(&self, at: &str, items: &[QuestionnaireItem], findings: &mut Findings) {
        check_text(&self.id, 60, &format!("{at}/id"), findings);
        check_text(&self.label, 200, &format!("{at}/label"), findings);
        check_kind(&self.label, &format!("{at}/label"), findings);
        self.check_items(at, items, findings);
        self.check_numbers(at, findings);
        self.check_bands(at, findings);
    }

    fn check_items(&self, at: &str, items: &[QuestionnaireItem], findings: &mut Findings) {
        if self.items.is_empty() {
            findings.add(format!("{at}/items"), FindingCode::Required, "must name an item");
        }
        let mut seen = HashSet::new();
        for (n, link_id) in self.items.iter().enumerate() {
            let pointer = format!("{at}/items/{n}");
            let item = items.iter().find(|item| item.link_id == *link_id);
            if !seen.insert(link_id.as_str()) {
                findings.add(pointer, FindingCode::Duplicate, "is named twice");
            } else if !item.is_some_and(QuestionnaireItem::is_countable) {
                findings.add(
                    pointer,
                    FindingCode::UnknownItem,
                    "must be an item with numbers, yes or no, or weighted options",
                );
            }
        }
        for (n, link_id) in self.reverse.iter().enumerate() {
            let item = items.iter().find(|item| item.link_id == *link_id);
            let is_bounded = item.is_some_and(|item| item.range().is_some() && !item.repeats);
            if !seen.contains(link_id.as_str()) || !is_bounded {
                findings.add(
                    format!("{at}/reverse/{n}"),
                    FindingCode::UnknownItem,
                    "must be one of the items, with a least and a greatest value, that does not repeat",
                );
            }
        }
    }

    fn check_numbers(&self, at: &str, findings: &mut Findings) {
        if usize::try_from(self.max_missing).unwrap_or(usize::MAX) >= self.items.len().max(1) {
            findings.add(
                format!("{at}/max_missing"),
                FindingCode::Range,
                "must be less than the number of items",
            );
        }
        if self.multiply.is_some_and(|by| !by.is_finite() || by.abs() > 1e6) {
            findings.add(
                format!("{at}/multiply"),
                FindingCode::Range,
                "must be a number from -1000000 to 1000000",
            );
        }
        if self.decimals.is_some_and(|decimals| decimals > 6) {
            findings.add(
                format!("{at}/decimals"),
                FindingCode::Range,
                "must be a whole number from 0 to 6",
            );
        }
    }

    fn check_bands(&self, at: &str, findings: &mut Findings) {
        for (n, band) in self.bands.iter().enumerate() {
            check_text(&band.label, 200, &format!("{at}/bands/{n}/label"), findings);
            check_kind(&band.label, &format!("{at}/bands/{n}/label"), findings);
            let is_rising = n
                .checked_sub(1)
                .and_then(|n| self.bands.get(n))
                .is_none_or(|before| before.from < band.from);
            if !is_rising {
                findings.add(
                    format!("{at}/bands/{n}/from"),
                    FindingCode::Order,
                    "must be greater than that of the band before",
                );
            }
        }
    }
}

impl ScoreGate {
    fn check(&self, at: &str, scores: &HashSet<&str>, items: &[QuestionnaireItem], findings: &mut Findings) {
        check_text(&self.id, 60, &format!("{at}/id"), findings);
        if let Some(text) = &self.text {
            check_text(text, 1000, &format!("{at}/text"), findings);
            check_kind(text, &format!("{at}/text"), findings);
        }
        match (&self.item, &self.score) {
            (Some(link_id), None) => {
                let item = items.iter().find(|item| item.link_id == *link_id);
                if !item.is_some_and(QuestionnaireItem::is_countable) {
                    findings.add(
                        format!("{at}/item"),
                        FindingCode::UnknownItem,
                        "must be an item with numbers, yes or no, or weighted options",
                    );
                }
            }
            (None, Some(score)) if scores.contains(score.as_str()) => {}
            (None, Some(_)) => findings.add(
                format!("{at}/score"),
                FindingCode::UnknownScore,
                "must be the id of a score",
            ),
            _ => findings.add(
                format!("{at}/item"),
                FindingCode::Required,
                "either an item or a score must be named",
            ),
        }
    }
}

fn check_text(text: &str, longest: usize, pointer: &str, findings: &mut Findings) {
    if text.trim().is_empty() || text.chars().count() > longest {
        findings.add(
            pointer,
            FindingCode::Length,
            format!("must have 1 to {longest} characters"),
        );
    }
}

fn check_kind(text: &str, pointer: &str, findings: &mut Findings) {
    let unkind = unkind_words(text);
    if !unkind.is_empty() {
        findings.add(
            pointer,
            FindingCode::Unkind,
            format!("people see this: say it without {}", unkind.join(", ")),
        );
    }
}
