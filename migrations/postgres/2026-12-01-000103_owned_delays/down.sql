DROP INDEX login_delays_owner;
ALTER TABLE login_delays DROP COLUMN owner;
