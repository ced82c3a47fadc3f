//! Accounts that an operator creates from the command line.

use std::process::Output;

use mainstay_tests::{Client, Database, Engine, PASSWORD, Process};
use serde_json::json;

use super::{run, text};

fn create(database: &Database, display_name: &str) -> Output {
    let arguments = [
        "account",
        "create",
        "--role",
        "clinician",
        "--email",
        "kim@example.org",
        "--display-name",
        display_name,
    ];
    run(database, &arguments, &[], PASSWORD)
}

/// An account with such a name was created, and could not be read again.
#[tokio::test]
async fn a_display_name_of_a_forbidden_length_is_refused_and_creates_nothing() {
    let database = Database::create(Engine::Sqlite);
    for wrong in [String::new(), "x".repeat(201)] {
        let refused = create(&database, &wrong);
        let message = text(&refused.stderr);
        assert!(!refused.status.success(), "{message}");
        assert!(message.contains("--display-name must have 1 to 200 characters"), "{message}");
        assert_eq!(text(&refused.stdout), "");
    }
    // The address is still free.
    let longest = "ä".repeat(200);
    let created = create(&database, &longest);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let process = Process::start(&database, None, &[]).await;
    let login = json!({ "email": "kim@example.org", "password": PASSWORD });
    let session = Client::new(&process.url).post("/v1/auth/login", &login).await.expect(200);
    assert_eq!(session.body["account"]["display_name"], json!(longest));
}

/// The limits that the operator sets are those that count, and `--default` takes them back.
#[tokio::test]
async fn an_operator_sees_the_budgets_of_an_account_and_sets_its_limits() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::create(engine);
        let migrated = run(&database, &["migrate"], &[], "");
        assert!(migrated.status.success(), "{}", text(&migrated.stderr));
        let created = create(&database, "Kim");
        assert!(created.status.success(), "{}", text(&created.stderr));
        let id = text(&created.stdout).trim().to_owned();
        let quota = |arguments: &[&str]| {
            let all: Vec<&str> =
                ["account", "quota", "--id", &id].into_iter().chain(arguments.iter().copied()).collect();
            run(&database, &all, &[("MAINSTAY_QUOTA_RECORDS", "70")], "")
        };
        for (arguments, expected) in [
            (vec![], ["0 of 70 (default)", "0 of 1073741824 (default)", "0 of 50000 (default)"]),
            (
                vec!["--records", "5", "--writes-per-day", "9"],
                ["0 of 5 (own)", "0 of 1073741824 (default)", "0 of 9 (own)"],
            ),
            (vec!["--bytes", "8", "--recount"], ["0 of 5 (own)", "0 of 8 (own)", "0 of 9 (own)"]),
            (
                vec!["--default", "--records", "6"],
                ["0 of 6 (own)", "0 of 1073741824 (default)", "0 of 50000 (default)"],
            ),
        ] {
            let shown = quota(&arguments);
            assert!(shown.status.success(), "{}", text(&shown.stderr));
            let lines: Vec<String> = text(&shown.stdout)
                .lines()
                .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(lines, expected, "{arguments:?}");
        }
        for wrong in [["--records", "0"], ["--bytes", "many"]] {
            assert!(!quota(&wrong).status.success(), "{wrong:?}");
        }
        let all = run(&database, &["account", "quota", "--all", "--recount"], &[], "");
        assert_eq!(text(&all.stdout), "0 of 1 accounts corrected\n", "{}", text(&all.stderr));
        for wrong in [vec!["--all"], vec!["--all", "--recount", "--bytes", "8"], vec!["--recount"]] {
            let refused = run(&database, &[["account", "quota"].as_slice(), &wrong].concat(), &[], "");
            assert!(!refused.status.success(), "{wrong:?}");
        }
        let nobody = ["account", "quota", "--id", "01950000-0000-7000-8000-000000000001"];
        let nobody = run(&database, &nobody, &[], "");
        assert!(!nobody.status.success());
        assert!(text(&nobody.stderr).contains("there is no account"), "{}", text(&nobody.stderr));
    }
}
