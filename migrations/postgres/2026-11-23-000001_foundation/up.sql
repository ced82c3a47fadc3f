-- Accounts. `no` is the small number by which every table of a person's record names the person.
CREATE TABLE accounts (
    no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    password_hash TEXT NOT NULL,
    password_changed_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- The person's change counter: each write to a record takes the next number under this row's lock.
CREATE TABLE people (
    person_no BIGINT PRIMARY KEY REFERENCES accounts (no),
    rev BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    floor_rev BIGINT NOT NULL
);

-- Keyed hash of the normalised e-mail address.
CREATE TABLE logins (
    email_index BYTEA PRIMARY KEY,
    account_no BIGINT NOT NULL REFERENCES accounts (no)
);
CREATE INDEX logins_account ON logins (account_no);

CREATE TABLE sessions (
    account_no BIGINT NOT NULL REFERENCES accounts (no),
    id UUID NOT NULL,
    refresh_hash BYTEA NOT NULL,
    counter BIGINT NOT NULL,
    rotated_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (account_no, id)
);

CREATE TABLE login_delays (
    key BYTEA PRIMARY KEY,
    failures BIGINT NOT NULL,
    retry_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX login_delays_updated ON login_delays (updated_at);

-- Every noun of the record, sealed. Clear columns are what the database must order or constrain.
CREATE TABLE records (
    no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    collection SMALLINT NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    slot BYTEA,
    deleted BOOLEAN NOT NULL,
    origin BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
-- The id first, so that time-ordered ids append.
CREATE UNIQUE INDEX records_id ON records (id, person_no, collection);
CREATE INDEX records_time ON records (person_no, collection, occurred_at, id);
CREATE UNIQUE INDEX records_rev ON records (person_no, rev);
CREATE INDEX records_tombstones ON records (updated_at) WHERE deleted;
CREATE UNIQUE INDEX records_slot ON records (person_no, collection, slot) WHERE slot IS NOT NULL;

-- Each version that was replaced.
CREATE TABLE record_history (
    no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    collection SMALLINT NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    written_at TIMESTAMPTZ NOT NULL,
    replaced_at TIMESTAMPTZ NOT NULL,
    replaced_by UUID
);
CREATE UNIQUE INDEX record_history_version ON record_history (person_no, collection, id, version);

-- Items of plans that other records refer to. An item stays known after it left its plan.
CREATE TABLE record_items (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    id UUID NOT NULL,
    kind SMALLINT NOT NULL,
    PRIMARY KEY (person_no, id, kind)
);

-- Records that the server changes by itself when their time has come.
CREATE TABLE timers (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    collection SMALLINT NOT NULL,
    id UUID NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (person_no, collection, id)
);
CREATE INDEX timers_due ON timers (due_at);

-- First answers to requests with an Idempotency-Key, sealed, for 24 hours. Nobody's number is 0.
CREATE TABLE kept_answers (
    person_no BIGINT NOT NULL,
    key BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (person_no, key)
);
CREATE INDEX kept_answers_age ON kept_answers (created_at);
