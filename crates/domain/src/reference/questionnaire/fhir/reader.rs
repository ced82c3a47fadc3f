//! Reads the items of a FHIR questionnaire into a flat list, and collects faults and remarks.

use std::collections::HashMap;

use super::{
    Terms, condition,
    extensions::{CALCULATED, ENABLED_BY_EXPRESSION, HIDDEN, UNIT},
    kind::{checked_options, kind, with_constraint},
    metadata::{FROM_MARKUP, NO_CONTROLS, has_controls},
    node::Node,
    options::OptionReader,
};
use crate::{
    reference::questionnaire::{
        EnableBehavior, ItemType, MAX_CONDITIONS, MAX_ITEMS, QuestionnaireItem, scoring::Scoring,
    },
    value::validation::{Finding, FindingCode, Findings},
};

/// The state of an import: the items read so far, faults and remarks.
pub(super) struct Reader<'a> {
    pub value_sets: HashMap<String, Node<'a>>,
    pub items: Vec<QuestionnaireItem>,
    /// The pointers to the conditions of each item.
    pub conditions: Vec<Vec<String>>,
    /// The pointers to the items by their link ids.
    links: HashMap<String, String>,
    /// Whether an item has a type that R5 has no more.
    pub has_types_of_r4: bool,
    pub faults: Findings,
    pub remarks: Findings,
}

/// The item around an item.
#[derive(Clone, Copy, Default)]
struct Parent<'a> {
    link_id: Option<&'a str>,
    is_hidden: bool,
}

impl<'a> Reader<'a> {
    pub fn new(value_sets: HashMap<String, Node<'a>>, faults: Findings, remarks: Findings) -> Self {
        Self {
            value_sets,
            items: Vec::new(),
            conditions: Vec::new(),
            links: HashMap::new(),
            has_types_of_r4: false,
            faults,
            remarks,
        }
    }

    /// Reads all items, and judges their conditions.
    pub fn items(&mut self, root: &Node<'_>) {
        for item in root.nodes("item") {
            self.item(&item, Parent::default());
        }
        let items = std::mem::take(&mut self.items);
        let conditions = std::mem::take(&mut self.conditions);
        let links = std::mem::take(&mut self.links);
        condition::judge(
            &items,
            &conditions,
            |link_id| links.contains_key(link_id),
            &mut self.options(),
        );
        self.items = items;
        self.conditions = conditions;
    }

