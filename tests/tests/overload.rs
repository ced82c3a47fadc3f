//! More requests than the server can serve: it refuses early, serves what is urgent, and goes on as soon as it is over.
//!
//! The server has one processor, as on a small machine, and gets ten times as many requests a second as it can serve. The
//! clients send them in time, whether or not the earlier ones were answered, and go away after two seconds. All bounds
//! compare with the same server just before, and leave room for a slow machine.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use mainstay_api::server::clock::Clock;
use mainstay_flood::{Flood, Kind, Sent, quantile, request};
use mainstay_tests::{
    Database, PASSWORD, Person, Process, both_engines,
    samples::{check_in, statuses, upsert},
};
use serde_json::json;

both_engines!(
    at_ten_times_its_capacity_the_server_refuses_early_and_serves_cravings,
    a_request_whose_client_is_gone_is_not_worked_on,
    a_network_can_hold_only_some_of_the_connections,
    a_flood_of_help_of_one_account_refuses_no_summary,
);

/// The people who send requests.
const PEOPLE: usize = 12;
/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(4);

async fn at_ten_times_its_capacity_the_server_refuses_early_and_serves_cravings(database: &Database) {
    let settings = [("MAINSTAY_WORKERS", "1"), ("MAINSTAY_CONNECTIONS_PER_NETWORK", "100000")];
    let process = Process::start_on_one_processor(database, &settings).await;
    let flood = Flood::new(address(&process), kinds(&process.url).await, PATIENCE);
    flood.closed_loop(8, Duration::from_secs(1)).await;
    let rest = flood.closed_loop(8, LENGTH).await;
    assert!(rest.iter().all(|sent| sent.status.is_some_and(is_success)), "{}", figures("at rest", &rest));
    let peak = count(&rest, |sent| sent.status.is_some_and(is_success)) / LENGTH.as_secs_f64();

    let is_refused = |sent: &Sent| sent.status == Some(503);
    let mut sent = flood.open_loop(peak * 10.0, LENGTH).await;
    if count(&sent, is_refused) < 0.5 * count(&sent, |_| true) {
        // Something else took the processor while the peak was measured.
        sent = flood.open_loop(peak * 30.0, LENGTH).await;
    }
    let text = format!("{}{}", figures("at rest", &rest), figures("at ten times the load", &sent));
    eprintln!("{text}");
    let answered = count(&sent, |sent| sent.status.is_some()) / count(&sent, |_| true);
    assert!(answered > 0.99, "{answered} of the requests are answered\n{text}");
    assert!(count(&sent, is_refused) > 0.5 * count(&sent, |_| true), "most are refused\n{text}");
    let refused_in = quantile(sent.iter().copied().filter(is_refused), 990);
    assert!(refused_in < Duration::from_millis(300), "refusals take {refused_in:?}\n{text}");
    let cravings = |sent: &Sent| sent.kind == "craving";
    let stored = count(&sent, |sent| cravings(sent) && sent.status == Some(201)) / count(&sent, cravings);
    assert!(stored >= 0.99, "{stored} of the cravings are stored\n{text}");
    let goodput = |seconds: std::ops::Range<u64>| {
        let is_within = |sent: &Sent| seconds.contains(&(sent.at + sent.took).as_secs());
        count(&sent, |sent| is_within(sent) && sent.status.is_some_and(is_success))
    };
    let mean = goodput(0..4) / 4.0;
    assert!(mean >= 0.5 * peak, "{mean} a second are served, and {peak} before\n{text}");
    for second in 0..4 {
        let served = goodput(second..second + 1);
        assert!(served >= 0.25 * peak, "{served} are served in second {second}, and {peak} before\n{text}");
    }

    let after = flood.closed_loop(2, Duration::from_secs(2)).await;
    let late = after.iter().filter(|sent| sent.at > Duration::from_secs(1));
    assert!(late.clone().count() > 0, "{}", figures("afterwards", &after));
    assert!(
        late.clone().all(|sent| sent.status.is_some_and(is_success)),
        "{}",
        figures("afterwards", &after)
    );
}

