-- Invites to register: a keyed hash of the code, and how often it is still good. No account tells of the invite it came by.
CREATE TABLE invites (
    id UUID PRIMARY KEY,
    code BYTEA NOT NULL UNIQUE,
    uses BIGINT NOT NULL,
    uses_left BIGINT NOT NULL CHECK (uses_left >= 0),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    -- The note of the operator.
    sealed BYTEA
);
CREATE INDEX invites_expiry ON invites (expires_at);

-- The account that a first answer to a request without sign-in belongs to: the answer is erased with it, and each account has
-- a bounded number of them.
ALTER TABLE kept_answers ADD COLUMN account_no BIGINT;
CREATE INDEX kept_answers_account ON kept_answers (account_no, created_at) WHERE account_no IS NOT NULL;
