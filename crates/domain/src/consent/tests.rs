//! Tests of the rules and states of consents, and of the decision.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*, sample::subsequence};
use strum::VariantArray;
use uuid::Uuid;

use super::*;
use crate::{
    restriction::{Restriction, RestrictionStatus},
    sharing::{DataClass, Purpose, Resource},
    value::{list::List, text::text, timestamp::Timestamp, validation::Findings},
};

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn helper() -> Uuid {
    Uuid::from_u128(0x0195_e4c2_6d1f_7c33_8a55_0d9f_3c1b_2a99)
}

/// A consent for a helper.
fn named() -> Consent {
    Consent {
        recipients: List::of([Recipient::of_account(helper())]),
        ..Consent::example()
    }
}

/// A consent for which every element can be missing.
fn complete() -> Consent {
    Consent {
        kind: ConsentType::TpoSingle,
        patient: Some(text!("Sam")),
        recipients: List::of([Recipient {
            intermediary: true,
            ..Recipient::of_account(helper())
        }]),
        intermediary: Some(Intermediary {
            name: text!("The exchange"),
            participants: List::of([text!("The clinic")]),
            treating_providers: false,
        }),
        purposes: List::of(Purpose::TPO),
        signer_relationship: Some(SignerRelationship::AuthorizedForMinor),
        statements_accepted: List::of(Statement::VARIANTS.iter().copied()),
        ..Consent::example()
    }
}

fn elements(consent: &Consent) -> Vec<Element> {
    consent.missing(now()).iter().map(|gap| gap.element).collect()
}

fn faults(consent: &Consent) -> Vec<String> {
    let mut findings = Findings::default();
    consent.check(now(), &mut findings);
    findings
        .into_vec()
        .into_iter()
        .map(|finding| finding.pointer)
        .collect()
}

