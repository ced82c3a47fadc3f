//! Settings: a TOML file, then `MAINSTAY_*` environment variables, then flags; the later wins. Wrong values are all
//! named in one message.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use ipnet::IpNet;
use mainstay_store::{DatabaseUrl, Locations, PoolSize};

use crate::http::rate_limit::LimitMode;

/// Settings as flags. Each has the same name as its environment variable and as its key in the file.
#[derive(Debug, Default, Args)]
pub struct Flags {
    /// A TOML file with settings (`MAINSTAY_CONFIG`).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    /// `sqlite:PATH` or `postgres://…` (`MAINSTAY_DATABASE_URL`).
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// The key store, if not `keys.db` in the data directory (`MAINSTAY_KEY_DATABASE_URL`).
    #[arg(long, global = true, value_name = "URL")]
    key_database_url: Option<String>,
    /// Where files are kept (`MAINSTAY_DATA_DIR`).
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address and port to serve on (`MAINSTAY_LISTEN`).
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address and port for /metrics; off without it (`MAINSTAY_METRICS_LISTEN`).
    #[arg(long, global = true, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// The master key (`MAINSTAY_MASTER_KEY_FILE`).
    #[arg(long, global = true, value_name = "FILE")]
    master_key_file: Option<String>,
    /// The signing key of the access tokens (`MAINSTAY_SIGNING_KEY_FILE`).
    #[arg(long, global = true, value_name = "FILE")]
    signing_key_file: Option<String>,
    /// The URL that clients use (`MAINSTAY_PUBLIC_URL`).
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// What is logged, as `env_logger` filters (`MAINSTAY_LOG`).
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// `text` or `json` (`MAINSTAY_LOG_FORMAT`).
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Threads that serve requests (`MAINSTAY_WORKERS`).
    #[arg(long, global = true, value_name = "N")]
    workers: Option<String>,
    /// Networks of trusted proxies, comma-separated (`MAINSTAY_TRUSTED_PROXIES`).
    #[arg(long, global = true, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// `on` or `off` (`MAINSTAY_RATE_LIMITS`).
    #[arg(long, global = true, value_name = "MODE")]
    rate_limits: Option<String>,
    /// How many days deletions are told of in sync (`MAINSTAY_TOMBSTONE_DAYS`).
    #[arg(long, global = true, value_name = "DAYS")]
    tombstone_days: Option<String>,
}

const NAMES: [&str; 14] = [
    "database_url",
    "key_database_url",
    "data_dir",
    "listen",
    "metrics_listen",
    "master_key_file",
    "signing_key_file",
    "public_url",
    "log",
    "log_format",
    "workers",
    "trusted_proxies",
    "rate_limits",
    "tombstone_days",
];

/// Names whose value may also come from the file that `<name>_file` names.
const SECRETS: [&str; 2] = ["database_url", "key_database_url"];

