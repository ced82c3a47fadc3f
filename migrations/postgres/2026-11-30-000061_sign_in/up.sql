-- Device tokens of an account are good for one generation. A new password begins another one, with a random number.
ALTER TABLE accounts ADD COLUMN device_generation BIGINT NOT NULL DEFAULT 1;

-- Rows without failures were networks from which an account had signed in. Device tokens take their place.
DELETE FROM login_delays WHERE failures = 0;
