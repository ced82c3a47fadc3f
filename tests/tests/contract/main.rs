//! The contract, driven over HTTP on both databases.

mod check_in;
