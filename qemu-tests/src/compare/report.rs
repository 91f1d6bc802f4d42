//! What a guest looks like after prepare-root, as lines that can be compared, and the filters: what is left out of them.

use super::booted;
use guest_init::mountinfo::Mount;
use std::collections::HashMap;

/// What a guest reports.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// When the boot began: seconds since 1970.
    pub since: u64,
    /// Of the program.
    pub exit: Option<i32>,
    /// What it wrote to standard error.
    pub errors: String,
    pub mounts: Vec<Mount>,
    /// Of /run: lines of [`guest_init::listing`].
    pub run: Vec<String>,
    /// Of the new root, with the physical root below it.
    pub files: Vec<String>,
    /// In / of the initramfs.
    pub names: Vec<String>,
    /// The bytes of /run/ostree-booted; `None`: there is none.
    pub booted: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Exit,
    Mounts,
    Flags,
    Propagation,
    Run,
    Metadata,
    Files,
}

impl Column {
    pub const ALL: [Self; 7] = [Self::Exit, Self::Mounts, Self::Flags, Self::Propagation, Self::Run, Self::Metadata, Self::Files];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Mounts => "mounts",
            Self::Flags => "flags",
            Self::Propagation => "propagation",
            Self::Run => "run",
            Self::Metadata => "metadata",
            Self::Files => "files",
        }
    }
}

/// A line that only one of two reports has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub column: Column,
    /// With `-` where it is the first one's alone, with `+` where it is the second one's.
    pub line: String,
}

/// In all columns. Where both programs refuse, there is nothing more to be the same.
pub fn differences(first: &Report, second: &Report) -> Vec<Difference> {
    if first.refusal().is_some() && second.refusal().is_some() {
        return Vec::new();
    }
    let of = |column| {
        let found = crate::disk::differences(&first.lines(column), &second.lines(column));
        found.into_iter().map(move |line| Difference { column, line })
    };
    Column::ALL.into_iter().flat_map(of).collect()
}

impl Report {
    /// What the program said, where it did not prepare a root.
    pub fn refusal(&self) -> Option<String> {
        (self.exit != Some(0)).then(|| self.errors.trim().to_string())
    }

    fn lines(&self, column: Column) -> Vec<String> {
        match column {
            Column::Exit => vec![self.refusal().map_or_else(|| "a root stands".to_string(), |_| "refused".to_string())],
            Column::Mounts => self.of_mounts(|mount| format!("{} of {} {}", mount.root, mount.fstype, mount.source)),
            Column::Flags => self.of_mounts(|mount| {
                let options: Vec<_> = mount.super_options.iter().map(|option| filter::layer(option)).collect();
                format!("{} super {}", mount.options.join(","), options.join(","))
            }),
            Column::Propagation => self.of_mounts(|mount| {
                let words: Vec<_> = mount.propagation.iter().map(|word| filter::peers(word)).collect();
                if words.is_empty() { "private".to_string() } else { words.join(" ") }
            }),
            Column::Run => self.run.iter().filter(|line| !filter::is_our_own(line)).map(|line| self.thing(line)).collect(),
            Column::Metadata => self.metadata(),
            Column::Files => {
                let left = self.names.iter().filter(|name| !filter::is_of_libraries(name)).map(|name| format!("in the initramfs: {name}"));
                self.files.iter().map(|line| self.thing(line)).chain(left).collect()
            }
        }
    }

    /// A line of a listing.
    fn thing(&self, line: &str) -> String {
        let words = filter::random(line).split(' ').filter(|word| filter::counts(word, self.since)).collect::<Vec<_>>().join(" ");
        if words.starts_with("\"/run/ostree-booted\"") { filter::without_content(&words) } else { words }
    }

