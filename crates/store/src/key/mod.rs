//! Keys and sealing: the master keys, the key store, and the right to reach one record.

pub mod key_store;
pub mod master_key;
mod opened_keys;
pub mod rewrap;
pub mod scope;
pub mod seal;
