//! One connection type for two engines, and how connections are made.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use diesel::{
    Connection, ConnectionError, PgConnection, QueryResult, RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    sql_query, sql_types,
};

/// A connection to either engine. Queries are written once, with [`on!`](crate::on).
pub enum Conn {
    /// The embedded engine.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
}

/// Runs the same diesel code on whichever engine the connection is of.
#[macro_export]
macro_rules! on {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::engine::connection::Conn::Sqlite($c) => $body,
            $crate::engine::connection::Conn::Postgres($c) => $body,
        }
    };
}

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of the embedded engine.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(String),
}

impl std::fmt::Debug for DatabaseUrl {
    /// Shows the engine only: the address of a server may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(":memory:") {
                return Err("sqlite: needs the path of a file, such as sqlite:data/mainstay.db".to_owned());
            }
            Ok(Self::Sqlite(path.into()))
        } else if let Some(rest) = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
        {
            check_server_url(rest)?;
            Ok(Self::Postgres(text.to_owned()))
        } else {
            Err("must begin with sqlite: or postgres://".to_owned())
        }
    }
}

/// Checks the URL of a server after its scheme. The library that connects would repeat parts of a wrong one in its message,
/// and a part of a password that is not escaped looks like a host or a port. So the message here repeats nothing.
fn check_server_url(rest: &str) -> Result<(), String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let is_escaped = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap_or_default();
        let has_digits = |part: &str| {
            let digits = part.as_bytes().get(..2).unwrap_or_default();
            digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00"
        };
        !first.contains(|c: char| c.is_whitespace() || c.is_control()) && parts.all(has_digits)
    };
    let is_host = |host: &str| {
        let port = match host.rsplit_once(']') {
            Some((_, after)) => after.strip_prefix(':').unwrap_or_default(),
            None => host.split_once(':').map_or("", |(_, port)| port),
        };
        port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let name = path.split('?').next().unwrap_or_default();
    let is_sound = !rest.contains(char::is_whitespace)
        && [user, hosts, path].into_iter().all(is_escaped)
        && hosts.split(',').all(is_host)
        && !hosts.contains('@')
        && !name.contains('@')
        && name.matches('/').count() <= 1;
    if is_sound {
        Ok(())
    } else {
        Err("is not a valid URL of PostgreSQL: in the user and the password, write every character but letters and digits \
             as % and its two hexadecimal digits, such as %40 for @"
            .to_owned())
    }
}

/// Whether a connection may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// Sets up every connection to SQLite.
///
/// - Pages of 2 KiB: a check-in changes a few bytes of two or three index pages, and each goes into the log whole.
/// - `synchronous = FULL`: a commit that was acknowledged survives a loss of power.
/// - `wal_autocheckpoint`: [`super::checkpoint`] folds the log back; SQLite does so itself only at twice that length.
/// - A page cache of 4 MiB for the connection that writes: the leaves of the indexes that 500 active people write to. Those
///   that read have less ([`Manager`]).
pub const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA page_size = 2048; \
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
    PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4000; PRAGMA secure_delete = ON; \
    PRAGMA wal_autocheckpoint = 256000;";

/// Opens a connection.
pub fn connect(url: &DatabaseUrl, access: Access) -> Result<Conn, ConnectionError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
            conn.batch_execute(SQLITE_PRAGMAS)
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            if access == Access::Read {
                conn.batch_execute("PRAGMA query_only = ON;")
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
            }
            Ok(Conn::Sqlite(conn))
        }
        DatabaseUrl::Postgres(url) => PgConnection::establish(url).map(Conn::Postgres),
    }
}

/// Opens a connection that changes nothing, not even the files beside an SQLite database. `None` if there is no such file.
pub fn connect_to_inspect(url: &DatabaseUrl) -> Result<Option<Conn>, ConnectionError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            if !path.exists() {
                return Ok(None);
            }
            let conn = inspect_file(&inspection_uri(path));
            // Whatever a power cut has left: SQLite can then make the index of the log again, and only the index.
            let conn = conn.or_else(|_| inspect_file(&format!("{}?mode=ro", file_uri(path))))?;
            Ok(Some(Conn::Sqlite(conn)))
        }
        DatabaseUrl::Postgres(url) => {
            let mut conn = PgConnection::establish(url)?;
            conn.batch_execute("SET default_transaction_read_only = on")
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            Ok(Some(Conn::Postgres(conn)))
        }
    }
}