/// The requests of ordinary people, half of them dear.
async fn kinds(url: &str) -> Vec<Kind> {
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        people.push(Person::register(url, json!({ "email": format!("person{n}@example.org") })).await);
    }
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] })
            .to_string();
    let check_in = check_in("a note").to_string();
    let of_each = |make: &dyn Fn(&Person, &str) -> Vec<u8>| -> Arc<[Vec<u8>]> {
        people
            .iter()
            .map(|person| make(person, person.tokens["access_token"].as_str().expect("a token")))
            .collect()
    };
    let login = |person: &Person| json!({ "email": person.email, "password": PASSWORD }).to_string();
    let kind = |name, share, requests| Kind { name, share, requests };
    vec![
        kind(
            "craving",
            3,
            of_each(&|_, token| request("POST", "/v1/craving-events", &bearer(token), Some(&craving))),
        ),
        kind("plan", 2, of_each(&|_, token| request("GET", "/v1/support", &bearer(token), None))),
        kind(
            "check-in",
            30,
            of_each(&|_, token| request("POST", "/v1/check-ins", &bearer(token), Some(&check_in))),
        ),
        kind("list", 25, of_each(&|_, token| request("GET", "/v1/check-ins?limit=30", &bearer(token), None))),
        kind(
            "summary",
            30,
            of_each(&|_, token| request("GET", "/v1/insights/summary", &bearer(token), None)),
        ),
        kind(
            "sign-in",
            10,
            of_each(&|person, _| request("POST", "/v1/auth/login", &[], Some(&login(person)))),
        ),
    ]
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn count(sent: &[Sent], condition: impl Fn(&Sent) -> bool) -> f64 {
    let count = sent.iter().filter(|sent| condition(sent)).count();
    f64::from(u32::try_from(count).expect("not that many"))
}

/// The figures of a load, for people.
fn figures(name: &str, sent: &[Sent]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{name}: {} requests\n", sent.len());
    for kind in ["craving", "plan", "help", "check-in", "list", "summary", "sign-in"] {
        let of_kind: Vec<Sent> = sent.iter().copied().filter(|sent| sent.kind == kind).collect();
        let (served, refused): (Vec<Sent>, Vec<Sent>) = (
            of_kind.iter().copied().filter(|sent| sent.status.is_some_and(is_success)).collect(),
            of_kind.iter().copied().filter(|sent| sent.status == Some(503)).collect(),
        );
        let without = count(&of_kind, |sent| sent.status.is_none());
        let _ = writeln!(
            text,
            "  {kind:<9} {:>5} served, p50 {:>6.1?}, p99 {:>6.1?}; {:>5} refused, p99 {:>6.1?}; {without} without a response",
            served.len(),
            quantile(served.iter().copied(), 500),
            quantile(served.iter().copied(), 990),
            refused.len(),
            quantile(refused.iter().copied(), 990),
        );
    }
    text
}

async fn a_request_whose_client_is_gone_is_not_worked_on(database: &Database) {
    const GONE: usize = 200;
    let process = Process::start_on_one_processor(database, &[("MAINSTAY_WORKERS", "1")]).await;
    let sam = Person::register(&process.url, json!({})).await;
    let token = sam.tokens["access_token"].as_str().expect("a token");
    let bytes = request("POST", "/v1/check-ins", &bearer(token), Some(&check_in("a note").to_string()));
    // As if the machine had stood still for longer than the clients waited.
    process.signal("STOP");
    for _ in 0..GONE {
        let mut client = connect(&process);
        client.write_all(&bytes).expect("the system takes it");
    }
    let craving =
        json!({ "occurred_at": "2026-03-01T12:00:00Z", "ratings": [{ "offset_s": 0, "value": 7 }] });
    let mut waiting = connect(&process);
    let craving = craving.to_string();
    waiting
        .write_all(&request("POST", "/v1/craving-events", &bearer(token), Some(&craving)))
        .expect("the system takes it");
    process.signal("CONT");
    let response = read_response(&mut waiting);
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    let stored = sam.get("/v1/check-ins?limit=200").await.items().len();
    eprintln!("{stored} of {GONE} requests whose client was gone were worked on");
    assert!(stored <= GONE / 4, "{stored} requests were worked on for nobody");
}

