DROP INDEX data_keys_pending;
ALTER TABLE data_keys DROP COLUMN pending;
