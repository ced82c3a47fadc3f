-- The session whose tokens a first answer holds: the answer ends with it.
ALTER TABLE kept_answers ADD COLUMN session_id BLOB;
-- The record that a first answer shows: its text goes when the record is purged.
ALTER TABLE kept_answers ADD COLUMN record_id BLOB;
CREATE INDEX kept_answers_record ON kept_answers (person_no, record_id) WHERE record_id IS NOT NULL;
