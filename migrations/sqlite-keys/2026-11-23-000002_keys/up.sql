-- The data key of each account, wrapped by the master key. Erasing a person destroys one row.
CREATE TABLE data_keys (
    account_id BLOB PRIMARY KEY,
    master_key_id BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
