-- Meetings of mutual-help programmes, as feeds tell of them: public, and nobody's record. Clear columns are what a
-- search asks for; `body` is the whole meeting.
CREATE TABLE meetings (
    id UUID PRIMARY KEY,
    source TEXT NOT NULL,
    programme TEXT NOT NULL,
    in_person BOOLEAN NOT NULL,
    online BOOLEAN NOT NULL,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    days SMALLINT NOT NULL,
    minutes SMALLINT,
    time_zone TEXT,
    body TEXT NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX meetings_source ON meetings (source);
CREATE INDEX meetings_place ON meetings (latitude, longitude);

-- What meetings are like, by the codes of their feeds in capitals.
CREATE TABLE meeting_types (
    code TEXT NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    PRIMARY KEY (code, meeting_id)
);
CREATE INDEX meeting_types_meeting ON meeting_types (meeting_id);
