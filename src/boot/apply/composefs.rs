//! The step that mounts a composefs: an EROFS image that holds names, modes and links, over a directory of file contents.

use super::bases::{Bases, shown};
use super::mounts;
use crate::decide::hex::Hex;
use crate::decide::kernel;
use crate::decide::model::{Access, Base, Place, Verity};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{OwnedFd, fs, fsverity, host, loopback};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

/// On the stage: where the image is mounted, out of sight. The overlay keeps it when the stage goes away.
const LOWER: &str = "composefs";
/// FS_VERITY_HASH_ALG_SHA256
const SHA256: u16 = 1;

/// What it is made of.
pub(super) struct Source<'a> {
    pub image: &'a Place,
    pub objects: &'a Place,
    pub changes: Option<&'a [Place; 2]>,
    pub verity: &'a Verity,
}

pub(super) fn composefs(bases: &Bases<'_>, source: &Source<'_>, to: &Place, access: Access) -> Result<()> {
    let on = shown(source.image);
    let image = bases.anchor(source.image.base).and_then(|anchor| fs::open_file_in(anchor, &source.image.path));
    let image = image.or_fail("cannot open the image", &on)?;
    check_verity(&image, source.verity, &on)?;
    let restricted = fs::open_dir_in(bases.sysroot, "").and_then(mount::flags_of).or_fail("cannot read the mount flags of", "/sysroot")?;
    let lower = mounted_image(bases, &image, &on)?;
    let overlay = overlay(bases, source, &lower)?;
    let flags = restricted.without(Flags::READ_ONLY);
    mount::set_flags(&overlay, flags, Flags::default()).or_fail("cannot set the mount flags of", &shown(to))?;
    mounts::set_access(&overlay, access).or_fail("cannot set the mount flags of", &shown(to))?;
    mounts::attach(bases, &overlay, to)
}

/// The kernel vouches for the content of this open file from here on: no swap of the name matters.
fn check_verity(image: &OwnedFd, verity: &Verity, on: &str) -> Result<()> {
    let expected = match verity {
        Verity::NotAsked => return Ok(()),
        Verity::Required => None,
        Verity::Digest(digest) => Some(digest),
    };
    let measured = fsverity::measure(image).or_fail("cannot measure fs-verity of", on)?;
    let Some(measured) = measured else {
        return Err(Error::deterministic(format!(
            "fs-verity is not on for \"{on}\": deploy it on a file system with verity, with [ex-integrity] composefs and fsverity on"
        )));
    };
    let found = Hex(&measured.digest).to_string();
    match expected {
        Some(digest) if measured.algorithm != SHA256 || found != *digest => Err(Error::deterministic(format!(
            "the image \"{on}\" is not the one that the signed commit names: fs-verity measures {found}, the commit says {digest}"
        ))),
        _ => Ok(()),
    }
}

/// Attached, since before Linux 6.15 only that can be a layer.
fn mounted_image(bases: &Bases<'_>, image: &OwnedFd, on: &str) -> Result<OwnedFd> {
    let erofs = erofs(image, on)?;
    mount::set_flags(&erofs, Flags::READ_ONLY, Flags::default()).or_fail("cannot set the mount flags of", on)?;
    let place = Place::new(Base::Scratch, LOWER);
    let scratch = bases.anchor(Base::Scratch).or_fail("cannot open the stage for", on)?;
    fs::make_dirs(&scratch, LOWER, 0o700).or_fail("cannot make the place of", on)?;
    mounts::attach(bases, &erofs, &place)?;
    bases.source(&place)
}

/// By the file itself (Linux 6.12, of file systems that read folios), else by a loop device.
fn erofs(image: &OwnedFd, on: &str) -> Result<OwnedFd> {
    let make = |source: &str| mount::try_make_fs("erofs", &[Parameter::Text("source", source), Parameter::Flag("ro")]);
    let mounted = match make(&fs::magic_path(image)) {
        Err(Errno::ENOTBLK) => {
            let (device, _held) = loopback::attach(image).or_fail("cannot set up a loop device for", on)?;
            make(&device)
        }
        mounted => mounted,
    };
    mounted.map_err(|errno| match errno {
        Errno::ENODEV => {
            Error::transient(format!("cannot mount the image \"{on}\": the kernel has no EROFS, put its module into the initramfs"))
        }
        Errno::EINVAL | Errno::EBADMSG | Errno::EUCLEAN => Error::deterministic(format!(
            "cannot mount the image \"{on}\": {errno}; it is damaged, or newer than this kernel: deploy it again"
        )),
        errno => Error::transient(format!("cannot mount the image \"{on}\": {errno}")),
    })
}

/// Contents are found by name in the data layer alone (`::`, Linux 6.5), and checked when opened (`verity=require`, Linux 6.6).
fn overlay(bases: &Bases<'_>, source: &Source<'_>, lower: &OwnedFd) -> Result<OwnedFd> {
    let objects = bases.source(source.objects)?;
    let changes = match source.changes {
        Some([upper, work]) => Some([bases.source(upper)?, bases.source(work)?]),
        None => None,
    };
    let layers = format!("{}::{}", fs::magic_path(lower), fs::magic_path(&objects));
    let paths = changes.as_ref().map(|[upper, work]| [fs::magic_path(upper), fs::magic_path(work)]);
    let mut parameters = vec![
        Parameter::Text("source", "composefs"),
        Parameter::Text("lowerdir", &layers),
        Parameter::Text("metacopy", "on"),
        Parameter::Text("redirect_dir", "on"),
    ];
    if *source.verity != Verity::NotAsked {
        parameters.push(Parameter::Text("verity", "require"));
    }
    match &paths {
        Some([upper, work]) => parameters.extend([Parameter::Text("upperdir", upper), Parameter::Text("workdir", work)]),
        None => parameters.push(Parameter::Flag("ro")),
    }
    mount::make_fs("overlay", &parameters).map_err(|error| {
        let old = kernel::is_before(&host::release(), since(source.verity));
        if old { Error::deterministic(format!("{}; composefs needs Linux {}", error.text, since(source.verity))) } else { error }
    })
}

/// Which Linux has all that is asked of overlayfs.
const fn since(verity: &Verity) -> &'static str {
    if matches!(verity, Verity::NotAsked) { "6.5" } else { "6.6" }
}
