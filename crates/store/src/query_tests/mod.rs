//! Tests of the SQL itself: its text where it is written by hand, and the indexes that both engines use for it.

mod database;
mod plans;
mod statements;