fn without(statement: Statement) -> List<Statement, 10> {
    List::of(
        Statement::VARIANTS
            .iter()
            .copied()
            .filter(|other| *other != statement),
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table with a row for each case")]
fn each_element_that_is_missing_alone_is_the_only_one_named() {
    assert_eq!(elements(&complete()), []);
    assert_eq!(elements(&Consent::example()), []);
    let cases: Vec<(Element, &str, Consent)> = vec![
        (
            Element::Patient,
            "/patient",
            Consent {
                patient: None,
                ..complete()
            },
        ),
        (
            Element::Discloser,
            "/discloser",
            Consent {
                discloser: None,
                ..complete()
            },
        ),
        (
            Element::Information,
            "/data_classes",
            Consent {
                data_classes: List::default(),
                ..complete()
            },
        ),
        (
            Element::Recipients,
            "/recipients",
            Consent {
                recipients: List::default(),
                ..complete()
            },
        ),
        (
            Element::Intermediary,
            "/intermediary",
            Consent {
                intermediary: None,
                ..complete()
            },
        ),
        (
            Element::Intermediary,
            "/intermediary/participants",
            Consent {
                intermediary: Some(Intermediary {
                    name: text!("The exchange"),
                    participants: List::default(),
                    treating_providers: false,
                }),
                ..complete()
            },
        ),
        (
            Element::Purposes,
            "/purposes",
            Consent {
                purposes: List::of([Purpose::Treatment]),
                ..complete()
            },
        ),
        (
            Element::Purposes,
            "/purposes",
            Consent {
                purposes: List::default(),
                ..complete()
            },
        ),
        (
            Element::Revocation,
            "/statements_accepted",
            Consent {
                statements_accepted: without(Statement::RightToRevoke),
                ..complete()
            },
        ),
        (
            Element::Expiry,
            "/expires_at",
            Consent {
                expires_at: None,
                ..complete()
            },
        ),
        (
            Element::Expiry,
            "/expires_at",
            Consent {
                expires_at: Some(Timestamp::utc(now())),
                ..complete()
            },
        ),
        (
            Element::RedisclosureStatement,
            "/statements_accepted",
            Consent {
                statements_accepted: without(Statement::Redisclosure),
                ..complete()
            },
        ),
        (
            Element::RefusalStatement,
            "/statements_accepted",
            Consent {
                statements_accepted: without(Statement::ConsequencesOfRefusal),
                ..complete()
            },
        ),
        (
            Element::Signature,
            "/signer_relationship",
            Consent {
                signer_relationship: None,
                ..complete()
            },
        ),
    ];
    for (element, pointer, consent) in &cases {
        let missing = consent.missing(now());
        let named: Vec<_> = missing.iter().map(|gap| (gap.element, &*gap.pointer)).collect();
        assert_eq!(named, [(*element, *pointer)]);
    }
    for element in Element::VARIANTS {
        assert!(cases.iter().any(|(case, ..)| case == element), "{element:?}");
    }
}

#[test]
fn an_empty_draft_is_told_of_everything_that_it_needs() {
    let empty: Consent = serde_json::from_str(r#"{"type":"named_disclosure"}"#).unwrap();
    assert_eq!(
        elements(&empty),
        [
            Element::Discloser,
            Element::Information,
            Element::Recipients,
            Element::Purposes,
            Element::Revocation,
            Element::Expiry,
            Element::Signature
        ]
    );
    assert!(faults(&empty).is_empty());
}

#[test]
fn an_end_is_a_date_or_an_event_and_none_is_for_treatment_payment_and_operations_only() {
    let endless = Consent {
        expires_at: None,
        no_expiry: true,
        ..complete()
    };
    assert_eq!((elements(&endless), faults(&endless)), (vec![], vec![]));
    let event = Consent {
        expires_at: None,
        expires_on_event: Some(text!("The end of my treatment")),
        ..complete()
    };
    assert_eq!((elements(&event), faults(&event)), (vec![], vec![]));
    let both = Consent {
        no_expiry: true,
        ..complete()
    };
    assert_eq!(faults(&both), ["/no_expiry"]);
    let named = Consent {
        expires_at: None,
        no_expiry: true,
        ..Consent::example()
    };
    assert_eq!(faults(&named), ["/no_expiry"]);
    let past = Consent {
        expires_at: Some(Timestamp::utc(now())),
        ..complete()
    };
    assert_eq!(faults(&past), ["/expires_at"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table with a row for each case")]
fn counseling_notes_and_legal_proceedings_stand_alone() {
    let of = |kind, classes: &[DataClass], purposes: &[Purpose]| Consent {
        kind,
        data_classes: List::of(classes.iter().copied()),
        purposes: List::of(purposes.iter().copied()),
        ..Consent::example()
    };
    let notes = [DataClass::CounselingNotes];
    for (consent, expected) in [
        (
            of(ConsentType::CounselingNotes, &notes, &[Purpose::Treatment]),
            vec![],
        ),
        (
            of(
                ConsentType::CounselingNotes,
                &[DataClass::CounselingNotes, DataClass::Goals],
                &[Purpose::Treatment, Purpose::LegalProceedings],
            ),
            vec!["/data_classes/1", "/purposes/1"],
        ),
        (
            of(
                ConsentType::NamedDisclosure,
                &notes,
                &[Purpose::Treatment, Purpose::LegalProceedings],
            ),
            vec!["/data_classes/0", "/purposes/1"],
        ),
        (
            of(
                ConsentType::LegalProceedings,
                &[DataClass::Goals],
                &[Purpose::LegalProceedings],
            ),
            vec![],
        ),
        (
            of(
                ConsentType::LegalProceedings,
                &notes,
                &[
                    Purpose::LegalProceedings,
                    Purpose::Treatment,
                    Purpose::PatientRequest,
                ],
            ),
            vec!["/data_classes/0", "/purposes/1", "/purposes/2"],
        ),
        (
            of(
                ConsentType::TpoSingle,
                &[DataClass::Goals],
                &[Purpose::Treatment, Purpose::RecoverySupport],
            ),
            vec!["/purposes/1"],
        ),
        (
            of(
                ConsentType::Research,
                &[DataClass::Goals],
                &[Purpose::Research, Purpose::Payment],
            ),
            vec!["/purposes/1"],
        ),
        (
            of(
                ConsentType::NamedDisclosure,
                &[DataClass::Goals, DataClass::Goals],
                &[Purpose::Treatment, Purpose::Treatment],
            ),
            vec!["/data_classes/1", "/purposes/1"],
        ),
    ] {
        assert_eq!(faults(&consent), expected, "{:?}", consent.kind);
    }
}

#[test]
fn a_class_of_recipients_needs_the_single_consent_and_names_nobody() {
    let class = Recipient {
        name: Some(text!("My treating providers")),
        designation: Designation::Class,
        account_id: None,
        ..Recipient::of_account(helper())
    };
    let tpo = Consent {
        recipients: List::of([class.clone()]),
        intermediary: None,
        ..complete()
    };
    assert_eq!((faults(&tpo), elements(&tpo)), (vec![], vec![]));
    assert!(!tpo.names(helper()));
    let named = Consent {
        recipients: List::of([class.clone()]),
        ..Consent::example()
    };
    assert_eq!(faults(&named), ["/recipients/0/designation"]);
    let with_account = Consent {
        recipients: List::of([Recipient {
            account_id: Some(helper()),
            ..class
        }]),
        ..tpo
    };
    assert_eq!(faults(&with_account), ["/recipients/0/designation"]);
    assert!(!with_account.names(helper()));
    let nobody = Consent {
        recipients: List::of([Recipient {
            account_id: None,
            ..Recipient::of_account(helper())
        }]),
        ..Consent::example()
    };
    assert_eq!(faults(&nobody), ["/recipients/0"]);
}

#[test]
fn the_states_allow_these_steps_and_no_others() {
    use ConsentStatus as S;
    use ConsentStep as T;
    let allowed = [
        (S::Draft, T::Sign, S::Active),
        (S::Draft, T::Reject, S::Rejected),
        (S::Active, T::Revoke, S::Revoked),
        (S::Active, T::Expire, S::Expired),
        (S::Active, T::Supersede, S::Superseded),
    ];
    for status in S::VARIANTS.iter().copied() {
        assert_eq!(status.as_str().parse(), Ok(status));
        for step in T::VARIANTS.iter().copied() {
            let expected = allowed
                .iter()
                .find(|(from, by, _)| (*from, *by) == (status, step))
                .map(|(.., to)| *to)
                .or((step == T::EnterInError).then_some(S::EnteredInError))
                .or((step.target() == status).then_some(status));
            assert_eq!(status.after(step), expected, "{status:?} {step:?}");
        }
    }
}

#[test]
fn read_only_members_are_dropped_and_times_do_not_count_by_their_offset() {
    let mut sent = serde_json::to_value(Consent::example()).unwrap();
    sent["status"] = serde_json::json!("active");
    sent["version"] = serde_json::json!(7);
    sent["expires_at"] = serde_json::json!("2027-02-28T23:00:00Z");
    let incoming: crate::sharing::IncomingResource<Consent> = serde_json::from_value(sent).unwrap();
    assert_eq!((incoming.id, incoming.value.status), (None, ConsentStatus::Draft));
    assert_eq!(incoming.value.canonical(), Consent::example().canonical());
}

fn signed(consent: Consent, at: i64) -> Consent {
    Consent {
        status: ConsentStatus::Active,
        signature: Some(Signature {
            name: text!("Sam"),
            relationship: SignerRelationship::Patient,
            signed_at: Timestamp::from_micros(at),
        }),
        ..consent
    }
}

/// The accounts, classes and purposes that random consents choose from.
const ACCOUNTS: [u128; 3] = [1, 2, 3];
const CLASSES: [DataClass; 4] = [
    DataClass::Goals,
    DataClass::Use,
    DataClass::Cravings,
    DataClass::CounselingNotes,
];
const PURPOSES: [Purpose; 4] = [
    Purpose::RecoverySupport,
    Purpose::Treatment,
    Purpose::Payment,
    Purpose::HealthCareOperations,
];

fn consents() -> impl Strategy<Value = KnownConsent> {
    let who = (
        subsequence(ACCOUNTS.to_vec(), 0..=3),
        subsequence(CLASSES.to_vec(), 0..=4),
        subsequence(PURPOSES.to_vec(), 0..=4),
    );
    let when = (0..5_i64, proptest::option::of(0..8_i64));
    let how = (
        prop_oneof![6 => Just(0_usize), 1 => 0..ConsentStatus::VARIANTS.len()],
        prop_oneof![3 => Just(0_usize), 1 => 0..ConsentType::VARIANTS.len()],
        prop_oneof![4 => Just(3_usize), 1 => 0..4_usize],
        prop_oneof![4 => Just(0_usize), 1 => 0..3_usize],
    );
    (who, when, how, 0..6_u128).prop_map(
        |((accounts, classes, purposes), (at, end), (status, kind, statements, odd), id)| {
            let designation = if odd == 1 {
                Designation::Class
            } else {
                Designation::Named
            };
            let recipients = accounts.into_iter().map(|account| Recipient {
                designation,
                ..Recipient::of_account(Uuid::from_u128(account))
            });
            let consent = Consent {
                kind: ConsentType::VARIANTS[kind],
                recipients: List::of(recipients),
                data_classes: List::of(classes),
                purposes: List::of(purposes),
                expires_at: end.map(|end| Timestamp::from_micros(end * 1_000)),
                expires_on_event: end.is_none().then(|| text!("The end")),
                statements_accepted: List::of(Statement::VARIANTS.iter().copied().take(statements)),
                discloser: (odd != 2).then(|| text!("Mainstay")),
                ..Consent::example()
            };
            let mut consent = signed(consent, at * 1_000);
            if status > 0 {
                consent.status = ConsentStatus::VARIANTS[status];
            }
            KnownConsent {
                id: Uuid::from_u128(id),
                version: 2,
                consent,
            }
        },
    )
}

fn restrictions() -> impl Strategy<Value = Restriction> {
    (
        subsequence(CLASSES.to_vec(), 1..=2),
        subsequence(ACCOUNTS.to_vec(), 0..=2),
        any::<bool>(),
    )
        .prop_map(|(classes, accounts, has_ended)| Restriction {
            data_classes: List::of(classes),
            recipients: List::of(accounts.into_iter().map(Uuid::from_u128)),
            reason: None,
            status: if has_ended {
                RestrictionStatus::Ended
            } else {
                RestrictionStatus::Agreed
            },
            ended_at: None,
        })
}

/// What the text of the law and of the contract says, read word by word for one class.
fn is_covered(
    known: &KnownConsent,
    class: DataClass,
    restrictions: &[Restriction],
    request: &GrantRequest<'_>,
) -> bool {
    let consent = &known.consent;
    let (kind, has) = (consent.kind, |purpose: Purpose| {
        consent.purposes.contains(&purpose)
    });
    let mut reasons = vec![
        consent.status == ConsentStatus::Active,
        consent.expires_at.is_none_or(|end| request.now < end.micros()),
        // A consent that was over when it was signed was never complete.
        consent
            .expires_at
            .is_none_or(|end| consent.signature.as_ref().unwrap().signed_at.micros() < end.micros()),
        consent
            .recipients
            .iter()
            .any(|r| r.account_id == Some(request.recipient) && r.designation == Designation::Named),
        consent
            .recipients
            .iter()
            .all(|r| r.designation == Designation::Named),
        consent.data_classes.contains(&class),
        request.purposes.iter().any(|purpose| has(*purpose)),
        consent.discloser.is_some(),
        consent.statements_accepted.contains(&Statement::RightToRevoke),
        consent.data_classes.contains(&DataClass::CounselingNotes) == (kind == ConsentType::CounselingNotes),
        kind != ConsentType::CounselingNotes || consent.data_classes.len() == 1,
        !matches!(kind, ConsentType::LegalProceedings | ConsentType::Research),
        kind != ConsentType::TpoSingle
            || (Purpose::TPO.into_iter().all(has) && !has(Purpose::RecoverySupport)),
    ];
    if Purpose::TPO.into_iter().any(has) {
        reasons.push(consent.statements_accepted.len() == 3);
    }
    let restricted = restrictions.iter().any(|restriction| {
        restriction.status == RestrictionStatus::Agreed
            && restriction.data_classes.contains(&class)
            && (restriction.recipients.is_empty() || restriction.recipients.contains(&request.recipient))
    });
    !restricted && reasons.into_iter().all(|holds| holds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_granted_is_what_a_reading_word_by_word_grants(
        known in vec(consents(), 0..6),
        restrictions in vec(restrictions(), 0..2),
        purposes in subsequence(PURPOSES.to_vec(), 0..=3),
        at in 0..9_i64,
    ) {
        let request = GrantRequest { recipient: Uuid::from_u128(1), purposes: &purposes, now: at * 1_000 };
        let granted = grants(&known, &restrictions, &request);
        for class in DataClass::ALL.iter().copied() {
            let covering = known.iter().filter(|known| is_covered(known, class, &restrictions, &request));
            let first = covering.min_by_key(|known| (known.consent.signature.as_ref().unwrap().signed_at.micros(), known.id));
            prop_assert_eq!(granted.get(&class).map(|by| by.id), first.map(|known| known.id));
        }
        for by in granted.values() {
            prop_assert!(!by.purposes.is_empty() && by.purposes.iter().all(|purpose| purposes.contains(purpose)));
        }
    }
}

#[test]
fn nothing_is_granted_without_a_signature_or_after_the_end() {
    let at = now().timestamp_micros();
    let known = |consent| {
        [KnownConsent {
            id: Uuid::nil(),
            version: 1,
            consent,
        }]
    };
    let request = |after| GrantRequest {
        recipient: helper(),
        purposes: &[Purpose::RecoverySupport, Purpose::Treatment],
        now: at + after,
    };
    let active = signed(
        Consent {
            expires_at: Some(Timestamp::utc(now() + TimeDelta::days(1))),
            ..named()
        },
        at,
    );
    let day = 86_400_000_000;
    let granted = grants(&known(active.clone()), &[], &request(day - 1));
    assert_eq!(
        granted.keys().copied().collect::<Vec<_>>(),
        [DataClass::Abstinence, DataClass::Warnings]
    );
    let by = &granted[&DataClass::Abstinence];
    assert_eq!(
        (by.version, &by.purposes, by.expires_at),
        (1, &vec![Purpose::RecoverySupport], active.expires_at)
    );
    assert!(grants(&known(active.clone()), &[], &request(day)).is_empty());
    assert!(
        grants(
            &known(Consent {
                signature: None,
                ..active.clone()
            }),
            &[],
            &request(0)
        )
        .is_empty()
    );
    let restriction = Restriction {
        data_classes: List::of([DataClass::Warnings]),
        ..Restriction::example()
    };
    let granted = grants(&known(active), &[restriction], &request(0));
    assert_eq!(
        granted.keys().copied().collect::<Vec<_>>(),
        [DataClass::Abstinence]
    );
}
