//! The tables, written by hand. A test compares them with both migrated databases.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
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
        erasure_leased_until -> Nullable<Instant>,
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
    use diesel::sql_types::{BigInt, Binary, SmallInt};
    use crate::engine::types::{Identifier, Instant};
    security_events (account_no, id) {
        account_no -> BigInt,
        id -> Identifier,
        at -> Instant,
        class -> SmallInt,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use crate::engine::types::Instant;
    login_delays (key) {
        key -> Binary,
        failures -> BigInt,
        retry_at -> Instant,
        updated_at -> Instant,
        owner -> Nullable<Binary>,
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
    use crate::engine::types::{Identifier, Instant};
    kept_answers (person_no, key) {
        person_no -> BigInt,
        key -> Binary,
        fingerprint -> Binary,
        sealed -> Binary,
        created_at -> Instant,
        account_no -> Nullable<BigInt>,
        session_id -> Nullable<Identifier>,
        record_id -> Nullable<Identifier>,
    }
}

table! {
    use diesel::sql_types::{BigInt, SmallInt};
    use crate::engine::types::Identifier;
    swept_ids (person_no, collection, id) {
        person_no -> BigInt,
        collection -> SmallInt,
        id -> Identifier,
        version -> BigInt,
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
    use diesel::sql_types::Nullable;
    use crate::engine::types::{Identifier, Instant};
    erasures (account_id) {
        account_id -> Identifier,
        erased_at -> Instant,
        finished_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::BigInt;
    use crate::engine::types::Instant;
    shared_looks (person_no, account_no) {
        person_no -> BigInt,
        account_no -> BigInt,
        looked_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::engine::types::{Identifier, Instant};
    invitations (person_no, id) {
        person_no -> BigInt,
        id -> Identifier,
        status -> Text,
        account_no -> Nullable<BigInt>,
        created_at -> Instant,
        taken_at -> Nullable<Instant>,
        ends_at -> Nullable<Instant>,
        digest -> Binary,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::engine::types::{Identifier, Instant};
    invitation_codes (code) {
        code -> Binary,
        person_no -> BigInt,
        invitation_id -> Identifier,
        expires_at -> Instant,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::engine::types::{Identifier, Instant};
    consents (person_no, id) {
        person_no -> BigInt,
        id -> Identifier,
        version -> BigInt,
        status -> Text,
        expires_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::BigInt;
    use crate::engine::types::Identifier;
    consent_recipients (person_no, consent_id, account_no) {
        person_no -> BigInt,
        consent_id -> Identifier,
        account_no -> BigInt,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Text};
    use crate::engine::types::{Identifier, Instant};
    restrictions (person_no, id) {
        person_no -> BigInt,
        id -> Identifier,
        version -> BigInt,
        status -> Text,
        created_at -> Instant,
        updated_at -> Instant,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable};
    use crate::engine::types::{Identifier, Instant};
    break_glass (person_no, id) {
        person_no -> BigInt,
        id -> Identifier,
        clinician_no -> Nullable<BigInt>,
        granted_at -> Instant,
        ends_at -> Instant,
        ended_at -> Nullable<Instant>,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::BigInt;
    use crate::engine::types::Instant;
    break_glass_tries (account_no) {
        account_no -> BigInt,
        tries -> BigInt,
        since -> Instant,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt};
    use crate::engine::types::{Identifier, Instant};
    contributions (person_no, kind, id) {
        person_no -> BigInt,
        kind -> SmallInt,
        id -> Identifier,
        author_no -> Nullable<BigInt>,
        plan_id -> Nullable<Identifier>,
        state -> SmallInt,
        created_at -> Instant,
        updated_at -> Instant,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::engine::types::Instant;
    peer_profiles (person_no) {
        person_no -> BigInt,
        updated_at -> Instant,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary, Bool};
    use crate::engine::types::Instant;
    access_log (person_no, no) {
        person_no -> BigInt,
        no -> BigInt,
        at -> Instant,
        by_others -> Bool,
        sealed -> Binary,
        mac -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    disclosures (person_no, no) {
        person_no -> BigInt,
        no -> BigInt,
        sealed -> Binary,
    }
}

table! {
    use diesel::sql_types::{BigInt, Binary};
    use crate::engine::types::Instant;
    audit_heads (person_no) {
        person_no -> BigInt,
        count -> BigInt,
        at -> Instant,
        mac -> Binary,
    }
}

joinable!(sessions -> accounts (account_no));
joinable!(logins -> accounts (account_no));
allow_tables_to_appear_in_same_query!(accounts, people, logins, sessions, timers);
allow_tables_to_appear_in_same_query!(meetings, meeting_types);
allow_tables_to_appear_in_same_query!(accounts, invitations);
allow_tables_to_appear_in_same_query!(consents, consent_recipients);
allow_tables_to_appear_in_same_query!(accounts, break_glass);
allow_tables_to_appear_in_same_query!(accounts, contributions);
allow_tables_to_appear_in_same_query!(accounts, peer_profiles);
allow_tables_to_appear_in_same_query!(accounts, audit_heads);

#[cfg(test)]
mod tests;
