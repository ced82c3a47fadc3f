//! Settings: defaults, then a TOML file, then `MAINSTAY_*` environment variables, then flags. A later source replaces
//! an earlier one. One message names every value that is not valid.

mod flags;
mod value;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use mainstay_domain::account::quota::Quota;
use mainstay_store::{DatabaseUrl, Locations, PoolSize};

pub use self::flags::Flags;
pub use self::value::MAX_QUOTA;
use self::value::Values;
use crate::{
    auth::{password::cost::HashCost, registration_policy::RegistrationSettings},
    http::{admission::LoadShedding, rate_limit::LimitMode},
    server::application::AuditSettings,
};

/// Settings whose value may also come from the file that `<name>_file` names.
const SECRETS: [&str; 2] = ["database_url", "key_database_url"];

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// A file that holds secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// The path of the file.
    pub path: PathBuf,
    /// Whether a setting names the file. The first start may create a file that no setting names.
    pub is_configured: bool,
}

/// A file that need not be there unless a setting names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalFile {
    /// The path of the file.
    pub path: PathBuf,
    /// Whether a setting names the file.
    pub is_configured: bool,
}

/// All settings, parsed and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory for databases and keys.
    pub data_dir: PathBuf,
    /// The URL of the record's database.
    pub database: DatabaseUrl,
    /// The size of the connection pool to the record's database.
    pub pool: PoolSize,
    /// The URL of the key store's database.
    pub keys: DatabaseUrl,
    /// The size of the connection pool to the key store.
    pub key_pool: PoolSize,
    /// The address to serve on.
    pub listen: SocketAddr,
    /// The address to serve metrics on.
    pub metrics_listen: Option<SocketAddr>,
    /// The file of the master key.
    pub master_key: SecretFile,
    /// The file of the signing keys.
    pub signing_key: SecretFile,
    /// The file that erasures are entered into, beside the key store.
    pub erasure_ledger: PathBuf,
    /// Where to report a fault that endangers people, as URIs.
    pub security_contact: Vec<String>,
    /// The URL under which clients reach the server.
    pub public_url: Option<String>,
    /// The filter for log lines.
    pub log: String,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Number of threads that serve requests.
    pub workers: usize,
    /// Networks of trusted proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose web pages may use the API, each as browsers send it.
    pub cors_origins: Vec<String>,
    /// Whether rate limits apply.
    pub rate_limits: LimitMode,
    /// Who may register, and how many.
    pub registration: RegistrationSettings,
    /// The cost of password hashes.
    pub password_cost: HashCost,
    /// The file with the filter of leaked passwords.
    pub password_filter: OptionalFile,
    /// The limits of accounts that have none of their own.
    pub quota: Quota,
    /// Whether requests are refused when there is more to do than the server can do.
    pub load_shedding: LoadShedding,
    /// The most connections of a network that is no trusted proxy.
    pub connections_per_network: u32,
    /// Where checkpoints of the audit go, and the notice that goes with disclosures.
    pub audit: AuditSettings,
    /// How long sync reports a deletion, in days.
    pub tombstone_days: i64,
    /// Remarks on input that is ignored and was probably meant otherwise.
    pub remarks: Vec<String>,
}

impl Settings {
    /// Reads the settings from the file, the environment and the flags.
    ///
    /// # Errors
    /// One message that names every value that is not valid.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the environment"
    )]
    pub fn read(flags: &Flags) -> Result<Self, String> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Self::from_sources(flags, &environment)
    }

    fn from_sources(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut values = Values::default();
        let config = flags.config.as_ref();
        if let Some(path) = config.or_else(|| environment.get("MAINSTAY_CONFIG")) {
            read_file(Path::new(path), &mut values);
        }
        let remarks = read_environment(environment, &mut values);
        for (name, value) in flags.values() {
            if let Some(value) = value {
                values.insert(name, value, &format!("--{}", name.replace('_', "-")));
            }
        }
        values
            .settings(remarks)
            .map_err(|errors| format!("the settings are not valid:\n  {}", errors.join("\n  ")))
    }

    /// Locations and pool sizes of the databases.
    pub fn locations(&self) -> Locations {
        Locations {
            data: self.database.clone(),
            keys: self.keys.clone(),
            pool: self.pool,
            key_pool: self.key_pool,
        }
    }
}

/// Reads the variables of the environment, and returns a remark on each that looks like a setting but is none.
fn read_environment(environment: &BTreeMap<String, String>, values: &mut Values) -> Vec<String> {
    let mut remarks = Vec::new();
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix("MAINSTAY_").map(str::to_lowercase) else {
            continue;
        };
        let secret = name.strip_suffix("_file").filter(|name| SECRETS.contains(name));
        if let Some(name) = secret {
            match fs::read_to_string(value) {
                Ok(text) => values.insert(name, text.trim(), variable),
                Err(error) => values.errors.push(format!("{variable}: {value}: {error}")),
            }
        } else if Flags::NAMES.contains(&name.as_str()) {
            values.insert(&name, value, variable);
        } else if name != "config" {
            remarks.push(format!("{variable} is not a setting of Mainstay and is ignored"));
        }
    }
    remarks
}

