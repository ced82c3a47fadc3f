DROP INDEX accounts_erasing;
ALTER TABLE accounts DROP COLUMN erasure_leased_until;
