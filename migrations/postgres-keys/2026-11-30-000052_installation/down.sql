DROP TABLE erasures;
DROP TABLE key_store_installation;
