//! The command that finds out who was affected by a breach.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use mainstay_domain::{record::json, value::timestamp::Timestamp};
use mainstay_store::audit::{AffectedPerson, BreachQuery};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::{
    databases::open_store,
    output::{block_on, print},
    settings::Settings,
};

/// What to do about a breach.
#[derive(Subcommand)]
pub enum BreachCommand {
    /// Print a line of JSON for each person whose record was reached: the account, since when and until when, by which
    /// accounts, which classes of data and how much.
    List(BreachList),
}

/// Which accesses count.
#[derive(Args)]
pub struct BreachList {
    /// The time from which on accesses count: a date in UTC, or an RFC 3339 time.
    #[arg(long, value_name = "DATE")]
    since: String,
    /// The accounts whose credentials leaked: their ids, separated by commas, or a file with ids. If left out, everyone's
    /// accesses to the record of another person count.
    #[arg(long, value_name = "FILE|IDS")]
    accounts: Option<String>,
}

/// Runs a command about a breach.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &BreachCommand, settings: &Settings) -> Result<(), String> {
    let BreachCommand::List(list) = command;
    let since = since(&list.since).ok_or("--since must be a date such as 2026-03-01, or an RFC 3339 time")?;
    let accounts = list.accounts.as_deref().map(accounts).transpose()?;
    let query = BreachQuery {
        since,
        accounts: accounts.unwrap_or_default(),
    };
    let store = open_store(settings)?;
    let (mut printed, mut affected) = (Ok(()), 0_usize);
    let report = |person: AffectedPerson| {
        affected += 1;
        let mut line = json(&Line::from(person));
        line.push(b'\n');
        if printed.is_ok() {
            printed = print(&line);
        }
    };
    let (_searched, without_key) =
        block_on(store.find_affected(&query, report))?.map_err(|e| e.to_string())?;
    printed?;
    if without_key.is_empty() {
        log::info!("{affected} people are affected");
        return Ok(());
    }
    Err(format!(
        "{} accounts could not be searched, since their keys are missing; `mainstay doctor --deep` names them",
        without_key.len()
    ))
}

fn since(text: &str) -> Option<i64> {
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .map(Timestamp::midnight)
    };
    let at: Timestamp = text.parse().ok().or_else(day)?;
    Some(at.micros())
}

/// Reads ids from a file if there is one with that name, else from the text itself.
fn accounts(text: &str) -> Result<BTreeSet<Uuid>, String> {
    let is_file = Path::new(text).is_file();
    let content = if is_file {
        fs::read_to_string(text).map_err(|e| format!("{text}: {e}"))?
    } else {
        text.to_owned()
    };
    let ids: Result<BTreeSet<Uuid>, String> = content
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|id| !id.is_empty())
        .map(|id| {
            id.parse()
                .map_err(|_invalid| format!("--accounts: {id} is no id of an account, and no file"))
        })
        .collect();
    let ids = ids?;
    // No id would mean everyone.
    if ids.is_empty() {
        return Err("--accounts names no account".to_owned());
    }
    Ok(ids)
}

/// A line of the list.
#[derive(Serialize)]
struct Line {
    account_id: Uuid,
    first_at: Timestamp,
    last_at: Timestamp,
    accesses: u64,
    by: BTreeSet<Uuid>,
    classes: BTreeMap<&'static str, u64>,
    what: BTreeSet<&'static str>,
}

impl From<AffectedPerson> for Line {
    fn from(person: AffectedPerson) -> Self {
        let classes = person.classes.into_iter();
        Self {
            account_id: person.account,
            first_at: Timestamp::from_micros(person.first_at),
            last_at: Timestamp::from_micros(person.last_at),
            accesses: person.accesses,
            by: person.by,
            classes: classes.map(|(class, count)| (class.as_str(), count)).collect(),
            what: person.what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_begins_at_midnight_in_utc() {
        assert_eq!(since("1970-01-02"), Some(86_400_000_000));
        assert_eq!(since("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(since("yesterday"), None);
    }

    #[test]
    fn accounts_are_ids_and_never_none() {
        let id = "0195e4c2-6d1f-7c33-8a55-0d9f3c1b2a40";
        assert_eq!(accounts(&format!("{id}, {id}\n")).unwrap().len(), 1);
        assert!(accounts(" , ").is_err() && accounts("/no/such/file").is_err());
    }
}
