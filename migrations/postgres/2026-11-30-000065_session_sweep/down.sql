DROP INDEX sessions_ended;
DROP INDEX sessions_last_used;
