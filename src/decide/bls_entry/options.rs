//! The kernel's command line in an entry.

use crate::decide::cmdline::{raw_words, to_word};
use crate::decide::kernel::{ENTRY, is_of_this_kernel, split_at_init};
use crate::decide::model::Id;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Where a command line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// etc/kernel/cmdline or usr/lib/kernel/cmdline: somebody has meant it for every boot. Lines that begin with `#` are comments.
    File,
    /// The running kernel's: what it says to bedplate was meant for this boot.
    Running,
}

/// The command line for the kernel of `id`; without a word besides, there is none.
pub fn options(text: &str, origin: Origin, id: &Id) -> Option<String> {
    let text: Vec<&str> = text.lines().filter(|line| origin == Origin::Running || !line.trim_start().starts_with('#')).collect();
    let (mut words, rest) = split_at_init(raw_words(&text.join(" ")));
    let dropped = |word: &str| is_of_this_kernel(word) || (origin == Origin::Running && is_for_bedplate(word));
    words.retain(|word| !dropped(word));
    if words.is_empty() {
        return None;
    }
    words.push(format!("{ENTRY}={id}"));
    words.extend(rest);
    Some(words.join(" "))
}

fn is_for_bedplate(word: &str) -> bool {
    let name = to_word(word).name;
    name == "bedplate" || name.starts_with("bedplate.")
}
