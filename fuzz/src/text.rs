//! Texts: what is no UTF-8 is refused before it comes to a parser.

use bedplate::decide::cmdline::{Cmdline, raw_words, request};
use bedplate::decide::config::{Config, EtcMode, Require, RootMode, Source, fragments, merge};
use bedplate::decide::merge::conflicts;
use bedplate::decide::merge::lines::{Table, merge as merge_lines};
use bedplate::decide::model::{BootId, Id, Instance, Report};
use bedplate::decide::os_release as release;
use bedplate::decide::reset::glob::{Fate, Glob, fate};
use bedplate::decide::reset::journal::{Journal, Todo};
use bedplate::decide::reset::queue;
use bedplate::decide::rootspec::RootSpec;
use bedplate::decide::unlock;
use bedplate::decide::{
    dm_verity as device, fstab as tab, inventory as content, kernel, lint, manifest as deployment, marker as mark, mountinfo as mounts,
};
use std::collections::BTreeSet;

fn with_text(data: &[u8], target: impl FnOnce(&str)) {
    if let Ok(text) = core::str::from_utf8(data) {
        target(text);
    }
}

fn lines_of(text: &str) -> usize {
    text.matches('\n').count() + 1
}

/// The kernel's is a C string.
fn with_cmdline(data: &[u8], target: impl FnOnce(&str)) {
    with_text(data.split(|byte| *byte == 0).next().unwrap(), target);
}

pub fn cmdline(data: &[u8]) {
    with_cmdline(data, |text| {
        let line = Cmdline::parse(text);
        for word in line.words() {
            assert!(!word.name.contains('='));
            let last = line.words().iter().rfind(|other| other.name == word.name).unwrap();
            assert_eq!(line.get(&word.name), Some(last.value.as_deref().unwrap_or("")));
        }
        assert_eq!(Cmdline::parse(&raw_words(text).join(" ")), line);
        let mut strict = Config::default();
        strict.integrity.require = Require::Signed;
        let (asked, _) = request(&line, strict);
        assert!(!asked.disabled && asked.config.root.mode == RootMode::Ro && asked.config.etc.mode != EtcMode::Bind);
        assert_eq!(asked.config.integrity.require, Require::Signed);
    });
}

pub fn next_cmdline(data: &[u8]) {
    with_cmdline(data, |text| {
        let (id, boot) = (Id::parse("v1").unwrap(), BootId::parse(&"0a".repeat(16)).unwrap());
        let next = kernel::next_cmdline(text, &id, None, &boot);
        // An open quote swallows what comes after it, for the kernel as for us.
        if text.matches('"').count() % 2 == 0 {
            let (before, after) = (Cmdline::parse(text), Cmdline::parse(&next));
            assert_eq!(after.get("bedplate.entry"), Some("v1"));
            assert_eq!(after.get("bedplate.attempt"), Some(boot.as_str()));
            assert!(!after.has("BOOT_IMAGE") && !after.has("initrd"));
            assert_eq!(before.get("root"), after.get("root"));
            assert_eq!(before.init_arguments(), after.init_arguments());
            assert_eq!(kernel::next_cmdline(&next, &id, None, &boot), next);
        }
    });
}

/// Several files, with a NUL between two.
pub fn config(data: &[u8]) {
    with_text(data, |text| {
        let files: Vec<&str> = text.split('\0').collect();
        let names: Vec<String> = (0..files.len()).map(|number| number.to_string()).collect();
        let sources: Vec<Source<'_>> = names.iter().zip(&files).map(|(file, text)| Source { file, text: Ok(text) }).collect();
        let merged = merge(&sources);
        for problem in &merged.problems {
            let text = files[problem.file.parse::<usize>().unwrap()];
            assert!(problem.line.is_none_or(|line| (1..=lines_of(text)).contains(&line)), "{problem}");
            assert!(!problem.text.contains('\n'), "{problem}");
        }
        if files.iter().any(|text| toml::de::DeTable::parse(text).is_err()) {
            assert_eq!(merged.config.integrity.require, Require::Signed);
            assert!(!merged.problems.is_empty());
        }
        assert!(merged.config.boot.tries > 0);
        let kept = serde_json::to_string(&merged.config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&kept).unwrap(), merged.config);
    });
}

pub fn manifest(data: &[u8]) {
    with_text(data, |text| match deployment::parse(text) {
        Ok(manifest) if manifest.created > i64::MAX.unsigned_abs() => {}
        Ok(manifest) => assert_eq!(deployment::parse(&deployment::format(&manifest)), Ok(manifest)),
        Err(error) => assert!(!error.text.contains('\n'), "{error}"),
    });
}

