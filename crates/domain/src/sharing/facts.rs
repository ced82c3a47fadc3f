//! What a recipient's insights are computed from: the records of a person with what is covered and nothing else.
//!
//! The decisions are those of the tables in [`super::member`]. A test compares the two on random records.

use super::{Covered, DataClass, class_of, member::shows_versions};
use crate::{
    check_in::CheckIn,
    craving_event::{CravingEvent, CravingOutcome},
    dose::Dose,
    goal::Goal,
    insight::facts::{Facts, WithId},
    medication::Medication,
    plan::{Plan, PlanContent, first_number},
    practice_session::PracticeSession,
    questionnaire_response::QuestionnaireResponse,
    record::Record,
    self_efficacy_profile::SelfEfficacyProfile,
    support_contact::SupportContact,
    transition::Transition,
    use_event::UseEvent,
};

/// Returns the records with what is covered and nothing else. A collection that is not covered is empty.
///
/// The write of a record stays only if a recipient sees its version, because a change of something withheld is a write.
pub fn covered_facts(facts: &Facts, covered: Covered) -> Facts {
    Facts {
        goals: covered_records(&facts.goals, covered),
        plans: covered_records(&facts.plans, covered),
        check_ins: covered_records(&facts.check_ins, covered),
        cravings: covered_records(&facts.cravings, covered),
        uses: covered_records(&facts.uses, covered),
        medications: covered_records(&facts.medications, covered),
        doses: covered_records(&facts.doses, covered),
        practice_sessions: covered_records(&facts.practice_sessions, covered),
        profiles: covered_records(&facts.profiles, covered),
        contacts: covered_records(&facts.contacts, covered),
        transitions: covered_records(&facts.transitions, covered),
        responses: covered_records(&facts.responses, covered),
        // No class covers these.
        attendances: Vec::new(),
        feedback: Vec::new(),
    }
}

fn covered_records<T: Withhold>(records: &[WithId<T>], covered: Covered) -> Vec<WithId<T>> {
    if class_of(T::KIND).is_none_or(|class| !covered.contains(class)) {
        return Vec::new();
    }
    let shows_writes = shows_versions(T::KIND, covered);
    let shown = records.iter().map(|found| {
        let mut record = found.record.clone();
        record.withhold(covered);
        WithId {
            id: found.id,
            record,
            written: found.written.filter(|_| shows_writes),
        }
    });
    shown.collect()
}

/// A noun of which others may see a part.
pub(super) trait Withhold: Record {
    /// Unsets the members that are not covered. The collection is.
    fn withhold(&mut self, covered: Covered);
}

/// Unsets a value unless a class is covered.
fn unset<T: Default>(value: &mut T, class: DataClass, covered: Covered) {
    if !covered.contains(class) {
        *value = T::default();
    }
}

impl Withhold for Goal {
    fn withhold(&mut self, covered: Covered) {
        unset(&mut self.note, DataClass::Notes, covered);
    }
}

impl Withhold for Plan {
    fn withhold(&mut self, covered: Covered) {
        if !covered.contains_all(&[DataClass::SupportContacts, DataClass::Safety]) {
            self.number = first_number();
        }
        self.content.withhold(covered);
    }
}

impl PlanContent {
    fn withhold(&mut self, covered: Covered) {
        unset(&mut self.contact_ids, DataClass::SupportContacts, covered);
        unset(&mut self.overdose_safety, DataClass::Safety, covered);
        for situation in self.situations.items_mut() {
            for step in situation.steps.items_mut() {
                unset(&mut step.contact_id, DataClass::SupportContacts, covered);
            }
            if !covered.contains(DataClass::SupportContacts) {
                situation.steps.retain(|step| !step.is_empty());
            }
        }
    }
}

impl Withhold for CheckIn {
    fn withhold(&mut self, covered: Covered) {
        use DataClass::{Cravings, Medications, Notes, Plans, Safety, Use};
        unset(&mut self.answers.craving, Cravings, covered);
        unset(&mut self.answers.craving_max, Cravings, covered);
        unset(&mut self.answers.withdrawal, Use, covered);
        unset(&mut self.answers.used, Use, covered);
        unset(&mut self.answers.used_yesterday, Use, covered);
        unset(&mut self.answers.medication, Medications, covered);
        unset(&mut self.answers.feels_safe, Safety, covered);
        unset(&mut self.feels_safe_at, Safety, covered);
        unset(&mut self.trigger_ids, Plans, covered);
        unset(&mut self.warning_sign_ids, Plans, covered);
        unset(&mut self.note, Notes, covered);
        unset(&mut self.tags, Notes, covered);
    }
}

impl Withhold for CravingEvent {
    fn withhold(&mut self, covered: Covered) {
        use DataClass::{Notes, Plans, Safety, Use};
        if !covered.contains(Use) {
            self.outcome = CravingOutcome::Unsure;
            self.acted = None;
        }
        unset(&mut self.feels_safe, Safety, covered);
        unset(&mut self.feels_safe_at, Safety, covered);
        unset(&mut self.trigger_ids, Plans, covered);
        unset(&mut self.note, Notes, covered);
        for tried in self.strategy_uses.items_mut() {
            unset(&mut tried.strategy_id, Plans, covered);
            unset(&mut tried.label, Plans, covered);
            unset(&mut tried.label, Notes, covered);
        }
        if !covered.contains_all(&[Plans, Notes]) {
            self.strategy_uses.retain(|tried| !tried.is_empty());
        }
    }
}

impl Withhold for UseEvent {
    fn withhold(&mut self, covered: Covered) {
        use DataClass::{Cravings, Notes, Plans, Safety};
        unset(&mut self.trigger_ids, Plans, covered);
        unset(&mut self.warning_sign_ids, Plans, covered);
        unset(&mut self.craving_event_id, Cravings, covered);
        unset(&mut self.harm, Safety, covered);
        unset(&mut self.note, Notes, covered);
    }
}

impl Withhold for Medication {
    fn withhold(&mut self, _covered: Covered) {}
}

impl Withhold for Dose {
    fn withhold(&mut self, covered: Covered) {
        unset(&mut self.reason, DataClass::Notes, covered);
    }
}

impl Withhold for PracticeSession {
    fn withhold(&mut self, covered: Covered) {
        unset(&mut self.craving_before, DataClass::Cravings, covered);
        unset(&mut self.craving_after, DataClass::Cravings, covered);
        unset(&mut self.craving_event_id, DataClass::Cravings, covered);
        unset(&mut self.note, DataClass::Notes, covered);
    }
}

impl Withhold for SelfEfficacyProfile {
    fn withhold(&mut self, _covered: Covered) {}
}

impl Withhold for SupportContact {
    fn withhold(&mut self, covered: Covered) {
        unset(&mut self.note, DataClass::Notes, covered);
    }
}

impl Withhold for Transition {
    fn withhold(&mut self, _covered: Covered) {}
}

impl Withhold for QuestionnaireResponse {
    fn withhold(&mut self, covered: Covered) {
        unset(&mut self.safety_notes, DataClass::Safety, covered);
        unset(&mut self.helplines, DataClass::Safety, covered);
        for answer in self.answers.items_mut() {
            unset(&mut answer.value_string, DataClass::Notes, covered);
        }
        if !covered.contains(DataClass::Notes) {
            self.answers.retain(|answer| answer.value().is_some());
        }
    }
}
