//! Findings on what an image has of OSTree's: prepare-root.conf, and two programs that would both make the root.

use super::Finding;
use crate::decide::cmdline::Cmdline;
use crate::decide::ostree::conf::conf;
use crate::decide::ostree::keyfile::KeyFile;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What was found of it. Paths are without leading slash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ostree {
    /// The texts of prepare-root.conf, by file.
    pub confs: Vec<(String, String)>,
    /// The unit of the original, pulled in by the initramfs, where the program that it starts is the original.
    pub original: Option<String>,
    /// The same of bedplate's.
    pub own: Option<String>,
    /// Configuration of dracut: file and text.
    pub dracut: Vec<(String, String)>,
}

/// All findings.
pub fn ostree(found: &Ostree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = found.confs.iter().flat_map(|(file, text)| prepare_root_conf(file, text)).collect();
    if let (Some(original), Some(_)) = (&found.original, &found.own) {
        let text = "ostree-prepare-root is started beside bedplate, and both make the root: leave its dracut module out (98ostree), bedplate does its job";
        findings.push(Finding::error(original, None, text));
    }
    findings.extend(both_modules(&found.dracut));
    findings
}

fn prepare_root_conf(file: &str, text: &str) -> Vec<Finding> {
    let error = |text: String| Finding::error(file, None, text);
    let parsed = match KeyFile::parse(text) {
        Ok(parsed) => parsed,
        Err(why) => return alloc::vec![error(format!("{why}: nothing boots with it"))],
    };
    match conf(&parsed, &Cmdline::parse("")) {
        Ok((_, odd)) => odd.into_iter().map(error).collect(),
        Err(why) => alloc::vec![error(format!("{why}: nothing boots with it"))],
    }
}

/// dracut's words for modules, over all its files.
fn both_modules(files: &[(String, String)]) -> Option<Finding> {
    let named = |module: &str, key: &dyn Fn(&str) -> bool| {
        let names = |text: &String| text.lines().any(|line| modules(line, key).any(|word| word == module));
        files.iter().find(|(_, text)| names(text)).map(|(file, _)| file)
    };
    let adds = |key: &str| key.ends_with("dracutmodules") && key != "omit_dracutmodules";
    let file = named("ostree", &adds)?;
    named("bedplate", &adds)?;
    if named("ostree", &|key| key == "omit_dracutmodules").is_some() {
        return None;
    }
    let text = "dracut is told to add both ostree and bedplate, and both make the root: take \"ostree\" out, bedplate does its job";
    Some(Finding::error(file, None, text))
}

/// The words of a line `KEY+=" WORD… "`, where the key is wanted.
fn modules<'a>(line: &'a str, wanted: &dyn Fn(&str) -> bool) -> impl Iterator<Item = &'a str> {
    let line = line.split_once('#').map_or(line, |(before, _)| before);
    let (key, value) = line.split_once('=').unwrap_or_default();
    let value = if wanted(key.trim().trim_end_matches('+')) { value } else { "" };
    value.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn findings(found: &Ostree) -> Vec<String> {
        ostree(found).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn prepare_root_conf_is_read_as_the_boot_reads_it() {
        for (text, expected) in [
            ("[sysroot]\nreadonly=true\n[composefs]\nenabled=verity\n", None),
            ("[etc]\ntransient=maybe\n", Some("etc.transient is \"maybe\", neither true nor false")),
            ("[etc]\ntransiant=true\n", Some("etc.transiant is unknown")),
            ("[etc\n", Some("line 1: not a group in brackets")),
            ("[composefs]\nenabled=sure\n", Some("composefs is \"sure\"")),
        ] {
            let found = findings(&Ostree { confs: [("f".into(), text.into())].into(), ..Ostree::default() });
            assert_eq!(found.len(), usize::from(expected.is_some()), "{text}: {found:?}");
            let said = |expected: &str| found.iter().all(|line| line.starts_with("error: f: ") && line.contains(expected));
            assert!(expected.is_none_or(said), "{text}: {found:?}");
        }
    }

    #[test]
    fn two_that_make_the_root_are_one_too_many() {
        let both = Ostree { original: Some("etc/unit".into()), own: Some("usr/unit".into()), ..Ostree::default() };
        assert!(findings(&both)[0].starts_with("error: etc/unit: ostree-prepare-root is started beside bedplate"));
        assert!(findings(&Ostree { own: None, ..both.clone() }).is_empty() && findings(&Ostree { original: None, ..both }).is_empty());
    }

    #[test]
    fn dracut_is_asked_for_one_of_them() {
        for (lines, expected) in [
            (&["add_dracutmodules+=\" bedplate \"", "add_dracutmodules+=\" ostree systemd \""][..], 1),
            (&["force_add_dracutmodules+=' bedplate ostree '"], 1),
            (&["add_dracutmodules+=\" bedplate \"", "# add_dracutmodules+=\" ostree \""], 0),
            (&["add_dracutmodules+=\" bedplate \"", "add_dracutmodules+=\" ostree \"", "omit_dracutmodules+=\" ostree \""], 0),
            (&["add_dracutmodules+=\" ostree \"", "add_drivers+=\" bedplate \""], 0),
        ] {
            let dracut: Vec<_> = lines.iter().map(|line| ("f".to_string(), line.to_string())).collect();
            assert_eq!(findings(&Ostree { dracut, ..Ostree::default() }).len(), expected, "{lines:?}");
        }
    }
}
