-- Invites to register: a keyed hash of the code, and how often it is still good. No account tells of the invite it came by.
CREATE TABLE invites (
    id BLOB PRIMARY KEY,
    code BLOB NOT NULL UNIQUE,
    uses INTEGER NOT NULL,
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The note of the operator.
    sealed BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_expiry ON invites (expires_at);

-- The account that a first answer to a request without sign-in belongs to: the answer is erased with it, and each account has
-- a bounded number of them.
ALTER TABLE kept_answers ADD COLUMN account_no INTEGER;
CREATE INDEX kept_answers_account ON kept_answers (account_no, created_at) WHERE account_no IS NOT NULL;
