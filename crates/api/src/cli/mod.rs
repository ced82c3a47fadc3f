//! The command line: commands, settings, imports of reference data, and the checks of `doctor`.

pub mod command;
pub mod doctor;
pub mod import;
pub mod settings;