impl Flags {
    fn values(&self) -> [(&'static str, &Option<String>); 14] {
        [
            ("database_url", &self.database_url),
            ("key_database_url", &self.key_database_url),
            ("data_dir", &self.data_dir),
            ("listen", &self.listen),
            ("metrics_listen", &self.metrics_listen),
            ("master_key_file", &self.master_key_file),
            ("signing_key_file", &self.signing_key_file),
            ("public_url", &self.public_url),
            ("log", &self.log),
            ("log_format", &self.log_format),
            ("workers", &self.workers),
            ("trusted_proxies", &self.trusted_proxies),
            ("rate_limits", &self.rate_limits),
            ("tombstone_days", &self.tombstone_days),
        ]
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// A file of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether someone named it; a default one may be made on the first start.
    pub named: bool,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// The record.
    pub database: DatabaseUrl,
    /// The key store.
    pub keys: DatabaseUrl,
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve figures.
    pub metrics_listen: Option<SocketAddr>,
    /// The master key.
    pub master_key: SecretFile,
    /// The signing key.
    pub signing_key: SecretFile,
    /// The URL that clients use.
    pub public_url: Option<String>,
    /// What is logged.
    pub log: String,
    /// In which form.
    pub log_format: LogFormat,
    /// Threads that serve requests.
    pub workers: usize,
    /// Networks of trusted proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether requests are counted.
    pub rate_limits: LimitMode,
    /// How long deletions are told of, in days.
    pub tombstone_days: i64,
    /// What is not wrong, but was surely meant otherwise.
    pub remarks: Vec<String>,
}

impl Settings {
    /// Reads file, environment and flags.
    ///
    /// # Errors
    /// One message that names everything wrong.
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
        let mut wrong = Vec::new();
        let mut remarks = Vec::new();
        let mut values: BTreeMap<String, (String, String)> = BTreeMap::new();
        if let Some(path) = flags
            .config
            .as_ref()
            .or_else(|| environment.get("MAINSTAY_CONFIG"))
        {
            read_file(Path::new(path), &mut values, &mut wrong);
        }
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix("MAINSTAY_").map(str::to_lowercase) else {
                continue;
            };
            let secret = name.strip_suffix("_file").filter(|base| SECRETS.contains(base));
            if let Some(base) = secret {
                match fs::read_to_string(value) {
                    Ok(text) => {
                        drop(values.insert(base.to_owned(), (text.trim().to_owned(), variable.clone())));
                    }
                    Err(error) => wrong.push(format!("{variable}: {value}: {error}")),
                }
            } else if NAMES.contains(&name.as_str()) {
                values.insert(name, (value.clone(), variable.clone()));
            } else if name != "config" {
                remarks.push(format!("{variable} is no setting of Mainstay and is ignored"));
            }
        }
        for (name, value) in flags.values() {
            if let Some(value) = value {
                values.insert(
                    name.to_owned(),
                    (value.clone(), format!("--{}", name.replace('_', "-"))),
                );
            }
        }
        let settings = Values { values, wrong }.settings(remarks);
        settings.map_err(|wrong| format!("the settings are not right:\n  {}", wrong.join("\n  ")))
    }

    /// Where the databases are.
    pub fn locations(&self) -> Locations {
        let connections = match self.database {
            DatabaseUrl::Sqlite(_) => u32::try_from(self.workers).unwrap_or(4) + 4,
            DatabaseUrl::Postgres(_) => 12,
        };
        Locations {
            data: self.database.clone(),
            keys: self.keys.clone(),
            pool: PoolSize { connections },
        }
    }
}

fn read_file(path: &Path, values: &mut BTreeMap<String, (String, String)>, wrong: &mut Vec<String>) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return wrong.push(format!("{}: {error}", path.display())),
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return wrong.push(format!("{}: {}", path.display(), error.message())),
    };
    for (name, value) in table {
        let source = format!("{} in {}", name, path.display());
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(true) => "on".to_owned(),
            toml::Value::Boolean(false) => "off".to_owned(),
            toml::Value::Array(items) => items
                .iter()
                .filter_map(toml::Value::as_str)
                .collect::<Vec<_>>()
                .join(","),
            _ => {
                wrong.push(format!("{source}: must be a text, a number or a list of texts"));
                continue;
            }
        };
        if NAMES.contains(&name.as_str()) {
            values.insert(name, (value, source));
        } else {
            wrong.push(format!("{source}: is no setting of Mainstay"));
        }
    }
}

struct Values {
    values: BTreeMap<String, (String, String)>,
    wrong: Vec<String>,
}

