-- What people who help give to a person: proposals to a plan (1), sign-offs (2), encouragements (3), shared commitments (4).
-- It belongs to the person and is sealed under their key. A person's own sign-offs are here too.
CREATE TABLE contributions (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    -- The account that gave it; none once that account was erased.
    author_no INTEGER,
    -- The plan that it is about.
    plan_id BLOB,
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_no, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contributions_time ON contributions (person_no, kind, created_at, id);
CREATE INDEX contributions_author ON contributions (author_no) WHERE author_no IS NOT NULL;

-- How someone who helps introduces themselves, sealed under their own key.
CREATE TABLE peer_profiles (
    person_no INTEGER PRIMARY KEY REFERENCES people (person_no),
    updated_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
