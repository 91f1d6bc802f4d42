//! Looks at the machine and acts on it: the flow of a boot, and what the booted system shares with it.

pub mod announce;
pub mod apply;
pub mod attempt;
pub mod copy;
pub mod countdown;
pub mod drift;
pub mod evidence;
pub mod facts;
pub mod inventory;
pub mod kexec;
pub mod layer;
pub mod ledger;
pub mod load;
pub mod loader;
pub mod nothing_boots;
pub mod overlay;
pub mod pid1;
pub mod prepare;
pub mod rootdev;
pub mod stage;
pub mod store;
pub mod sysroot;
pub mod tree;
pub mod verify;
pub mod watchdog;
