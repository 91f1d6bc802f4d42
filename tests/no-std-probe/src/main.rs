//! A program without std, without libc and without `main`, linked against the library as an initramfs program would be.
//!
//! It exits 0 when a record that it encodes reads back the same and when a file of the kernel can be read; else with the
//! number of the step that failed. `make test` links and runs it: no_std is then more than a word.
#![no_std]
#![no_main]

extern crate alloc;

mod start;

use bedplate::decide::record::{Record, codec};
use bedplate::sys::fs;

/// Everything that the probe does; the exit code.
fn run() -> u8 {
    let record = Record { revision: 7, ..Record::default() };
    let block = codec::encode(&record);
    if !matches!(codec::read(&block, &[]), codec::Reading::Valid { record: read, .. } if read == record) {
        return 1;
    }
    let Ok(root) = fs::open_dir("/proc") else { return 2 };
    match fs::read_text(&root, "sys/kernel/ostype") {
        Ok(text) if text.trim_end() == "Linux" => 0,
        _ => 3,
    }
}
