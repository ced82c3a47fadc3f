-- What each person uses already. Apart from the new columns, so that on PostgreSQL nobody waits for the whole of it.

-- Earlier versions of records whose tombstones were swept. Nobody could read them, and from now on they go with the tombstone.
DELETE FROM record_history WHERE NOT EXISTS (
    SELECT 1 FROM records
    WHERE records.id = record_history.id AND records.person_no = record_history.person_no
        AND records.collection = record_history.collection
);

UPDATE people SET total_records = used.records, total_bytes = used.bytes
FROM (
    SELECT person_no, sum(living) AS records, sum(bytes) AS bytes
    FROM (
        SELECT person_no, count(*) FILTER (WHERE NOT deleted) AS living, sum(octet_length(sealed)) AS bytes
        FROM records GROUP BY person_no
        UNION ALL
        SELECT person_no, 0, sum(octet_length(sealed)) FROM record_history GROUP BY person_no
        UNION ALL
        SELECT person_no, 0, sum(octet_length(sealed)) FROM kept_answers GROUP BY person_no
    ) AS parts
    GROUP BY person_no
) AS used
WHERE people.person_no = used.person_no;
