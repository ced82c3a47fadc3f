-- Consents. What one says is sealed under the person's key, its status too: the columns in clear only find it.
CREATE TABLE consents (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_no, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_time ON consents (person_no, created_at, id);

-- The accounts that active consents name.
CREATE TABLE consent_recipients (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    consent_id BLOB NOT NULL,
    account_no INTEGER NOT NULL,
    PRIMARY KEY (person_no, consent_id, account_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX consent_recipients_account ON consent_recipients (account_no, person_no);

-- Classes of data that a person keeps from others, sealed as consents are.
CREATE TABLE restrictions (
    person_no INTEGER NOT NULL REFERENCES people (person_no),
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_no, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX restrictions_time ON restrictions (person_no, created_at, id);
