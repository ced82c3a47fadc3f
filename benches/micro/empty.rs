//! An empty library, which Cargo requires in a package. The benchmarks are in `benches/`.
