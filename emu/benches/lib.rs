//! Benchmarks only: see explorer.rs and sweep.rs.
