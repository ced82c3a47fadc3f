DROP TABLE break_glass_tries;
DROP TABLE break_glass;
