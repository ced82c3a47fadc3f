-- What happened to an account, sealed. Rows are added and, when there are too many or they are old, deleted. They are never
-- changed.
CREATE TABLE security_events (
    account_no INTEGER NOT NULL REFERENCES accounts (no),
    id BLOB NOT NULL CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    class INTEGER NOT NULL CHECK (class IN (1, 2, 3)),
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_no, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX security_events_time ON security_events (account_no, at, id);
CREATE INDEX security_events_class ON security_events (account_no, class, at, id);
CREATE INDEX security_events_sweep ON security_events (at);

CREATE TRIGGER security_events_append_only BEFORE UPDATE ON security_events
BEGIN
    SELECT RAISE(ABORT, 'security events are never changed');
END;
