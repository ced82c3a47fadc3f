-- The data key of each account, wrapped by the master key. Erasing a person destroys one row.
CREATE TABLE data_keys (
    account_id UUID PRIMARY KEY,
    master_key_id BYTEA NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
