-- Every access to a record, sealed. The codes of a person's entries are a chain: each covers its entry, the disclosure under
-- the same number, and the end of the chain before.
CREATE TABLE access_log (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    no INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by_others INTEGER NOT NULL CHECK (by_others IN (0, 1)),
    sealed BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (person_no, no)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_log_others ON access_log (person_no, by_others, no);

-- What was disclosed, under the number of its access.
CREATE TABLE disclosures (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    no INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_no, no)
) STRICT, WITHOUT ROWID;

-- The end of each chain: how many entries, when the last was written, and a code over both.
CREATE TABLE audit_heads (
    person_no INTEGER PRIMARY KEY REFERENCES people (person_no),
    count INTEGER NOT NULL,
    at INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX audit_heads_at ON audit_heads (at, person_no);