pub fn marker(data: &[u8]) {
    with_text(data, |text| match mark::parse(text) {
        Ok(marker) => {
            // Larger numbers are none of TOML.
            if marker.revision.max(marker.time) <= i64::MAX.unsigned_abs() {
                assert_eq!(mark::parse(&mark::format(&marker)), Ok(marker.clone()));
            }
            assert_eq!(mark::newer(Some(marker.clone()), None), Some(marker));
        }
        Err(error) => assert!(!error.text.contains('\n'), "{error}"),
    });
}

pub fn inventory(data: &[u8]) {
    with_text(data, |text| {
        let parsed = content::parse(text);
        let index = content::Index::of(text);
        match parsed {
            Ok(inventory) => {
                assert_eq!(content::parse(&inventory.to_string()), Ok(inventory.clone()));
                let index = index.unwrap();
                assert_eq!(index.len(), inventory.entries.len());
                for (number, entry) in inventory.entries.iter().enumerate() {
                    assert!(inventory.find(&entry.path) == Some(entry) && entry.mode <= 0o7777);
                    assert!(index.has(&entry.path) && index.entry(number).as_ref() == Some(entry));
                    assert!(content::changes(entry, entry).is_empty());
                }
            }
            Err(problem) => {
                assert!((1..=lines_of(text)).contains(&problem.line));
                assert_eq!(index.map(|_| ()), Err(problem));
            }
        }
    });
}

pub fn dm_verity(data: &[u8]) {
    with_text(data, |text| {
        let first = text.split_ascii_whitespace().next();
        assert_eq!(device::state(text).is_ok(), matches!(first, Some("V" | "C")));
        let Ok(table) = device::table(text) else { return };
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        assert_eq!((words[7], words[8]), (table.algorithm.as_str(), table.root_hash.as_str()));
        let digits = table.root_hash.as_bytes();
        assert!(!digits.is_empty() && digits.len() % 2 == 0 && digits.iter().all(|digit| b"0123456789abcdef".contains(digit)));
        assert_eq!(words.len(), 10 + words.get(10).map_or(0, |count| 1 + count.parse::<usize>().unwrap()));
        // Another salt changes nothing of what is told.
        let other = words.iter().enumerate().map(|(at, word)| if at == 9 { "00" } else { word }).collect::<Vec<_>>().join(" ");
        assert_eq!(device::table(&other), Ok(table));
    });
}

pub fn conflicts(data: &[u8]) {
    with_text(data, |text| match conflicts::parse(text) {
        Ok(list) => {
            assert_eq!(conflicts::parse(&list.to_string()), Ok(list.clone()));
            assert!(list.0.iter().all(|conflict| list.find(&conflict.local.path) == Some(conflict)));
        }
        Err(problem) => assert!((1..=lines_of(text)).contains(&problem.line)),
    });
}

/// Three versions of an account file, with a NUL between two; the first byte says of which.
pub fn accounts(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let tables: [&[u8]; 5] = [b"passwd", b"group", b"shadow", b"gshadow", b"subuid"];
    let table = Table::of(tables[usize::from(*first) % tables.len()]).unwrap();
    let mut versions = rest.splitn(3, |byte| *byte == 0);
    let mut version = || versions.next().unwrap_or_default();
    let (old, local, new) = (version(), version(), version());
    let names = |text: &[u8]| -> BTreeSet<Vec<u8>> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let name = |line: &[u8]| line.split(|byte| *byte == b':').next().filter(|name| !name.is_empty()).unwrap_or(line).to_vec();
        lines.map(name).collect()
    };
    let merged = names(&merge_lines(table, old, local, new).text);
    // Nobody comes from nowhere, and nobody is lost whom one side has and the other did not take away.
    assert!(merged.iter().all(|name| names(local).contains(name) || names(new).contains(name)));
    assert!(names(local).intersection(&names(new)).all(|name| merged.contains(name)));
    assert!(names(local).union(&names(new)).filter(|name| !names(old).contains(*name)).all(|name| merged.contains(name)));
    assert_eq!(names(&merge_lines(table, old, old, new).text), names(new));
}

pub fn mountinfo(data: &[u8]) {
    with_text(data, |text| {
        let mounts = mounts::parse(text);
        assert!(mounts.len() <= lines_of(text));
        assert!(mounts.iter().flat_map(|mount| &mount.options).all(|option| !option.contains(',')));
        assert_eq!(mounts::unescape(&text.replace('\\', "/")), text.replace('\\', "/"));
        assert!(mounts::unescape(text).chars().count() <= text.chars().count());
    });
}

