//! Cargo wants a package to build something; the benches are in `benches/`.
