//! The part of bedplate that runs before the real root exists.
//!
//! Data flows one way:
//!
//! ```text
//! argv, /proc/cmdline, configuration -> Request -+
//! sysroot, read only                 -> Facts   -+-> Choice -> Plan -> apply -> verify -> Report
//! ```
//!
//! - [`decide`] turns text, bytes and plain data into decisions. It knows nothing of the machine.
//! - [`boot`] looks at the machine and acts on it.
//! - [`sys`] is the only place that talks to the kernel.
//!
//! The library has no std: boot code cannot reach environment, clocks, threads or hidden I/O by accident.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "program"))]
extern crate std;

pub mod boot;
pub mod decide;
pub mod error;
pub mod sys;
