//! Fresh, migrated databases of both engines.

use diesel::{RunQueryDsl, sql_query};
use tempfile::TempDir;

use crate::{Locations, MasterKeys, PoolSize, Store, engine::single, migrate_all, on};

/// A fresh database with its key store. It is gone when it is dropped.
pub(super) struct TestDatabase {
    pub locations: Locations,
    pub master_key: String,
    directory: TempDir,
    server: Option<(String, String)>,
}

/// The server that the test command started.
#[expect(
    clippy::disallowed_methods,
    reason = "the test command passes the server's address this way"
)]
fn server() -> String {
    std::env::var("MAINSTAY_TEST_POSTGRES_URL").expect("run the tests with scripts/test")
}

fn execute(server: &str, sql: &str) {
    let mut conn = single(&server.parse().unwrap()).unwrap();
    on!(&mut conn, |c| sql_query(sql).execute(c)).unwrap();
}

impl TestDatabase {
    pub fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("data.db").display());
        Self::migrated(&url, directory, None)
    }

    pub fn postgres(name: &str) -> Self {
        let server = server();
        let name = format!("{name}_{}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}"));
        let (base, _) = server.rsplit_once('/').unwrap();
        let url = format!("{base}/{name}");
        Self::migrated(&url, TempDir::new().unwrap(), Some((server, name)))
    }

    fn migrated(url: &str, directory: TempDir, server: Option<(String, String)>) -> Self {
        let keys = format!("sqlite:{}", directory.path().join("keys.db").display());
        let locations = Locations {
            data: url.parse().unwrap(),
            keys: keys.parse().unwrap(),
            pool: PoolSize { connections: 4 },
            key_pool: PoolSize { connections: 4 },
        };
        migrate_all(&locations).unwrap();
        Self {
            locations,
            master_key: MasterKeys::generate().unwrap().to_string(),
            directory,
            server,
        }
    }

    /// The key store is in the same database as the record.
    pub fn with_keys_beside_the_record(mut self) -> Self {
        self.locations.keys = self.locations.data.clone();
        migrate_all(&self.locations).unwrap();
        self
    }

    /// Opens the databases.
    pub fn store(&self) -> Store {
        self.store_at(&self.locations)
    }

    /// Opens the same databases by another way.
    pub fn store_at(&self, locations: &Locations) -> Store {
        assert!(self.directory.path().exists());
        Store::open(locations, MasterKeys::parse(&self.master_key).unwrap()).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.server {
            execute(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}
