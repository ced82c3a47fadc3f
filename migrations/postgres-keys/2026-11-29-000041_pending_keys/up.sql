-- A key is pending until its account is known to be stored. A pending key without an account is swept later.
ALTER TABLE data_keys ADD COLUMN pending BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX data_keys_pending ON data_keys (created_at) WHERE pending;
