DROP INDEX kept_answers_record;
ALTER TABLE kept_answers DROP COLUMN record_id;
ALTER TABLE kept_answers DROP COLUMN session_id;
