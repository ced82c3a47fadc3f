//! The commands on accounts.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use mainstay_domain::{
    account::{Password, Profile, Role, SealedAccount, password::Weakness, quota::Budget},
    value::{
        place::{Email, ZoneName},
        text::Label,
    },
};
use mainstay_store::{
    StoreError,
    account::NewAccount,
    examination::accounts_without_key,
    quota::{OwnQuota, Recounted},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    auth::password::Passwords,
    cli::{
        databases::{inspect_databases, open_store},
        output::{block_on, print},
        passwords::open_filter,
        secret_file::read_secret,
        settings::{MAX_QUOTA, Settings},
    },
    server::{clock::Clock, id::new_id},
};

/// What to do with accounts.
#[derive(Subcommand)]
pub enum AccountCommand {
    /// Create an account. The password is read from standard input or from a file, never from the command line.
    Create(AccountCreate),
    /// Delete accounts whose key is missing from the key store: nothing of theirs can be read, and nobody can register with
    /// their address. The ids of the accounts are printed.
    PruneKeyless(PruneKeyless),
    /// Show what an account uses of its budgets, or set limits for it. A server that runs takes them up within some seconds.
    Quota(AccountQuota),
}

/// The account, and what to set for it.
#[derive(Args)]
pub struct AccountQuota {
    /// The id of the account, as in the member `id` of its profile.
    #[arg(long, value_name = "ID", required_unless_present = "all")]
    id: Option<Uuid>,
    /// Count every account anew, and print how many counts were wrong. Servers may run meanwhile.
    #[arg(
        long,
        requires = "recount",
        conflicts_with_all = ["id", "records", "bytes", "writes_per_day", "default"]
    )]
    all: bool,
    /// The largest number of records of this account.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=MAX_QUOTA))]
    records: Option<i64>,
    /// The largest number of stored bytes of this account.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=MAX_QUOTA))]
    bytes: Option<i64>,
    /// The largest number of writes of this account on one day in UTC.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=MAX_QUOTA))]
    writes_per_day: Option<i64>,
    /// Give the account the limits of the server again, except those that are named with it.
    #[arg(long)]
    default: bool,
    /// Count records and bytes anew. Only needed after servers of an earlier release ran beside this one.
    #[arg(long)]
    recount: bool,
}

/// Which accounts without a key are deleted.
#[derive(Args)]
pub struct PruneKeyless {
    /// Only print the ids.
    #[arg(long)]
    dry_run: bool,
    /// Delete nothing if there are more than so many, because then the key store may be an old one.
    #[arg(long, value_name = "N", default_value_t = 100)]
    at_most: usize,
}

/// The account to create.
#[derive(Args)]
pub struct AccountCreate {
    /// The role of the account.
    #[arg(long, value_enum)]
    role: RoleName,
    /// The e-mail address to sign in with.
    #[arg(long)]
    email: String,
    /// A file that holds the password; standard input if left out.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The IANA time zone of the owner.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// The name of the owner to show.
    #[arg(long)]
    display_name: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    Person,
    Supporter,
    Clinician,
    Operator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Person => Self::Person,
            RoleName::Supporter => Self::Supporter,
            RoleName::Clinician => Self::Clinician,
            RoleName::Operator => Self::Operator,
        }
    }
}

/// Runs a command on accounts.
///
/// # Errors
/// A message that says what is wrong.
pub fn run(command: &AccountCommand, settings: &Settings) -> Result<(), String> {
    match command {
        AccountCommand::Create(create) => create_account(settings, create),
        AccountCommand::PruneKeyless(prune) => prune_keyless(settings, prune),
        AccountCommand::Quota(quota) => account_quota(settings, quota),
    }
}

