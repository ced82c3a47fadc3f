-- What happened to an account, sealed. Rows are added and, when there are too many or they are old, deleted. They are never
-- changed.
CREATE TABLE security_events (
    account_no BIGINT NOT NULL REFERENCES accounts (no),
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    class SMALLINT NOT NULL CHECK (class IN (1, 2, 3)),
    sealed BYTEA NOT NULL,
    PRIMARY KEY (account_no, id)
);
CREATE INDEX security_events_time ON security_events (account_no, at, id);
CREATE INDEX security_events_class ON security_events (account_no, class, at, id);
CREATE INDEX security_events_sweep ON security_events (at);

CREATE FUNCTION security_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'security events are never changed';
END
$$;
CREATE TRIGGER security_events_append_only BEFORE UPDATE ON security_events
FOR EACH ROW EXECUTE FUNCTION security_events_append_only();
