-- The installation that the keys belong to, and the master key that wraps them. One row, as in the record.
CREATE TABLE key_store_installation (
    no SMALLINT PRIMARY KEY CHECK (no = 1),
    id UUID NOT NULL,
    master_key_id BYTEA NOT NULL
);

-- The ledger of erasures: which accounts were erased, and when. A restore erases them again.
CREATE TABLE erasures (
    account_id UUID PRIMARY KEY,
    erased_at TIMESTAMPTZ NOT NULL
);
