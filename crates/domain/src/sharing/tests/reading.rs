//! Another reading of what each class covers, to compare the tables with: every member that needs more than its collection
//! or insight, one a line, and a walk over JSON values.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Value, json};

use crate::{
    record::Kind,
    sharing::{Covered, DataClass},
};

/// The class of each collection.
pub const COLLECTIONS: &[(&str, &str)] = &[
    ("goals", "goals"),
    ("plans", "plans"),
    ("check-ins", "check_ins"),
    ("craving-events", "cravings"),
    ("use-events", "use"),
    ("support-contacts", "support_contacts"),
    ("medications", "medications"),
    ("doses", "medications"),
    ("practice-sessions", "practice"),
    ("self-efficacy-profiles", "practice"),
    ("appointments", "care"),
    ("referrals", "care"),
    ("transitions", "care"),
    ("questionnaire-responses", "questionnaires"),
];

/// Members of records, and the classes that they need as well.
pub const RECORDS: &[(&str, &str)] = &[
    ("goals.note", "notes"),
    ("plans.number", "support_contacts safety"),
    ("plans.content.contact_ids", "support_contacts"),
    ("plans.content.situations.steps.contact_id", "support_contacts"),
    ("plans.content.overdose_safety", "safety"),
    ("check-ins.answers.craving", "cravings"),
    ("check-ins.answers.craving_max", "cravings"),
    ("check-ins.answers.withdrawal", "use"),
    ("check-ins.answers.used", "use"),
    ("check-ins.answers.used_yesterday", "use"),
    ("check-ins.answers.medication", "medications"),
    ("check-ins.answers.feels_safe", "safety"),
    ("check-ins.feels_safe_at", "safety"),
    ("check-ins.trigger_ids", "plans"),
    ("check-ins.warning_sign_ids", "plans"),
    ("check-ins.note", "notes"),
    ("check-ins.tags", "notes"),
    ("craving-events.outcome", "use"),
    ("craving-events.acted", "use"),
    ("craving-events.feels_safe", "safety"),
    ("craving-events.feels_safe_at", "safety"),
    ("craving-events.trigger_ids", "plans"),
    ("craving-events.strategy_uses.strategy_id", "plans"),
    ("craving-events.strategy_uses.label", "plans notes"),
    ("craving-events.note", "notes"),
    ("use-events.trigger_ids", "plans"),
    ("use-events.warning_sign_ids", "plans"),
    ("use-events.craving_event_id", "cravings"),
    ("use-events.harm", "safety"),
    ("use-events.note", "notes"),
    ("support-contacts.note", "notes"),
    ("doses.reason", "notes"),
    ("practice-sessions.craving_before", "cravings"),
    ("practice-sessions.craving_after", "cravings"),
    ("practice-sessions.craving_event_id", "cravings"),
    ("practice-sessions.note", "notes"),
    ("referrals.reason", "notes"),
    ("referrals.next_step", "notes"),
    ("questionnaire-responses.answers.value_string", "notes"),
    ("questionnaire-responses.safety_notes", "safety"),
    ("questionnaire-responses.helplines", "safety"),
];

/// Lists of items from which something may be hidden, and the member that names an item, if any.
const ITEMS: &[(&str, &str)] = &[
    ("plans.content.situations.steps", ""),
    ("craving-events.strategy_uses", "id"),
    ("questionnaire-responses.answers", "link_id"),
];

/// Members of insights, and the classes that they need as well.
pub const INSIGHTS: &[(&str, &str)] = &[
    ("abstinence.goals.label", "goals"),
    ("abstinence.goals.saved", "goals"),
    ("abstinence.goals.within_limits", "goals use"),
    ("abstinence.goals.days_to_clarify", "check_ins use"),
    ("abstinence.from", "check_ins use"),
    ("abstinence.n", "check_ins use"),
    ("abstinence.coverage", "check_ins use"),
    ("abstinence.computed_from", "check_ins use"),
    ("milestones.goals.label", "goals"),
    ("milestones.urges_ridden_out", "cravings use"),
    ("milestones.urges", "cravings use"),
    ("milestones.from", "cravings use"),
    ("milestones.n", "cravings use"),
    ("milestones.coverage", "cravings use"),
    ("milestones.computed_from", "cravings use"),
    ("cravings.outcomes", "use"),
    ("triggers.use_share", "use"),
    ("triggers.triggers.noticed_in_check_ins", "check_ins"),
    ("triggers.triggers.figures.known_outcomes", "use"),
    ("triggers.triggers.figures.used", "use"),
    ("triggers.triggers.figures.use_share", "use"),
    ("triggers.triggers.figures.use_share_without", "use"),
    ("triggers.triggers.figures.use_ratio", "use"),
    ("triggers.situations.figures.known_outcomes", "use"),
    ("triggers.situations.figures.used", "use"),
    ("triggers.situations.figures.use_share", "use"),
    ("triggers.situations.figures.use_share_without", "use"),
    ("triggers.situations.figures.use_ratio", "use"),
    ("warnings.score", "nobody"),
    ("warnings.check_ins", "check_ins"),
    ("warnings.fired.plan_items", "plans"),
    ("warnings.muted.feedback_id", "nobody"),
    ("warnings.muted.until", "nobody"),
    ("warnings.safety", "safety"),
    ("summary.goals", "abstinence"),
    ("summary.goals.label", "goals"),
    ("summary.goals.saved", "goals"),
    ("summary.urges_ridden_out", "abstinence cravings use"),
    ("summary.craving_events", "cravings"),
    ("summary.craving_trend", "cravings"),
    ("summary.ridden_out_share", "cravings use"),
    ("summary.triggers", "cravings plans"),
    ("summary.strategies", "cravings plans"),
    ("summary.focus", "practice"),
    ("summary.medications", "medications"),
    ("summary.warnings", "warnings"),
    ("summary.warnings.score", "nobody"),
    (
        "summary.warnings.not_evaluable",
        "goals plans check_ins cravings use medications",
    ),
    (
        "summary.warnings.muted",
        "goals plans check_ins cravings use medications",
    ),
    ("summary.warnings.safety", "safety"),
];

