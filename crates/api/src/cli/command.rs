//! The command line.

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
    DatabaseUrl, MasterKeys, Store, account::NewAccount, has_data_keys, is_all_migrated, migrate_all,
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
    /// Serve requests (the default).
    Serve {
        /// Migrate a PostgreSQL database before serving. An embedded one is always migrated.
        #[arg(long)]
        migrate: bool,
    },
    /// Bring the databases to the schema that this version needs.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Say what is wrong with settings, keys and databases.
    Doctor,
    /// Accounts.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Meetings.
    #[command(subcommand)]
    Meetings(MeetingsCommand),
    /// Questionnaires.
    #[command(subcommand)]
    Questionnaires(QuestionnairesCommand),
}

#[derive(Subcommand)]
enum AccountCommand {
    /// Make an account. The password comes from standard input or from a file, never from the command line.
    Create(AccountCreate),
}

#[derive(Args)]
struct AccountCreate {
    /// What the account is for.
    #[arg(long, value_enum)]
    role: RoleName,
    /// The address to sign in with.
    #[arg(long)]
    email: String,
    /// The file that holds the password; standard input if left out.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Where its owner lives.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// What to call its owner.
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
    /// Make the master key and the signing key where the settings name them; never over keys that are there.
    Generate,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Serve { migrate: false }) {
        Command::Openapi => print(&document_text()).map(|()| ExitCode::SUCCESS),
        command => Settings::read(&cli.flags).and_then(|settings| run(command, &settings)),
    };
    match outcome {
        Ok(code) => code,
        Err(message) => {
            // Nobody is left to tell if standard error is closed.
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
    let done = match command {
        Command::Serve { migrate } => serve(settings, migrate),
        Command::Migrate => {
            prepare_directories(settings)?;
            let done = migrate_all(&settings.locations()).map_err(|e| e.to_string())?;
            print(format!("{done} migrations run\n").as_bytes())
        }
        Command::Openapi => print(&document_text()),
        Command::Doctor => examine(settings),
        Command::Account(AccountCommand::Create(create)) => create_account(settings, &create),
        Command::Keys(KeysCommand::Generate) => generate_keys(settings),
        Command::Meetings(MeetingsCommand::Import(import)) => {
            let store = open_store(settings)?;
            return told(&block_on(import::meetings(&store, &import))??);
        }
        Command::Questionnaires(QuestionnairesCommand::Import(import)) => {
            let store = open_store(settings)?;
            return told(&block_on(import::questionnaires(&store, &import))??);
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Prints what an import did.
fn told(report: &Report) -> Result<ExitCode, String> {
    print(report.text.as_bytes())?;
    Ok(report.exit_code())
}

fn print(bytes: &[u8]) -> Result<(), String> {
    std::io::stdout().write_all(bytes).map_err(|e| e.to_string())
}

/// A runtime for one short piece of work.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    Ok(runtime.block_on(work))
}

fn serve(settings: &Settings, migrate: bool) -> Result<(), String> {
    prepare_directories(settings)?;
    let master = master_key(settings)?;
    let signing_keys = signing_key(settings)?;
    let locations = settings.locations();
    let embedded = matches!(settings.database, DatabaseUrl::Sqlite(_));
    if embedded || migrate {
        let done = migrate_all(&locations).map_err(|e| e.to_string())?;
        if done > 0 {
            log::info!("{done} migrations run");
        }
    } else {
        // The key store in the data directory is ours alone and may always be migrated.
        if matches!(settings.keys, DatabaseUrl::Sqlite(_)) {
            let keys_only = mainstay_store::engine::migration::Database::Keys;
            let mut conn = mainstay_store::engine::single(&settings.keys).map_err(|e| e.to_string())?;
            mainstay_store::engine::migration::migrate(&mut conn, keys_only).map_err(|e| e.to_string())?;
        }
        if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
            return Err(
                "the database is not migrated; run `mainstay migrate`, or serve with --migrate".to_owned(),
            );
        }
    }
    let configuration = Configuration {
        locations,
        master,
        signing_keys,
        issuer: settings
            .public_url
            .clone()
            .unwrap_or_else(|| "mainstay".to_owned()),
        limits: settings.rate_limits,
        trusted_proxies: settings.trusted_proxies.clone(),
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

/// Makes a directory that nobody else looks into; one that is there stays as it is.
fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The master keys; made on the first start if they are kept in the data directory and nothing is sealed yet.
fn master_key(settings: &Settings) -> Result<MasterKeys, String> {
    let SecretFile { path, is_configured } = &settings.master_key;
    if !path.exists() {
        let own = matches!(settings.keys, DatabaseUrl::Sqlite(_));
        if *is_configured || !own || has_data_keys(&settings.keys).map_err(|e| e.to_string())? {
            return Err(format!(
                "the master key {} is not there; put it back, or for a new installation run `mainstay keys generate`",
                path.display()
            ));
        }
        make_master_key(path)?;
        log::warn!(
            "made the master key {}; keep a copy in a safe place: without it everything is lost",
            path.display()
        );
    }
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    MasterKeys::parse(&text).map_err(|e| format!("the master key {}: {e}", path.display()))
}

fn signing_key(settings: &Settings) -> Result<String, String> {
    let SecretFile { path, is_configured } = &settings.signing_key;
    if !path.exists() {
        if *is_configured {
            return Err(format!(
                "the signing key {} is not there; run `mainstay keys generate`",
                path.display()
            ));
        }
        make_signing_key(path)?;
        log::info!("made the signing key {}", path.display());
    }
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn make_master_key(path: &Path) -> Result<(), String> {
    let text = MasterKeys::generate().map_err(|e| e.to_string())?;
    write_secret(path, &format!("{}\n", *text)).map_err(|e| format!("{}: {e}", path.display()))
}

fn make_signing_key(path: &Path) -> Result<(), String> {
    write_secret(path, &generate_signing_key()?).map_err(|e| format!("{}: {e}", path.display()))
}

type Make = fn(&Path) -> Result<(), String>;

fn generate_keys(settings: &Settings) -> Result<(), String> {
    prepare_directories(settings)?;
    let wanted: [(&str, &Path, Make); 2] = [
        ("master key", &settings.master_key.path, make_master_key),
        ("signing key", &settings.signing_key.path, make_signing_key),
    ];
    for (what, path, make) in wanted {
        if path.exists() {
            print(format!("kept the {what} {}\n", path.display()).as_bytes())?;
        } else {
            make(path)?;
            print(format!("made the {what} {}\n", path.display()).as_bytes())?;
        }
    }
    Ok(())
}

fn examine(settings: &Settings) -> Result<(), String> {
    let found = block_on(doctor::examine(settings))?;
    let mut faults = 0;
    for examination in &found {
        let line = match &examination.fault {
            None => format!("ok      {}\n", examination.what),
            Some(fault) => {
                faults += 1;
                format!("FAULT   {}: {fault}\n", examination.what)
            }
        };
        print(line.as_bytes())?;
    }
    if faults == 0 {
        Ok(())
    } else {
        Err(format!("{faults} of {} things need attention", found.len()))
    }
}

/// The databases for a command; an embedded one is migrated first.
fn open_store(settings: &Settings) -> Result<Store, String> {
    prepare_directories(settings)?;
    let locations = settings.locations();
    if matches!(settings.database, DatabaseUrl::Sqlite(_)) {
        migrate_all(&locations).map_err(|e| e.to_string())?;
    } else if !is_all_migrated(&locations).map_err(|e| e.to_string())? {
        return Err("the database is not migrated; run `mainstay migrate` first".to_owned());
    }
    Store::open(&locations, master_key(settings)?).map_err(|e| e.to_string())
}

fn create_account(settings: &Settings, create: &AccountCreate) -> Result<(), String> {
    let email = Email::new(create.email.trim()).ok_or("--email must be an e-mail address")?;
    let zone: chrono_tz::Tz = create
        .time_zone
        .parse()
        .map_err(|_wrong| "--time-zone must be an IANA time zone")?;
    let text = if let Some(path) = &create.password_file {
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
    let password: Password = serde_json::from_value(text.into())
        .map_err(|_wrong| "the password must have 12 to 128 characters")?;
    let mut findings = Findings::default();
    password::check(&password, "", &mut findings);
    if !findings.is_empty() {
        return Err("the password is too widely known".to_owned());
    }
    let store = open_store(settings)?;
    let pepper = store.derive_key("mainstay pepper 1").map_err(|e| e.to_string())?;
    let passwords = Passwords::new(pepper, 1)?;
    let profile = Profile {
        display_name: create.display_name.as_deref().map(Label::of),
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
