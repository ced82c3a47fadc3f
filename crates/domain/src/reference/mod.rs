//! Reference data: practices, helplines, meetings and questionnaires. It is the same for everyone and is
//! shipped with the server or imported by its operators.

pub mod helpline;
pub mod meeting;
pub mod practice;
pub mod questionnaire;
