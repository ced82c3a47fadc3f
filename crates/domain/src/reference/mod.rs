//! Reference data: practices, helplines, meetings, questionnaires and standard drinks. It is the same for everyone and is
//! shipped with the server or imported by its operators.
//!
//! [`plain_text`] and [`suggest`] serve the readers of imports.

pub mod helpline;
pub mod meeting;
pub mod plain_text;
pub mod practice;
pub mod questionnaire;
pub mod standard_drink;
pub mod suggest;
pub mod zone_country;
