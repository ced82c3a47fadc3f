//! The commands on invites to register.

use std::fmt::Write;

use chrono::TimeDelta;
use clap::{Args, Subcommand, value_parser};
use mainstay_domain::{
    record::json,
    value::{text::Label, timestamp::Timestamp},
};
use mainstay_store::invite::{Invite, NewInvite, random_code};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    cli::{
        databases::open_store,
        output::{block_on, print},
        settings::Settings,
    },
    server::{
        clock::{Clock, micros},
        id::new_id,
    },
};

/// What to do with invites.
#[derive(Subcommand)]
pub enum InvitesCommand {
    /// Make invites, and print a line for each: its code and its id. The codes are shown this once.
    Create(InvitesCreate),
    /// Print a line of JSON for each invite, the newest first. Those that ended are listed for another 30 days.
    List,
    /// Revoke an invite, so that nobody can register with it any more. Accounts that were made with it stay.
    Revoke {
        /// The id of the invite.
        id: Uuid,
    },
}

/// The invites to make.
#[derive(Args)]
pub struct InvitesCreate {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=1000))]
    count: u32,
    /// How many accounts can be made with each.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=100_000))]
    uses: u32,
    /// For how many days they are good.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = value_parser!(i64).range(1..=3650))]
    expires: i64,
    /// A note to know them by. It is stored encrypted.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Runs a command on invites.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &InvitesCommand, settings: &Settings) -> Result<(), String> {
    match command {
        InvitesCommand::Create(create) => create_invites(settings, create),
        InvitesCommand::List => list_invites(settings),
        InvitesCommand::Revoke { id } => revoke_invite(settings, *id),
    }
}

fn create_invites(settings: &Settings, create: &InvitesCreate) -> Result<(), String> {
    let note = create.note.clone().map(Label::parse).transpose();
    let note = note.map_err(|fault| format!("--note {fault}"))?;
    let now = Clock::default().now();
    let (mut new, mut text) = (Vec::new(), String::new());
    for _ in 0..create.count {
        let invite = NewInvite {
            id: new_id(),
            code: random_code().map_err(|e| e.to_string())?,
            uses: create.uses,
            note: note.clone(),
            expires_at: micros(now + TimeDelta::days(create.expires)),
        };
        writeln!(text, "{} {}", invite.code, invite.id).map_err(|e| e.to_string())?;
        new.push(invite);
    }
    let store = open_store(settings)?;
    block_on(store.create_invites(new, micros(now)))?.map_err(|e| e.to_string())?;
    print(text.as_bytes())
}

/// A line of the list.
#[derive(Serialize)]
struct Line {
    id: Uuid,
    created_at: Timestamp,
    expires_at: Timestamp,
    uses: i64,
    uses_left: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<Invite> for Line {
    fn from(invite: Invite) -> Self {
        Self {
            id: invite.id,
            created_at: Timestamp::from_micros(invite.created_at),
            expires_at: Timestamp::from_micros(invite.expires_at),
            uses: invite.uses,
            uses_left: invite.uses_left,
            note: invite.note,
        }
    }
}

fn list_invites(settings: &Settings) -> Result<(), String> {
    let store = open_store(settings)?;
    let invites = block_on(store.invites())?.map_err(|e| e.to_string())?;
    let mut text = Vec::new();
    for invite in invites {
        text.extend(json(&Line::from(invite)));
        text.push(b'\n');
    }
    print(&text)
}

fn revoke_invite(settings: &Settings, id: Uuid) -> Result<(), String> {
    let store = open_store(settings)?;
    if block_on(store.revoke_invite(id))?.map_err(|e| e.to_string())? {
        print(b"revoked\n")
    } else {
        Err(format!("there is no invite {id}"))
    }
}
