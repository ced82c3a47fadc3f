-- The installation that the keys belong to, and the master key that wraps them. One row, as in the record.
CREATE TABLE key_store_installation (
    no INTEGER PRIMARY KEY CHECK (no = 1),
    id BLOB NOT NULL,
    master_key_id BLOB NOT NULL
) STRICT;

-- The ledger of erasures: which accounts were erased, and when. A restore erases them again.
CREATE TABLE erasures (
    account_id BLOB PRIMARY KEY,
    erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