impl Values {
    /// The value of a name as `parse` reads it; a wrong one is noted with where it stands.
    fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (value, source) = self.values.get(name)?;
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(expected) => {
                self.wrong.push(format!("{source}: {expected}"));
                None
            }
        }
    }

    fn secret_file(&mut self, name: &str, default: PathBuf) -> SecretFile {
        match self.get(name, |path| Ok(PathBuf::from(path))) {
            Some(path) => SecretFile { path, named: true },
            None => SecretFile {
                path: default,
                named: false,
            },
        }
    }

    fn settings(mut self, remarks: Vec<String>) -> Result<Settings, Vec<String>> {
        let address = |text: &str| {
            text.parse::<SocketAddr>()
                .map_err(|_wrong| "must be an address and a port, such as 127.0.0.1:8080".to_owned())
        };
        let on_off = |text: &str| match text {
            "on" => Ok(LimitMode::On),
            "off" => Ok(LimitMode::Off),
            _ => Err("must be on or off".to_owned()),
        };
        let data_dir = self
            .get("data_dir", |path| Ok(PathBuf::from(path)))
            .unwrap_or_else(|| PathBuf::from("data"));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let settings = Settings {
            database: self
                .get("database_url", DatabaseUrl::from_str)
                .unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("mainstay.db"))),
            keys: self
                .get("key_database_url", DatabaseUrl::from_str)
                .unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("keys.db"))),
            listen: self
                .get("listen", address)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            metrics_listen: self.get("metrics_listen", address),
            master_key: self.secret_file("master_key_file", data_dir.join("master.key")),
            signing_key: self.secret_file("signing_key_file", data_dir.join("signing.pem")),
            public_url: self.get("public_url", |text| {
                let good = text.starts_with("https://") || text.starts_with("http://");
                if good {
                    Ok(text.trim_end_matches('/').to_owned())
                } else {
                    Err("must be an http or https URL".to_owned())
                }
            }),
            log: self
                .get("log", |text| {
                    env_filter::Builder::new()
                        .try_parse(text)
                        .map(|_| text.to_owned())
                        .map_err(|e| e.to_string())
                })
                .unwrap_or_else(|| "info".to_owned()),
            log_format: self
                .get("log_format", |text| match text {
                    "text" => Ok(LogFormat::Text),
                    "json" => Ok(LogFormat::Json),
                    _ => Err("must be text or json".to_owned()),
                })
                .unwrap_or(LogFormat::Text),
            workers: self
                .get("workers", |text| {
                    let count = text.parse::<usize>().ok().filter(|n| (1..=256).contains(n));
                    count.ok_or_else(|| "must be a whole number from 1 to 256".to_owned())
                })
                .unwrap_or(cores),
            trusted_proxies: self.get("trusted_proxies", networks).unwrap_or_default(),
            rate_limits: self.get("rate_limits", on_off).unwrap_or(LimitMode::On),
            tombstone_days: self
                .get("tombstone_days", |text| {
                    let days = text.parse::<i64>().ok().filter(|n| (1..=3650).contains(n));
                    days.ok_or_else(|| "must be a whole number from 1 to 3650".to_owned())
                })
                .unwrap_or(180),
            data_dir,
            remarks,
        };
        if settings.database == settings.keys {
            self.wrong
                .push("the key store must be another database than the record".to_owned());
        }
        if self.wrong.is_empty() {
            Ok(settings)
        } else {
            Err(self.wrong)
        }
    }
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parse = |part: &str| {
        let network = part
            .parse::<IpNet>()
            .ok()
            .or_else(|| part.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        network.ok_or_else(|| {
            "must be addresses or networks, such as 10.0.0.0/8, separated by commas".to_owned()
        })
    };
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(!settings.master_key.named);
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
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
    fn every_wrong_value_is_named_at_once() {
        let message = read(
            &Flags {
                workers: Some("many".to_owned()),
                ..Flags::default()
            },
            &[
                ("MAINSTAY_LISTEN", "here"),
                ("MAINSTAY_DATABASE_URL", "mysql://u:secret@h/d"),
                ("MAINSTAY_RATE_LIMITS", "maybe"),
            ],
        )
        .unwrap_err();
        for name in [
            "MAINSTAY_LISTEN",
            "MAINSTAY_DATABASE_URL",
            "MAINSTAY_RATE_LIMITS",
            "--workers",
        ] {
            assert!(message.contains(name), "{message}");
        }
        assert!(!message.contains("secret"), "{message}");
    }

    #[test]
    fn an_unknown_variable_is_remarked_upon() {
        let settings = read(&Flags::default(), &[("MAINSTAY_LISTN", "x"), ("PATH", "/bin")]).unwrap();
        assert_eq!(
            settings.remarks,
            ["MAINSTAY_LISTN is no setting of Mainstay and is ignored"]
        );
    }
}
