//! Reads the options of an item, from the item or from a contained value set.

use std::collections::HashMap;

use super::{
    metadata::{FROM_MARKUP, NO_CONTROLS, has_controls},
    node::Node,
};
use crate::{
    reference::questionnaire::{
        AnswerOption,
        answer::{AnswerCoding, is_date, is_time},
    },
    value::{
        text::{Text, TextFault},
        validation::{FindingCode, Findings},
    },
};

/// An option with the pointer to it.
type Offered = (AnswerOption, String);

/// Collects options, faults and remarks.
pub(super) struct OptionReader<'a> {
    /// Value sets by their ids.
    pub value_sets: &'a HashMap<String, Node<'a>>,
    pub faults: &'a mut Findings,
    pub remarks: &'a mut Findings,
}

impl OptionReader<'_> {
    /// Reads the options of an item.
    pub fn read(&mut self, item: &Node<'_>) -> Vec<AnswerOption> {
        let own: Vec<Option<Offered>> = item
            .nodes("answerOption")
            .iter()
            .map(|option| self.option(option))
            .collect();
        let mut offered: Vec<Offered> = own.into_iter().flatten().collect();
        if let Some(set) = item.str("answerValueSet") {
            if item.has("answerOption") {
                let message =
                    "stands beside answerOption, which FHIR does not allow; the options of both are offered";
                self.remarks
                    .add(item.pointer("answerValueSet"), FindingCode::Mismatch, message);
            }
            offered.extend(self.value_set(set, &item.pointer("answerValueSet")));
        }
        self.distinct(offered)
    }

    fn option(&mut self, option: &Node<'_>) -> Option<Offered> {
        const VALUES: [&str; 5] = [
            "valueCoding",
            "valueString",
            "valueInteger",
            "valueDate",
            "valueTime",
        ];
        if option.has("valueReference") {
            return None;
        }
        let values: Vec<&str> = VALUES.into_iter().filter(|name| option.has(name)).collect();
        let [name] = values.as_slice() else {
            let message = "must have one of valueCoding, valueString, valueInteger, valueDate and valueTime";
            self.faults.add(&option.at, FindingCode::Type, message);
            return None;
        };
        let mut offered = AnswerOption {
            weight: option.weight(),
            ..AnswerOption::default()
        };
        match *name {
            "valueCoding" => {
                let own = option.node(name)?;
                offered.weight = offered.weight.or_else(|| own.weight());
                offered.value_coding = Some(self.coding(&own, None)?);
            }
            "valueString" => offered.value_string = Some(self.words(option, name)?),
            "valueInteger" => offered.value_integer = Some(option.integer(name)?),
            "valueDate" => offered.value_date = Some(self.when(option, name, is_date, "a date")?),
            _ => offered.value_time = Some(self.when(option, name, is_time, "a time of day")?),
        }
        Some((offered, option.at.clone()))
    }

    fn words(&mut self, node: &Node<'_>, name: &str) -> Option<String> {
        let text = self.display(node, name, 4000);
        if text.is_none() && node.str(name).is_some() {
            self.faults.add(
                node.pointer(name),
                FindingCode::Required,
                "must be a text that can be seen",
            );
        }
        text.map(|text| text.to_string())
    }

    fn when(
        &mut self,
        node: &Node<'_>,
        name: &str,
        is_valid: fn(&str) -> bool,
        what: &str,
    ) -> Option<String> {
        let text = node.str(name)?;
        if !is_valid(text) {
            self.faults
                .add(node.pointer(name), FindingCode::Format, format!("must be {what}"));
        }
        Some(text.to_owned())
    }

    /// Reads a coding. `system` is used if it names none of its own. A coding without a code is a fault.
    pub fn coding(&mut self, coding: &Node<'_>, system: Option<&str>) -> Option<AnswerCoding> {
        if !coding.has("code") || coding.str("code").is_some_and(str::is_empty) {
            self.faults
                .add(coding.pointer("code"), FindingCode::Required, "must be given");
        }
        let system = self
            .name(coding, "system")
            .or_else(|| Text::new(system.unwrap_or_default()));
        let code = self.name(coding, "code");
        let display = self
            .display(coding, "display", 4000)
            .and_then(|text| Text::new(text.to_string()));
        Some(AnswerCoding {
            system,
            code: code?,
            display,
        })
    }

    /// Reads a name for programs, which must not be cut. `None` if it is absent or empty.
    fn name<const LONGEST: usize>(&mut self, node: &Node<'_>, name: &str) -> Option<Text<1, LONGEST>> {
        let text = node.str(name).filter(|text| !text.is_empty())?;
        if text.chars().any(char::is_control) {
            self.faults.add(
                node.pointer(name),
                FindingCode::Format,
                "must have no control characters",
            );
            return None;
        }
        match Text::parse(text.to_owned()) {
            Ok(text) => Some(text),
            Err(TextFault::Length(..)) => {
                let message = format!("must have at most {LONGEST} characters");
                self.faults.add(node.pointer(name), FindingCode::Length, message);
                None
            }
            Err(fault) => {
                self.faults
                    .add(node.pointer(name), fault.code(), fault.to_string());
                None
            }
        }
    }

    /// Reads a text for people, cut to a length.
    fn display(&mut self, node: &Node<'_>, name: &str, longest: usize) -> Option<Box<str>> {
        let text = node.text(name)?;
        if text.is_from_markup {
            self.remarks.add(
                node.pointer(&format!("_{name}")),
                FindingCode::Format,
                FROM_MARKUP,
            );
        }
        if has_controls(&text.text) {
            self.faults
                .add(node.pointer(name), FindingCode::Format, NO_CONTROLS);
        }
        if text.text.chars().count() > longest {
            let message = format!("was cut to {longest} characters");
            self.remarks.add(node.pointer(name), FindingCode::Length, message);
        }
        Some(text.text.chars().take(longest).collect())
    }

    fn value_set(&mut self, set: &str, at: &str) -> Vec<Offered> {
        let Some(id) = set.strip_prefix('#') else {
            let message = "the value set is not in the resource: any code is taken";
            self.remarks.add(at, FindingCode::NotSupported, message);
            return Vec::new();
        };
        let Some(set) = self.value_sets.get(id).cloned() else {
            let message = "must be a ValueSet that the resource contains";
            self.faults.add(at, FindingCode::UnknownReference, message);
            return Vec::new();
        };
        let mut offered = Vec::new();
        if let Some(expansion) = set
            .node("expansion")
            .filter(|expansion| expansion.has("contains"))
        {
            self.expanded(&expansion, &mut offered);
        } else if let Some(compose) = set.node("compose") {
            self.composed(&compose, at, &mut offered);
        } else {
            let message = "the value set has no codes: any code is taken";
            self.remarks.add(at, FindingCode::NotSupported, message);
        }
        offered
    }

    /// The codes of an expansion. An abstract one stands for those inside it and is not offered itself.
    fn expanded(&mut self, of: &Node<'_>, offered: &mut Vec<Offered>) {
        for concept in of.nodes("contains") {
            if !concept.flag("abstract").unwrap_or(false) {
                offered.extend(self.concept(&concept, None));
            }
            self.expanded(&concept, offered);
        }
    }

    /// The codes that a composition lists. One that draws on codes from elsewhere is not taken in part.
    fn composed(&mut self, compose: &Node<'_>, at: &str, offered: &mut Vec<Offered>) {
        let includes = compose.nodes("include");
        let is_listed =
            |include: &Node<'_>| include.has("concept") && !include.has("filter") && !include.has("valueSet");
        if !includes.iter().any(is_listed) {
            let message = "the value set draws on codes that are not in the resource: any code is taken";
            return self.remarks.add(at, FindingCode::NotSupported, message);
        }
        if compose.has("exclude") {
            let message = "is not supported without an expansion, which lists the codes that remain";
            self.faults
                .add(compose.pointer("exclude"), FindingCode::NotSupported, message);
        }
        for include in includes {
            if !is_listed(&include) {
                let message = "draws on codes that are not in the resource; an expansion lists them";
                self.faults.add(&include.at, FindingCode::NotSupported, message);
            }
            for concept in include.nodes("concept") {
                offered.extend(self.concept(&concept, include.str("system")));
            }
        }
    }

    fn concept(&mut self, concept: &Node<'_>, system: Option<&str>) -> Option<Offered> {
        let option = AnswerOption {
            value_coding: Some(self.coding(concept, system)?),
            weight: concept.weight(),
            ..AnswerOption::default()
        };
        Some((option, concept.at.clone()))
    }

    /// Leaves out options that are offered twice, with a remark. Options that an answer could not tell apart are
    /// a fault.
    fn distinct(&mut self, offered: Vec<Offered>) -> Vec<AnswerOption> {
        let mut options: Vec<AnswerOption> = Vec::new();
        let mut by_value: HashMap<String, usize> = HashMap::new();
        let mut systems_by_code: HashMap<String, bool> = HashMap::new();
        for (option, at) in offered {
            if let Some(coding) = &option.value_coding {
                let has_system = coding.system.is_some();
                let before = systems_by_code
                    .entry(coding.code.to_string())
                    .or_insert(has_system);
                if *before != has_system {
                    let message = "has the code of another option, and one of the two names no system: \
                        an answer could not tell them apart";
                    self.faults.add(&at, FindingCode::Ambiguous, message);
                }
            }
            match by_value.get(&identity(&option)).and_then(|n| options.get(*n)) {
                None => {
                    by_value.insert(identity(&option), options.len());
                    options.push(option);
                }
                Some(before) if *before == option => {
                    self.remarks
                        .add(at, FindingCode::Duplicate, "is offered twice, and is taken once");
                }
                Some(_) => {
                    let message = "has the value of another option with other words or another weight: \
                        an answer could not tell them apart";
                    self.faults.add(at, FindingCode::Ambiguous, message);
                }
            }
        }
        options
    }
}

/// What an answer names of an option: its value, without the words for people.
fn identity(option: &AnswerOption) -> String {
    let coding = option.value_coding.as_ref();
    format!(
        "{:?}",
        (
            coding.map(|coding| (
                coding.system.as_ref().map(ToString::to_string),
                coding.code.to_string()
            )),
            &option.value_string,
            option.value_integer,
            &option.value_date,
            &option.value_time
        )
    )
}
