//! What this firmware knows of its configuration: who it is, and which settings it has. Portable.
//! Reads a copy of the configuration partition in memory, so that nothing can write to the partition itself.
#![no_std]

extern crate alloc;

mod configuration;
mod report;

pub use configuration::{Configuration, Identity, Setting, read_configuration};
pub use report::{Firmware, report};
