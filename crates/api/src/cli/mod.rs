//! The command line: commands, settings, imports of reference data, self-examination.

pub mod command;
pub mod doctor;
pub mod import;
pub mod settings;
