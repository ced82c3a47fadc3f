DROP TABLE restrictions;
DROP TABLE consent_recipients;
DROP TABLE consents;
