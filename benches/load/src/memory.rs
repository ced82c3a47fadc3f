//! Measures how much memory one more connection, and one more active person, costs the server.

use std::path::Path;

use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use mainstay_domain::account::Role;

use crate::{
    Outcome,
    http::Connection,
    population::{Person, SeedLocation, active},
    process,
    results::{EngineResults, MemoryShare},
    server::Server,
};

const IDLE_CONNECTIONS: u64 = 1000;
/// The people who are active before memory is measured for the first time.
const BASELINE_PEOPLE: u32 = 500;
/// The people who are active when it is measured again.
const MEASURED_PEOPLE: u32 = 5000;

/// Measures the memory of a fresh server: after the baseline people were active, after many more were, and with many
/// idle connections.
pub fn measure(
    binary: &Path,
    location: &SeedLocation,
    people: &[Person],
    results: &mut EngineResults,
) -> Outcome {
    let server = Server::mainstay(binary, location)?;
    let tokens = Tokens::new(
        &std::fs::read_to_string(location.file("signing.pem"))?,
        "mainstay",
    )?;
    let token = |person: &Person| {
        let now = Clock::default().now();
        tokens.issue(person.account, person.session, Role::Person, now)
    };
    let memory = || Outcome::Ok(process::memory(server.process())?.now as f64);
    let mut connection = Connection::open(server.address)?;
    let mut visit = |person: &Person| -> Outcome {
        for path in ["/v1/plans/active", "/v1/check-ins?limit=30"] {
            connection.send("GET", path, &token(person)?, None)?.expect(200)?;
        }
        Ok(())
    };

    let baseline = active(people, BASELINE_PEOPLE).people;
    // Twice, so that memory that the very first requests allocate is in the baseline.
    baseline.iter().chain(&baseline).try_for_each(&mut visit)?;
    let before = memory()?;
    let measured = active(people, MEASURED_PEOPLE).people;
    measured.iter().try_for_each(&mut visit)?;
    let added = measured.len().saturating_sub(baseline.len());
    results.active_person = (added > 0).then_some(MemoryShare {
        kib: memory()? - before,
        count: u64::try_from(added)?,
    });

    let before = memory()?;
    let mut idle = Vec::new();
    for person in baseline.iter().cycle().take(usize::try_from(IDLE_CONNECTIONS)?) {
        let mut connection = Connection::open(server.address)?;
        connection
            .send("GET", "/v1/check-ins?limit=1", &token(person)?, None)?
            .expect(200)?;
        idle.push(connection);
    }
    results.idle_connection = Some(MemoryShare {
        kib: memory()? - before,
        count: IDLE_CONNECTIONS,
    });
    drop(idle);
    server.stop()
}
