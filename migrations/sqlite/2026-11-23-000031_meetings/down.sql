DROP TABLE meeting_types;
DROP TABLE meetings;
