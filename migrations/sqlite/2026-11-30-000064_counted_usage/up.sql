-- What each person uses already. Apart from the new columns, so that on PostgreSQL nobody waits for the whole of it.

-- Earlier versions of records whose tombstones were swept. Nobody could read them, and from now on they go with the tombstone.
DELETE FROM record_history WHERE NOT EXISTS (
    SELECT 1 FROM records
    WHERE records.id = record_history.id AND records.person_no = record_history.person_no
        AND records.collection = record_history.collection
);

-- The totals of `people` count as of its `rev`, so that is raised to the latest one.
UPDATE people SET
    rev = max(rev, ifnull((SELECT max(records.rev) FROM records WHERE records.person_no = people.person_no), 0)),
    total_records = (SELECT count(*) FROM records WHERE records.person_no = people.person_no AND deleted = 0),
    total_bytes =
        ifnull((SELECT sum(length(sealed)) FROM records WHERE records.person_no = people.person_no), 0)
        + ifnull((SELECT sum(length(sealed)) FROM record_history
                  WHERE record_history.person_no = people.person_no), 0)
        + ifnull((SELECT sum(length(sealed)) FROM kept_answers WHERE kept_answers.person_no = people.person_no), 0);
