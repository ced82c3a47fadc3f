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
