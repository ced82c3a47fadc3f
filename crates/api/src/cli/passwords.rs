//! The commands on the filter of leaked passwords.

use std::{
    fs::File,
    io::{Read, stdin},
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    auth::password_filter::{
        PasswordFilter,
        build::{Imported, ListForm, build},
    },
    cli::{
        output::print,
        settings::{OptionalFile, Settings},
    },
    server::clock::Clock,
};

/// What to do with the filter.
#[derive(Subcommand)]
pub enum PasswordsCommand {
    /// Make the filter from a list of leaked passwords. Passwords in the list cannot be set any more; servers take the new
    /// filter up when they are started again.
    Import(PasswordsImport),
}

/// The list to import.
#[derive(Args)]
pub struct PasswordsImport {
    /// The list, or `-` for standard input.
    #[arg(value_name = "FILE")]
    list: PathBuf,
    /// What each line holds: `plain`, a password, or `sha1`, its SHA-1 in hexadecimal digits, perhaps with a colon and a count.
    /// If left out, the first line decides.
    #[arg(long, value_enum)]
    form: Option<FormName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormName {
    Plain,
    Sha1,
}

/// Runs a command on the filter.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &PasswordsCommand, settings: &Settings) -> Result<(), String> {
    let PasswordsCommand::Import(import) = command;
    let form = import.form.map(|form| match form {
        FormName::Plain => ListForm::Plain,
        FormName::Sha1 => ListForm::Sha1,
    });
    let list: Box<dyn Read> = if import.list.as_os_str() == "-" {
        Box::new(stdin())
    } else {
        let file = File::open(&import.list);
        Box::new(file.map_err(|e| format!("{}: {e}", import.list.display()))?)
    };
    let target = &settings.password_filter.path;
    let Imported {
        form,
        lines,
        entries,
        other_length,
        unreadable,
    } = build(list, form, target, Clock::default().now().timestamp())?;
    let form = match form {
        ListForm::Plain => "passwords",
        ListForm::Sha1 => "SHA-1 hashes",
    };
    let text = format!(
        "{lines} lines of {form}, {entries} different passwords in {}\n\
         left out: {other_length} that are too short or too long to be set, {unreadable} that are not UTF-8 or too long a line\n",
        target.display()
    );
    print(text.as_bytes())
}

/// Opens the filter. `None` if there is none, and no setting names one.
///
/// # Errors
/// A message if it cannot be read, or if the one that a setting names is missing.
pub fn open_filter(file: &OptionalFile) -> Result<Option<PasswordFilter>, String> {
    if file.path.exists() {
        PasswordFilter::open(&file.path).map(Some)
    } else if file.is_configured {
        Err(format!(
            "{} does not exist; make it with `mainstay passwords import FILE`",
            file.path.display()
        ))
    } else {
        Ok(None)
    }
}

/// Describes the filter, after it was read whole.
///
/// # Errors
/// A message if it is missing although a setting names it, or damaged.
pub fn describe_filter(file: &OptionalFile) -> Result<String, String> {
    let Some(filter) = open_filter(file)? else {
        return Ok(
            "none; make one with `mainstay passwords import FILE`, so that leaked passwords are refused"
                .to_owned(),
        );
    };
    filter.check()?;
    let days = (Clock::default().now().timestamp() - filter.made_at()) / 86_400;
    Ok(format!("{} passwords, made {days} days ago", filter.entries()))
}
