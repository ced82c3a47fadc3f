-- What each person uses, and their own limits; NULL is the default of the server. `writes_day` is the day, from 1970-01-01 in
-- UTC, that `day_writes` counts.
ALTER TABLE people ADD COLUMN total_records INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN total_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN writes_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN day_writes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN max_records INTEGER;
ALTER TABLE people ADD COLUMN max_bytes INTEGER;
ALTER TABLE people ADD COLUMN max_day_writes INTEGER;

-- On SQLite a new record without side effects does not write `people`: it holds the totals itself, as of its `rev`.
ALTER TABLE records ADD COLUMN total_records INTEGER;
ALTER TABLE records ADD COLUMN total_bytes INTEGER;
ALTER TABLE records ADD COLUMN day_writes INTEGER;

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
