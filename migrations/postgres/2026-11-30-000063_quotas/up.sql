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
