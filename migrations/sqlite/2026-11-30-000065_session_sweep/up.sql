-- The sweep of sessions reads the oldest ones alone.
CREATE INDEX sessions_last_used ON sessions (last_used_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
