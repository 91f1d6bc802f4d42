//! Files that are made from others: carried forward, they would be wrong, and whoever needs them makes them again.

use alloc::string::String;

/// Below /etc. A directory stands for all that is in it.
pub const DERIVED: [&str; 19] = [
    ".pwd.lock",
    ".updated",
    "group+",
    "group-",
    "group.lock",
    "gshadow+",
    "gshadow-",
    "gshadow.lock",
    "ld.so.cache",
    "ld.so.cache~",
    "passwd+",
    "passwd-",
    "passwd.lock",
    "shadow+",
    "shadow-",
    "shadow.lock",
    "subgid-",
    "subuid-",
    "udev/hwdb.bin",
];

/// Whether a path below /etc is one of them, or of `more`, which the configuration adds.
pub fn is_derived(path: &[u8], more: &[String]) -> bool {
    DERIVED.iter().any(|name| name.as_bytes() == path) || more.iter().any(|name| name.as_bytes() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_whole_path() {
        let more = ["ssl/cache".into()];
        for (path, expected) in [
            ("ld.so.cache", true),
            ("passwd-", true),
            ("udev/hwdb.bin", true),
            ("ssl/cache", true),
            ("passwd", false),
            ("sub/ld.so.cache", false),
            ("ssl", false),
            ("ssl/cache/x", false),
            ("", false),
        ] {
            assert_eq!(is_derived(path.as_bytes(), &more), expected, "{path}");
        }
        assert!(!is_derived(b"ssl/cache", &[]));
    }
}
