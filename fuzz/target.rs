//! One fuzz target: the one that has the name of this program.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| bedplate_fuzz::run(env!("CARGO_BIN_NAME"), data));