async fn a_network_can_hold_only_some_of_the_connections(database: &Database) {
    let setting = ("MAINSTAY_CONNECTIONS_PER_NETWORK", "8");
    let process = Process::start(database, None, &[setting, ("MAINSTAY_WORKERS", "1")]).await;
    let ask = |process: &Process| {
        let mut client = connect(process);
        // A connection that is closed at once may be closed before this is written.
        let _ = client.write_all(&request("GET", "/health/live", &[], None));
        read_response(&mut client)
    };
    wait_until(|| ask(&process).starts_with("HTTP/1.1 200 ")).await;
    let mut held: Vec<TcpStream> = (0..8).map(|_| connect(&process)).collect();
    wait_until(|| ask(&process).starts_with("HTTP/1.1 429 ")).await;
    let refusal = ask(&process).to_ascii_lowercase();
    for part in
        ["\r\nretry-after: ", "\r\nconnection: close", "\r\nx-request-id: ", "/problems/too-many-requests"]
    {
        assert!(refusal.contains(part), "{part} in {refusal}");
    }
    held.extend((0..8).map(|_| connect(&process)));
    wait_until(|| ask(&process).is_empty()).await;
    drop(held);
    wait_until(|| ask(&process).starts_with("HTTP/1.1 200 ")).await;
    drop(process);

    // A proxy has the connections of many people.
    let settings = [setting, ("MAINSTAY_WORKERS", "1"), ("MAINSTAY_TRUSTED_PROXIES", "127.0.0.0/8")];
    let process = Process::start(database, None, &settings).await;
    let held: Vec<TcpStream> = (0..40).map(|_| connect(&process)).collect();
    assert!(ask(&process).starts_with("HTTP/1.1 200 "));
    drop(held);
}

/// The header that signs in.
fn bearer(token: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {token}"))]
}

fn address(process: &Process) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], process.port()))
}

fn connect(process: &Process) -> TcpStream {
    let stream = TcpStream::connect(address(process)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream
}

/// Reads a response, or nothing from a connection that is closed.
fn read_response(client: &mut TcpStream) -> String {
    let mut response = vec![0; 65_536];
    // A short response comes in one piece.
    let count = client.read(&mut response).unwrap_or_default();
    String::from_utf8_lossy(&response[..count]).into_owned()
}

/// Waits until a condition holds.
async fn wait_until(condition: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The fault that this was written for: requests beyond those that might wait were refused at once, came again at once, and
/// kept the worker so busy that it refused other people's summaries.
async fn a_flood_of_help_of_one_account_refuses_no_summary(database: &Database) {
    let process = Process::start_on_one_processor(database, &[("MAINSTAY_WORKERS", "1")]).await;
    let sam = Person::register(&process.url, json!({})).await;
    store_events(&sam).await;
    let mut others = Vec::new();
    for n in 0..4 {
        let email = format!("person{n}@example.org");
        others.push(Person::register(&process.url, json!({ "email": email })).await);
    }
    let get = |person: &Person, path: &str| {
        let token = person.tokens["access_token"].as_str().expect("a token");
        request("GET", path, &bearer(token), None)
    };
    let flood = |name, requests: Vec<Vec<u8>>| {
        let kind = Kind { name, share: 100, requests: requests.into() };
        Flood::new(address(&process), vec![kind], Duration::from_secs(20))
    };
    let help = flood("help", vec![get(&sam, "/v1/support")]);
    let summaries = flood("summary", others.iter().map(|one| get(one, "/v1/insights/summary")).collect());
    let flooding = tokio::spawn(async move { help.closed_loop(32, LENGTH).await });
    let sent = summaries.open_loop(6.0, LENGTH).await;
    let help = flooding.await.expect("no panic");
    let text = format!("{}\n{}", figures("during a flood of help", &sent), figures("the flood", &help));
    assert!(sent.iter().all(|sent| sent.status == Some(200)), "{text}");
    // Those who wait for long are refused, and nobody before.
    let at_once = |sent: &Sent| sent.status == Some(503) && sent.took < Duration::from_secs(1);
    assert!(!help.iter().any(at_once), "{text}");
    assert!(help.iter().any(|sent| sent.status == Some(200)), "{text}");
}

/// Stores so many events that help takes much longer to put together than any other request.
async fn store_events(person: &Person) {
    let now = Clock::default().now();
    let uses: Vec<_> = (0..20).map(|n| json!({ "label": format!("walk {n}"), "helped": true })).collect();
    let change = |n: i64| {
        let at = now - chrono::TimeDelta::minutes(1 + n);
        let craving = json!({
            "occurred_at": at.to_rfc3339(), "ratings": [{ "offset_s": 0, "value": 7 }], "strategy_uses": uses,
        });
        upsert("craving-events", u128::try_from(n).expect("a number"), None, craving)
    };
    let changes: Vec<_> = (0..200).map(change).collect();
    let push = json!({ "cursor": null, "limit": 1, "changes": changes });
    let pushed = person.post("/v1/sync", &push).await.expect(200);
    let results = pushed.body["results"].as_array().expect("results").clone();
    assert!(statuses(&results).iter().all(|status| *status == "applied"), "{:?}", results[0]);
}
