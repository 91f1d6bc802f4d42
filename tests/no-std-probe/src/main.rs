//! A program without std, without libc and without `main`, linked against the library as an initramfs program would be.
//!
//! It exits 0 when a record that it encodes reads back the same, a file of the kernel can be read, and prepare-root says that
//! there is no store in /proc; else with the number of the step that failed. `make test` links and runs it: no_std is then
//! more than a word, for all that prepare-root reaches.
#![no_std]
#![no_main]

extern crate alloc;

mod start;

use alloc::string::String;
use bedplate::boot::prepare::{Options, prepare};
use bedplate::decide::record::{Record, codec};
use bedplate::error::Kind;
use bedplate::sys::fs;

/// Everything that the probe does; the exit code.
fn run() -> u8 {
    let record = Record { revision: 7, ..Record::default() };
    let block = codec::encode(&record);
    if !matches!(codec::read(&block, &[]), codec::Reading::Valid { record: read, .. } if read == record) {
        return 1;
    }
    let Ok(root) = fs::open_dir("/proc") else { return 2 };
    if !fs::read_text(&root, "sys/kernel/ostype").is_ok_and(|text| text.trim_end() == "Linux") {
        return 3;
    }
    let options = Options { sysroot: "/proc".into(), cmdline: Some(String::new()), config_root: "/proc".into(), run: "/proc".into() };
    match prepare(&options) {
        Err(error) if error.kind == Kind::NoStore => 0,
        _ => 4,
    }
}
