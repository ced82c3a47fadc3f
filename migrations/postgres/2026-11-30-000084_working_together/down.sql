DROP TABLE peer_profiles;
DROP TABLE contributions;
