//! The settings as command-line flags, each with the same name as its environment variable and as its key in the file.

use clap::Args;

/// Declares the flags, and lists them by the names of their settings.
macro_rules! flags {
    ($($(#[$attribute:meta])* $name:ident;)*) => {
        /// Settings that were given on the command line.
        #[derive(Debug, Default, Args)]
        pub struct Flags {
            /// A TOML file with settings (`MAINSTAY_CONFIG`).
            #[arg(long, global = true, value_name = "FILE")]
            pub(super) config: Option<String>,
            $($(#[$attribute])* pub(super) $name: Option<String>,)*
        }

        impl Flags {
            /// The names of all settings that a file may hold.
            pub(super) const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];

            /// The values of all settings that a file may hold, by name.
            pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, Option<&String>)> {
                [$((stringify!($name), self.$name.as_ref()),)*].into_iter()
            }
        }
    };
}

flags! {
    /// The record's database: `sqlite:PATH` or `postgres://…` (`MAINSTAY_DATABASE_URL`).
    #[arg(long, global = true, value_name = "URL")]
    database_url;
    /// Connections to the record's database, at least 2 more than workers (`MAINSTAY_DATABASE_CONNECTIONS`).
    #[arg(long, global = true, value_name = "N")]
    database_connections;
    /// The key store's database; `keys.db` in the data directory if left out (`MAINSTAY_KEY_DATABASE_URL`).
    #[arg(long, global = true, value_name = "URL")]
    key_database_url;
    /// Connections to the key store, at least 2 more than workers (`MAINSTAY_KEY_DATABASE_CONNECTIONS`).
    #[arg(long, global = true, value_name = "N")]
    key_database_connections;
    /// The directory for databases and keys (`MAINSTAY_DATA_DIR`).
    #[arg(long, global = true, value_name = "DIR")]
    data_dir;
    /// Address and port to serve on (`MAINSTAY_LISTEN`).
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen;
    /// Address and port for /metrics; no metrics are served if left out (`MAINSTAY_METRICS_LISTEN`).
    #[arg(long, global = true, value_name = "ADDRESS")]
    metrics_listen;
    /// The file with the master key (`MAINSTAY_MASTER_KEY_FILE`).
    #[arg(long, global = true, value_name = "FILE")]
    master_key_file;
    /// The file with the keys that sign access tokens (`MAINSTAY_SIGNING_KEY_FILE`).
    #[arg(long, global = true, value_name = "FILE")]
    signing_key_file;
    /// The file that erasures are entered into (`MAINSTAY_ERASURE_LEDGER`).
    #[arg(long, global = true, value_name = "FILE")]
    erasure_ledger;
    /// The URL under which clients reach the server (`MAINSTAY_PUBLIC_URL`).
    #[arg(long, global = true, value_name = "URL")]
    public_url;
    /// Where to report a fault that endangers people: URIs (`mailto:`, `https:`, `tel:`), separated by commas
    /// (`MAINSTAY_SECURITY_CONTACT`).
    #[arg(long, global = true, value_name = "URIS")]
    security_contact;
    /// A filter for log lines, in the syntax of `env_logger` (`MAINSTAY_LOG`).
    #[arg(long, global = true, value_name = "FILTER")]
    log;
    /// The form of log lines: `text` or `json` (`MAINSTAY_LOG_FORMAT`).
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format;
    /// Number of threads that serve requests (`MAINSTAY_WORKERS`).
    #[arg(long, global = true, value_name = "N")]
    workers;
    /// Addresses or networks of trusted proxies, separated by commas (`MAINSTAY_TRUSTED_PROXIES`).
    #[arg(long, global = true, value_name = "NETWORKS")]
    trusted_proxies;
    /// Origins whose web pages may use the API, separated by commas; none if left out (`MAINSTAY_CORS_ORIGINS`).
    #[arg(long, global = true, value_name = "ORIGINS")]
    cors_origins;
    /// Whether rate limits apply: `on` or `off` (`MAINSTAY_RATE_LIMITS`).
    #[arg(long, global = true, value_name = "MODE")]
    rate_limits;
    /// Who may register: `open`, `invite` or `closed` (`MAINSTAY_REGISTRATION`).
    #[arg(long, global = true, value_name = "MODE")]
    registration;
    /// How many may register from one network in an hour (`MAINSTAY_REGISTRATIONS_PER_NETWORK`).
    #[arg(long, global = true, value_name = "N")]
    registrations_per_network;
    /// How many may register in an hour, from all networks together (`MAINSTAY_REGISTRATIONS_PER_HOUR`).
    #[arg(long, global = true, value_name = "N")]
    registrations_per_hour;
    /// The memory of a password hash in KiB (`MAINSTAY_PASSWORD_MEMORY_KIB`).
    #[arg(long, global = true, value_name = "N")]
    password_memory_kib;
    /// How often a password hash goes over its memory (`MAINSTAY_PASSWORD_PASSES`).
    #[arg(long, global = true, value_name = "N")]
    password_passes;
    /// The lanes of a password hash (`MAINSTAY_PASSWORD_LANES`).
    #[arg(long, global = true, value_name = "N")]
    password_lanes;
    /// The file with the filter of leaked passwords; `passwords.filter` in the data directory if left out
    /// (`MAINSTAY_PASSWORD_FILTER_FILE`).
    #[arg(long, global = true, value_name = "FILE")]
    password_filter_file;
    /// The largest number of records of an account (`MAINSTAY_QUOTA_RECORDS`).
    #[arg(long, global = true, value_name = "N")]
    quota_records;
    /// The largest number of stored bytes of an account (`MAINSTAY_QUOTA_BYTES`).
    #[arg(long, global = true, value_name = "N")]
    quota_bytes;
    /// The largest number of writes of an account on one day in UTC (`MAINSTAY_QUOTA_WRITES_PER_DAY`).
    #[arg(long, global = true, value_name = "N")]
    quota_writes_per_day;
    /// Whether requests are refused when there is more to do than the server can do: `on` or `off` (`MAINSTAY_LOAD_SHEDDING`).
    #[arg(long, global = true, value_name = "MODE")]
    load_shedding;
    /// The most connections of one network that is no trusted proxy (`MAINSTAY_CONNECTIONS_PER_NETWORK`).
    #[arg(long, global = true, value_name = "N")]
    connections_per_network;
    /// Where signed checkpoints of the audit go: `off`, `stdout` or a file (`MAINSTAY_AUDIT_CHECKPOINTS`).
    #[arg(long, global = true, value_name = "TARGET")]
    audit_checkpoints;
    /// A file with a text in place of the notice of 42 CFR 2.32 (`MAINSTAY_PART2_NOTICE_FILE`).
    #[arg(long, global = true, value_name = "FILE")]
    part2_notice_file;
    /// For how many days sync reports a deletion (`MAINSTAY_TOMBSTONE_DAYS`).
    #[arg(long, global = true, value_name = "DAYS")]
    tombstone_days;
}
