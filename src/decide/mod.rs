//! Decides: text or bytes to values and back. Total functions on plain data; no I/O, no clock, nothing of the machine.

#![forbid(unsafe_code)]

pub mod bls_entry;
pub mod cmdline;
pub mod config;
pub mod deploy;
pub mod dm_verity;
pub mod drift;
pub mod evidence;
pub mod fstab;
pub mod guard;
pub mod health;
pub mod hex;
pub mod inventory;
pub mod kernel;
pub mod lint;
pub mod loader;
pub mod manifest;
pub mod marker;
pub mod merge;
pub mod model;
pub mod mountinfo;
pub mod nothing_boots;
pub mod os_release;
pub mod ostree;
pub mod partitions;
pub mod plan;
pub mod record;
pub mod reset;
pub mod rootspec;
pub mod select;
pub mod settle;
pub mod superblock;
pub mod table;
pub mod unlock;
pub mod utc;
pub mod verdict;
pub mod watchdog;
