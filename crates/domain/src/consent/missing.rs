//! What a consent still needs, and whether one that was signed has all that its rule asks for.

use chrono::{DateTime, Utc};

use super::{
    content::{Consent, ConsentType},
    element::{Element, MissingElement, RuleVersion, Statement},
    signing::SignerRelationship,
};
use crate::{
    sharing::class::Purpose,
    value::{text::Text, validation::Findings},
};

/// The missing elements, as they are found.
struct Gaps(Vec<MissingElement>);

impl Gaps {
    fn add(&mut self, element: Element, pointer: &str, message: &str) {
        self.0.extend(
            Text::new(pointer)
                .zip(Text::new(message))
                .map(|(pointer, message)| MissingElement {
                    element,
                    pointer,
                    message,
                }),
        );
    }
}

impl Consent {
    /// The elements that the consent does not have, as of a time.
    pub fn missing(&self, now: DateTime<Utc>) -> Vec<MissingElement> {
        match self.rule_version {
            RuleVersion::V2024 => self.missing_in_2024(now),
        }
    }

    /// Whether a signed consent has every element that its rule asks for, and breaks none of the rule's limits. It is
    /// judged as of its signature.
    pub fn conforms(&self) -> bool {
        let mut findings = Findings::default();
        self.check_rules(&mut findings);
        let signed_at = self
            .signature
            .as_ref()
            .map(|signature| signature.signed_at.to_utc());
        findings.is_empty() && signed_at.is_some_and(|at| self.missing(at).is_empty())
    }

    fn missing_in_2024(&self, now: DateTime<Utc>) -> Vec<MissingElement> {
        let mut gaps = Gaps(Vec::new());
        let is_patient = |signer| signer == SignerRelationship::Patient;
        if self.patient.is_none() && self.signer_relationship.is_some_and(|signer| !is_patient(signer)) {
            gaps.add(
                Element::Patient,
                "/patient",
                "Please write the name of the person whose record this is.",
            );
        }
        if self.discloser.is_none() {
            gaps.add(
                Element::Discloser,
                "/discloser",
                "Please say who may share: a person, a place or this service.",
            );
        }
        if self.data_classes.is_empty() {
            gaps.add(
                Element::Information,
                "/data_classes",
                "Please choose what may be shared. Whatever you do not choose stays yours alone.",
            );
        }
        self.add_missing_recipients(&mut gaps);
        self.add_missing_purposes(&mut gaps);
        self.add_missing_statements(&mut gaps);
        self.add_missing_end(now, &mut gaps);
        if self.signer_relationship.is_none() {
            gaps.add(
                Element::Signature,
                "/signer_relationship",
                "Please say who signs: you, or someone who may sign for you.",
            );
        }
        gaps.0
    }

    fn add_missing_recipients(&self, gaps: &mut Gaps) {
        if self.recipients.is_empty() {
            gaps.add(Element::Recipients, "/recipients", "Please say who may see it.");
        }
        let has_intermediary = self.recipients.iter().any(|recipient| recipient.intermediary);
        match &self.intermediary {
            None if has_intermediary => gaps.add(
                Element::Intermediary,
                "/intermediary",
                "Please name the organisation that passes your record on.",
            ),
            Some(named) if named.participants.is_empty() && !named.treating_providers => gaps.add(
                Element::Intermediary,
                "/intermediary/participants",
                "Please name its members that may see your record, or choose those who treat you.",
            ),
            _ => {}
        }
    }

    fn add_missing_purposes(&self, gaps: &mut Gaps) {
        if self.purposes.is_empty() {
            gaps.add(
                Element::Purposes,
                "/purposes",
                "Please say what it is for. That you ask for it yourself is enough.",
            );
        } else if self.kind == ConsentType::TpoSingle
            && !Purpose::TPO.iter().all(|purpose| self.purposes.contains(purpose))
        {
            gaps.add(
                Element::Purposes,
                "/purposes",
                "A single consent is for treatment, payment and health care operations together. Please choose all three, or another \
                 type of consent.",
            );
        }
    }

    fn add_missing_statements(&self, gaps: &mut Gaps) {
        let has = |statement| self.statements_accepted.contains(&statement);
        let is_for_tpo = self.purposes.iter().any(|purpose| purpose.is_tpo());
        if !has(Statement::RightToRevoke) {
            gaps.add(
                Element::Revocation,
                "/statements_accepted",
                "Please read that you can take this back at any time, and how.",
            );
        }
        if is_for_tpo && !has(Statement::Redisclosure) {
            gaps.add(
                Element::RedisclosureStatement,
                "/statements_accepted",
                "Please read what those who receive it may do with it.",
            );
        }
        if is_for_tpo && !has(Statement::ConsequencesOfRefusal) {
            gaps.add(
                Element::RefusalStatement,
                "/statements_accepted",
                "Please read what it means if you do not sign.",
            );
        }
    }

    fn add_missing_end(&self, now: DateTime<Utc>, gaps: &mut Gaps) {
        let message = match self.expires_at {
            Some(end) if end.to_utc() <= now => "The end date has passed. Please choose a later one.",
            None if self.expires_on_event.is_none() && !self.no_expiry => {
                "Please say when it ends: a date, or an event."
            }
            _ => return,
        };
        gaps.add(Element::Expiry, "/expires_at", message);
    }
}
