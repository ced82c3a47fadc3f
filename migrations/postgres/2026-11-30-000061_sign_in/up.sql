-- Device tokens of an account are good for one generation. A new password begins the next one.
ALTER TABLE accounts ADD COLUMN device_generation BIGINT NOT NULL DEFAULT 1;

-- Networks from which an account has signed in, as keyed hashes. Until now they were rows of login_delays without failures.
CREATE TABLE known_networks (
    key BYTEA PRIMARY KEY,
    last_used_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX known_networks_last_used ON known_networks (last_used_at);

INSERT INTO known_networks SELECT key, updated_at FROM login_delays WHERE failures = 0;
DELETE FROM login_delays WHERE failures = 0;
