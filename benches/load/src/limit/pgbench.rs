//! The limit of PostgreSQL itself: pgbench with the statements that a workload cannot do without.

use std::{fs, process::Command};

use mainstay_domain::record::Kind;

use crate::{
    Outcome,
    limit::Limit,
    population::{Active, SeedCopy, SeedLocation},
    postgres::Postgres,
    wrk::LoadLevel,
};

/// The columns of a row that the server reads.
const COLUMNS: &str =
    "no, collection, rev, id, version, occurred_at, deleted, origin, digest, sealed, created_at, updated_at";

/// The average length of a sealed check-in.
pub fn sealed_bytes(postgres: &Postgres, database: &str) -> Outcome<usize> {
    let sql = format!(
        "SELECT avg(length(sealed))::int FROM (SELECT sealed FROM records WHERE collection = {} \
         ORDER BY no DESC LIMIT 1000) AS latest",
        Kind::CheckIn.code()
    );
    Ok(postgres.query(database, &sql)?.trim().parse()?)
}

/// Runs pgbench with a client for each connection. Returns the statements a second.
pub fn rate(
    location: &SeedLocation,
    active: &Active,
    limit: Limit,
    sealed_bytes: usize,
    load_level: LoadLevel,
) -> Outcome<f64> {
    let script = location.file("pgbench.sql");
    fs::write(&script, script_text(limit, active, sealed_bytes))?;
    let output = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "pgbench"])
        .args(["--no-vacuum", "--protocol", "prepared"])
        .args(["--client", &load_level.connections.to_string()])
        .args(["--jobs", &load_level.threads.to_string()])
        .args(["--time", &load_level.seconds.to_string(), "--file"])
        .arg(&script)
        .arg(location.copy_url(SeedCopy::Raw))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match tps(&text) {
        Some(rate) if output.status.success() => Ok(rate),
        _ => Err(format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn script_text(limit: Limit, active: &Active, sealed_bytes: usize) -> String {
    let (count, step) = (active.people.len(), active.step);
    let variables = format!("\\set p random(1, {count}) * {step}\n\\set r random(0, 9223372036854775806)\n");
    let work = match limit {
        // The id is time-ordered like the server's; the sealed bytes are a constant of the average length.
        Limit::PgInsert => format!(
            "WITH bump AS (UPDATE people SET rev = rev + 1 WHERE person_no = :p RETURNING rev) \
             INSERT INTO records (person_no, collection, id, version, rev, occurred_at, slot, deleted, origin, digest, \
             sealed, created_at, updated_at) \
             SELECT :p::bigint, {}, (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') \
             || lpad(to_hex(:r::bigint), 20, '0'))::uuid, \
             1, rev, now(), NULL, false, '\\x{origin}', '\\x{origin}', '\\x{sealed}', now(), now() FROM bump;\n",
            Kind::CheckIn.code(),
            origin = "5a".repeat(16),
            sealed = "a7".repeat(sealed_bytes),
        ),
        // Only the active plan has a slot, and the server finds it by the same index.
        Limit::PgPlan => format!(
            "SELECT {COLUMNS} FROM records WHERE person_no = :p AND collection = {} AND slot IS NOT NULL;\n",
            Kind::Plan.code()
        ),
        _ => format!(
            "SELECT {COLUMNS} FROM records WHERE person_no = :p AND collection = {} AND deleted = false \
             ORDER BY occurred_at DESC, id DESC LIMIT 30;\n",
            Kind::CheckIn.code()
        ),
    };
    variables + &work
}

/// Parses the rate in the output of pgbench. It excludes the time for connecting.
fn tps(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_found_in_the_output() {
        let text = "transaction type: x.sql\nnumber of failed transactions: 0 (0.000%)\n\
            latency average = 4.402 ms\ninitial connection time = 34.1 ms\n\
            tps = 7269.125 (without initial connection time)\n";
        assert_eq!(tps(text), Some(7269.125));
        assert_eq!(tps("pgbench: error: connection failed"), None);
    }
}
