-- Every access to a record, sealed. The codes of a person's entries are a chain: each covers its entry, the disclosure under
-- the same number, and the end of the chain before.
CREATE TABLE access_log (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    no BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    by_others BOOLEAN NOT NULL,
    sealed BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (person_no, no)
);
CREATE INDEX access_log_others ON access_log (person_no, by_others, no);

-- What was disclosed, under the number of its access.
CREATE TABLE disclosures (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    no BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (person_no, no)
);

-- The end of each chain: how many entries, when the last was written, and a code over both.
CREATE TABLE audit_heads (
    person_no BIGINT PRIMARY KEY REFERENCES people (person_no),
    count BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX audit_heads_at ON audit_heads (at, person_no);
