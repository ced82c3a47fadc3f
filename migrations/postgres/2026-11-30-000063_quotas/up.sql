-- What each person uses, and their own limits; NULL is the default of the server. `writes_day` is the day, from 1970-01-01 in
-- UTC, that `day_writes` counts.
ALTER TABLE people ADD COLUMN total_records BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN total_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN writes_day BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN day_writes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN max_records BIGINT;
ALTER TABLE people ADD COLUMN max_bytes BIGINT;
ALTER TABLE people ADD COLUMN max_day_writes BIGINT;

-- On SQLite a new record without side effects does not write `people`: it holds the totals itself, as of its `rev`.
ALTER TABLE records ADD COLUMN total_records BIGINT;
ALTER TABLE records ADD COLUMN total_bytes BIGINT;
ALTER TABLE records ADD COLUMN day_writes BIGINT;

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
