//! Backups that the command takes, and their restores, for tests of what goes on around them.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    database::{Database, Engine, private_directory},
    process,
};

/// A backup. Dropping it removes it.
pub struct Backup<'a> {
    database: &'a Database,
    directory: TempDir,
}

impl<'a> Backup<'a> {
    /// Takes a backup of a database, whether its server runs or not.
    pub async fn take(database: &'a Database) -> Self {
        let directory = private_directory();
        let mut command = process::command(database);
        command.args(["backup", "--out"]).arg(directory.path());
        run(command).await;
        Self { database, directory }
    }

    /// Restores it in the place of the database, whose server must be stopped.
    pub async fn restore(&self) {
        self.clear_place();
        let mut command = process::command(self.database);
        command.arg("restore").arg(self.directory.path());
        run(command).await;
    }

    /// Puts it in the place of the database by other means, and declares nothing. The server must be stopped.
    pub async fn put_back_undeclared(&self) {
        self.clear_place();
        let (from, to) = (self.directory.path(), self.database.path());
        std::fs::copy(from.join("keys.db"), to.join("keys.db")).expect("the key store is copied");
        match self.database.engine {
            Engine::Sqlite => {
                std::fs::copy(from.join("record.db"), to.join("mainstay.db")).expect("the record is copied");
            }
            Engine::Postgres => {
                let mut command = Command::new("pg_restore");
                command.args(["--no-owner", "--exit-on-error", "--dbname", &self.database.url]);
                command.arg(from.join("record.dump"));
                run(command).await;
            }
        }
    }

    /// Removes the record and the key store.
    fn clear_place(&self) {
        for file in database_files(self.database) {
            std::fs::remove_file(file).expect("the file is removed");
        }
        if self.database.engine == Engine::Postgres {
            self.database.make_empty();
        }
    }
}

/// Runs a command, which must succeed, while the test goes on.
async fn run(mut command: Command) {
    command.stdin(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let output = ended.await.expect("no panic");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

/// The files of the record and of the key store, with their logs.
fn database_files(database: &Database) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(database.path()).expect("the directory of the database");
    let files = entries.map(|entry| entry.expect("an entry").path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        [".db", ".db-wal", ".db-shm"].iter().any(|end| name.ends_with(end))
    });
    files.collect()
}
