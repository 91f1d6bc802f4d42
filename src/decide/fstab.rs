//! fstab(5): the lines, nothing of their meaning.

use super::model::FstabLine;
use super::mountinfo::unescape;
use alloc::string::String;
use alloc::vec::Vec;

/// Every line with at least a source and a target; comments and empty lines are passed over.
pub fn parse(text: &str) -> Vec<FstabLine> {
    let lines = text.lines().map(str::trim).zip(1..);
    lines.filter(|(text, _)| !text.starts_with('#')).filter_map(|(text, number)| line(text, number)).collect()
}

fn line(text: &str, number: usize) -> Option<FstabLine> {
    let mut words = text.split_ascii_whitespace().map(unescape);
    let (what, target) = (words.next()?, words.next()?);
    let fstype = words.next().unwrap_or_else(|| String::from("auto"));
    let options = words.next().unwrap_or_else(|| String::from("defaults"));
    Some(FstabLine { line: number, what, target, fstype, options })
}

/// The mount of the two that systemd-remount-fs goes by fstab for, where a line is for it: / or /usr.
pub fn remounted(line: &FstabLine) -> Option<&'static str> {
    match line.target.trim_matches('/') {
        "" if line.target.starts_with('/') => Some("/"),
        "usr" if line.target.starts_with('/') => Some("/usr"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let text = "# comment\n\nUUID=1 / ext4 errors=remount-ro 0 1\n  /dev/b\t/a\\040b\n/dev/c\nnone none swap sw\n";
        let lines = parse(text);
        let shown: Vec<_> = lines.iter().map(|l| [&l.what, &l.target, &l.fstype, &l.options].map(String::as_str)).collect();
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [3, 4, 6]);
        assert_eq!(
            shown,
            [["UUID=1", "/", "ext4", "errors=remount-ro"], ["/dev/b", "/a b", "auto", "defaults"], ["none", "none", "swap", "sw"],]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn lines_are_numbered(kinds in prop::collection::vec(prop::sample::select(vec!["# x y", "", "  ", "x /y", "x", "/dev/a /b ext4 ro 0 0"]), 0..9)) {
            let expected: Vec<usize> = kinds.iter().zip(1..).filter(|(line, _)| line.contains('/')).map(|(_, number)| number).collect();
            let found: Vec<usize> = parse(&kinds.join("\n")).iter().map(|line| line.line).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