/// Rules of early warnings, and the classes of what they read.
pub const RULES: &[(&str, &str)] = &[
    ("recent_use", "use check_ins goals"),
    ("physical_sign", "plans check_ins use"),
    ("mental_sign", "plans check_ins use"),
    ("emotional_signs", "plans check_ins use"),
    ("low_efficacy", "check_ins"),
    ("craving_peak", "cravings check_ins"),
    ("craving_rise", "cravings check_ins"),
    ("craving_frequency", "cravings check_ins"),
    ("risky_situation", "check_ins"),
    ("after_lapse", "use"),
    ("medication_gap", "medications"),
    ("stress", "check_ins"),
    ("low_mood", "check_ins"),
    ("halt", "check_ins"),
    ("sleep", "check_ins"),
    ("isolation", "check_ins"),
    ("gone_quiet", "check_ins"),
    ("protective", "nobody"),
];

/// Topics of safety notes, and the classes of what they are about.
pub const TOPICS: &[(&str, &str)] = &[
    ("overdose", "safety use"),
    ("injury", "safety use"),
    ("feeling_unsafe", "safety check_ins cravings questionnaires"),
    ("mixed_depressants", "safety use cravings goals medications"),
    ("opioid_tolerance", "safety use cravings goals medications care"),
    ("street_supply", "safety use cravings goals"),
    ("alcohol_withdrawal", "safety use goals"),
    ("sedative_withdrawal", "safety use goals"),
];

/// Whether the classes of a name in a list are covered. A name that is not in the list needs none.
pub fn is_covered(list: &[(&str, &str)], name: &str, covered: Covered) -> bool {
    let classes = list.iter().find(|(listed, _)| *listed == name);
    let mut words = classes.iter().flat_map(|(_, classes)| classes.split(' '));
    // `nobody` is no class.
    words.all(|word| {
        word.parse::<DataClass>()
            .is_ok_and(|class| covered.contains(class))
    })
}

/// Whether the class of a collection is covered.
pub fn is_collection_covered(kind: Kind, covered: Covered) -> bool {
    let is_shared = COLLECTIONS.iter().any(|(name, _)| *name == kind.path());
    is_shared && is_covered(COLLECTIONS, kind.path(), covered)
}

/// Walks over a value, and notes the members of a list that are there.
pub struct Reader<'a> {
    /// The list of members.
    pub list: &'a [(&'a str, &'a str)],
    /// What is covered.
    pub covered: Covered,
    /// The members of the list that were found so far.
    pub seen: &'a RefCell<BTreeSet<String>>,
}

impl Reader<'_> {
    /// Returns what is covered of a value.
    pub fn read(&self, path: &str, value: &Value) -> Value {
        self.with_hidden(path, value, &|path, value| match path {
            "craving-events.outcome" => Some(json!("unsure")),
            "plans.number" => Some(json!(1)),
            _ if value.is_array() && self.list == RECORDS => Some(json!([])),
            _ => None,
        })
    }

    /// Whether an item of a list is left out, because no more than its name would be left of what may be hidden.
    fn leaves_out(&self, path: &str, item: &Value) -> bool {
        let name = ITEMS
            .iter()
            .find(|(list, _)| *list == path)
            .map(|(_, name)| *name);
        let hides = |(member, _): &(&str, &str)| {
            member.starts_with(&format!("{path}.")) && !is_covered(self.list, member, self.covered)
        };
        let members = item.as_object().into_iter().flatten();
        name.is_some_and(|name| {
            self.list.iter().any(hides) && members.into_iter().all(|(member, _)| member == name)
        })
    }

    /// Returns a value with what stands in the place of each member that is not covered.
    pub fn with_hidden(
        &self,
        path: &str,
        value: &Value,
        instead: &dyn Fn(&str, &Value) -> Option<Value>,
    ) -> Value {
        match value {
            Value::Object(members) => {
                let shown = members.iter().filter_map(|(name, member)| {
                    let path = format!("{path}.{name}");
                    if self.list.iter().any(|(listed, _)| *listed == path) {
                        self.seen.borrow_mut().insert(path.clone());
                    }
                    let shown = if is_covered(self.list, &path, self.covered) {
                        self.with_hidden(&path, member, instead)
                    } else {
                        instead(&path, member)?
                    };
                    Some((name.clone(), shown))
                });
                Value::Object(shown.collect())
            }
            Value::Array(items) => items
                .iter()
                .map(|item| self.with_hidden(path, item, instead))
                .filter(|item| !self.leaves_out(path, item))
                .collect(),
            other => other.clone(),
        }
    }
}
