//! Sizes as people read them.

use alloc::format;
use alloc::string::String;

/// `12 bytes`, `1.5 KiB`, `20.0 MiB`; rounded down to tenths.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (name, unit) in UNITS {
        if bytes >= unit {
            let tenths = bytes % unit * 10 / unit;
            return format!("{}.{tenths} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}
