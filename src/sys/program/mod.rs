//! What only the program of the booted system needs of the kernel. Compiled with the feature `program` alone.

pub mod apart;
pub mod group;
pub mod interrupt;
