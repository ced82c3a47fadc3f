//! Files of the data are for their owner only, whoever made them, and the process leaves no core dump.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use mainstay_tests::{Database, Person, Process, both_engines};
use serde_json::json;

use super::{run, text};

both_engines!(
    a_server_takes_files_from_others_and_says_so,
    doctor_reports_what_others_can_reach_and_changes_nothing,
    commands_make_private_files_and_folders,
    a_server_leaves_no_core_dump,
);

/// The files and folders below a folder that others may reach.
fn exposed(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("it is there");
        if metadata.mode() & 0o077 != 0 {
            found.push(entry.path().display().to_string());
        }
        if metadata.is_dir() {
            found.extend(exposed(&entry.path()));
        }
    }
    found.sort();
    found
}

/// Lets everybody read the files of a folder, as a version before did where it found the folder.
fn open_up(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
            count += 1;
        }
    }
    count
}

async fn a_server_takes_files_from_others_and_says_so(database: &Database) {
    let mut process = Process::start(database, None, &[]).await;
    Person::register(&process.url, json!({})).await;
    assert_eq!(exposed(database.path()), [""; 0], "what it makes itself, while it runs");
    assert!(process.terminate().success());
    let quiet = fs::read_to_string(database.path().join("server.log")).expect("a log");
    assert!(!quiet.contains("other users"), "{quiet}");

    assert!(open_up(database.path()) > 3);
    fs::create_dir(database.path().join("backups")).expect("a folder");
    fs::write(database.path().join("backups/copy"), "of data").expect("a file");
    fs::set_permissions(database.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut process = Process::start(database, None, &[]).await;
    let log = fs::read_to_string(database.path().join("server.log")).expect("a log");
    for part in [
        "other users could reach",
        "keys.db",
        "master.key",
        "signing.pem",
        "backups/copy",
        "run `chmod 700` on it",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let left: Vec<String> =
        exposed(database.path()).into_iter().filter(|path| !path.ends_with("/backups")).collect();
    assert_eq!(left, [""; 0]);
    let mode = fs::metadata(database.path()).expect("a folder").mode() & 0o777;
    assert_eq!(mode, 0o755, "a folder that was there stays as it is");
    assert!(process.terminate().success());
}

async fn doctor_reports_what_others_can_reach_and_changes_nothing(database: &Database) {
    let mut process = Process::start(database, None, &[]).await;
    assert!(process.terminate().success());
    let doctor = || {
        let output = run(database, &["doctor", "--listen", "127.0.0.1:0"], &[], "");
        (output.status.success(), text(&output.stdout))
    };
    let (is_well, said) = doctor();
    assert!(is_well && said.contains("ok      private files"), "{said}");
    let path = database.path().join("keys.db");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("it is ours");
    fs::set_permissions(database.path(), fs::Permissions::from_mode(0o705)).expect("it is ours");
    let (is_well, said) = doctor();
    let expected = "FAULT   private files: other users may reach ";
    assert!(
        !is_well
            && said.contains(expected)
            && said.contains("keys.db")
            && said.contains("other users may enter"),
        "{said}"
    );
    assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o604);
}

async fn commands_make_private_files_and_folders(database: &Database) {
    let fresh = database.path().join("a/new/folder");
    let fresh_text = fresh.display().to_string();
    let mut settings = vec![("MAINSTAY_DATA_DIR", fresh_text.as_str())];
    let url = format!("sqlite:{fresh_text}/mainstay.db");
    if database.url.starts_with("sqlite:") {
        settings.push(("MAINSTAY_DATABASE_URL", url.as_str()));
    }
    let works = |arguments: &[&str]| {
        let output = run(database, arguments, &settings, "rivers bend slowly");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    };
    works(&["keys", "generate"]);
    works(&["migrate"]);
    works(&["account", "create", "--role", "operator", "--email", "o@example.org"]);
    let backup = database.path().join("a/backup").display().to_string();
    works(&["backup", "--out", &backup]);
    assert_eq!(exposed(&database.path().join("a")), [""; 0]);
    assert_eq!(fs::metadata(database.path().join("a")).expect("a folder").mode() & 0o777, 0o700);
}

async fn a_server_leaves_no_core_dump(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.id())).expect("it runs");
    let limits = of("limits");
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).expect("the limit");
    assert_eq!(limit.split_whitespace().rev().skip(1).take(2).collect::<Vec<_>>(), ["0", "0"], "{limit}");
    let status = of("status");
    let mask = status.lines().find(|line| line.starts_with("Umask:")).expect("the mask");
    assert_eq!(mask.split_whitespace().nth(1), Some("0077"));
}
