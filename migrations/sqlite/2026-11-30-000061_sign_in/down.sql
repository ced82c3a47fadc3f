INSERT INTO login_delays SELECT key, 0, last_used_at, last_used_at FROM known_networks WHERE key NOT IN (SELECT key FROM login_delays);
DROP TABLE known_networks;
ALTER TABLE accounts DROP COLUMN device_generation;
