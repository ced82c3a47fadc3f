-- When somebody last looked at the summary of a person who shares with them.
CREATE TABLE shared_looks (
    person_no BIGINT NOT NULL,
    account_no BIGINT NOT NULL,
    looked_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (person_no, account_no)
);
CREATE INDEX shared_looks_account ON shared_looks (account_no);
