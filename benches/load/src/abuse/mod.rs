//! Measures what the people of a server notice while others flood it, beside the same server at rest.
//!
//! Everybody talks to the server through a proxy that it trusts, so that the load test can be many networks. Rate limits
//! and all other protections are on.

mod people;

use std::{sync::Arc, time::Duration};

use clap::Args;
use mainstay_flood::{Flood, Kind, Sent, quantile};
use tokio::{runtime::Runtime, task::JoinHandle};

use self::people::Requests;
use crate::{
    Outcome,
    population::{Engine, SeedCopy, SeedLocation, Size, active},
    seed,
    server::Server,
    setting::Setting,
    table::Table,
};

/// The requests a second of people who use the server as always.
const EVERYDAY_RATE: f64 = 40.0;
/// The clients that flood the server, each of which waits for its response.
const FLOODERS: usize = 32;
/// How long a client waits before it goes away.
const PATIENCE: Duration = Duration::from_secs(10);
/// The clients that find out how much the server can serve.
const PEAK_CLIENTS: usize = 12;
/// So many times as much as the server can serve.
const OVERLOAD: f64 = 10.0;
/// The most requests a second that the client of the load test can send beside the server.
const MAX_RATE: f64 = 12_000.0;

/// The options of `load abuse`.
#[derive(Debug, Args)]
pub struct Options {
    /// The options that every command has.
    #[command(flatten)]
    pub setting: Setting,
    /// The size of the seed.
    #[command(flatten)]
    pub size: Size,
    /// Processors for the server, as `taskset` reads them; all of them if left out.
    #[arg(long, value_name = "LIST")]
    pub processors: Option<String>,
}

/// Measures every kind of abuse on each engine.
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
    location.make_copy(SeedCopy::Served)?;
    location.mark_written(SeedCopy::Served)?;
    let server = start(options, &location)?;
    let requests = Requests::prepare(
        server.address,
        &location,
        &active(&people, options.setting.active).people,
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let bench = Bench {
        runtime,
        server: &server,
        length: Duration::from_secs(options.setting.seconds.into()),
    };
    println!("{}", engine.name());
    bench.compare(&requests);
    bench.overload(&requests)?;
    drop(bench);
    server.stop()
}

fn start(options: &Options, location: &SeedLocation) -> Outcome<Server> {
    let settings = [
        ("MAINSTAY_RATE_LIMITS", "on"),
        ("MAINSTAY_TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let binary = options.setting.binary()?;
    Server::mainstay_with(&binary, location, &settings, options.processors.as_deref())
}

/// A server, and the clients that load it.
struct Bench<'a> {
    runtime: Runtime,
    server: &'a Server,
    length: Duration,
}

impl Bench<'_> {
    /// Compares the everyday use at rest with the same use during each flood, and during all floods together.
    fn compare(&self, requests: &Requests) {
        let floods = [
            (
                "registrations from another network",
                vec![requests.registrations()],
            ),
            ("one hostile account", vec![requests.hostile()]),
            (
                "all of it together",
                vec![requests.registrations(), requests.hostile(), requests.guesses()],
            ),
        ];
        self.everyday(requests, &[]);
        let rest = self.everyday(requests, &[]);
        for (name, kinds) in floods {
            let during = self.everyday(requests, &kinds);
            println!("\n{name}\n\n{}", table(&rest, &during));
        }
    }

    /// Runs the everyday use beside floods.
    fn everyday(&self, requests: &Requests, floods: &[Vec<Kind>]) -> Vec<Sent> {
        let flooding: Vec<JoinHandle<Vec<Sent>>> = floods
            .iter()
            .map(|kinds| {
                let flood = self.flood(kinds.clone());
                let length = self.length + Duration::from_secs(1);
                self.runtime
                    .spawn(async move { flood.closed_loop(FLOODERS, length).await })
            })
            .collect();
        let everyday = self.flood(requests.everyday());
        self.runtime.block_on(async {
            let sent = everyday.open_loop(EVERYDAY_RATE, self.length).await;
            for flood in flooding {
                // Whatever becomes of its requests, the flood itself is of no interest.
                let _ = flood.await;
            }
            sent
        })
    }

    /// Finds out how much the server can serve, and sends ten times as much.
    fn overload(&self, requests: &Requests) -> Outcome {
        let busy = self.flood(requests.busy());
        let calm = self.flood(requests.busy_without_sign_ins());
        let (rest, during) = self.runtime.block_on(async {
            calm.closed_loop(PEAK_CLIENTS, Duration::from_secs(1)).await;
            let rest = calm.closed_loop(PEAK_CLIENTS, self.length).await;
            let rate = (served(&rest) / self.length.as_secs_f64() * OVERLOAD).min(MAX_RATE);
            (rest, busy.open_loop(rate, self.length).await)
        });
        let rate = |sent: &[Sent]| served(sent) / self.length.as_secs_f64();
        let (peak, goodput) = (rate(&rest), rate(&during));
        println!(
            "\n{:.1} times the load\n\n{}",
            during.len() as f64 / served(&rest),
            table(&rest, &during)
        );
        println!(
            "goodput {goodput:.0}/s of {peak:.0}/s, {:.0} %; least in a second {:.0} %",
            100.0 * goodput / peak,
            100.0 * least_in_a_second(&during, self.length) / peak,
        );
        let refused = during.iter().copied().filter(is_refused);
        println!("refusals in {:.1?} at p99", quantile(refused, 990));
        let unanswered = during.iter().filter(|sent| sent.status.is_none()).count();
        println!("{unanswered} of {} without a response", during.len());
        self.recovery(&busy)
    }

    /// Prints how long after the load a request of each kind is served again.
    fn recovery(&self, busy: &Arc<Flood>) -> Outcome {
        let after = self.runtime.block_on(busy.closed_loop(1, Duration::from_secs(3)));
        let last = after
            .iter()
            .filter(|sent| !is_served(sent))
            .map(|sent| sent.at + sent.took);
        let all_well = after.last().is_some_and(is_served);
        if !all_well {
            return Err("the server does not recover".into());
        }
        println!(
            "served again {:.1?} after the load",
            last.max().unwrap_or_default()
        );
        Ok(())
    }

    fn flood(&self, kinds: Vec<Kind>) -> Arc<Flood> {
        Flood::new(self.server.address, kinds, PATIENCE)
    }
}

