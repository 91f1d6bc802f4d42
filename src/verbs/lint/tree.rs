//! Looks at a root tree and at the configuration in it.

use crate::verbs::root_tree::{self, MOUNT_POINTS, found};
use bedplate::boot::load;
use bedplate::decide::config::Config;
use bedplate::decide::lint::{self, Finding, Tree, Unit, UnitState, unit};
use bedplate::decide::plan::below_etc;
use bedplate::decide::{fstab, model::VendorEtc};
use bedplate::error::{OrFail, Result};
use bedplate::sys::OwnedFd;
use bedplate::sys::fs::{self, FileType};

/// Where units may be.
const UNITS: [&str; 3] = ["usr/lib/systemd/system", "usr/etc/systemd/system", "etc/systemd/system"];
/// What this link leads to masks a unit.
const NOTHING: &str = "/dev/null";

pub fn findings(root: &OwnedFd) -> Result<Vec<Finding>> {
    let merged = load::configuration(root);
    let tree = gather(root, &merged.config)?;
    let mut findings = lint::config(&merged, &load::writable_by_others(root), &tree);
    findings.extend(lint::tree(&tree, &merged.config));
    findings.extend(lint::ostree(&super::ostree::look(root)?));
    Ok(findings)
}

fn gather(root: &OwnedFd, config: &Config) -> Result<Tree> {
    let vendor_etc = root_tree::vendor_etc(root)?;
    let is_dir = |path: &str| root_tree::is_dir(root, path);
    let targets = config.path.iter().map(|path| path.target.as_str());
    let mount_points = MOUNT_POINTS.iter().map(|(path, _)| *path).filter(|path| *path != "etc" || vendor_etc.is_some());
    Ok(Tree {
        has_usr: is_dir("usr")?,
        vendor_etc,
        no_init: root_tree::init(root).err().map(|error| error.text),
        no_mount_points: pick(mount_points, |path| Ok(!is_dir(path)?))?,
        missing_half: root_tree::missing_half(root)?,
        has_machine_id: vendor_file(root, vendor_etc, "machine-id")?.is_some(),
        fstab: fstab::parse(&vendor_file(root, vendor_etc, "fstab")?.unwrap_or_default()),
        directories: pick(targets, is_dir)?,
        kept_files: kept_files(root, vendor_etc, config)?,
        units: units(root)?,
    })
}

fn pick<'a>(paths: impl Iterator<Item = &'a str>, wanted: impl Fn(&str) -> Result<bool>) -> Result<Vec<String>> {
    let mut picked = Vec::new();
    for path in paths {
        if wanted(path)? {
            picked.push(path.to_string());
        }
    }
    Ok(picked)
}

fn vendor_file(root: &OwnedFd, vendor_etc: Option<VendorEtc>, name: &str) -> Result<Option<String>> {
    let Some(vendor) = vendor_etc else { return Ok(None) };
    let path = format!("{}/{name}", vendor.path());
    found(fs::read_text(root, &path)).or_fail("cannot read", &path)
}

fn kept_files(root: &OwnedFd, vendor_etc: Option<VendorEtc>, config: &Config) -> Result<Vec<String>> {
    let Some(vendor) = vendor_etc else { return Ok(Vec::new()) };
    let is_file = |path: &str| {
        let stat = root_tree::stat(root, &format!("{}/{}", vendor.path(), below_etc(path)))?;
        Ok(stat.is_some_and(|stat| stat.file_type != FileType::Directory))
    };
    pick(config.etc.keep.iter().map(String::as_str), is_file)
}

/// bedplate's own units.
fn units(root: &OwnedFd) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    for directory in UNITS {
        let names = found(fs::names_in(root, directory)).or_fail("cannot read", directory)?.unwrap_or_default();
        for name in names.into_iter().filter(|name| name.starts_with("bedplate-")) {
            let file = format!("{directory}/{name}");
            if let Some(state) = unit_state(root, &file)? {
                units.push(Unit { file, state });
            }
        }
    }
    Ok(units)
}

/// `None`: a directory of drop-ins, or a link that leads nowhere.
fn unit_state(root: &OwnedFd, file: &str) -> Result<Option<UnitState>> {
    let stat = root_tree::stat(root, file)?;
    let masked = match stat.map(|stat| (stat.file_type, stat.size)) {
        Some((FileType::Symlink, _)) => fs::read_link_in(root, file).or_fail("cannot read the link", file)? == NOTHING,
        Some((FileType::Regular, size)) => size == 0,
        _ => return Ok(None),
    };
    if masked {
        return Ok(Some(UnitState::Masked));
    }
    let Some(text) = found(fs::read_text(root, file)).or_fail("cannot read", file)? else { return Ok(None) };
    let mut lacks = Vec::new();
    for program in unit::programs(&text) {
        if found(fs::stat_target_in(root, &program.path)).or_fail("cannot look at", &program.path)?.is_none() {
            lacks.push(program);
        }
    }
    Ok(Some(UnitState::Lacks(lacks)))
}
