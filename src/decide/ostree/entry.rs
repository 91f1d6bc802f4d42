//! Boot loader entries (`loader/entries/ostree-N.conf`): for which deployment the loader asks if nobody touches a key.

use super::target::target;
use crate::decide::cmdline::Cmdline;
use alloc::string::String;

/// The link that the first entry names as `ostree=`, without leading slash. libostree numbers entries by `version`, the first one
/// highest; entries that name no deployment are not OSTree's.
pub fn first_link<'a>(entries: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let links = entries.into_iter().filter_map(|text| {
        let version = value(text, "version")?.parse::<u32>().ok()?;
        Some((version, target(&Cmdline::parse(value(text, "options")?)).ok()??))
    });
    links.max_by_key(|(version, _)| *version).map(|(_, link)| link)
}

/// The rest of the first line that begins with this key.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let rest = |line: &'a str| line.trim_start().strip_prefix(key)?.strip_prefix([' ', '\t']);
    text.lines().find_map(rest).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW: &str = "title Debian (ostree:0)\nversion 2\noptions root=LABEL=x ostree=/ostree/boot.1/debian/aa/0 rw\nlinux /l\n";
    const OLD: &str = "title Debian (ostree:1)\nversion\t10x\noptions ostree=/ostree/boot.1/debian/aa/1\n";

    #[test]
    fn the_highest_version_counts() {
        let old = OLD.replace("10x", "1");
        assert_eq!(first_link([old.as_str(), NEW]).as_deref(), Some("ostree/boot.1/debian/aa/0"));
        assert_eq!(first_link([old.as_str()]).as_deref(), Some("ostree/boot.1/debian/aa/1"));
        let highest = old.replace("version\t1", "version 10");
        assert_eq!(first_link([NEW, highest.as_str()]).as_deref(), Some("ostree/boot.1/debian/aa/1"));
    }

    #[test]
    fn what_is_none_of_ostrees_does_not_count() {
        for text in ["", "version 3", "version 3\noptions quiet", "options ostree=/a", "version 3\noptionsostree=/a", OLD] {
            assert_eq!(first_link([text]), None, "{text}");
        }
        assert!(first_link(["version 9\noptions quiet", NEW]).is_some());
    }

    proptest! {
        #[test]
        fn anything_is_read(texts in prop::collection::vec("(version [0-9]{0,12}|options [a-z=/ ]*|[^\n]*\n){0,4}", 0..4)) {
            let _ = first_link(texts.iter().map(String::as_str));
        }
    }
}