fn is_served(sent: &Sent) -> bool {
    sent.status.is_some_and(|status| (200..300).contains(&status))
}

fn is_refused(sent: &Sent) -> bool {
    matches!(sent.status, Some(429 | 503))
}

fn served(sent: &[Sent]) -> f64 {
    sent.iter().filter(|sent| is_served(sent)).count() as f64
}

/// The fewest requests that were served in a second of a load.
fn least_in_a_second(sent: &[Sent], length: Duration) -> f64 {
    let in_second = |second: u64| {
        let of_second = sent
            .iter()
            .filter(|sent| is_served(sent) && (sent.at + sent.took).as_secs() == second);
        of_second.count()
    };
    (0..length.as_secs()).map(in_second).min().unwrap_or_default() as f64
}

/// A table of each kind of request at rest and during a flood.
fn table(rest: &[Sent], during: &[Sent]) -> Table {
    let mut table = Table::new(&[
        "request",
        "p50 at rest",
        "p99 at rest",
        "p50 during",
        "p99 during",
        "served",
        "refused",
        "no response or a fault",
    ]);
    let mut names: Vec<&str> = rest.iter().chain(during).map(|sent| sent.kind).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of_kind =
            |sent: &[Sent]| -> Vec<Sent> { sent.iter().copied().filter(|sent| sent.kind == name).collect() };
        let (rest, during) = (of_kind(rest), of_kind(during));
        let count = |condition: fn(&Sent) -> bool| during.iter().filter(|sent| condition(sent)).count();
        let time = |sent: &[Sent], permille| {
            let served = sent.iter().copied().filter(is_served);
            format!("{:.1} ms", quantile(served, permille).as_secs_f64() * 1000.0)
        };
        table.add([
            name.to_owned(),
            time(&rest, 500),
            time(&rest, 990),
            time(&during, 500),
            time(&during, 990),
            count(is_served).to_string(),
            count(is_refused).to_string(),
            count(|sent| !is_served(sent) && !is_refused(sent)).to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_of_a_load_are_told_apart() {
        let sent = |at_ms: u64, status| Sent {
            kind: "list",
            at: Duration::from_millis(at_ms),
            took: Duration::from_millis(10),
            status,
        };
        let all = [
            sent(0, Some(200)),
            sent(500, Some(201)),
            sent(995, Some(200)),
            sent(1100, Some(503)),
            sent(1200, None),
        ];
        assert!((served(&all) - 3.0).abs() < 1e-9);
        assert!((least_in_a_second(&all, Duration::from_secs(2)) - 1.0).abs() < 1e-9);
    }
}