fn read_file(path: &Path, values: &mut Values) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return values.errors.push(format!("{}: {error}", path.display())),
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let message = format!("{}: {}", path.display(), error.message());
            return values.errors.push(message);
        }
    };
    for (name, value) in table {
        let source = format!("{name} in {}", path.display());
        if !Flags::NAMES.contains(&name.as_str()) {
            values
                .errors
                .push(format!("{source}: is not a setting of Mainstay"));
            continue;
        }
        match text_of(value) {
            Some(value) => values.insert(&name, &value, &source),
            None => values.errors.push(format!(
                "{source}: must be a string, a number, a boolean or a list of strings"
            )),
        }
    }
}

/// Returns a value of the file as it would be written in the environment.
fn text_of(value: toml::Value) -> Option<String> {
    Some(match value {
        toml::Value::String(text) => text,
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(true) => "on".to_owned(),
        toml::Value::Boolean(false) => "off".to_owned(),
        // An item that is no text makes the whole value invalid, so that the message names it.
        toml::Value::Array(items) => items
            .iter()
            .map(toml::Value::as_str)
            .collect::<Option<Vec<_>>>()?
            .join(","),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::registration_policy::RegistrationMode;

    fn read(flags: &Flags, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Settings::from_sources(flags, &environment)
    }

    #[test]
    fn without_settings_everything_has_a_default() {
        let settings = read(&Flags::default(), &[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.database, DatabaseUrl::Sqlite("data/mainstay.db".into()));
        assert!(!settings.master_key.is_configured);
        assert_eq!(settings.registration, RegistrationSettings::default());
    }

    #[test]
    fn registration_is_open_by_invite_or_closed() {
        let registration = |environment: &[(&str, &str)]| {
            read(&Flags::default(), environment).map(|settings| settings.registration)
        };
        for (text, mode) in [
            ("open", RegistrationMode::Open),
            ("invite", RegistrationMode::Invite),
            ("closed", RegistrationMode::Closed),
        ] {
            assert_eq!(
                registration(&[("MAINSTAY_REGISTRATION", text)]).unwrap().mode,
                mode
            );
        }
        let bounds = [
            ("MAINSTAY_REGISTRATIONS_PER_NETWORK", "5"),
            ("MAINSTAY_REGISTRATIONS_PER_HOUR", "70"),
        ];
        let set = registration(&bounds).unwrap();
        assert_eq!((set.per_network, set.per_hour), (5, 70));
        for wrong in [
            ("MAINSTAY_REGISTRATION", "invited"),
            ("MAINSTAY_REGISTRATIONS_PER_NETWORK", "0"),
            ("MAINSTAY_REGISTRATIONS_PER_HOUR", "many"),
        ] {
            let message = registration(&[wrong]).unwrap_err();
            assert!(message.contains(wrong.0), "{message}");
        }
    }

    #[test]
    fn the_cost_of_password_hashes_has_bounds() {
        let cost = |environment: &[(&str, &str)]| {
            read(&Flags::default(), environment).map(|settings| settings.password_cost)
        };
        let (memory, passes, lanes) = (
            "MAINSTAY_PASSWORD_MEMORY_KIB",
            "MAINSTAY_PASSWORD_PASSES",
            "MAINSTAY_PASSWORD_LANES",
        );
        assert_eq!(cost(&[]).unwrap(), HashCost::DEFAULT);
        let set = cost(&[(memory, "47104"), (passes, "1"), (lanes, "2")]).unwrap();
        assert_eq!((set.memory_kib, set.passes, set.lanes), (47104, 1, 2));
        for wrong in [
            [(memory, "7167"), (passes, "20")],
            [(memory, "1048577"), (passes, "1")],
            [(memory, "19456"), (passes, "0")],
            [(memory, "19456"), (passes, "21")],
            [(lanes, "17"), (passes, "2")],
        ] {
            assert!(cost(&wrong).is_err(), "{wrong:?}");
        }
        let weak = cost(&[(memory, "19456"), (passes, "1")]).unwrap_err();
        assert!(
            weak.contains(memory) && weak.contains("at least 2 passes"),
            "{weak}"
        );
    }

    #[test]
    fn flags_replace_the_environment_and_the_environment_replaces_the_file() {
        let file = std::env::temp_dir().join(format!("mainstay-settings-{}.toml", std::process::id()));
        fs::write(
            &file,
            "listen = \"127.0.0.1:1\"\nworkers = 3\nlog_format = \"json\"\n",
        )
        .unwrap();
        let flags = Flags {
            config: Some(file.display().to_string()),
            listen: Some("127.0.0.1:3".to_owned()),
            ..Flags::default()
        };
        let settings = read(
            &flags,
            &[
                ("MAINSTAY_LISTEN", "127.0.0.1:2"),
                ("MAINSTAY_LOG_FORMAT", "text"),
            ],
        )
        .unwrap();
        fs::remove_file(file).unwrap();
        assert_eq!(
            (settings.listen.port(), settings.workers, settings.log_format),
            (3, 3, LogFormat::Text)
        );
    }

    #[test]
    fn one_message_names_every_invalid_value() {
        let message = read(
            &Flags {
                workers: Some("many".to_owned()),
                ..Flags::default()
            },
            &[
                ("MAINSTAY_LISTEN", "here"),
                ("MAINSTAY_DATABASE_URL", "mysql://u:secret@h/d"),
                ("MAINSTAY_RATE_LIMITS", "maybe"),
                ("MAINSTAY_CORS_ORIGINS", "https://app.example.org, *"),
            ],
        )
        .unwrap_err();
        for name in [
            "MAINSTAY_LISTEN",
            "MAINSTAY_DATABASE_URL",
            "MAINSTAY_RATE_LIMITS",
            "MAINSTAY_CORS_ORIGINS",
            "--workers",
        ] {
            assert!(message.contains(name), "{message}");
        }
        assert!(!message.contains("secret"), "{message}");
    }

    #[test]
    fn an_unknown_variable_gives_a_remark() {
        let settings = read(&Flags::default(), &[("MAINSTAY_LISTN", "x"), ("PATH", "/bin")]).unwrap();
        assert_eq!(
            settings.remarks,
            ["MAINSTAY_LISTN is not a setting of Mainstay and is ignored"]
        );
    }

    #[test]
    fn origins_are_a_list_and_none_by_default() {
        let origins =
            |environment: &[(&str, &str)]| read(&Flags::default(), environment).unwrap().cors_origins;
        assert_eq!(origins(&[]), [""; 0]);
        assert_eq!(origins(&[("MAINSTAY_CORS_ORIGINS", "")]), [""; 0]);
        assert_eq!(
            origins(&[(
                "MAINSTAY_CORS_ORIGINS",
                "https://App.example.org, http://localhost:5173,"
            )]),
            ["https://app.example.org", "http://localhost:5173"]
        );
    }

    #[test]
    fn contacts_for_reports_are_uris() {
        let contact = |text: &str| {
            let settings = read(&Flags::default(), &[("MAINSTAY_SECURITY_CONTACT", text)]);
            settings.map(|settings| settings.security_contact)
        };
        assert_eq!(contact("").unwrap(), [""; 0]);
        assert_eq!(
            contact("mailto:security@example.org, https://example.org/report,tel:+1-201-555-0123").unwrap(),
            [
                "mailto:security@example.org",
                "https://example.org/report",
                "tel:+1-201-555-0123"
            ]
        );
        for wrong in [
            "security@example.org",
            "http://example.org",
            "mailto:",
            "mailto:a@b\nExpires: never",
            "https://a b",
        ] {
            let message = contact(wrong).unwrap_err();
            assert!(message.contains("MAINSTAY_SECURITY_CONTACT"), "{message}");
        }
    }

    #[test]
    fn pools_follow_from_the_workers_and_can_be_set_for_each_database() {
        let server = ("MAINSTAY_DATABASE_URL", "postgres://h/d");
        for (workers, environment, expected) in [
            ("2", [].as_slice(), (6, 6)),
            ("2", &[server], (12, 6)),
            ("20", &[server], (24, 24)),
            ("2", &[("MAINSTAY_DATABASE_CONNECTIONS", "9")], (9, 6)),
            (
                "2",
                &[server, ("MAINSTAY_KEY_DATABASE_CONNECTIONS", "4")],
                (12, 4),
            ),
        ] {
            let flags = Flags {
                workers: Some(workers.to_owned()),
                ..Flags::default()
            };
            let locations = read(&flags, environment).unwrap().locations();
            let found = (locations.pool.connections, locations.key_pool.connections);
            assert_eq!(found, expected, "{workers} {environment:?}");
        }
    }

    #[test]
    fn a_pool_has_a_connection_for_each_worker_and_two_more() {
        let flags = Flags {
            workers: Some("4".to_owned()),
            ..Flags::default()
        };
        for (name, url) in [
            ("MAINSTAY_DATABASE_CONNECTIONS", "sqlite:a.db"),
            ("MAINSTAY_DATABASE_CONNECTIONS", "postgres://h/d"),
            ("MAINSTAY_KEY_DATABASE_CONNECTIONS", "sqlite:a.db"),
        ] {
            let with = |connections| read(&flags, &[("MAINSTAY_DATABASE_URL", url), (name, connections)]);
            assert!(with("6").is_ok(), "{name} {url}");
            for connections in ["5", "0", "1001", "many"] {
                let message = with(connections).unwrap_err();
                assert!(
                    message.contains(name) && message.contains("from 6 to"),
                    "{message}"
                );
            }
        }
    }
}
