-- Invitations of people who help. Role, relationship and message are sealed under the person's key.
CREATE TABLE invitations (
    person_no BIGINT NOT NULL,
    id UUID NOT NULL,
    status TEXT NOT NULL,
    -- The account that took it.
    account_no BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    taken_at TIMESTAMPTZ,
    -- The end of its time until it is taken; when it ended, after that.
    ends_at TIMESTAMPTZ,
    -- The keyed hash of the content, by which a replay is recognised.
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (person_no, id)
);
CREATE INDEX invitations_time ON invitations (person_no, created_at, id);
CREATE INDEX invitations_taker ON invitations (account_no, taken_at, id) WHERE account_no IS NOT NULL;
CREATE INDEX invitations_end ON invitations (ends_at) WHERE ends_at IS NOT NULL;

-- Codes of invitations that nobody has taken yet, as keyed hashes. A code is deleted as it is used.
CREATE TABLE invitation_codes (
    code BYTEA PRIMARY KEY,
    person_no BIGINT NOT NULL,
    invitation_id UUID NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX invitation_codes_invitation ON invitation_codes (person_no, invitation_id);
CREATE INDEX invitation_codes_expiry ON invitation_codes (expires_at);
