-- Meetings of mutual-help programmes, as feeds tell of them: public, and nobody's record. Clear columns are what a
-- search asks for; `body` is the whole meeting.
CREATE TABLE meetings (
    id BLOB PRIMARY KEY,
    source TEXT NOT NULL,
    programme TEXT NOT NULL,
    in_person INTEGER NOT NULL,
    online INTEGER NOT NULL,
    latitude REAL,
    longitude REAL,
    days INTEGER NOT NULL,
    minutes INTEGER,
    time_zone TEXT,
    body TEXT NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX meetings_source ON meetings (source);
CREATE INDEX meetings_place ON meetings (latitude, longitude);

-- What meetings are like, by the codes of their feeds in capitals.
CREATE TABLE meeting_types (
    code TEXT NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    PRIMARY KEY (code, meeting_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX meeting_types_meeting ON meeting_types (meeting_id);
