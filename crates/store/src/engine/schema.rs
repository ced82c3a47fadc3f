//! The tables, written by hand. A test compares them with both migrated databases.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::{BigInt, Binary, Text};
    use crate::engine::types::{Identifier, Instant};
    accounts (no) {
        no -> BigInt,
        id -> Identifier,
        role -> Text,
        state -> Text,
        version -> BigInt,
        sealed -> Binary,
        password_hash -> Text,
        password_changed_at -> Instant,
        created_at -> Instant,
        updated_at -> Instant,
        device_generation -> BigInt,
    }
}

/// The values of `accounts.state`.
pub(crate) mod account_state {
    /// The account is in use.
    pub(crate) const ACTIVE: &str = "active";
    /// The account is being erased. Nobody can sign in any more.
    pub(crate) const ERASING: &str = "erasing";
}

table! {
    use diesel::sql_types::{BigInt, Nullable};
    people (person_no) {
        person_no -> BigInt,
        rev -> BigInt,
        epoch -> BigInt,
        floor_rev -> BigInt,
        total_records -> BigInt,
        total_bytes -> BigInt,
        writes_day -> BigInt,
        day_writes -> BigInt,
        max_records -> Nullable<BigInt>,
        max_bytes -> Nullable<BigInt>,
        max_day_writes -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    logins (email_index) {
        email_index -> Binary,
        account_no -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use crate::engine::types::{Identifier, Instant};
    sessions (account_no, id) {
        account_no -> BigInt,
        id -> Identifier,
        refresh_hash -> Binary,
        counter -> BigInt,
        rotated_at -> Instant,
        created_at -> Instant,
        last_used_at -> Instant,
        ended_at -> Nullable<Instant>,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::engine::types::Instant;
    login_delays (key) {
        key -> Binary,
        failures -> BigInt,
        retry_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SmallInt};
    use crate::engine::types::{Identifier, Instant};
    records (no) {
        no -> BigInt,
        person_no -> BigInt,
        collection -> SmallInt,
        id -> Identifier,
        version -> BigInt,
        rev -> BigInt,
        occurred_at -> Instant,
        slot -> Nullable<Binary>,
        deleted -> Bool,
        origin -> Binary,
        digest -> Binary,
        sealed -> Binary,
        created_at -> Instant,
        updated_at -> Instant,
        total_records -> Nullable<BigInt>,
        total_bytes -> Nullable<BigInt>,
        day_writes -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt};
    use crate::engine::types::{Identifier, Instant};
    record_history (no) {
        no -> BigInt,
        person_no -> BigInt,
        collection -> SmallInt,
        id -> Identifier,
        version -> BigInt,
        digest -> Binary,
        sealed -> Binary,
        written_at -> Instant,
        replaced_at -> Instant,
        replaced_by -> Nullable<Identifier>,
    }
}

table! {
    use diesel::sql_types::{BigInt, SmallInt};
    use crate::engine::types::Identifier;
    record_items (person_no, id, kind) {
        person_no -> BigInt,
        id -> Identifier,
        kind -> SmallInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, SmallInt};
    use crate::engine::types::{Identifier, Instant};
    timers (person_no, collection, id) {
        person_no -> BigInt,
        collection -> SmallInt,
        id -> Identifier,
        due_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use crate::engine::types::Instant;
    kept_answers (person_no, key) {
        person_no -> BigInt,
        key -> Binary,
        fingerprint -> Binary,
        sealed -> Binary,
        created_at -> Instant,
        account_no -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use crate::engine::types::{Identifier, Instant};
    invites (id) {
        id -> Identifier,
        code -> Binary,
        uses -> BigInt,
        uses_left -> BigInt,
        created_at -> Instant,
        expires_at -> Instant,
        sealed -> Nullable<Binary>,
    }
}

table! {
    use diesel::sql_types::{Bool, Double, Nullable, SmallInt, Text};
    use crate::engine::types::{Identifier, Instant};
    meetings (id) {
        id -> Identifier,
        source -> Text,
        programme -> Text,
        in_person -> Bool,
        online -> Bool,
        latitude -> Nullable<Double>,
        longitude -> Nullable<Double>,
        days -> SmallInt,
        minutes -> Nullable<SmallInt>,
        time_zone -> Nullable<Text>,
        body -> Text,
        imported_at -> Instant,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::engine::types::Identifier;
    meeting_types (code, meeting_id) {
        code -> Text,
        meeting_id -> Identifier,
    }
}

table! {
    use diesel::sql_types::Text;
    use crate::engine::types::{Identifier, Instant};
    questionnaires (id) {
        id -> Identifier,
        url -> Text,
        version -> Text,
        summary -> Text,
        body -> Text,
        imported_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{Binary, Bool};
    use crate::engine::types::{Identifier, Instant};
    data_keys (account_id) {
        account_id -> Identifier,
        master_key_id -> Binary,
        wrapped -> Binary,
        created_at -> Instant,
        pending -> Bool,
    }
}

table! {
    use diesel::sql_types::{Binary, SmallInt};
    use crate::engine::types::Identifier;
    installation (no) {
        no -> SmallInt,
        id -> Identifier,
        master_key_id -> Binary,
    }
}

table! {
    use diesel::sql_types::{Binary, SmallInt};
    use crate::engine::types::Identifier;
    key_store_installation (no) {
        no -> SmallInt,
        id -> Identifier,
        master_key_id -> Binary,
    }
}

table! {
    use crate::engine::types::{Identifier, Instant};
    erasures (account_id) {
        account_id -> Identifier,
        erased_at -> Instant,
    }
}

joinable!(sessions -> accounts (account_no));
joinable!(logins -> accounts (account_no));
allow_tables_to_appear_in_same_query!(accounts, people, logins, sessions, timers);
allow_tables_to_appear_in_same_query!(meetings, meeting_types);

#[cfg(test)]
mod tests;
