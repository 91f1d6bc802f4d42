//! dm-verity: a block device whose every block the kernel compares with a root hash when it reads it. The two lines in which the
//! kernel tells of one (Documentation/admin-guide/device-mapper/verity.rst, and `verity_status` of its driver):
//!
//! ```text
//! status: V
//! table:  1 254:16 254:32 4096 4096 12288 0 sha256 4392712b…2fd2 - 1 restart_on_corruption
//! ```

#[cfg(test)]
mod tests;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What the kernel has found so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every block that was read.
    Verified,
    /// A block that was read is not the one that was hashed.
    Corrupted,
}

/// What it does about a block that is not the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnCorruption {
    /// Reading it is an I/O error.
    Error,
    /// It is read as it is.
    Ignore,
    Restart,
    Panic,
}

/// What a device is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// As the kernel names it: sha256.
    pub algorithm: String,
    /// In lower-case hexadecimal.
    pub root_hash: String,
    pub on_corruption: OnCorruption,
    /// The kernel has checked a signature of the root hash.
    pub signed: bool,
}

impl State {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Corrupted => "corrupted",
        }
    }
}

/// Reads the status line. Of newer kernels a word follows: how many blocks were corrected.
pub fn state(line: &str) -> Result<State, &'static str> {
    match line.split_ascii_whitespace().next() {
        Some("V") => Ok(State::Verified),
        Some("C") => Ok(State::Corrupted),
        _ => Err("not a status of dm-verity"),
    }
}

/// Reads the table line, without start, length and `verity` before it.
pub fn table(line: &str) -> Result<Table, &'static str> {
    const FEWER: &str = "fewer words than a table of dm-verity has";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [version, _data, _hashes, data_block, hash_block, blocks, start, algorithm, root_hash, salt, options @ ..] = words.as_slice()
    else {
        return Err(FEWER);
    };
    if !matches!(*version, "0" | "1") {
        return Err("a version of dm-verity that is not known");
    }
    if [data_block, hash_block, blocks, start].iter().any(|word| word.parse::<u64>().is_err()) {
        return Err("not a number of blocks or bytes");
    }
    if !is_hex(root_hash) || (*salt != "-" && !is_hex(salt)) {
        return Err("not a root hash and a salt");
    }
    let (algorithm, root_hash) = (algorithm.to_string(), root_hash.to_string());
    let mut table = Table { algorithm, root_hash, on_corruption: OnCorruption::Error, signed: false };
    table.take_options(options)?;
    Ok(table)
}

/// Whole bytes, as the kernel writes them.
fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.len() % 2 == 0 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Table {
    /// The rest of the line: how many words follow, and these.
    fn take_options(&mut self, words: &[&str]) -> Result<(), &'static str> {
        let Some((count, words)) = words.split_first() else { return Ok(()) };
        if count.parse() != Ok(words.len()) {
            return Err("not as many options as it says");
        }
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "ignore_corruption" => self.on_corruption = OnCorruption::Ignore,
                "restart_on_corruption" => self.on_corruption = OnCorruption::Restart,
                "panic_on_corruption" => self.on_corruption = OnCorruption::Panic,
                "root_hash_sig_key_desc" => self.signed = words.next().is_some(),
                "use_fec_from_device" | "fec_blocks" | "fec_start" | "fec_roots" => {
                    words.next();
                }
                // Of no matter here, or of a newer kernel.
                _ => {}
            }
        }
        Ok(())
    }
}
