//! What one more connection, and one more active person, costs in memory.

use std::path::Path;

use mainstay_api::{auth::access_token::Tokens, server::clock::Clock};
use mainstay_domain::account::Role;

use crate::{
    Outcome,
    findings::{Findings, Share},
    http::Connection,
    population::{Person, Place, active},
    process,
    server::Server,
};

const CONNECTIONS: u64 = 1000;
const FEW: u32 = 500;
const MANY: u32 = 5000;

/// Looks at a fresh server: after few people were active, after many were, with many idle connections.
pub fn measure(binary: &Path, place: &Place, people: &[Person], findings: &mut Findings) -> Outcome {
    let server = Server::mainstay(binary, place)?;
    let tokens = Tokens::new(&std::fs::read_to_string(place.file("signing.pem"))?, "mainstay")?;
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

    let few = active(people, FEW).people;
    // Twice, so that what the first requests of all leave behind counts for nobody.
    few.iter().chain(&few).try_for_each(&mut visit)?;
    let before = memory()?;
    let many = active(people, MANY).people;
    many.iter().try_for_each(&mut visit)?;
    let more = many.len().saturating_sub(few.len());
    findings.active_person = (more > 0).then_some(Share {
        kib: memory()? - before,
        of: u64::try_from(more)?,
    });

    let before = memory()?;
    let mut idle = Vec::new();
    for person in few.iter().cycle().take(usize::try_from(CONNECTIONS)?) {
        let mut one = Connection::open(server.address)?;
        one.send("GET", "/v1/check-ins?limit=1", &token(person)?, None)?
            .expect(200)?;
        idle.push(one);
    }
    findings.idle_connection = Some(Share {
        kib: memory()? - before,
        of: CONNECTIONS,
    });
    drop(idle);
    server.stop()
}