    /// In the order of their targets. Where one covers another, both have a number.
    fn of_mounts(&self, text: impl Fn(&Mount) -> String) -> Vec<String> {
        let mut seen = HashMap::new();
        let mut lines = Vec::new();
        for mount in self.mounts.iter().filter(|mount| mount.target.starts_with("/sysroot")) {
            let number = seen.entry(mount.target.as_str()).and_modify(|number| *number += 1).or_insert(1);
            let place = if *number == 1 { mount.target.clone() } else { format!("{} ({number})", mount.target) };
            lines.push(format!("{place}: {}", text(mount)));
        }
        lines.sort();
        lines
    }

    fn metadata(&self) -> Vec<String> {
        let none = || vec!["there is none".to_string()];
        self.booted.as_ref().map_or_else(none, |bytes| booted::lines(bytes).iter().map(|line| filter::random(line)).collect())
    }
}

/// What may differ. Numbers and order of mounts are in no line; all else is listed in the README ("OSTree systems").
mod filter {
    /// The layers of an overlay are named by other words, and are the same directories.
    pub fn layer(option: &str) -> String {
        let name = ["lowerdir", "upperdir", "workdir"].iter().find(|name| option.starts_with(&format!("{name}=")));
        name.map_or_else(|| option.to_string(), |name| format!("{name}=..."))
    }

    /// `shared:7`: the kernel counts.
    pub fn peers(word: &str) -> String {
        word.split(':').next().unwrap_or(word).to_string()
    }

    /// Of the directory for a transient /etc: since OSTree 2025.3 it has a random suffix.
    pub fn random(line: &str) -> String {
        const NAME: &str = "/run/ostree/transient-etc";
        let Some((before, after)) = line.split_once(NAME) else { return line.to_string() };
        let suffix =
            after.strip_prefix('.').and_then(|after| after.get(..6)).filter(|suffix| suffix.bytes().all(|b| b.is_ascii_alphanumeric()));
        let rest = suffix.map_or(Some(after), |_| after.get(7..)).unwrap_or_default();
        format!("{before}{NAME}{rest}")
    }

    /// What bedplate tells of the boot.
    pub fn is_our_own(line: &str) -> bool {
        line.starts_with("\"/run/bedplate\"") || line.starts_with("\"/run/bedplate/")
    }

    /// The original needs libraries in its initramfs.
    pub fn is_of_libraries(name: &str) -> bool {
        matches!(name, "lib" | "lib64")
    }

    /// Not so the time of what was made in this boot, and the kernel's random mark on the upper layer of an overlay.
    pub fn counts(word: &str, since: u64) -> bool {
        let time = word.strip_prefix("time=").and_then(|time| time.split('.').next()?.parse::<u64>().ok());
        time.is_none_or(|time| time < since) && !word.starts_with("\"trusted.overlay.uuid\"=")
    }

