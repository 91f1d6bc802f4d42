//! The digest of a deployment's image, from a commit that somebody with a key has signed.

use super::find::object;
use crate::decide::hex::Hex;
use crate::decide::ostree::commit::{Commit, signatures};
use crate::decide::ostree::conf::Conf;
use crate::decide::ostree::signature::{is_signed, keys};
use crate::error::{Errno, Error, Kind, OrFail, Result};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// As 64 hex digits. `checksum` is that of the deployment's commit.
pub fn digest(sysroot: &OwnedFd, config_root: &str, conf: &Conf, checksum: &str) -> Result<String> {
    let text = fs::open_dir(config_root)
        .and_then(|root| fs::read_text(root, conf.keypath.trim_start_matches('/')))
        .or_fail("cannot read the public keys", &conf.keypath)?;
    let keys = keys(&text).map_err(|error| Error::new(Kind::Usage, format!("\"{}\": {error}", conf.keypath)))?;
    let Signed { checksum, commit, meta } = signed_commit(sysroot, checksum)?;
    if !is_signed(&commit, &signatures(&meta), &keys) {
        let keypath = &conf.keypath;
        return Err(Error::deterministic(format!(
            "commit {checksum} is signed by none of the keys in \"{keypath}\": sign it with ostree sign"
        )));
    }
    let digest = Commit::parse(&commit).and_then(|commit| commit.composefs_digest);
    let none = || Error::deterministic(format!("commit {checksum} is signed, and names no composefs image (ostree.composefs.digest.v0)"));
    digest.map(|digest| Hex(&digest).to_string()).ok_or_else(none)
}

struct Signed {
    checksum: String,
    commit: Vec<u8>,
    meta: Vec<u8>,
}

/// A commit with its signatures. One that has none may be what bootc makes on top of the commit that was signed, of the same
/// content: then it is that one (ostree 2025.7).
fn signed_commit(sysroot: &OwnedFd, checksum: &str) -> Result<Signed> {
    let commit = read(sysroot, checksum, "commit")?;
    match object(sysroot, checksum, "commitmeta") {
        Ok(meta) => Ok(Signed { checksum: checksum.to_string(), commit, meta }),
        Err(Errno::ENOENT) => {
            let parent = Commit::parse(&commit).and_then(|commit| commit.parent).map(|parent| Hex(&parent).to_string());
            let parent =
                parent.ok_or_else(|| Error::deterministic(format!("commit {checksum} is not signed: sign it with ostree sign")))?;
            let (commit, meta) = (read(sysroot, &parent, "commit")?, read(sysroot, &parent, "commitmeta")?);
            Ok(Signed { checksum: parent, commit, meta })
        }
        Err(errno) => Err(errno).or_fail("cannot read the signatures of commit", checksum),
    }
}

fn read(sysroot: &OwnedFd, checksum: &str, kind: &str) -> Result<Vec<u8>> {
    match object(sysroot, checksum, kind) {
        Err(Errno::ENOENT) => {
            Err(Error::deterministic(format!("the repository has no {kind} of {checksum}: its signature cannot be checked")))
        }
        bytes => bytes.or_fail(&format!("cannot read the {kind}"), checksum),
    }
}
