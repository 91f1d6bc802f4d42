//! /proc/self/mountinfo, as proc_pid_mountinfo(5) describes it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One mount. Option lists are split at their commas: they are compared word by word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountInfo {
    pub id: u32,
    pub parent: u32,
    /// Major and minor number of the file system's device.
    pub device: (u32, u32),
    /// The directory of the file system that is mounted.
    pub root: String,
    pub target: String,
    pub options: Vec<String>,
    pub fstype: String,
    pub source: String,
    pub super_options: Vec<String>,
}

/// All lines that can be understood, in the kernel's order.
pub fn parse(text: &str) -> Vec<MountInfo> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<MountInfo> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (id, parent) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let (major, minor) = next()?.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let (root, target, options) = (unescape(next()?), unescape(next()?), list(next()?));
    // Optional fields end at a single hyphen.
    while next()? != "-" {}
    let (fstype, source) = (unescape(next()?), unescape(next()?));
    let super_options = list(next().unwrap_or_default());
    Some(MountInfo { id, parent, device, root, target, options, fstype, source, super_options })
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(ToString::to_string).collect()
}

/// Octal escapes (\040 for a space) of the kernel and of fstab(5).
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.first_chunk().copied().and_then(octal).filter(|_| *first == b'\\');
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_each_kind() {
        let text = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=remount-ro\n\
                    bad line\n\
                    37 36 0:5 / / ro - tmpfs bed\\134plate ro\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        let first = mounts.first().expect("two lines");
        assert_eq!((first.id, first.parent, first.device), (36, 35, (98, 0)));
        assert_eq!((first.root.as_str(), first.target.as_str(), first.fstype.as_str()), ("/mnt1", "/mnt 2", "ext3"));
        assert_eq!(first.options, ["rw", "noatime"]);
        assert_eq!(first.super_options, ["rw", "errors=remount-ro"]);
        assert_eq!(mounts.get(1).map(|mount| mount.source.as_str()), Some("bed\\plate"));
    }

    #[test]
    fn escapes() {
        for (text, expected) in
            [("a\\040b", "a b"), ("\\", "\\"), ("\\04", "\\04"), ("\\777", "\\777"), ("\\011\\012", "\t\n"), ("\\089", "\\089")]
        {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn names_are_read_as_the_kernel_escapes_them(target in "(/[ -~\t\n]{1,5}){1,3}", source in "[ -~\n]{1,9}") {
            let escape = |text: &str| text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('\n', "\\012");
            let line = alloc::format!("1 2 3:4 / {} rw,nosuid shared:1 - ext4 {} rw\n", escape(&target), escape(&source));
            let (options, super_options) = (list("rw,nosuid"), list("rw"));
            let (root, fstype) = ("/".into(), "ext4".into());
            let expected = MountInfo { id: 1, parent: 2, device: (3, 4), root, target, options, fstype, source, super_options };
            prop_assert_eq!(parse(&line), [expected]);
        }

        #[test]
        fn without_a_backslash_nothing_changes(text in "[^\\\\]*") {
            prop_assert_eq!(unescape(&text), text);
        }
    }
}
