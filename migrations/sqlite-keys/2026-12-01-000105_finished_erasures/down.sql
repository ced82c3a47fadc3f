DROP INDEX erasures_unfinished;
ALTER TABLE erasures DROP COLUMN finished_at;
