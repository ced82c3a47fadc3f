//! Erasures: no row of any table names an account that was erased.

use diesel::{
    QueryableByName, RunQueryDsl, sql_query,
    sql_types::{BigInt, Text},
};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    erasure::{count, execute},
    plans::{NOW, sign_up, sign_up_as},
};
use crate::{
    engine::{connection::Conn, single},
    login_delay::{DelayKey, Failures},
    on,
};

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    is_needed: i64,
}

fn columns(conn: &mut Conn) -> Vec<Column> {
    let sql = match conn {
        Conn::Sqlite(_) => {
            "SELECT t.name AS \"table\", c.name AS name, lower(c.type) AS kind, \
             (c.\"notnull\" AND c.dflt_value IS NULL) AS is_needed FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid"
        }
        Conn::Postgres(_) => {
            "SELECT table_name::text AS \"table\", column_name::text AS name, data_type::text AS kind, (is_nullable = 'NO' AND \
             column_default IS NULL AND is_identity = 'NO')::int::bigint AS is_needed FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        }
    };
    on!(conn, |c| sql_query(sql).load(c)).unwrap()
}

/// Tables that hold nothing of an account.
const OF_NOBODY: [&str; 6] = [
    "__diesel_schema_migrations",
    "installation",
    "invites",
    "meeting_types",
    "meetings",
    "questionnaires",
];
/// Columns with the number of the account that a row belongs to.
const OWNERS: [&str; 2] = ["person_no", "account_no"];
/// Columns with the number of an account that gave something to another one.
const GIVERS: [&str; 2] = ["author_no", "clinician_no"];
/// Columns with another mark of an account, which other tests are about.
const OTHER_MARKS: [(&str, &str); 1] = [("login_delays", "owner")];

/// Reads the catalogue, and puts a row of the account into each table, so that no new table can be forgotten.
async fn nothing_of_an_account_is_left(database: TestDatabase) {
    let store = database.store();
    let (scope, _) = sign_up(&store).await;
    let (other, _) = sign_up_as(&store, 2, "kim@example.org").await;
    let mut data = single(&database.locations.data).unwrap();
    let columns = columns(&mut data);
    let mut tables: Vec<&str> = columns.iter().map(|column| column.table.as_str()).collect();
    tables.dedup();
    let mut marked = Vec::new();
    for table in tables {
        if OF_NOBODY.contains(&table) || OTHER_MARKS.iter().any(|(of, _)| *of == table) {
            continue;
        }
        let of_table: Vec<&Column> = columns.iter().filter(|column| column.table == table).collect();
        let marks: Vec<&str> = of_table
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| OWNERS.contains(name) || GIVERS.contains(name))
            .collect();
        if table == "accounts" {
            continue;
        }
        assert!(
            !marks.is_empty(),
            "whose is a row of {table}? an erasure has to find it"
        );
        for mark in marks {
            insert_row(&mut data, table, &of_table, (mark, scope.no), other.no);
            marked.push((table.to_owned(), mark.to_owned()));
        }
    }
    for (table, mark) in &marked {
        assert!(
            count(&mut data, &format!("{table} WHERE {mark} = {}", scope.no)) > 0,
            "{table}"
        );
    }
    store.erase_account(scope.account(), NOW).await.unwrap();
    for (table, mark) in &marked {
        let left = count(&mut data, &format!("{table} WHERE {mark} = {}", scope.no));
        assert_eq!(left, 0, "{table}.{mark} still names the account");
    }
    assert_eq!(count(&mut data, &format!("accounts WHERE no = {}", scope.no)), 0);
    assert_eq!(count(&mut data, &format!("accounts WHERE no = {}", other.no)), 1);
}

/// Inserts a row with small values, whose column `mark` names the account. Other columns of that sort name another account.
fn insert_row(conn: &mut Conn, table: &str, columns: &[&Column], (mark, no): (&str, i64), other: i64) {
    let is_sqlite = matches!(conn, Conn::Sqlite(_));
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for column in columns {
        let name = column.name.as_str();
        let value = if name == mark {
            no.to_string()
        } else if OWNERS.contains(&name) && column.is_needed == 1 {
            other.to_string()
        } else if column.is_needed == 0 {
            continue;
        } else {
            // A key of its own in each table and for each mark.
            match column.kind.as_str() {
                "blob" => format!("x'{:032x}'", names.len() + mark.len()),
                "uuid" => format!("'{}'", Uuid::from_u128((names.len() + mark.len()) as u128)),
                "bytea" => format!("'\\x{:032x}'", names.len() + mark.len()),
                "text" => "'x'".to_owned(),
                "boolean" => "false".to_owned(),
                kind if kind.starts_with("timestamp") => "to_timestamp(1)".to_owned(),
                _ => "1".to_owned(),
            }
        };
        names.push(name);
        values.push(value);
    }
    let verb = if is_sqlite { "INSERT OR IGNORE" } else { "INSERT" };
    let end = if is_sqlite { "" } else { " ON CONFLICT DO NOTHING" };
    execute(
        conn,
        &format!(
            "{verb} INTO {table} ({}) VALUES ({}){end}",
            names.join(", "),
            values.join(", ")
        ),
    );
}

#[tokio::test]
async fn on_sqlite_nothing_of_an_account_is_left_in_any_table() {
    nothing_of_an_account_is_left(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_nothing_of_an_account_is_left_in_any_table() {
    nothing_of_an_account_is_left(TestDatabase::postgres("catalogue")).await;
}

/// The rows of wrong passwords name nobody in clear, and still go with the account.
async fn failures_go_with_the_account(database: TestDatabase) {
    let store = database.store();
    let (scope, session) = sign_up(&store).await;
    let account = scope.account();
    let email = || "sam@example.org".to_owned();
    let own = [
        DelayKey::Account(email()),
        DelayKey::Pair {
            email: email(),
            network: "192.0.2.0/24".to_owned(),
        },
        DelayKey::Customer {
            email: email(),
            customer: "192.0.2.0/24".to_owned(),
        },
        DelayKey::Line {
            email: email(),
            line: 1,
        },
        DelayKey::Device {
            account,
            device: session,
        },
        DelayKey::Session { account, session },
    ];
    let others = [
        DelayKey::Network("192.0.2.0/24".to_owned()),
        DelayKey::Account("kim@example.org".to_owned()),
    ];
    for key in own.iter().chain(&others) {
        let failed = |before: &[Failures]| {
            let one = Failures {
                count: 1,
                retry_at: NOW,
                last_at: NOW,
            };
            Some(vec![one; before.len()])
        };
        store
            .change_failures(std::slice::from_ref(key), failed)
            .await
            .unwrap();
    }
    store.erase_account(account, NOW).await.unwrap();
    let counts = |failures: Vec<Failures>| failures.iter().map(|one| one.count).sum::<i64>();
    assert_eq!(counts(store.failures(&own).await.unwrap()), 0);
    assert_eq!(counts(store.failures(&others).await.unwrap()), 2);
    let mut data = single(&database.locations.data).unwrap();
    assert_eq!(count(&mut data, "login_delays"), 2);
}

#[tokio::test]
async fn on_sqlite_failures_go_with_the_account() {
    failures_go_with_the_account(TestDatabase::sqlite()).await;
}

#[tokio::test]
async fn on_postgresql_failures_go_with_the_account() {
    failures_go_with_the_account(TestDatabase::postgres("failures")).await;
}
