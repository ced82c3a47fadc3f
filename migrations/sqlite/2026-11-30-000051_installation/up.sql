-- The installation that the record belongs to, and the master key that wraps its keys. One row, as in the key store.
CREATE TABLE installation (
    no INTEGER PRIMARY KEY CHECK (no = 1),
    id BLOB NOT NULL,
    master_key_id BLOB NOT NULL
) STRICT;

-- Everyone begins in epoch 1. A restore from a backup begins another one, which entity tags then show.
UPDATE people SET epoch = 1;
