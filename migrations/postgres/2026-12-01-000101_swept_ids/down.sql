DROP TABLE swept_ids;
