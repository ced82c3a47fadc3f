-- What is left of a deleted record whose tombstone was swept: its id, which is never used again.
CREATE TABLE swept_ids (
    person_no INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    id BLOB NOT NULL,
    -- The version of the tombstone.
    version INTEGER NOT NULL,
    PRIMARY KEY (person_no, collection, id)
) STRICT, WITHOUT ROWID;

-- From now on the earlier versions of a journal entry (collection 18) go as it is deleted.
DELETE FROM record_history WHERE collection = 18 AND EXISTS (
    SELECT 1 FROM records
    WHERE records.id = record_history.id AND records.person_no = record_history.person_no
        AND records.collection = 18 AND records.deleted = 1
);
-- A swept id was free for a new record once, which then met the earlier versions of the one before and could not be changed.
DELETE FROM record_history WHERE EXISTS (
    SELECT 1 FROM records
    WHERE records.id = record_history.id AND records.person_no = record_history.person_no
        AND records.collection = record_history.collection AND records.version <= record_history.version
);
-- The totals of `people` count as of its `rev`, so that is raised to the latest one. The bytes are those that are left.
UPDATE people SET
    rev = max(rev, ifnull((SELECT max(records.rev) FROM records WHERE records.person_no = people.person_no), 0)),
    total_records = (SELECT count(*) FROM records WHERE records.person_no = people.person_no AND deleted = 0),
    total_bytes =
        ifnull((SELECT sum(length(sealed)) FROM records WHERE records.person_no = people.person_no), 0)
        + ifnull((SELECT sum(length(sealed)) FROM record_history
                  WHERE record_history.person_no = people.person_no), 0)
        + ifnull((SELECT sum(length(sealed)) FROM kept_answers WHERE kept_answers.person_no = people.person_no), 0);
