//! PostgreSQL: passwords are shown nowhere, and without its programs the commands are printed.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use mainstay_tests::Engine;

use super::place::{Place, Ran, register};

const PASSWORD: &str = "not-to-be-seen";

/// A place whose URL has a password, which the server of the tests does not look at.
fn with_password() -> Place {
    let mut place = Place::create(Engine::Postgres);
    place.database.url = place.database.url.replacen("postgres@", &format!("postgres:{PASSWORD}@"), 1);
    assert!(place.database.url.contains(PASSWORD));
    place
}

/// Programs that note their arguments before they do their work.
fn noting_programs(directory: &Path) -> String {
    fs::create_dir(directory).expect("a directory");
    for name in ["pg_dump", "pg_restore"] {
        let program = directory.join(name);
        let text = format!(
            "#!/bin/sh\necho \"{name} $*\" >> '{0}/arguments'\necho \"$PGPASSWORD\" >> '{0}/passwords'\nexec /usr/bin/{name} \"$@\"\n",
            directory.display()
        );
        fs::write(&program, text).expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    directory.display().to_string()
}

#[tokio::test]
async fn a_password_is_in_no_argument_and_no_message() {
    let place = with_password();
    let server = place.serve().await;
    register(&server.url, "sam").await;
    let programs = place.path("programs");
    let path = noting_programs(&programs);
    let run = |place: &Place, arguments: &[&str]| {
        let ran = Ran::from(place.command(arguments).env("PATH", &path).output().expect("it ends"));
        assert!(!ran.text.contains(PASSWORD), "{}", ran.text);
        ran
    };
    let directory = place.path("backup").display().to_string();
    run(&place, &["backup", "--out", &directory]).succeeds();
    run(&place, &["backup", "--verify", &directory]).succeeds();
    let mut elsewhere = with_password();
    fs::copy(place.path("master.key"), elsewhere.path("master.key")).expect("a copy");
    run(&elsewhere, &["restore", &directory]).succeeds();
    let arguments = fs::read_to_string(programs.join("arguments")).expect("they ran");
    assert!(arguments.contains("pg_dump") && arguments.contains("--single-transaction"), "{arguments}");
    assert!(!arguments.contains(PASSWORD), "{arguments}");
    assert!(fs::read_to_string(programs.join("passwords")).expect("they ran").contains(PASSWORD));
    let manifest = fs::read_to_string(format!("{directory}/manifest.json")).expect("a manifest");
    assert!(!manifest.contains(PASSWORD));
    // A server that is not there.
    elsewhere.database.url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/none");
    let nowhere = elsewhere.path("none").display().to_string();
    run(&elsewhere, &["backup", "--out", &nowhere]).refuses(&["refused"]);
    assert!(!Path::new(&nowhere).exists());
}

#[tokio::test]
async fn without_the_programs_the_commands_are_printed_and_nothing_is_written() {
    let place = with_password();
    let server = place.serve().await;
    register(&server.url, "sam").await;
    let directory = place.path("backup").display().to_string();
    let run = |place: &Place, arguments: &[&str]| {
        Ran::from(place.command(arguments).env("PATH", "/nowhere").output().expect("it ends"))
    };
    run(&place, &["backup", "--out", &directory]).refuses(&[
        "pg_dump --format=custom",
        "record.dump",
        "\"$MAINSTAY_DATABASE_URL\"",
        "\"$MAINSTAY_KEY_DATABASE_URL\"",
        "restore --declare",
    ]);
    assert!(!Path::new(&directory).exists());
    place.run(&["backup", "--out", &directory]).succeeds();
    let elsewhere = place.elsewhere();
    run(&elsewhere, &["restore", &directory]).refuses(&[
        "pg_restore --single-transaction",
        "record.dump",
        "\"$MAINSTAY_DATABASE_URL\"",
        "restore --declare",
    ]);
    assert!(elsewhere.is_empty());
}
