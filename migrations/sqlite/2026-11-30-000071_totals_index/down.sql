DROP INDEX records_rev;
CREATE UNIQUE INDEX records_rev ON records (person_no, rev);
