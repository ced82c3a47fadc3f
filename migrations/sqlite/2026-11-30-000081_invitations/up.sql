-- Invitations of people who help. Role, relationship and message are sealed under the person's key.
CREATE TABLE invitations (
    person_no INTEGER NOT NULL,
    id BLOB NOT NULL,
    status TEXT NOT NULL,
    -- The account that took it.
    account_no INTEGER,
    created_at INTEGER NOT NULL,
    taken_at INTEGER,
    -- The end of its time until it is taken; when it ended, after that.
    ends_at INTEGER,
    -- The keyed hash of the content, by which a replay is recognised.
    digest BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_no, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_time ON invitations (person_no, created_at, id);
CREATE INDEX invitations_taker ON invitations (account_no, taken_at, id) WHERE account_no IS NOT NULL;
CREATE INDEX invitations_end ON invitations (ends_at) WHERE ends_at IS NOT NULL;

-- Codes of invitations that nobody has taken yet, as keyed hashes. A code is deleted as it is used.
CREATE TABLE invitation_codes (
    code BLOB PRIMARY KEY,
    person_no INTEGER NOT NULL,
    invitation_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_codes_invitation ON invitation_codes (person_no, invitation_id);
CREATE INDEX invitation_codes_expiry ON invitation_codes (expires_at);
