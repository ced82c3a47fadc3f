-- Questionnaires that the operator imported. What one asks never changes under its address and version, and none is
-- deleted, because responses were judged by it. `summary` is what a list tells, `body` the whole.
CREATE TABLE questionnaires (
    id UUID PRIMARY KEY,
    url TEXT NOT NULL,
    version TEXT NOT NULL,
    summary TEXT NOT NULL,
    body TEXT NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL,
    UNIQUE (url, version)
);
