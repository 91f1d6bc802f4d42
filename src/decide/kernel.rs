//! The kernels that a deployment brings along: where their files are, which is the newest, and how one is started by another.

use super::cmdline::{raw_words, to_word};
use super::model::{BootId, Id};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// COMMAND_LINE_SIZE of x86 and arm64 (asm/setup.h), without the final NUL: longer ones are cut by the kernel that is started.
pub const LONGEST_CMDLINE: usize = 2047;

/// The argument by which a kernel that was started by kexec knows the boot id of the one before it.
pub const ATTEMPT: &str = "bedplate.attempt";
/// The argument by which a loader entry says whose kernel it starts.
pub const ENTRY: &str = "bedplate.entry";

/// A kernel with its initramfs, as files of a deployment's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnKernel {
    /// As `uname -r` will have it.
    pub release: String,
    /// Paths below the tree's root, without leading slash.
    pub image: String,
    pub initramfs: String,
}

/// Where a kernel image may be in a tree, best first: where systemd, OSTree and bootc put it, then Debian's.
pub fn image_places(release: &str) -> [String; 2] {
    [format!("usr/lib/modules/{release}/vmlinuz"), format!("boot/vmlinuz-{release}")]
}

/// Where its initramfs may be, best first.
pub fn initramfs_places(release: &str) -> [String; 5] {
    let beside = |name: &str| format!("usr/lib/modules/{release}/{name}");
    let [ostree, staged, debian] = ["initramfs.img", "initrd", "initrd.img"].map(beside);
    [ostree, staged, debian, format!("boot/initrd.img-{release}"), format!("boot/initramfs-{release}.img")]
}

/// Releases, the newest first: runs of digits compare as numbers, what is between them as bytes.
pub fn newest_first(mut releases: Vec<String>) -> Vec<String> {
    // Those that differ by leading zeros alone still have one order.
    releases.sort_by(|a, b| compare(b, a).then_with(|| b.cmp(a)));
    releases
}

/// Whether a release is one before `version`, which is like `6.5`.
pub fn is_before(release: &str, version: &str) -> bool {
    compare(release, version) == Ordering::Less
}

fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((run_a, rest_a), (run_b, rest_b)) = (first_run(a), first_run(b));
        let order = match (number(run_a), number(run_b)) {
            (Some(x), Some(y)) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
            _ => run_a.cmp(run_b),
        };
        if order != Ordering::Equal || (rest_a.is_empty() && rest_b.is_empty()) {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// The longest beginning that is all digits, or that has none.
fn first_run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

/// Without leading zeros: of two, the longer is the greater.
fn number(run: &str) -> Option<&str> {
    run.starts_with(|c: char| c.is_ascii_digit()).then(|| run.trim_start_matches('0'))
}

/// The command line for the kernel of `id`, started by one that runs with `running`: the same words, without those that the
/// boot loader added for its own kernel. `boot` is the running boot: what is counted in it is not counted once more. With `link`, the
/// path of a deployment's link below the physical root, `ostree=` names that one.
pub fn next_cmdline(running: &str, id: &Id, link: Option<&str>, boot: &BootId) -> String {
    let (mut words, rest): (Vec<String>, Vec<String>) = split_at_init(raw_words(running));
    words.retain(|word| !is_of_this_kernel(word));
    if let Some(link) = link {
        words.retain(|word| to_word(word).name != "ostree");
        words.push(format!("ostree=/{link}"));
    }
    words.extend([format!("{ENTRY}={id}"), format!("{ATTEMPT}={boot}")]);
    words.extend(rest);
    words.join(" ")
}

/// What stands before `--`, and the rest: it is init's.
pub(super) fn split_at_init(mut words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let rest = words.split_off(end);
    (words, rest)
}

/// What a boot loader, or bedplate in its place, has added for the kernel that it started.
pub(super) fn is_of_this_kernel(word: &str) -> bool {
    ["BOOT_IMAGE", "initrd", ENTRY, ATTEMPT].contains(&to_word(word).name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::cmdline::Cmdline;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn newest(releases: &[&str]) -> Vec<String> {
        newest_first(releases.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_release_is_before_a_version() {
        let before = ["6.1.0-38-amd64", "5.15.0", "6.4.99"];
        assert!(before.iter().all(|release| is_before(release, "6.5")));
        assert!(!["6.5", "6.5.0-rc1", "6.12.48+deb13-cloud-amd64", "7.0.1"].iter().any(|release| is_before(release, "6.5")));
    }

    #[test]
    fn numbers_count() {
        assert_eq!(newest(&["6.1.0-9-amd64", "6.12.5", "6.1.0-37-amd64"]), ["6.12.5", "6.1.0-37-amd64", "6.1.0-9-amd64"]);
        assert_eq!(newest(&["6.1", "6.1.1", "6.01"]), ["6.1.1", "6.1", "6.01"]);
        assert_eq!(newest(&["", "a", "1"]), ["a", "1", ""]);
        assert_eq!(newest(&["00 5", "000 5"]), newest(&["000 5", "00 5"]));
        assert_eq!(newest(&["5.99999999999999999999999", "5.100000000000000000000000"])[0], "5.100000000000000000000000");
    }

    fn next(running: &str) -> String {
        next_cmdline(running, &Id::parse("v1").unwrap(), None, &BootId::parse(&"0a".repeat(16)).unwrap())
    }

    #[test]
    fn the_next_kernel_is_told_who_it_is() {
        let ours = format!("bedplate.entry=v1 bedplate.attempt={}", "0a".repeat(16));
        for (running, expected) in [
            ("", ours.clone()),
            ("root=LABEL=x ro\n", format!("root=LABEL=x ro {ours}")),
            ("BOOT_IMAGE=/vmlinuz initrd=\\a initrd=b bedplate.entry=v2 ro", format!("ro {ours}")),
            ("\"initrd\" \"BOOT_IMAGE\"=x", format!("\"BOOT_IMAGE\"=x {ours}")),
            ("\"bedplate.entry=a b\" x=\"y  z\"", format!("x=\"y  z\" {ours}")),
            ("ro -- single initrd=x", format!("ro {ours} -- single initrd=x")),
        ] {
            assert_eq!(next(running), expected, "{running}");
        }
    }

    #[test]
    fn one_of_ostree_is_named_by_its_link() {
        let boot = BootId::parse(&"0a".repeat(16)).unwrap();
        let next = next_cmdline("ro ostree=/ostree/boot.1/os/a/0 quiet", &Id::parse("v1").unwrap(), Some("ostree/boot.1/os/b/0"), &boot);
        assert_eq!(next, format!("ro quiet ostree=/ostree/boot.1/os/b/0 bedplate.entry=v1 bedplate.attempt={boot}"));
    }

    proptest! {
        #[test]
        fn every_other_word_is_kept(running in "([a-z.=\"]{1,8} ){0,6}(-- )?[a-z=\"]{0,5}") {
            let (before, after) = (Cmdline::parse(&running), Cmdline::parse(&next(&running)));
            let kept = before.words().iter().filter(|word| word.name != "initrd").count();
            // An open quote swallows what comes after it, for the kernel as for us.
            if running.matches('"').count() % 2 == 0 {
                prop_assert_eq!(after.words().len(), kept + 2);
                prop_assert_eq!(after.get("bedplate.entry"), Some("v1"));
                prop_assert_eq!(before.init_arguments(), after.init_arguments());
            }
        }

        #[test]
        fn the_order_is_one(mut releases in proptest::collection::vec("[0-9a-b.-]{0,5}", 3)) {
            let sorted = newest_first(releases.clone());
            releases.reverse();
            prop_assert_eq!(newest_first(releases), sorted);
        }
    }

    #[test]
    fn places() {
        assert_eq!(image_places("6.1")[0], "usr/lib/modules/6.1/vmlinuz");
        assert_eq!(vec![initramfs_places("6.1")[3].clone()], ["boot/initrd.img-6.1"]);
    }
}
