//! The command line: parses the arguments and runs the commands.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use mainstay_domain::{
    account::{Password, Profile, Role, SealedAccount, password},
    value::{
        place::{Email, ZoneName},
        text::Label,
        validation::Findings,
    },
};
use mainstay_store::{
    DatabaseUrl, MasterKeys, Store,
    account::NewAccount,
    engine::{self, migration},
    installation::{Found, inspect},
    is_all_migrated, migrate_all,
};

use crate::{
    auth::{
        access_token::{generate_signing_key, write_secret},
        password::Passwords,
    },
    cli::{
        doctor,
        import::{self, MeetingsCommand, QuestionnairesCommand, Report},
        settings::{Flags, SecretFile, Settings},
    },
    routes::document_text,
    server::{
        application::{Application, Configuration},
        clock::Clock,
        id::new_id,
        logging,
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
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Check settings, keys and databases, and report every fault.
    Doctor,
    /// Manage accounts.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Manage keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage meetings.
    #[command(subcommand)]
    Meetings(MeetingsCommand),
    /// Manage questionnaires.
    #[command(subcommand)]
    Questionnaires(QuestionnairesCommand),
}

#[derive(Subcommand)]
enum AccountCommand {
    /// Create an account. The password is read from standard input or from a file, never from the command line.
    Create(AccountCreate),
}

#[derive(Args)]
struct AccountCreate {
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

#[derive(Subcommand)]
enum KeysCommand {
    /// Generate the master key and the signing key at the paths of the settings. Existing keys are never replaced.
    Generate,
}

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Serve { migrate: false }) {
        Command::Openapi => print(&document_text()).map(|()| ExitCode::SUCCESS),
        command => Settings::read(&cli.flags).and_then(|settings| run(command, &settings)),
    };
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
        Command::Migrate => {
            inspect_databases(settings)?;
            prepare_directories(settings)?;
            let count = migrate_all(&settings.locations()).map_err(|e| e.to_string())?;
            print(format!("{count} migrations run\n").as_bytes())
        }
        Command::Openapi => print(&document_text()),
        Command::Doctor => run_doctor(settings),
        Command::Account(AccountCommand::Create(create)) => create_account(settings, &create),
        Command::Keys(KeysCommand::Generate) => generate_keys(settings),
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

/// Prints the report of an import, and returns its exit code.
fn print_report(report: &Report) -> Result<ExitCode, String> {
    print(report.text.as_bytes())?;
    Ok(report.exit_code())
}

fn print(bytes: &[u8]) -> Result<(), String> {
    std::io::stdout().write_all(bytes).map_err(|e| e.to_string())
}

/// Runs one short piece of asynchronous work to its end.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    Ok(runtime.block_on(work))
}

fn serve(settings: &Settings, migrate: bool) -> Result<(), String> {
    let found = inspect_databases(settings)?;
    prepare_directories(settings)?;
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
        limits: settings.rate_limits,
        trusted_proxies: settings.trusted_proxies.clone(),
        cors_origins: settings.cors_origins.clone(),
        tombstone_days: settings.tombstone_days,
        workers: settings.workers,
        clock: Clock::default(),
    };
    let bind = |address| TcpListener::bind(address).map_err(|e| format!("{address}: {e}"));
    let listener = bind(settings.listen)?;
    let metrics = settings.metrics_listen.map(bind).transpose()?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    actix_web::rt::System::new().block_on(async move {
        let application = Application::build(configuration)?;
        let server = application.serve(listener, metrics).map_err(|e| e.to_string())?;
        log::info!("serving on http://{address}");
        server.await.map_err(|e| e.to_string())?;
        log::info!("stopped");
        Ok(())
    })
}

/// Looks at the databases before anything is written, and refuses those that do not belong together. The master key is
/// looked at too, if it is there.
fn inspect_databases(settings: &Settings) -> Result<Found, String> {
    let found = inspect(&settings.locations()).map_err(|e| e.to_string())?;
    let master = fs::read_to_string(&settings.master_key.path).ok();
    let master = master.map(|text| MasterKeys::parse(&text)).transpose();
    let master = master.map_err(|e| format!("the master key {}: {e}", settings.master_key.path.display()))?;
    found.check(master.as_ref()).map_err(|e| e.to_string())?;
    Ok(found)
}

/// Migrates the databases where the server may do so, and checks that they are migrated.
fn prepare_databases(settings: &Settings, migrate: bool) -> Result<(), String> {
    let locations = settings.locations();
    if migrate || matches!(settings.database, DatabaseUrl::Sqlite(_)) {
        let count = migrate_all(&locations).map_err(|e| e.to_string())?;
        if count > 0 {
            log::info!("{count} migrations run");
        }
        return Ok(());
    }
    // No other server uses an embedded key store, so it may always be migrated.
    if matches!(settings.keys, DatabaseUrl::Sqlite(_)) {
        let mut conn = engine::single(&settings.keys).map_err(|e| e.to_string())?;
        migration::migrate(&mut conn, migration::Database::Keys).map_err(|e| e.to_string())?;
    }
    if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
        return Err(
            "the database is not migrated; run `mainstay migrate`, or serve with --migrate".to_owned(),
        );
    }
    Ok(())
}