    fn options(&mut self) -> OptionReader<'_> {
        OptionReader {
            value_sets: &self.value_sets,
            faults: &mut self.faults,
            remarks: &mut self.remarks,
        }
    }

    /// Reads an item and those inside it.
    fn item(&mut self, item: &Node<'_>, parent: Parent<'_>) {
        if self.items.len() >= MAX_ITEMS {
            let message = format!("must have at most {MAX_ITEMS} items");
            return self.faults.add("/item", FindingCode::Length, message);
        }
        let link_id = self.link_id(item);
        let is_hidden = parent.is_hidden || self.is_hidden(item);
        match self.kind(item) {
            None => self.name_kind(item),
            Some(kind) => {
                let (read, conditions) = self.read(item, kind, &link_id, parent, is_hidden);
                self.items.push(read);
                self.conditions.push(conditions);
            }
        }
        for inner in item.nodes("item") {
            self.item(
                &inner,
                Parent {
                    link_id: Some(&link_id),
                    is_hidden,
                },
            );
        }
    }

    fn read(
        &mut self,
        item: &Node<'_>,
        kind: ItemType,
        link_id: &str,
        parent: Parent<'_>,
        is_hidden: bool,
    ) -> (QuestionnaireItem, Vec<String>) {
        let options = checked_options(item, kind, &mut self.options());
        let kind = with_constraint(item, kind, &options, &mut self.options());
        let nodes = item.nodes("enableWhen");
        let read: Vec<_> = nodes
            .iter()
            .map(|node| (condition::read(node, &mut self.options()), node.at.clone()))
            .collect();
        let (enable_when, pointers) = read
            .into_iter()
            .filter_map(|(condition, at)| Some((condition?, at)))
            .unzip();
        let is_computed = item.extension(&[CALCULATED]).is_some();
        let is_required = self.is_required(item, kind, is_hidden);
        let item = QuestionnaireItem {
            link_id: link_id.to_owned(),
            parent_link_id: parent.link_id.map(str::to_owned),
            kind,
            prefix: self.prefix(item),
            text: self.text(item, kind, is_hidden),
            required: is_required,
            repeats: self.repeats(item, kind),
            hidden: is_hidden,
            read_only: is_hidden || is_computed || item.flag("readOnly").unwrap_or(false),
            max_length: self.max_length(item),
            min_value: self.bound(item, "minValue"),
            max_value: self.bound(item, "maxValue"),
            unit: self.unit(item),
            options,
            enable_when,
            enable_behavior: self.behavior(item, nodes.len()),
        };
        (item, pointers)
    }

    fn link_id(&mut self, item: &Node<'_>) -> String {
        let at = item.pointer("linkId");
        let link_id = item.str("linkId").unwrap_or_default();
        if !item.has("linkId") || item.str("linkId") == Some("") {
            self.faults.add(at, FindingCode::Required, "must be given");
        } else if link_id.chars().count() > 255 {
            self.faults
                .add(at, FindingCode::Length, "must have at most 255 characters");
        } else if link_id.chars().any(char::is_control) {
            self.faults
                .add(at, FindingCode::Format, "must have no control characters");
        } else if !link_id.is_empty() {
            if let Some(first) = self.links.get(link_id) {
                let message = format!("is the linkId of {first} as well");
                self.faults.add(at, FindingCode::Duplicate, message);
            } else {
                self.links.insert(link_id.to_owned(), item.at.clone());
            }
        }
        link_id.to_owned()
    }

    /// The type of an item. In R5, `coding` stands for what R4 calls `choice`.
    fn kind(&mut self, item: &Node<'_>) -> Option<ItemType> {
        let name = item.str("type")?;
        self.has_types_of_r4 |= matches!(name, "choice" | "open-choice");
        if name == "url" {
            let message = "is asked as text";
            self.remarks
                .add(item.pointer("type"), FindingCode::NotSupported, message);
        }
        kind(name)
    }

    fn name_kind(&mut self, item: &Node<'_>) {
        let message = match item.str("type") {
            None if item.has("type") => return,
            Some("attachment") => "is a file, which cannot be an answer here",
            Some("reference") => "is a reference to a resource, which cannot be an answer here",
            _ => {
                "must be group, display, boolean, decimal, integer, date, dateTime, time, string, text, url, \
                choice, open-choice, coding or quantity"
            }
        };
        self.faults.add(item.pointer("type"), FindingCode::Enum, message);
    }

    fn is_hidden(&mut self, item: &Node<'_>) -> bool {
        let Some(extension) = item.extension(&[HIDDEN]) else {
            return false;
        };
        let is_hidden = extension.flag("valueBoolean").unwrap_or(false);
        if is_hidden {
            let message = "the item is marked as hidden: it is not shown, and takes no answer";
            self.remarks.add(extension.at, FindingCode::NotSupported, message);
        }
        is_hidden
    }

    fn is_required(&mut self, item: &Node<'_>, kind: ItemType, is_hidden: bool) -> bool {
        let is_required = item.flag("required").unwrap_or(false);
        if is_required && (kind == ItemType::Display || is_hidden) {
            let message = "has no effect on an item that nobody answers";
            self.remarks
                .add(item.pointer("required"), FindingCode::NotSupported, message);
            return false;
        }
        is_required && item.extension(&[ENABLED_BY_EXPRESSION]).is_none()
    }

    fn repeats(&mut self, item: &Node<'_>, kind: ItemType) -> bool {
        let repeats = item.flag("repeats").unwrap_or(false);
        if repeats && !kind.is_question() {
            let message = if kind == ItemType::Group {
                "a group that repeats is asked once"
            } else {
                "has no effect on an item that nobody answers"
            };
            self.remarks
                .add(item.pointer("repeats"), FindingCode::NotSupported, message);
        }
        repeats && kind.is_question()
    }

    fn prefix(&mut self, item: &Node<'_>) -> Option<String> {
        let prefix = self.words(item, "prefix")?;
        if prefix.chars().count() > 255 {
            self.remarks.add(
                item.pointer("prefix"),
                FindingCode::Length,
                "was cut to 255 characters",
            );
        }
        Some(prefix.chars().take(255).collect())
    }

    fn text(&mut self, item: &Node<'_>, kind: ItemType, is_hidden: bool) -> Option<String> {
        let text = self.words(item, "text");
        match &text {
            Some(text) if text.chars().count() > 4000 => {
                let message = "must have at most 4000 characters";
                self.faults
                    .add(item.pointer("text"), FindingCode::Length, message);
            }
            None if kind != ItemType::Group && !is_hidden => {
                let message = "there is none, so nobody sees what is asked or said";
                self.remarks
                    .add(item.pointer("text"), FindingCode::Missing, message);
            }
            _ => {}
        }
        text
    }

    fn words(&mut self, item: &Node<'_>, name: &str) -> Option<String> {
        let text = item.text(name)?;
        if text.is_from_markup {
            self.remarks.add(
                item.pointer(&format!("_{name}")),
                FindingCode::Format,
                FROM_MARKUP,
            );
        }
        if has_controls(&text.text) {
            self.faults
                .add(item.pointer(name), FindingCode::Format, NO_CONTROLS);
        }
        Some(text.text)
    }

    fn max_length(&mut self, item: &Node<'_>) -> Option<i64> {
        let longest = item.integer("maxLength")?;
        if longest <= 0 {
            let message = "must be at least 1 to have an effect, and was left out";
            self.remarks
                .add(item.pointer("maxLength"), FindingCode::Range, message);
            return None;
        }
        Some(longest)
    }

    fn bound(&mut self, item: &Node<'_>, name: &str) -> Option<f64> {
        let number = item.extension_number(&[name]);
        if let Some(extension) = item.extension(&[name])
            && number.is_none()
        {
            let message = "is a bound that is no number, and is not checked";
            self.remarks.add(extension.at, FindingCode::NotSupported, message);
        }
        number
    }

    fn unit(&mut self, item: &Node<'_>) -> Option<String> {
        let coding = item.extension(&[UNIT])?.node("valueCoding")?;
        let unit = coding
            .text("display")
            .map(|text| text.text)
            .or_else(|| coding.str("code").map(str::to_owned))?;
        let is_cut = unit.chars().count() > 255;
        if is_cut || has_controls(&unit) {
            let message = "must be a name of at most 255 characters";
            self.faults.add(coding.at, FindingCode::Length, message);
        }
        Some(unit)
    }

    fn behavior(&mut self, item: &Node<'_>, conditions: usize) -> EnableBehavior {
        let at = item.pointer("enableBehavior");
        if conditions > MAX_CONDITIONS {
            let message = format!("must have at most {MAX_CONDITIONS} conditions");
            self.faults
                .add(item.pointer("enableWhen"), FindingCode::Length, message);
        }
        match item.str("enableBehavior") {
            Some("all") => EnableBehavior::All,
            Some("any") => EnableBehavior::Any,
            Some(_) => {
                self.faults.add(at, FindingCode::Enum, "must be all or any");
                EnableBehavior::All
            }
            None => {
                if conditions > 1 && !item.has("enableBehavior") {
                    let message = "there is none, though there are several conditions; all of them must hold";
                    self.remarks.add(at, FindingCode::Missing, message);
                }
                EnableBehavior::All
            }
        }
    }

    /// Returns the scoring rules, from the operator or derived from weights, and adds a finding for each fault.
    pub fn scoring(&mut self, terms: &Terms) -> Option<Scoring> {
        let rules = terms.scoring.clone().or_else(|| Scoring::derived(&self.items))?;
        let mut faults = Findings::default();
        rules.check(&self.items, &mut faults);
        self.faults
            .extend(faults.into_vec().into_iter().map(|finding| Finding {
                pointer: format!("/scoring{}", finding.pointer),
                ..finding
            }));
        Some(rules)
    }
}
