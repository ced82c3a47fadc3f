-- When somebody last looked at the summary of a person who shares with them.
CREATE TABLE shared_looks (
    person_no INTEGER NOT NULL,
    account_no INTEGER NOT NULL,
    looked_at INTEGER NOT NULL,
    PRIMARY KEY (person_no, account_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX shared_looks_account ON shared_looks (account_no);
