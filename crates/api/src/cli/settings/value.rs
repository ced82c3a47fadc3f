//! Reads each setting from its text, and notes every value that is not valid.

use std::{collections::BTreeMap, net::SocketAddr, ops::RangeInclusive, path::PathBuf, str::FromStr};

use ipnet::IpNet;
use mainstay_domain::{account::quota::Quota, audit::Notice};
use mainstay_store::{DatabaseUrl, PoolSize};

use super::{LogFormat, OptionalFile, SecretFile, Settings};
use crate::{
    auth::{
        password::cost::HashCost,
        registration_policy::{RegistrationMode, RegistrationSettings},
    },
    http::{admission::LoadShedding, cors::parse_origin, network::canonical_network, rate_limit::LimitMode},
    server::{application::AuditSettings, checkpoints::CheckpointTarget},
};

/// Connections that a pool must have beside one for each worker.
///
/// A short read takes a connection on the thread of its worker, so all workers may hold one at the same time, and two
/// long reads may hold one each for longer. With fewer connections a short read would wait for a long one, and its
/// whole worker with it.
const SPARE_CONNECTIONS: u32 = 2;
/// The default of [`SPARE_CONNECTIONS`] leaves two more for commands and jobs.
const DEFAULT_SPARE_CONNECTIONS: u32 = 4;
/// The default number of connections to PostgreSQL, unless there are many workers. Every operation takes one there,
/// and most of its time is spent on the network.
const DEFAULT_SERVER_CONNECTIONS: u32 = 12;
/// The highest limit of a budget.
pub const MAX_QUOTA: i64 = 1_000_000_000_000;
/// The largest pool.
const MAX_CONNECTIONS: u32 = 1000;

/// The texts of settings, each with the place that it comes from.
#[derive(Default)]
pub struct Values {
    /// Texts and their sources, by name. A later source replaces an earlier one.
    pub values: BTreeMap<String, (String, String)>,
    /// A message for each value that is not valid.
    pub errors: Vec<String>,
}

impl Values {
    /// Adds a value, in the place of one of an earlier source.
    pub fn insert(&mut self, name: &str, value: &str, source: &str) {
        self.values
            .insert(name.to_owned(), (value.to_owned(), source.to_owned()));
    }

