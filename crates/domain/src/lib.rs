//! The nouns and rules of recovery support. Pure: no input or output, no clock, no database; time comes in as an
//! argument. A record's wire form is its type here, so that a field, its range and its documentation have one place.
//!
//! - a person's record: [`goal`], [`plan`], [`check_in`], [`craving_event`], [`use_event`], [`support_contact`],
//!   [`medication`], [`dose`], [`practice_session`], [`thought_record`], [`attendance`], [`appointment`], [`referral`],
//!   [`transition`], [`self_efficacy_profile`], [`commitment`], [`journal_entry`], [`warning_feedback`];
//! - questionnaires and a person's answers to them: [`questionnaire`];
//! - what every noun shares: [`record`];
//! - reference data: [`practice`], [`helpline`], [`meeting`];
//! - computations: [`effectiveness`], [`availability`], [`toolkit`], [`medication::adherence`];
//! - what the record tells: [`insight`];
//! - who signs in: [`account`], [`password`];
//! - values: [`scalar`], [`amount`], [`place`], [`geo`], [`timestamp`], [`vocabulary`], [`finding`].

pub mod account;
pub mod amount;
pub mod appointment;
pub mod attendance;
pub mod availability;
pub mod check_in;
pub mod commitment;
pub mod craving_event;
pub mod dose;
pub mod effectiveness;
pub mod finding;
pub mod geo;
pub mod goal;
pub mod helpline;
pub mod insight;
pub mod journal_entry;
mod kind;
pub mod kindness;
pub mod medication;
pub mod meeting;
pub mod password;
pub mod place;
pub mod plan;
pub mod practice;
pub mod practice_session;
pub mod questionnaire;
pub mod record;
pub mod referral;
pub mod registry;
pub mod scalar;
pub mod self_efficacy_profile;
pub mod support_contact;
pub mod thought_record;
pub mod timestamp;
pub mod toolkit;
pub mod transition;
pub mod use_event;
pub mod vocabulary;
pub mod warning_feedback;
