//! Measures a backup of a running server and its restore: how long each takes, and what the server's clients notice of
//! the backup.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clap::Args;

use crate::{
    Outcome,
    population::{Engine, SeedCopy, SeedLocation, Size, active, remove_database},
    seed,
    setting::{COMPARED_AT, Setting},
    target::{LoadTarget, Measurement},
    workload::Workload,
    wrk::LoadLevel,
};

/// The database that is restored, on PostgreSQL.
const RESTORED: &str = "restored";

/// The options of `load backup`.
#[derive(Debug, Args)]
pub struct Options {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The size of the seed.
    #[command(flatten)]
    pub size: Size,
}

/// Measures backup, check and restore on each engine.
pub fn run(options: &Options) -> Outcome {
    let _lock = options.setting.lock()?;
    for engine in &options.setting.engine {
        measure(options, *engine)?;
    }
    Ok(())
}

fn measure(options: &Options, engine: Engine) -> Outcome {
    let location = options.setting.location(engine, options.size)?;
    let people = seed::ensure(&location)?;
    let mut target = LoadTarget::start(
        &options.setting.binary()?,
        &location,
        &active(&people, options.setting.active),
    )?;
    target.warm_up()?;
    let commands = Commands {
        binary: options.setting.binary()?,
        location: &location,
        directory: location.file("backup"),
    };
    commands.clear()?;
    let idle = commands.backup()?;
    // As long as the backup of an idle server takes, so that the backup lasts for the whole of the load.
    let load_level = LoadLevel {
        seconds: options.setting.seconds.max(u32::try_from(idle.as_secs())? + 1),
        ..options.setting.load_level(COMPARED_AT)
    };
    let at_rest = target.run_workload(Workload::W1, load_level)?;
    fs::remove_dir_all(&commands.directory)?;
    let (meanwhile, under_load) = std::thread::scope(|scope| -> Outcome<_> {
        let backup = scope.spawn(|| commands.backup());
        let meanwhile = target.run_workload(Workload::W1, load_level)?;
        let under_load = backup.join().map_err(|_panic| "the backup panicked")??;
        Ok((meanwhile, under_load))
    })?;
    target.server.stop()?;
    println!("{}", engine.name());
    print_figures("W1 at rest", &at_rest);
    print_figures("W1 during the backup", &meanwhile);
    for (name, time) in [
        ("backup, idle server", idle),
        ("backup under W1", under_load),
        ("backup --verify", commands.verify()?),
        ("restore", commands.restore()?),
    ] {
        println!("{name:<22} {:.1} s", time.as_secs_f64());
    }
    commands.clear()
}

fn print_figures(name: &str, measured: &Measurement) {
    println!(
        "{name:<22} {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        measured.figures.rate(),
        milliseconds(measured.figures.p50_us),
        milliseconds(measured.figures.p99_us),
        milliseconds(measured.figures.max_us),
    );
}

fn milliseconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64() * 1000.0
}

/// The commands of the server binary on the served copy of a seed.
struct Commands<'a> {
    binary: PathBuf,
    location: &'a SeedLocation,
    /// The directory of the backup.
    directory: PathBuf,
}

impl Commands<'_> {
    fn backup(&self) -> Outcome<Duration> {
        self.time(
            &["backup", "--out"],
            &self.location.directory,
            &self.location.copy_url(SeedCopy::Served),
        )
    }

    fn verify(&self) -> Outcome<Duration> {
        self.time(
            &["backup", "--verify"],
            &self.location.directory,
            &self.location.copy_url(SeedCopy::Served),
        )
    }

    fn restore(&self) -> Outcome<Duration> {
        let directory = self.restored();
        fs::create_dir_all(&directory)?;
        let url = match &self.location.postgres {
            None => format!("sqlite:{}", directory.join("restored.db").display()),
            Some(postgres) => {
                postgres.create(RESTORED)?;
                postgres.url(RESTORED)
            }
        };
        self.time(&["restore"], &directory, &url)
    }

    /// Runs a command on the directory of the backup, and returns how long it took.
    fn time(&self, arguments: &[&str], data: &Path, url: &str) -> Outcome<Duration> {
        let started = Instant::now();
        let output = Command::new(&self.binary)
            .args(arguments)
            .arg(&self.directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MAINSTAY_DATABASE_URL", url)
            .env("MAINSTAY_DATA_DIR", data)
            .env("MAINSTAY_MASTER_KEY_FILE", self.location.file("master.key"))
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            Ok(started.elapsed())
        } else {
            Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
        }
    }

    fn restored(&self) -> PathBuf {
        self.location.file(RESTORED)
    }

    /// Removes the backup and what was restored from it.
    fn clear(&self) -> Outcome {
        for directory in [&self.directory, &self.restored()] {
            if directory.exists() {
                fs::remove_dir_all(directory)?;
            }
        }
        match &self.location.postgres {
            None => remove_database(&self.restored().join("restored.db")),
            Some(postgres) => postgres.drop(RESTORED),
        }
    }
}