/// Opens a file by its URI, and reads from it once.
fn inspect_file(uri: &str) -> Result<SqliteConnection, ConnectionError> {
    let mut conn = SqliteConnection::establish(uri)?;
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; \
         SELECT count(*) FROM sqlite_schema;",
    )
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// The size of the header of a write-ahead log.
const LOG_HEADER_BYTES: u64 = 32;

/// The URI by which SQLite opens a file without writing. A file with a write-ahead log is opened together with the log,
/// whose index stays as it is; only if the index is missing does SQLite make it again, as for files that were copied without
/// it. Without a log there is nobody who writes, so the file is read as it is: otherwise SQLite would create a log.
/// A log with nothing but its header, as a power cut can leave, is the same as none: SQLite would wait for ten seconds for
/// somebody to complete it, and then refuse to open the file.
fn inspection_uri(path: &Path) -> String {
    let beside = |suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name)
    };
    // A server that has nothing to write has an empty log, and may write at any moment.
    let log = beside("-wal").map_or(None, |log| Some(log.len()));
    let has_log = log.is_some_and(|bytes| bytes == 0 || bytes > LOG_HEADER_BYTES);
    let how = match (has_log, beside("-shm")) {
        (true, Ok(_)) => "?mode=ro&readonly_shm=1",
        (true, Err(_)) if log != Some(0) => "?mode=ro",
        _ => "?mode=ro&immutable=1",
    };
    format!("{}{how}", file_uri(path))
}

/// The URI of a file, with every byte escaped that might mean something in it.
fn file_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/.-_".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri
}

