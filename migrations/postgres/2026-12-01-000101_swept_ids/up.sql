-- What is left of a deleted record whose tombstone was swept: its id, which is never used again.
CREATE TABLE swept_ids (
    person_no BIGINT NOT NULL,
    collection SMALLINT NOT NULL,
    id UUID NOT NULL,
    -- The version of the tombstone.
    version BIGINT NOT NULL,
    PRIMARY KEY (person_no, collection, id)
);

-- From now on the earlier versions of a journal entry (collection 18) go as it is deleted. And a swept id was free for a new
-- record once, which then met the earlier versions of the one before and could not be changed.
WITH gone AS (
    DELETE FROM record_history USING records
    WHERE records.id = record_history.id AND records.person_no = record_history.person_no
        AND records.collection = record_history.collection
        AND ((records.collection = 18 AND records.deleted) OR records.version <= record_history.version)
    RETURNING record_history.person_no, octet_length(record_history.sealed) AS bytes
)
UPDATE people SET total_bytes = people.total_bytes - freed.bytes
FROM (SELECT person_no, sum(bytes) AS bytes FROM gone GROUP BY person_no) AS freed
WHERE people.person_no = freed.person_no;
