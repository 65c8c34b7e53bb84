//! Empty: only the dependency is wanted, see Cargo.toml.
