-- Accounts. `no` is the small number by which every table of a person's record names the person.
CREATE TABLE accounts (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    password_hash TEXT NOT NULL,
    password_changed_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The person's change counter: each write to a record takes the next number under this row's lock.
CREATE TABLE people (
    person_no INTEGER PRIMARY KEY REFERENCES accounts (no),
    rev INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    floor_rev INTEGER NOT NULL
) STRICT;

-- Keyed hash of the normalised e-mail address.
CREATE TABLE logins (
    email_index BLOB PRIMARY KEY,
    account_no INTEGER NOT NULL REFERENCES accounts (no)
) STRICT, WITHOUT ROWID;
CREATE INDEX logins_account ON logins (account_no);

CREATE TABLE sessions (
    account_no INTEGER NOT NULL REFERENCES accounts (no),
    id BLOB NOT NULL,
    refresh_hash BLOB NOT NULL,
    counter INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    ended_at INTEGER,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_no, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE login_delays (
    key BLOB PRIMARY KEY,
    failures INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_delays_updated ON login_delays (updated_at);

-- Every noun of the record, sealed. Clear columns are what the database must order or constrain.
CREATE TABLE records (
    no INTEGER PRIMARY KEY,
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    collection INTEGER NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    slot BLOB,
    deleted INTEGER NOT NULL,
    origin BLOB NOT NULL,
    digest BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
-- The id first, so that time-ordered ids append.
CREATE UNIQUE INDEX records_id ON records (id, person_no, collection);
CREATE INDEX records_time ON records (person_no, collection, occurred_at, id);
CREATE UNIQUE INDEX records_rev ON records (person_no, rev);
CREATE INDEX records_tombstones ON records (updated_at) WHERE deleted = 1;
CREATE UNIQUE INDEX records_slot ON records (person_no, collection, slot) WHERE slot IS NOT NULL;

-- Each version that was replaced.
CREATE TABLE record_history (
    no INTEGER PRIMARY KEY,
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    collection INTEGER NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    sealed BLOB NOT NULL,
    written_at INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL,
    replaced_by BLOB
) STRICT;
CREATE UNIQUE INDEX record_history_version ON record_history (person_no, collection, id, version);

-- Items of plans that other records refer to. An item stays known after it left its plan.
CREATE TABLE record_items (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    PRIMARY KEY (person_no, id, kind)
) STRICT, WITHOUT ROWID;

-- Records that the server changes by itself when their time has come.
CREATE TABLE timers (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    collection INTEGER NOT NULL,
    id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (person_no, collection, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at);

-- First answers to requests with an Idempotency-Key, sealed, for 24 hours. Nobody's number is 0.
CREATE TABLE kept_answers (
    person_no INTEGER NOT NULL,
    key BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (person_no, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_answers_age ON kept_answers (created_at);