/// Opens a connection for statements that take lists. On PostgreSQL it keeps one plan for each: for short lists the server
/// would plan anew each time, which costs more than the statement itself.
pub fn connect_for_lists(url: &DatabaseUrl, access: Access) -> Result<Conn, ConnectionError> {
    let mut conn = connect(url, access)?;
    if let Conn::Postgres(c) = &mut conn {
        c.batch_execute("SET plan_cache_mode = force_generic_plan")
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(conn)
}

/// A number that rises whenever a connection is found broken. Connections of an earlier epoch may be broken too, as after a
/// restart of the server, and are checked before they are used again.
#[derive(Debug, Clone, Default)]
pub struct ConnectionEpoch(Arc<AtomicU64>);

impl ConnectionEpoch {
    /// Begins a new epoch, after a connection was found broken.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// The current epoch.
    pub fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Makes and checks pooled connections of either engine.
#[derive(Debug)]
pub struct Manager {
    /// The epoch of the pool's connections.
    pub epoch: ConnectionEpoch,
    /// Where to connect to.
    pub url: DatabaseUrl,
    /// Whether the connections may write.
    pub access: Access,
    /// The pages that a connection to SQLite caches, in KiB.
    pub page_cache_kib: u32,
}

/// A pooled connection and whether it is usable.
pub struct Pooled {
    /// The connection.
    pub conn: Conn,
    /// True once it is unusable. Diesel itself notices that only when it begins a transaction.
    pub is_broken: bool,
    /// The epoch in which it was last known to be sound.
    pub sound_in: u64,
}

impl Pooled {
    /// A connection that was just made. `epoch` is read before it is made.
    pub fn new(conn: Conn, epoch: u64) -> Self {
        Self {
            conn,
            is_broken: false,
            sound_in: epoch,
        }
    }

    /// True if the connection is sound. It is asked only if others were found broken since the last time.
    pub fn is_sound(&mut self, epoch: &ConnectionEpoch) -> bool {
        let current = epoch.current();
        if self.sound_in != current {
            self.is_broken = self.conn.check().is_err();
            self.sound_in = current;
        }
        !self.is_broken
    }
}

impl Conn {
    /// Succeeds if the database still answers here.
    pub fn check(&mut self) -> QueryResult<()> {
        on!(self, |c| sql_query("SELECT 1").execute(c).map(drop))
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Pooled, Self::Error> {
        let epoch = self.epoch.current();
        let mut conn = connect(&self.url, self.access).map_err(diesel::r2d2::Error::ConnectionError)?;
        if let Conn::Sqlite(c) = &mut conn {
            let kib = self.page_cache_kib;
            c.batch_execute(&format!("PRAGMA cache_size = -{kib};"))
                .map_err(diesel::r2d2::Error::QueryError)?;
        }
        Ok(Pooled::new(conn, epoch))
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), Self::Error> {
        pooled.conn.check().map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.is_broken
            || on!(&mut pooled.conn, |c| {
                AnsiTransactionManager::is_broken_transaction_manager(c)
            })
    }
}

/// The oldest SQLite whose write-ahead log is sound with several connections.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = sql_types::Text)]
    version: String,
}

/// Refuses an SQLite with known corruption.
pub fn check_sqlite_version(conn: &mut SqliteConnection) -> Result<(), String> {
    let found: Version = sql_query("SELECT sqlite_version() AS version")
        .get_result(conn)
        .map_err(|e| e.to_string())?;
    let mut parts = found.version.split('.').map(|p| p.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SQLITE {
        let (major, minor, patch) = OLDEST_SQLITE;
        return Err(format!(
            "SQLite {} is too old; {major}.{minor}.{patch} is needed",
            found.version
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_engine() {
        assert_eq!("sqlite:a/b.db".parse(), Ok(DatabaseUrl::Sqlite("a/b.db".into())));
        assert_eq!(
            "sqlite:///a/b.db".parse(),
            Ok(DatabaseUrl::Sqlite("/a/b.db".into()))
        );
        assert!(matches!("postgres://h/d".parse(), Ok(DatabaseUrl::Postgres(_))));
        for wrong in ["mysql://x", "sqlite:", "sqlite::memory:", ""] {
            assert!(wrong.parse::<DatabaseUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_url_of_a_server_is_refused_without_a_part_of_it() {
        for wrong in [
            "mm:s3cret%ZZ@h/x",
            "mm:s3cret/abc@h/x",
            "mm:s3 cret@h/x",
            "mm:s3%00cret@h/x",
            "mm:p@s3/cret@h/x",
            "mm:s3cret@h@i/x",
            "mm:s3cret@h:s3cret/x",
            "mm:s3cret%4",
            "s3cret:abc/x",
        ] {
            let error = format!("postgres://{wrong}").parse::<DatabaseUrl>().unwrap_err();
            assert!(error.contains("%40") && !error.contains("s3"), "{wrong}: {error}");
        }
        for right in [
            "h/d",
            "u:p%40%2Fw@h:5432/d",
            "u@h1:1,h2:2/d?sslmode=verify-full&sslrootcert=/a/ca.pem",
            "u:p@[::1]:5432/d",
            "/d?host=/run/postgresql",
            "?host=%2Frun&user=u&password=a%20b",
        ] {
            assert!(
                format!("postgresql://{right}").parse::<DatabaseUrl>().is_ok(),
                "{right}"
            );
        }
    }

    #[test]
    fn a_servers_password_is_not_shown() {
        let url: DatabaseUrl = "postgres://u:secret@h/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }

    #[test]
    fn a_database_is_inspected_although_its_log_has_only_a_header() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copy) = (directory.path().join("a.db"), directory.path().join("b.db"));
        let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
        let url = DatabaseUrl::Sqlite(path.clone());
        let Conn::Sqlite(mut writer) = connect(&url, Access::Write).unwrap() else {
            panic!("another engine")
        };
        writer
            .batch_execute("CREATE TABLE a (b); PRAGMA wal_checkpoint(TRUNCATE); CREATE TABLE c (d)")
            .unwrap();
        // The copy is as after a power cut before the first change was in the log.
        std::fs::copy(&path, &copy).unwrap();
        let header = std::fs::read(log(&path)).unwrap();
        std::fs::write(log(&copy), &header[..32]).unwrap();
        let mut conn = connect_to_inspect(&DatabaseUrl::Sqlite(copy)).unwrap().unwrap();
        on!(&mut conn, |c| diesel::sql_query("SELECT b FROM a").execute(c)).unwrap();
    }
}
