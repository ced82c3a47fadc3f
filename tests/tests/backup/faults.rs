//! Backups that are not whole, and backups that do not belong where they are put back.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use mainstay_store::backup::manifest::Manifest;
use mainstay_tests::{both_engines, process};

use super::place::{Place, Ran, copy, register, store};

both_engines!(
    every_fault_is_named_and_refused,
    a_backup_of_a_newer_schema_is_refused,
    databases_of_other_installations_are_refused,
    a_full_disk_is_named_and_leaves_nothing,
);

/// Changes a file of a backup.
type Spoil<'a> = &'a dyn Fn(&Path);

/// A place with a person and a backup.
async fn backed_up(place: &Place) -> String {
    let mut server = place.serve().await;
    let sam = register(&server.url, "sam").await;
    store(&sam, 1..200).await;
    assert!(server.terminate().success());
    place.back_up("backup", &[])
}

async fn every_fault_is_named_and_refused(place: &Place) {
    let good = backed_up(place).await;
    let suffix = if place.settings().is_empty() { "db" } else { "dump" };
    let (record, keys) = (format!("record.{suffix}"), format!("keys.{suffix}"));
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).expect("a file");
    };
    let cut = |path: &Path| {
        let bytes = fs::read(path).expect("a file");
        fs::write(path, &bytes[..bytes.len() - 1]).expect("a file");
    };
    let remove = |path: &Path| fs::remove_file(path).expect("it was there");
    let change = |path: &Path| {
        let text = fs::read_to_string(path).expect("a file");
        fs::write(path, text.replacen("\"records\": 199", "\"records\": 198", 1)).expect("a file");
    };
    let garble = |path: &Path| fs::write(path, "{}").expect("a file");
    let other_format = |path: &Path| {
        let text = fs::read_to_string(path).expect("a file");
        fs::write(path, text.replacen("\"format\": 1", "\"format\": 2", 1)).expect("a file");
    };
    let faults: [(&str, Spoil<'_>); 9] = [
        (&record, &flip),
        (&keys, &flip),
        (&record, &cut),
        (&keys, &remove),
        ("erasures.jsonl", &remove),
        ("manifest.json", &remove),
        ("manifest.json", &change),
        ("manifest.json", &garble),
        ("manifest.json", &other_format),
    ];
    let elsewhere = place.elsewhere();
    for (n, (name, spoil)) in faults.into_iter().enumerate() {
        let spoilt = place.path(&format!("spoilt{n}"));
        let directory = copy(&good, &spoilt);
        spoil(&spoilt.join(name));
        place.run(&["backup", "--verify", &directory]).refuses(&["FAULT", name]);
        elsewhere.run(&["restore", &directory]).refuses(&[name]);
        assert!(elsewhere.is_empty(), "{name}");
    }
    // Two faults are both named.
    let directory = copy(&good, &place.path("two"));
    cut(&place.path("two").join(&record));
    flip(&place.path("two").join(&keys));
    place.run(&["backup", "--verify", &directory]).refuses(&[&record, &keys]);
    // Modes are a fault of a backup, but no reason to go without it.
    let open = copy(&good, &place.path("open"));
    fs::set_permissions(Path::new(&open).join(&record), fs::Permissions::from_mode(0o644)).expect("a mode");
    place.run(&["backup", "--verify", &open]).refuses(&[&record, "644"]);
    elsewhere.run(&["restore", &open]).succeeds();
}

async fn a_backup_of_a_newer_schema_is_refused(place: &Place) {
    let directory = backed_up(place).await;
    let path = Path::new(&directory).join("manifest.json");
    let old = Manifest::parse(&fs::read_to_string(&path).expect("a manifest")).expect("it is sound");
    let mut parts = old.parts.clone();
    parts[0].schema = Some("20991231000001".to_owned());
    let newer = Manifest::new("99.0.0", old.created_at, parts, old.erasures);
    fs::write(&path, newer.text()).expect("a file");
    place.run(&["backup", "--verify", &directory]).refuses(&["20991231000001", "newer version"]);
    let elsewhere = place.elsewhere();
    elsewhere.run(&["restore", &directory]).refuses(&["20991231000001", "newer version"]);
    assert!(elsewhere.is_empty());
}

async fn databases_of_other_installations_are_refused(place: &Place) {
    let directory = backed_up(place).await;
    // Another master key.
    let other = Place::create(place.database.engine);
    other.run(&["keys", "generate"]).succeeds();
    other.run(&["restore", &directory]).refuses(&["needs master key"]);
    assert!(other.is_empty());
    // The record of this installation beside the key store of another.
    let mut server = other.serve().await;
    register(&server.url, "kim").await;
    assert!(server.terminate().success());
    let its_record = other.back_up("its", &["--part", "record"]);
    let missing = place.elsewhere();
    missing.run(&["restore", &its_record]).refuses(&["the key store is empty or missing"]);
    assert!(missing.is_empty());
    let keys_only = place.back_up("keys-only", &["--part", "keys"]);
    let mixed = Place::create(place.database.engine);
    fs::copy(other.path("master.key"), mixed.path("master.key")).expect("a copy");
    mixed.run(&["restore", &its_record, &keys_only]).refuses(&["installation"]);
    assert!(mixed.is_empty());
    other.run(&["restore", &directory, "--part", "record"]).refuses(&["A restore overwrites nothing"]);
}

async fn a_full_disk_is_named_and_leaves_nothing(place: &Place) {
    let _whole = backed_up(place).await;
    let directory = place.path("full");
    let limited = "trap '' XFSZ; ulimit -f 80; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited]).arg(process::binary());
    command.args(["backup", "--out"]).arg(&directory);
    command.env_clear().envs(place.settings());
    command.env("MAINSTAY_DATABASE_URL", &place.database.url).env("MAINSTAY_DATA_DIR", place.database.path());
    let ran = Ran::from(command.output().expect("it ends"));
    // SQLite takes the limit that stands for a full disk here for another error of the disk.
    let hint = if place.settings().is_empty() { "record.db" } else { "no room" };
    ran.refuses(&["record.", hint]);
    assert!(!directory.exists(), "what was written is removed");
}
