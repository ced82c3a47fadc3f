-- Records that clinicians opened in an emergency. Who, where and why is sealed under the person's key.
CREATE TABLE break_glass (
    person_no BIGINT NOT NULL REFERENCES people (person_no),
    id UUID NOT NULL,
    -- None once the account of the clinician was erased.
    clinician_no BIGINT REFERENCES accounts (no),
    granted_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    -- When the person ended it.
    ended_at TIMESTAMPTZ,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (person_no, id)
);
CREATE INDEX break_glass_time ON break_glass (person_no, granted_at, id);
CREATE INDEX break_glass_clinician ON break_glass (clinician_no, ends_at) WHERE clinician_no IS NOT NULL;

-- How often a clinician has tried since when.
CREATE TABLE break_glass_tries (
    account_no BIGINT PRIMARY KEY REFERENCES accounts (no),
    tries BIGINT NOT NULL,
    since TIMESTAMPTZ NOT NULL
);