pub fn fstab(data: &[u8]) {
    with_text(data, |text| {
        let lines = tab::parse(text);
        assert!(lines.windows(2).all(|pair| pair[0].line < pair[1].line));
        for line in lines {
            let source = text.lines().nth(line.line - 1).unwrap().trim();
            assert!(!source.starts_with('#'), "{source}");
            assert_eq!(source.split_ascii_whitespace().next().map(mounts::unescape), Some(line.what.clone()));
            assert!(tab::remounted(&line).is_none_or(|path| line.target.trim_matches('/') == path.trim_matches('/')));
        }
    });
}

pub fn os_release(data: &[u8]) {
    with_text(data, |text| {
        let version = release::version(text);
        assert!(!version.contains('\n') && version.len() <= text.len());
        assert!(version.is_empty() || text.contains("VERSION"));
    });
}

pub fn root_spec(data: &[u8]) {
    with_text(data, |text| {
        if let Ok(spec) = RootSpec::parse(text) {
            assert_eq!(RootSpec::parse(&spec.to_string()), Ok(spec.clone()));
            let RootSpec::Node(name) = spec else { return };
            assert!(!name.split('/').any(|part| matches!(part, "" | "." | "..")), "{name}");
        }
    });
}

pub fn unit(data: &[u8]) {
    with_text(data, |text| {
        for program in lint::unit::programs(text) {
            assert!(program.path.starts_with('/') && !program.path.contains(['%', '$']));
            assert!(text.lines().nth(program.line - 1).unwrap().contains(&program.path));
        }
    });
}

pub fn names(data: &[u8]) {
    with_text(data, |text| {
        if let Some(id) = Id::parse(text) {
            assert_eq!(id.as_str(), text);
            assert!(text.len() <= 64 && !text.contains('/') && !text.starts_with('.'));
        }
        assert!(Instance::parse(text).is_none_or(|instance| instance.as_str() == text && u64::from_str_radix(text, 16).is_ok()));
        if let Some(boot) = BootId::parse(text) {
            assert_eq!(BootId::parse(boot.as_str()), Some(boot.clone()));
            assert_eq!(Ok(u64::from_be_bytes(boot.short())), u64::from_str_radix(&boot.as_str()[..16], 16));
        }
        let paths: Vec<&str> = text.lines().collect();
        assert!(fragments(&paths).iter().all(|path| paths.contains(&path.as_str()) && path.ends_with(".toml") && !path.contains("/../")));
    });
}

/// Releases, one a line.
pub fn kernels(data: &[u8]) {
    with_text(data, |text| {
        let releases: Vec<String> = text.lines().map(String::from).collect();
        let sorted = kernel::newest_first(releases.clone());
        assert_eq!(kernel::newest_first(releases.into_iter().rev().collect()), sorted);
        assert_eq!(kernel::newest_first(sorted.clone()), sorted);
    });
}

/// boot.json, and in it the configuration that verbs go by.
pub fn report(data: &[u8]) {
    if let Ok(report) = serde_json::from_slice::<Report>(data) {
        let again = serde_json::to_vec(&report).unwrap();
        assert_eq!(serde_json::from_slice::<Report>(&again).unwrap(), report);
    }
}

/// What is kept of the commands for which /usr was opened.
pub fn unlocked(data: &[u8]) {
    if let Ok(opened) = unlock::parse(data) {
        assert_eq!(unlock::parse(unlock::to_text(&opened).as_bytes()).unwrap(), opened);
    }
}

/// The journal of a reset, the queue of paths, and a glob.
pub fn reset(data: &[u8]) {
    with_text(data, |text| {
        if let Ok(mut journal) = Journal::parse(text) {
            assert_eq!(Journal::parse(&journal.format()).unwrap(), journal);
            assert!(!journal.is_empty() || journal.todo(&[]) == Todo::Nothing);
            journal.undo();
            assert_eq!(Journal::parse(&journal.format()).unwrap(), journal);
        }
        let paths = queue::parse(text);
        assert!(paths.iter().all(|path| path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))));
        assert!(queue::parse(&queue::format(&paths)).iter().all(|path| paths.contains(path)));
        if let Ok(glob) = Glob::parse(text) {
            assert_ne!(fate(&[glob], &[]), Fate::Gone);
        }
    });
}
