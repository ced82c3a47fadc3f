-- Records that clinicians opened in an emergency. Who, where and why is sealed under the person's key.
CREATE TABLE break_glass (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    id BLOB NOT NULL,
    -- None once the account of the clinician was erased.
    clinician_no INTEGER REFERENCES accounts (no),
    granted_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    -- When the person ended it.
    ended_at INTEGER,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_no, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX break_glass_time ON break_glass (person_no, granted_at, id);
CREATE INDEX break_glass_clinician ON break_glass (clinician_no, ends_at) WHERE clinician_no IS NOT NULL;

-- How often a clinician has tried since when.
CREATE TABLE break_glass_tries (
    account_no INTEGER PRIMARY KEY REFERENCES accounts (no),
    tries INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT;