    /// Parses the value of a name, if it is set. An error is noted with the value's source.
    fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (value, source) = self.values.get(name)?;
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(expected) => {
                self.errors.push(format!("{source}: {expected}"));
                None
            }
        }
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.get(name, |path| Ok(PathBuf::from(path)))
    }

    fn secret_file(&mut self, name: &str, default: PathBuf) -> SecretFile {
        let path = self.path(name);
        SecretFile {
            is_configured: path.is_some(),
            path: path.unwrap_or(default),
        }
    }

    fn number<T: FromStr + PartialOrd + ToString>(
        &mut self,
        name: &str,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        self.get(name, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.ok_or_else(|| {
                let (least, most) = (range.start().to_string(), range.end().to_string());
                format!("must be a whole number from {least} to {most}")
            })
        })
    }

    /// Reads the size of a pool, which must be large enough for the workers.
    fn pool(&mut self, name: &str, url: &DatabaseUrl, workers: usize) -> PoolSize {
        let workers = u32::try_from(workers).unwrap_or(MAX_CONNECTIONS);
        let default = match url {
            DatabaseUrl::Sqlite(_) => workers + DEFAULT_SPARE_CONNECTIONS,
            DatabaseUrl::Postgres(_) => DEFAULT_SERVER_CONNECTIONS.max(workers + DEFAULT_SPARE_CONNECTIONS),
        };
        let least = workers + SPARE_CONNECTIONS;
        let connections = self.get(name, |text| {
            let number = text
                .parse()
                .ok()
                .filter(|n| (least..=MAX_CONNECTIONS).contains(n));
            number.ok_or_else(|| {
                format!(
                    "must be a whole number from {least} to {MAX_CONNECTIONS}: \
                     one connection for each of the {workers} workers, and {SPARE_CONNECTIONS} for long reads"
                )
            })
        });
        PoolSize {
            connections: connections.unwrap_or(default),
        }
    }

    /// Reads who may register, and how many.
    fn registration(&mut self) -> RegistrationSettings {
        let default = RegistrationSettings::default();
        let bound = 1..=1_000_000;
        RegistrationSettings {
            mode: self
                .get("registration", registration_mode)
                .unwrap_or(default.mode),
            per_network: self
                .number("registrations_per_network", &bound)
                .unwrap_or(default.per_network),
            per_hour: self
                .number("registrations_per_hour", &bound)
                .unwrap_or(default.per_hour),
        }
    }

    /// Reads the cost of password hashes.
    fn password_cost(&mut self) -> HashCost {
        let default = HashCost::DEFAULT;
        let cost = HashCost {
            memory_kib: self
                .number("password_memory_kib", &HashCost::MEMORY_KIB)
                .unwrap_or(default.memory_kib),
            passes: self
                .number("password_passes", &HashCost::PASSES)
                .unwrap_or(default.passes),
            lanes: self
                .number("password_lanes", &HashCost::LANES)
                .unwrap_or(default.lanes),
        };
        if let Err(fault) = cost.check() {
            self.errors.push(format!(
                "MAINSTAY_PASSWORD_MEMORY_KIB and MAINSTAY_PASSWORD_PASSES: {fault}"
            ));
        }
        cost
    }

    /// Reads where the filter of leaked passwords is.
    fn password_filter(&mut self, default: PathBuf) -> OptionalFile {
        let path = self.path("password_filter_file");
        OptionalFile {
            is_configured: path.is_some(),
            path: path.unwrap_or(default),
        }
    }

    /// Reads the settings of the audit.
    fn audit(&mut self) -> AuditSettings {
        let checkpoints = self.get("audit_checkpoints", |text| match text.trim() {
            "" => Err("must be off, stdout or the path of a file".to_owned()),
            "off" => Ok(CheckpointTarget::Off),
            "stdout" => Ok(CheckpointTarget::StandardOutput),
            path => Ok(CheckpointTarget::File(path.into())),
        });
        let notice = self.get("part2_notice_file", |path| {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
            Notice::of_operator(&text).map_err(|fault| format!("{path}: {fault}"))
        });
        AuditSettings {
            checkpoints: checkpoints.unwrap_or_default(),
            notice: notice.unwrap_or_default(),
        }
    }

    /// Reads the limits of accounts that have none of their own.
    fn quota(&mut self) -> Quota {
        let range = 1..=MAX_QUOTA;
        let default = Quota::DEFAULT;
        Quota {
            records: self.number("quota_records", &range).unwrap_or(default.records),
            bytes: self.number("quota_bytes", &range).unwrap_or(default.bytes),
            writes_per_day: self
                .number("quota_writes_per_day", &range)
                .unwrap_or(default.writes_per_day),
        }
    }

    /// Parses all settings.
    ///
    /// # Errors
    /// A message for each value that is not valid.
    pub fn settings(mut self, remarks: Vec<String>) -> Result<Settings, Vec<String>> {
        let data_dir = self.path("data_dir").unwrap_or_else(|| PathBuf::from("data"));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let workers = self.number("workers", &(1..=256)).unwrap_or(cores);
        let database = self
            .get("database_url", DatabaseUrl::from_str)
            .unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("mainstay.db")));
        let keys = self
            .get("key_database_url", DatabaseUrl::from_str)
            .unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("keys.db")));
        if database == keys {
            self.errors
                .push("the key store must be another database than the record".to_owned());
        }
        let settings = Settings {
            pool: self.pool("database_connections", &database, workers),
            key_pool: self.pool("key_database_connections", &keys, workers),
            database,
            keys,
            listen: self
                .get("listen", address)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            metrics_listen: self.get("metrics_listen", address),
            master_key: self.secret_file("master_key_file", data_dir.join("master.key")),
            signing_key: self.secret_file("signing_key_file", data_dir.join("signing.pem")),
            erasure_ledger: self
                .path("erasure_ledger")
                .unwrap_or_else(|| data_dir.join("erasures.jsonl")),
            public_url: self.get("public_url", public_url),
            security_contact: self.get("security_contact", security_contact).unwrap_or_default(),
            log: self.get("log", log_filter).unwrap_or_else(|| "info".to_owned()),
            log_format: self.get("log_format", log_format).unwrap_or(LogFormat::Text),
            workers,
            trusted_proxies: self.get("trusted_proxies", networks).unwrap_or_default(),
            cors_origins: self.get("cors_origins", origins).unwrap_or_default(),
            rate_limits: self.get("rate_limits", limit_mode).unwrap_or(LimitMode::On),
            registration: self.registration(),
            password_cost: self.password_cost(),
            password_filter: self.password_filter(data_dir.join("passwords.filter")),
            quota: self.quota(),
            load_shedding: self
                .get("load_shedding", load_shedding)
                .unwrap_or(LoadShedding::On),
            connections_per_network: self
                .number("connections_per_network", &(1..=1_000_000))
                .unwrap_or(256),
            audit: self.audit(),
            tombstone_days: self.number("tombstone_days", &(1..=3650)).unwrap_or(180),
            data_dir,
            remarks,
        };
        if self.errors.is_empty() {
            Ok(settings)
        } else {
            Err(self.errors)
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_invalid| "must be an address and a port, such as 127.0.0.1:8080".to_owned())
}

