-- Consents. What one says is sealed under the person's key, its status too: the columns in clear only find it.
CREATE TABLE consents (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (person_no, id)
);
CREATE INDEX consents_time ON consents (person_no, created_at, id);

-- The accounts that active consents name.
CREATE TABLE consent_recipients (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    consent_id UUID NOT NULL,
    account_no BIGINT NOT NULL,
    PRIMARY KEY (person_no, consent_id, account_no)
);
CREATE INDEX consent_recipients_account ON consent_recipients (account_no, person_no);

-- Classes of data that a person keeps from others, sealed as consents are.
CREATE TABLE restrictions (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (person_no, id)
);
CREATE INDEX restrictions_time ON restrictions (person_no, created_at, id);
