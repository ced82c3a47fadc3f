//! Where to report faults: a file if the operator has set a contact, and none without.

use mainstay_tests::{Client, Database, Process, both_engines};

both_engines!(the_contacts_of_the_operator_are_published_and_none_is_made_up);

const PATH: &str = "/.well-known/security.txt";

async fn the_contacts_of_the_operator_are_published_and_none_is_made_up(database: &Database) {
    let process = Process::start(database, None, &[]).await;
    let none = Client::new(&process.url).get(PATH).await.expect(404);
    assert_eq!(none.problem(), "not-found");
    drop(process);
    let settings = [
        ("MAINSTAY_SECURITY_CONTACT", "mailto:security@example.org, https://example.org/report"),
        ("MAINSTAY_PUBLIC_URL", "https://mainstay.example.org/"),
    ];
    let process = Process::start(database, None, &settings).await;
    let found = Client::new(&process.url).get(PATH).await.expect(200);
    assert_eq!(found.header("content-type"), "text/plain; charset=utf-8");
    let lines: Vec<&str> = found.text.lines().collect();
    assert_eq!(lines[..2], ["Contact: mailto:security@example.org", "Contact: https://example.org/report"]);
    let expires =
        lines[2].strip_prefix("Expires: ").and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
    #[expect(clippy::disallowed_methods, reason = "the server uses the real time too")]
    let days = (expires.expect("a time") - chrono::Utc::now()).num_days();
    assert!((170..365).contains(&days), "{days}");
    assert_eq!(lines[3], "Canonical: https://mainstay.example.org/.well-known/security.txt");
    // A fault in the setting stops the start.
    drop(process);
    let output =
        super::run(database, &["doctor"], &[("MAINSTAY_SECURITY_CONTACT", "security@example.org")], "");
    let said = super::text(&output.stderr);
    assert!(!output.status.success() && said.contains("MAINSTAY_SECURITY_CONTACT"), "{said}");
}
