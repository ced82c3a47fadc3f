DROP TABLE audit_heads;
DROP TABLE disclosures;
DROP TABLE access_log;
