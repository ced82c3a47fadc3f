-- Questionnaires that the operator imported. What one asks never changes under its address and version, and none is
-- deleted, because responses were judged by it. `summary` is what a list tells, `body` the whole.
CREATE TABLE questionnaires (
    id BLOB PRIMARY KEY,
    url TEXT NOT NULL,
    version TEXT NOT NULL,
    summary TEXT NOT NULL,
    body TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    UNIQUE (url, version)
) STRICT, WITHOUT ROWID;