fn create_account(settings: &Settings, create: &AccountCreate) -> Result<(), String> {
    let email = Email::new(&create.email).ok_or("--email must be an e-mail address")?;
    let display_name = match create.display_name.as_deref() {
        Some(name) => Some(Label::parse(name.to_owned()).map_err(|fault| format!("--display-name {fault}"))?),
        None => None,
    };
    let zone: chrono_tz::Tz = create
        .time_zone
        .parse()
        .map_err(|_invalid| "--time-zone must be an IANA time zone")?;
    let password = read_password(create.password_file.as_deref())?;
    let about: Vec<&str> = [Some(&*email), display_name.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let filter = open_filter(&settings.password_filter)?;
    let leaked = filter.is_some_and(|filter| filter.has_leaked(password.composed()));
    let weakness = Weakness::of(password.composed(), &about).or(leaked.then_some(Weakness::Leaked));
    if let Some(weakness) = weakness {
        return Err(format!("the password {}", weakness.message()));
    }
    let store = open_store(settings)?;
    let pepper = store.derive_key("mainstay pepper 1").map_err(|e| e.to_string())?;
    let passwords = Passwords::new(pepper, settings.password_cost, 1)?;
    let profile = Profile {
        display_name,
        ..Profile::new(ZoneName(zone))
    };
    let id = new_id();
    block_on(async {
        let password_hash = passwords.hash(id, &password).await.map_err(|e| e.to_string())?;
        let new = NewAccount {
            id,
            role: create.role.into(),
            content: SealedAccount { email, profile },
            password_hash,
        };
        store
            .create_account(new, None, None, Clock::default().micros())
            .await
            .map_err(|e| e.to_string())
    })??;
    print(format!("{id}\n").as_bytes())
}

fn prune_keyless(settings: &Settings, prune: &PruneKeyless) -> Result<(), String> {
    inspect_databases(settings)?;
    let keyless = accounts_without_key(&settings.locations(), prune.at_most.saturating_add(1));
    let keyless = keyless.map_err(|e| e.to_string())?;
    if prune.dry_run {
        return keyless
            .iter()
            .try_for_each(|id| print(format!("{id}\n").as_bytes()));
    }
    if keyless.len() > prune.at_most {
        return Err(format!(
            "more than {} accounts have no key in the key store, and none was deleted; put a newer copy of the key store back, or \
             allow more with --at-most",
            prune.at_most
        ));
    }
    let store = open_store(settings)?;
    for id in keyless {
        block_on(store.prune_account(id, Clock::default().micros()))?.map_err(|e| e.to_string())?;
        print(format!("{id}\n").as_bytes())?;
    }
    Ok(())
}

fn recount_all(settings: &Settings) -> Result<(), String> {
    let store = open_store(settings)?;
    let Recounted { accounts, corrected } =
        block_on(store.recount_all_usage())?.map_err(|e| e.to_string())?;
    print(format!("{corrected} of {accounts} accounts corrected\n").as_bytes())
}

fn account_quota(settings: &Settings, wanted: &AccountQuota) -> Result<(), String> {
    let Some(id) = wanted.id else {
        return recount_all(settings);
    };
    let store = open_store(settings)?;
    let explain = |error| match error {
        StoreError::NotFound => format!("there is no account {id}"),
        other => other.to_string(),
    };
    let found = block_on(async {
        let now = Clock::default().micros();
        let found = store.account_quota(id, now).await?;
        if wanted.recount {
            store.recount_usage(id).await?;
        }
        let before = if wanted.default {
            OwnQuota::default()
        } else {
            found.own
        };
        let own = OwnQuota {
            records: wanted.records.or(before.records),
            bytes: wanted.bytes.or(before.bytes),
            writes_per_day: wanted.writes_per_day.or(before.writes_per_day),
        };
        if own != found.own {
            store.set_own_quota(id, own).await?;
        }
        store.account_quota(id, now).await
    })?
    .map_err(explain)?;
    let (usage, own, quota) = (found.usage, found.own, found.quota);
    for (budget, used, own, limit) in [
        (Budget::Records, usage.records, own.records, quota.records),
        (Budget::Bytes, usage.bytes, own.bytes, quota.bytes),
        (
            Budget::WritesPerDay,
            usage.writes_today,
            own.writes_per_day,
            quota.writes_per_day,
        ),
    ] {
        let source = own.map_or("default", |_| "own");
        let line = format!("{:<15} {used} of {limit} ({source})\n", budget.as_str());
        print(line.as_bytes())?;
    }
    Ok(())
}

/// Reads a password from a file, or from standard input, without the line break at its end.
fn read_password(file: Option<&Path>) -> Result<Password, String> {
    let text = if let Some(path) = file {
        read_secret(path)?
    } else {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin()
            .take(4096)
            .read_to_string(&mut text)
            .map_err(|e| e.to_string())?;
        text
    };
    let text = text.trim_end_matches(['\r', '\n']);
    Password::parse(text).map_err(|fault| format!("the password {fault}"))
}
