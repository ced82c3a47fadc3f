//! Keys and sealing: the master keys, the key store, and the right to reach one record.

pub mod key_store;
pub mod scope;
pub mod seal;