    /// It is compared key by key.
    pub fn without_content(line: &str) -> String {
        line.split(' ').filter(|word| !word.starts_with("size=") && !word.starts_with("sha256=")).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "66 42 254:0 /deploy /sysroot rw,relatime - ext4 /dev/vda rw\n\
        67 66 254:0 /deploy/usr /sysroot/usr ro,relatime - ext4 /dev/vda rw\n\
        68 66 0:30 / /sysroot/etc rw,relatime - overlay overlay rw,lowerdir=usr/etc,upperdir=/a,workdir=/b\n\
        70 42 0:31 / /run rw - tmpfs tmpfs rw\n";

    fn report() -> Report {
        Report {
            since: 5,
            exit: Some(0),
            mounts: guest_init::mountinfo::parse(MOUNTS),
            run: vec![
                "\"/run/ostree\" mode=40755 owner=0:0 links=0 time=8.5 device=0 ".to_string(),
                "\"/run/ostree/transient-etc.aB3dEf/upper\" mode=40755".to_string(),
                "\"/run/bedplate/boot.json\" mode=100644".to_string(),
            ],
            files: vec!["\"/sysroot/etc/x\" mode=100644 owner=0:0 time=1.5 \"user.a\"=00".to_string()],
            names: vec!["init".to_string()],
            booted: Some(Vec::new()),
            ..Report::default()
        }
    }

    fn found(change: impl FnOnce(&mut Report)) -> Vec<(Column, String)> {
        let mut changed = report();
        change(&mut changed);
        differences(&report(), &changed).into_iter().map(|difference| (difference.column, difference.line)).collect()
    }

    fn mounts(from: &str, to: &str) -> Vec<Mount> {
        assert!(MOUNTS.contains(from));
        guest_init::mountinfo::parse(&MOUNTS.replace(from, to))
    }

    #[test]
    fn what_is_filtered_is_no_difference() {
        assert_eq!(found(|_| ()), []);
        assert_eq!(found(|report| report.mounts = mounts("67 66", "99 98")), []);
        assert_eq!(found(|report| report.mounts = mounts("lowerdir=usr/etc", "lowerdir=/proc/self/fd/8")), []);
        assert_eq!(found(|report| report.mounts.reverse()), []);
        assert_eq!(found(|report| report.run[1] = "\"/run/ostree/transient-etc/upper\" mode=40755".to_string()), []);
        assert_eq!(found(|report| report.run[0] = report.run[0].replace("8.5", "9.0")), []);
        assert_eq!(found(|report| report.files[0].push_str(" \"trusted.overlay.uuid\"=77")), []);
        assert_eq!(found(|report| report.run.truncate(2)), []);
        assert_eq!(found(|report| report.errors = "a word".to_string()), []);
    }

    /// Each shows in its own column and in no other.
    #[test]
    fn every_planted_difference_is_found() {
        let only = |column: Column, change: &dyn Fn(&mut Report)| {
            let found = found(change);
            assert!(!found.is_empty() && found.iter().all(|(of, _)| *of == column), "{found:?}");
        };
        only(Column::Mounts, &|report| report.mounts = mounts("/deploy/usr", "/usr"));
        only(Column::Mounts, &|report| report.mounts = mounts("- overlay overlay", "- xfs overlay"));
        only(Column::Flags, &|report| report.mounts = mounts("ro,relatime", "ro,nosuid,relatime"));
        only(Column::Flags, &|report| report.mounts = mounts("overlay rw,", "overlay ro,"));
        only(Column::Propagation, &|report| report.mounts = mounts("ro,relatime -", "ro,relatime shared:4 -"));
        only(Column::Run, &|report| report.run[0] = report.run[0].replace("40755", "40700"));
        only(Column::Metadata, &|report| report.booted = None);
        only(Column::Files, &|report| report.files[0] = report.files[0].replace("100644", "100600"));
        only(Column::Files, &|report| report.files[0] = report.files[0].replace("=00", "=01"));
        only(Column::Files, &|report| report.files[0] = report.files[0].replace("time=1", "time=2"));
        assert_eq!(
            found(|report| report.names.push("sysroot.tmp".to_string())),
            [(Column::Files, "+ in the initramfs: sysroot.tmp".to_string())]
        );
    }

    #[test]
    fn two_refusals_are_the_same_and_one_is_not() {
        let refused = |exit| Report { exit: Some(exit), ..Report::default() };
        assert_eq!(differences(&refused(1), &refused(2)), []);
        let found = differences(&report(), &refused(1));
        assert!(Column::ALL.iter().all(|column| found.iter().any(|difference| difference.column == *column)), "{found:?}");
    }

    #[test]
    fn a_mount_on_top_of_another_is_seen() {
        let twice = |report: &mut Report| report.mounts.extend(guest_init::mountinfo::parse(MOUNTS.lines().nth(1).unwrap_or_default()));
        let columns: Vec<_> = found(twice).into_iter().map(|(column, _)| column).collect();
        assert_eq!(columns, [Column::Mounts, Column::Flags, Column::Propagation]);
    }
}
