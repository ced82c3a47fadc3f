-- Until when a server has taken over the erasure of an account, so that no other does the same meanwhile.
ALTER TABLE accounts ADD COLUMN erasure_leased_until INTEGER;
CREATE INDEX accounts_erasing ON accounts (no) WHERE state = 'erasing';
