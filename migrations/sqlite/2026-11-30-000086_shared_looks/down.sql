DROP TABLE shared_looks;
