//! The command line: commands, settings, imports of reference data, and the checks of `doctor`.

pub mod account;
pub mod audit;
pub mod backup;
pub mod breach;
pub mod command;
pub mod databases;
pub mod doctor;
pub mod erasures;
pub mod import;
pub mod invites;
pub mod key_files;
pub mod keys;
pub mod output;
pub mod passwords;
pub mod private_files;
pub mod process;
pub mod restore;
pub mod secret_file;
pub mod settings;
