//! Reference data: the same for everyone, shipped with the server or imported by its operators.

pub mod helpline;
pub mod meeting;
pub mod practice;
pub mod questionnaire;
