//! The tables written by hand are those of both migrated databases.

use std::collections::BTreeSet;

use diesel::{
    QueryDsl, QueryableByName, RunQueryDsl, debug_query, sql_query, sql_types::Text, sqlite::Sqlite,
};

use super::*;
use crate::{
    engine::{
        connection::{Conn, DatabaseUrl},
        migration::{Database, migrate},
        single,
    },
    on,
};

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Each table with a query that names every one of its columns.
fn tables() -> Vec<(&'static str, Database, String)> {
    macro_rules! all {
        ($($table:ident: $database:ident),*) => {
            vec![$((stringify!($table), Database::$database, debug_query::<Sqlite, _>(&$table::table.select($table::all_columns)).to_string())),*]
        };
    }
    all!(accounts: Data, people: Data, logins: Data, sessions: Data, security_events: Data, login_delays: Data, records: Data,
        record_history: Data, record_items: Data, timers: Data, kept_answers: Data, swept_ids: Data, invites: Data, access_log: Data, disclosures: Data, audit_heads: Data, contributions: Data, peer_profiles: Data, break_glass: Data, break_glass_tries: Data, consents: Data, consent_recipients: Data, restrictions: Data, invitations: Data, invitation_codes: Data, shared_looks: Data, meetings: Data, meeting_types: Data, questionnaires: Data, installation: Data,
        data_keys: Keys, key_store_installation: Keys, erasures: Keys)
}

fn names(conn: &mut Conn, sql: &str) -> BTreeSet<String> {
    let rows: Vec<Name> = on!(conn, |c| sql_query(sql).load(c)).unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

fn compare(data: &mut Conn, keys: &mut Conn, tables_sql: &str, columns_sql: impl Fn(&str) -> String) {
    migrate(data, Database::Data).unwrap();
    migrate(keys, Database::Keys).unwrap();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (table, database, query) in tables() {
        let conn = if database == Database::Data {
            &mut *data
        } else {
            &mut *keys
        };
        let select = query.split(" -- binds").next().unwrap().replace('`', "\"");
        on!(conn, |c| sql_query(&select).execute(c)).unwrap_or_else(|e| panic!("{table}: {e}: {select}"));
        let columns = names(conn, &columns_sql(table));
        let listed = select.matches(&format!("\"{table}\".")).count();
        assert_eq!(columns.len(), listed, "{table} has {columns:?}");
        known.insert(table.to_owned());
    }
    let mut there = names(data, tables_sql);
    there.extend(names(keys, tables_sql));
    there.remove("__diesel_schema_migrations");
    assert_eq!(there, known);
}

#[test]
fn the_tables_are_those_of_sqlite() {
    let directory = std::env::temp_dir().join(format!("mainstay-schema-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let open = |name: &str| single(&DatabaseUrl::Sqlite(directory.join(name))).unwrap();
    compare(
        &mut open("data.db"),
        &mut open("keys.db"),
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        |table| format!("SELECT name FROM pragma_table_info('{table}')"),
    );
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn the_tables_are_those_of_postgresql() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test command passes the server's address this way"
    )]
    let server = std::env::var("MAINSTAY_TEST_POSTGRES_URL").expect("run the tests with scripts/test");
    let name = format!("schema_{}", std::process::id());
    let mut admin = single(&server.parse().unwrap()).unwrap();
    on!(&mut admin, |c| sql_query(format!("CREATE DATABASE {name}"))
        .execute(c))
    .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let open = || single(&format!("{base}/{name}").parse().unwrap()).unwrap();
    {
        // Both in one database: their tables have different names, and so have their migrations.
        let (mut data, mut keys) = (open(), open());
        compare(
            &mut data,
            &mut keys,
            "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'",
            |table| {
                format!(
                    "SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = '{table}'"
                )
            },
        );
    }
    on!(&mut admin, |c| sql_query(format!(
        "DROP DATABASE {name} WITH (FORCE)"
    ))
    .execute(c))
    .unwrap();
}
