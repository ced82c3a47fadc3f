//! Reference data: practices, helplines, meetings, questionnaires and standard drinks. It is the same for everyone and is
//! shipped with the server or imported by its operators.

pub mod helpline;
pub mod meeting;
pub mod practice;
pub mod questionnaire;
pub mod standard_drink;
