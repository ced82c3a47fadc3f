-- A new record reads the person's totals in the row of the latest change. The index has them too, so that the row itself, on a
-- page of its own, is not read. The single writer sees to it that a number is given once.
DROP INDEX records_rev;
CREATE INDEX records_rev ON records (person_no, rev, created_at, total_records, total_bytes, day_writes);
