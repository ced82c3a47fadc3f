DROP INDEX kept_answers_account;
ALTER TABLE kept_answers DROP COLUMN account_no;
DROP TABLE invites;
