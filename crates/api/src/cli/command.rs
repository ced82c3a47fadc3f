//! The command line: parses the arguments and runs the commands.

use std::{io::Write, net::TcpListener, process::ExitCode};

use clap::{Parser, Subcommand};
use mainstay_store::{erasure_ledger::ErasureLedger, migrate_all, schemas};

use crate::{
    cli::{
        account::{self, AccountCommand},
        audit::{self, AuditCommand},
        backup::{self, BackupCommand},
        breach::{self, BreachCommand},
        databases::{inspect_databases, open_store, prepare_databases, prepare_directories},
        doctor,
        erasures::{self, ErasuresCommand},
        import::{self, MeetingsCommand, QuestionnairesCommand, Report},
        invites::{self, InvitesCommand},
        key_files::{read_master_key, read_signing_key},
        keys::{self, KeysCommand},
        output::{block_on, print},
        passwords::{self, PasswordsCommand},
        private_files::make_private,
        process::harden_process,
        restore::{self, RestoreCommand},
        settings::{Flags, Settings},
    },
    routes::{document_text, roles_text},
    server::{
        application::{Application, Configuration},
        clock::Clock,
        key_watch::KeyFiles,
        logging, worker,
    },
};

#[derive(Parser)]
#[command(name = "mainstay", version, about = "The backend of a recovery-support app.")]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests (the default command).
    Serve {
        /// Migrate a PostgreSQL database before serving. An embedded database is always migrated.
        #[arg(long)]
        migrate: bool,
    },
    /// Migrate the databases to the schema of this version.
    Migrate {
        /// Change nothing: print the schema of each database and its pending migrations. The exit code is 1 if a migration is
        /// pending, or if a newer version has migrated the database.
        #[arg(long)]
        status: bool,
    },
    /// Print the OpenAPI document.
    Openapi {
        /// Print the table of operations and roles instead.
        #[arg(long)]
        roles: bool,
    },
    /// Check settings, keys and databases, and report every fault.
    Doctor {
        /// Open the newest record of every account too, and name accounts whose key is missing. Takes longer.
        #[arg(long)]
        deep: bool,
    },
    /// Back up the databases, also of a running server, or check a backup.
    Backup(BackupCommand),
    /// Put back a backup where there are no databases yet.
    Restore(RestoreCommand),
    /// Manage the ledger of erasures.
    #[command(subcommand)]
    Erasures(ErasuresCommand),
    /// Manage accounts.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Verify the access logs and the accounting of disclosures.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Find out who was affected by a breach.
    #[command(subcommand)]
    Breach(BreachCommand),
    /// Manage invites to register.
    #[command(subcommand)]
    Invites(InvitesCommand),
    /// Manage keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage meetings.
    #[command(subcommand)]
    Meetings(MeetingsCommand),
    /// Manage the filter of leaked passwords.
    #[command(subcommand)]
    Passwords(PasswordsCommand),
    /// Manage questionnaires.
    #[command(subcommand)]
    Questionnaires(QuestionnairesCommand),
}

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let hardened = harden_process();
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Serve { migrate: false }) {
        Command::Openapi { roles: true } => print(roles_text().as_bytes()).map(|()| ExitCode::SUCCESS),
        Command::Openapi { roles: false } => print(&document_text()).map(|()| ExitCode::SUCCESS),
        command => Settings::read(&cli.flags).and_then(|settings| run(command, &settings)),
    };
    if let Err(message) = hardened {
        // It says nothing about the outcome, so the exit code stays.
        let _ = writeln!(std::io::stderr(), "mainstay: {message}");
    }
    match outcome {
        Ok(code) => code,
        Err(message) => {
            // With standard error closed there is no way left to report the error.
            let _ = writeln!(std::io::stderr(), "mainstay: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, settings: &Settings) -> Result<ExitCode, String> {
    let _last_lines = logging::start(&settings.log, settings.log_format);
    for remark in &settings.remarks {
        log::warn!("{remark}");
    }
    let result = match command {
        Command::Serve { migrate } => serve(settings, migrate),
        Command::Migrate { status: true } => return print_schemas(settings),
        Command::Migrate { status: false } => {
            inspect_databases(settings)?;
            prepare_directories(settings)?;
            let count = migrate_all(&settings.locations()).map_err(|e| e.to_string())?;
            print(format!("{count} migrations run\n").as_bytes())
        }
        Command::Openapi { roles: true } => print(roles_text().as_bytes()),
        Command::Openapi { roles: false } => print(&document_text()),
        Command::Doctor { deep } => run_doctor(settings, deep),
        Command::Backup(command) => backup::run(&command, settings),
        Command::Restore(command) => restore::run(&command, settings),
        Command::Erasures(command) => erasures::run(&command, settings),
        Command::Account(command) => account::run(&command, settings),
        Command::Audit(command) => return audit::run(&command, settings),
        Command::Breach(command) => breach::run(&command, settings),
        Command::Invites(command) => invites::run(&command, settings),
        Command::Keys(command) => keys::run(&command, settings),
        Command::Passwords(command) => passwords::run(&command, settings),
        Command::Meetings(MeetingsCommand::Import(import)) => {
            let store = open_store(settings)?;
            return print_report(&block_on(import::meetings(&store, &import))??);
        }
        Command::Questionnaires(QuestionnairesCommand::Import(import)) => {
            let store = open_store(settings)?;
            return print_report(&block_on(import::questionnaires(&store, &import))??);
        }
    };
    result.map(|()| ExitCode::SUCCESS)
}

/// Prints the schema of each database and its pending migrations, and returns the exit code.
fn print_schemas(settings: &Settings) -> Result<ExitCode, String> {
    let mut is_current = true;
    for (database, schema) in schemas(&settings.locations()).map_err(|e| e.to_string())? {
        let name = database.name();
        let text = match schema {
            None => format!("{name}: no database\n"),
            Some(schema) => {
                is_current &= schema.pending.is_empty() && schema.newer.is_empty();
                let list = |migrations: &[String]| match migrations {
                    [] => "none".to_owned(),
                    some => some.join(", "),
                };
                format!(
                    "{name}: schema {}, this version knows {}; pending: {}; of a newer version: {}\n",
                    schema.found.as_deref().unwrap_or("none"),
                    schema.known,
                    list(&schema.pending),
                    list(&schema.newer),
                )
            }
        };
        is_current &= !text.ends_with("no database\n");
        print(text.as_bytes())?;
    }
    Ok(if is_current {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints the report of an import, and returns its exit code.
fn print_report(report: &Report) -> Result<ExitCode, String> {
    print(report.text.as_bytes())?;
    Ok(report.exit_code())
}

fn serve(settings: &Settings, migrate: bool) -> Result<(), String> {
    let found = inspect_databases(settings)?;
    prepare_directories(settings)?;
    make_private(settings);
    let (master, signing_keys) = (read_master_key(settings, &found)?, read_signing_key(settings)?);
    prepare_databases(settings, migrate)?;
    let configuration = Configuration {
        locations: settings.locations(),
        master,
        signing_keys,
        issuer: settings
            .public_url
            .clone()
            .unwrap_or_else(|| "mainstay".to_owned()),
        security_contact: settings.security_contact.clone(),
        public_url: settings.public_url.clone(),
        limits: settings.rate_limits,
        registration: settings.registration,
        password_cost: settings.password_cost,
        password_filter: passwords::open_filter(&settings.password_filter)?,
        trusted_proxies: settings.trusted_proxies.clone(),
        cors_origins: settings.cors_origins.clone(),
        load_shedding: settings.load_shedding,
        connections_per_network: settings.connections_per_network,
        erasure_ledger: ErasureLedger::at(&settings.erasure_ledger),
        quota: settings.quota,
        audit: settings.audit.clone(),
        tombstone_days: settings.tombstone_days,
        workers: settings.workers,
        clock: Clock::default(),
        key_files: Some(KeyFiles {
            master_key: settings.master_key.path.clone(),
            signing_key: settings.signing_key.path.clone(),
        }),
    };
    let bind = |address| TcpListener::bind(address).map_err(|e| format!("{address}: {e}"));
    let listener = bind(settings.listen)?;
    let metrics = settings.metrics_listen.map(bind).transpose()?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    actix_web::rt::System::new().block_on(async move {
        let application = Application::build(configuration)?;
        let state = application.state().clone();
        let server = application.serve(listener, metrics).map_err(|e| e.to_string())?;
        log::info!("serving on http://{address}");
        server.await.map_err(|e| e.to_string())?;
        // What people have done since the last minute, and the last checkpoint.
        worker::write_audit(&state).await;
        log::info!("stopped");
        Ok(())
    })
}

fn run_doctor(settings: &Settings, deep: bool) -> Result<(), String> {
    let checks = doctor::run_checks(settings, deep);
    let mut faults = 0;
    for check in &checks {
        let line = match &check.fault {
            None => match &check.detail {
                None => format!("ok      {}\n", check.subject),
                Some(detail) => format!("ok      {}: {detail}\n", check.subject),
            },
            Some(fault) => {
                faults += 1;
                format!("FAULT   {}: {fault}\n", check.subject)
            }
        };
        print(line.as_bytes())?;
    }
    if faults == 0 {
        Ok(())
    } else {
        Err(format!("{faults} of {} checks found a fault", checks.len()))
    }
}
