DROP TABLE invitation_codes;
DROP TABLE invitations;