fn prepare_directories(settings: &Settings) -> Result<(), String> {
    let mut needed = vec![settings.data_dir.clone()];
    for url in [&settings.database, &settings.keys] {
        if let DatabaseUrl::Sqlite(path) = url
            && let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty())
        {
            needed.push(parent.to_owned());
        }
    }
    needed
        .iter()
        .try_for_each(|path| private_directory(path).map_err(|e| format!("{}: {e}", path.display())))
}

/// Creates a directory that only its owner can access. An existing directory is not changed.
fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads the master keys. The first start generates one, if no setting names the file, the key store is an embedded
/// database, and both databases are new.
fn read_master_key(settings: &Settings, found: &Found) -> Result<MasterKeys, String> {
    let SecretFile { path, is_configured } = &settings.master_key;
    if !path.exists() {
        let is_embedded = matches!(settings.keys, DatabaseUrl::Sqlite(_));
        if *is_configured || !is_embedded || !found.is_new() {
            return Err(format!(
                "the master key {} does not exist; put it back, or for a new installation run `mainstay keys generate`",
                path.display()
            ));
        }
        generate_master_key(path)?;
        log::warn!(
            "generated the master key {}; keep a copy in a safe place, because without it all data is lost",
            path.display()
        );
    }
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    MasterKeys::parse(&text).map_err(|e| format!("the master key {}: {e}", path.display()))
}

fn read_signing_key(settings: &Settings) -> Result<String, String> {
    let SecretFile { path, is_configured } = &settings.signing_key;
    if !path.exists() {
        if *is_configured {
            return Err(format!(
                "the signing key {} does not exist; run `mainstay keys generate`",
                path.display()
            ));
        }
        write_new_signing_key(path)?;
        log::info!("generated the signing key {}", path.display());
    }
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn generate_master_key(path: &Path) -> Result<(), String> {
    let text = MasterKeys::generate().map_err(|e| e.to_string())?;
    write_secret(path, &format!("{}\n", *text)).map_err(|e| format!("{}: {e}", path.display()))
}

fn write_new_signing_key(path: &Path) -> Result<(), String> {
    write_secret(path, &generate_signing_key()?).map_err(|e| format!("{}: {e}", path.display()))
}

type Generate = fn(&Path) -> Result<(), String>;

fn generate_keys(settings: &Settings) -> Result<(), String> {
    prepare_directories(settings)?;
    let keys: [(&str, &Path, Generate); 2] = [
        ("master key", &settings.master_key.path, generate_master_key),
        ("signing key", &settings.signing_key.path, write_new_signing_key),
    ];
    for (name, path, generate) in keys {
        if path.exists() {
            print(format!("kept the {name} {}\n", path.display()).as_bytes())?;
        } else {
            generate(path)?;
            print(format!("generated the {name} {}\n", path.display()).as_bytes())?;
        }
    }
    Ok(())
}

fn run_doctor(settings: &Settings) -> Result<(), String> {
    let checks = block_on(doctor::run_checks(settings))?;
    let mut faults = 0;
    for check in &checks {
        let line = match &check.fault {
            None => format!("ok      {}\n", check.subject),
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

/// Opens the databases for a command. An embedded database is migrated first.
fn open_store(settings: &Settings) -> Result<Store, String> {
    let found = inspect_databases(settings)?;
    prepare_directories(settings)?;
    let locations = settings.locations();
    if matches!(settings.database, DatabaseUrl::Sqlite(_)) {
        migrate_all(&locations).map_err(|e| e.to_string())?;
    } else if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
        return Err("the database is not migrated; run `mainstay migrate` first".to_owned());
    }
    Store::open(&locations, read_master_key(settings, &found)?).map_err(|e| e.to_string())
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
    let mut findings = Findings::default();
    password::check(password.composed(), "", &mut findings);
    if !findings.is_empty() {
        return Err("the password is too common".to_owned());
    }
    let store = open_store(settings)?;
    let pepper = store.derive_key("mainstay pepper 1").map_err(|e| e.to_string())?;
    let passwords = Passwords::new(pepper, 1)?;
    let profile = Profile {
        display_name,
        ..Profile::new(ZoneName(zone))
    };
    let id = new_id();
    block_on(async {
        let password_hash = passwords.hash(&password).await.map_err(|e| e.to_string())?;
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

/// Reads a password from a file, or from standard input, without the line break at its end.
fn read_password(file: Option<&Path>) -> Result<Password, String> {
    let text = if let Some(path) = file {
        fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?
    } else {
        let mut text = String::new();
        std::io::stdin()
            .take(4096)
            .read_to_string(&mut text)
            .map_err(|e| e.to_string())?;
        text
    };
    let text = text.trim_end_matches(['\r', '\n']);
    Password::parse(text).map_err(|fault| format!("the password {fault}"))
}
