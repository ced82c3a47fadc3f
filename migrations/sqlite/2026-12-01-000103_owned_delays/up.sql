-- A keyed hash of the address or of the account that failures belong to, by which an erasure finds them. Networks have none.
ALTER TABLE login_delays ADD COLUMN owner BLOB;
CREATE INDEX login_delays_owner ON login_delays (owner) WHERE owner IS NOT NULL;
