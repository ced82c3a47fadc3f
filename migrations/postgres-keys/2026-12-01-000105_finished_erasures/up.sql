-- When the last trace of an erased account was gone from the logs of the databases too. Until then a server goes on with it.
ALTER TABLE erasures ADD COLUMN finished_at TIMESTAMPTZ;
CREATE INDEX erasures_unfinished ON erasures (account_id) WHERE finished_at IS NULL;