fn public_url(text: &str) -> Result<String, String> {
    if text.starts_with("https://") || text.starts_with("http://") {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("must be an http or https URL".to_owned())
    }
}

/// Reads where to report faults. The URIs become lines of a file, so nothing in them may end a line.
fn security_contact(text: &str) -> Result<Vec<String>, String> {
    let is_contact = |uri: &str| {
        let scheme = ["mailto:", "https://", "tel:"]
            .into_iter()
            .find(|scheme| uri.starts_with(scheme));
        uri.bytes().all(|byte| byte.is_ascii_graphic())
            && scheme.is_some_and(|scheme| uri.len() > scheme.len())
    };
    let uris = text.split(',').map(str::trim).filter(|uri| !uri.is_empty());
    uris.map(|uri| {
        is_contact(uri)
            .then(|| uri.to_owned())
            .ok_or_else(|| "must be URIs that begin with mailto:, https:// or tel:".to_owned())
    })
    .collect()
}

fn log_filter(text: &str) -> Result<String, String> {
    env_filter::Builder::new()
        .try_parse(text)
        .map(|_| text.to_owned())
        .map_err(|e| e.to_string())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
    }
}

fn limit_mode(text: &str) -> Result<LimitMode, String> {
    match text {
        "on" => Ok(LimitMode::On),
        "off" => Ok(LimitMode::Off),
        _ => Err("must be on or off".to_owned()),
    }
}

fn registration_mode(text: &str) -> Result<RegistrationMode, String> {
    match text {
        "open" => Ok(RegistrationMode::Open),
        "invite" => Ok(RegistrationMode::Invite),
        "closed" => Ok(RegistrationMode::Closed),
        _ => Err("must be open, invite or closed".to_owned()),
    }
}

fn load_shedding(text: &str) -> Result<LoadShedding, String> {
    match text {
        "on" => Ok(LoadShedding::On),
        "off" => Ok(LoadShedding::Off),
        _ => Err("must be on or off".to_owned()),
    }
}

fn origins(text: &str) -> Result<Vec<String>, String> {
    items(text)
        .map(|part| {
            parse_origin(part).ok_or_else(|| {
                "must be origins such as https://app.example.org, separated by commas: a scheme, a host and perhaps a port"
                    .to_owned()
            })
        })
        .collect()
}

/// The items of a list that are separated by commas.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parse = |part: &str| {
        let network = part
            .parse::<IpNet>()
            .ok()
            .or_else(|| part.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        network.map(canonical_network).ok_or_else(|| {
            "must be addresses or networks, such as 10.0.0.0/8, separated by commas".to_owned()
        })
    };
    items(text).map(parse).collect()
}
