//! The types, validation rules and computations of recovery support.
//!
//! This crate is pure: it has no input or output, no database and no clock. Callers pass the current time as an
//! argument. The domain type of a record is also its wire form, so that each field, its range and its documentation
//! are defined once.
//!
//! The root has the nouns of a person's record, one file or folder each, and the account. The folders hold code that
//! several nouns share:
//!
//! - [`record`]: the trait that every noun implements, the table of collections, and the preparation for storing;
//! - [`value`]: checked values (amounts, texts, times, places), shared enums, and validation findings;
//! - [`mod@reference`]: practices, helplines, meetings and questionnaires, which are the same for everyone;
//! - [`support`]: the toolkit of help in a response: strategies, contacts, helplines;
//! - [`safety`]: what to say in acute danger, in the help and in the early warnings;
//! - [`sharing`]: what others may see of a record, class by class;
//! - [`audit`]: who reached what of a record, what was disclosed to whom, and how a change of these lists shows;
//! - [`insight`]: computations over the whole record, such as abstinence, cravings, trends and early warnings.

pub mod account;
pub mod appointment;
pub mod attendance;
pub mod audit;
pub mod break_glass;
pub mod check_in;
pub mod commitment;
pub mod consent;
pub mod craving_event;
pub mod dose;
pub mod encouragement;
pub mod goal;
pub mod insight;
pub mod invitation;
pub mod journal_entry;
pub mod medication;
pub mod peer_profile;
pub mod plan;
pub mod practice_session;
pub mod proposal;
pub mod questionnaire_response;
pub mod record;
pub mod reference;
pub mod referral;
pub mod restriction;
pub mod safety;
pub mod security_event;
pub mod self_efficacy_profile;
pub mod shared_commitment;
pub mod sharing;
pub mod sign_off;
pub mod support;
pub mod support_contact;
pub mod thought_record;
pub mod transition;
pub mod use_event;
pub mod value;
pub mod warning_feedback;
