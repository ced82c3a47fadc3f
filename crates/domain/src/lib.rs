//! The nouns and rules of recovery support. Pure: no input or output, no clock, no database; time comes in as an
//! argument. A record's wire form is its type here, so that a field, its range and its documentation have one place.
//!
//! The root lists the nouns of a person's record, one file or folder each. The folders hold what they share:
//!
//! - [`record`]: the trait by which a noun plugs in, the list of collections, drafts;
//! - [`value`]: amounts, texts, times, places, shared vocabulary, and findings about wrong input;
//! - [`reference`]: practices, helplines, meetings and questionnaires, which are the same for everyone;
//! - [`support`]: the help in an answer;
//! - [`insight`]: what the record tells the person.

pub mod account;
pub mod appointment;
pub mod attendance;
pub mod check_in;
pub mod commitment;
pub mod craving_event;
pub mod dose;
pub mod goal;
pub mod insight;
pub mod journal_entry;
pub mod medication;
pub mod plan;
pub mod practice_session;
pub mod questionnaire_response;
pub mod record;
pub mod reference;
pub mod referral;
pub mod self_efficacy_profile;
pub mod support;
pub mod support_contact;
pub mod thought_record;
pub mod transition;
pub mod use_event;
pub mod value;
pub mod warning_feedback;
