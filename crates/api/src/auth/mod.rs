//! Who is who: passwords, tokens, sessions.

pub mod delay;
pub mod password;
pub mod refresh;
pub mod session;
pub mod token;
