//! Against bytes that ostree 2025.2 wrote, and keys that OpenSSL made.

use crate::decide::hex::Hex;
use crate::decide::ostree::booted::Booted;
use crate::decide::ostree::commit::{Commit, signatures};
use crate::decide::ostree::signature::{is_signed, keys};
use crate::decide::ostree::variant::{elements, lookup, members};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

/// /run/ostree-booted of a boot with a read-only sysroot.
const BOOTED: &str = "6261636b696e672d726f6f742d6465766963652d696e6f6465000000000000000007000000000000750000000000000000287474291a0000\
726f6f742e7472616e7369656e7400000000620f00000000737973726f6f742d726f0000000000000100620b364c64";
/// The same with a transient /etc.
const TRANSIENT: &str = "6261636b696e672d726f6f742d6465766963652d696e6f6465000000000000000007000000000000750000000000000000287474291a0000\
726f6f742e7472616e7369656e7400000000620f00000000737973726f6f742d726f0000000000000100620b00000000\
7472616e7369656e742d6574630000002f72756e2f6f73747265652f7472616e7369656e742d6574630000730e364c6495";
/// A commit with the version 2.0, a parent, and a binding to the reference "os".
const COMMIT: &str = "76657273696f6e00322e3000007308006f73747265652e7265662d62696e64696e670000000000006f730003006173130f30\
d2b5fec2f5e6f79bdb242d6d3c709226a4710e1716ec534c02ca216c8824579a000000000000000000006b0b6c1b005203d0bbf1c613f30c5baa440074969b6b777f\
3e7b4ea773f0fb296d6de81e446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c5488805453525232";
const KEY: &str = "y4yEmZaY9dzgsI5CWEFTlpp8gARKOZT+rHtKQLBd0Y8=";
const SIGNATURE: &str =
    "b4d2f1c052b169d668cc3bc0c14af2d022d4712f3ff18ed7090636ba3f34c79a59469ac61a473e593b61c0210f313147e9ba96c98cdd448bf59995f31e570703";

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn booted() -> Booted {
    let (device, inode) = (0x700, 0x75);
    Booted { device, inode, root_transient: false, root_transient_ro: false, composefs: None, sysroot_readonly: true, transient_etc: None }
}

#[test]
fn what_libostree_is_told_is_as_the_original_writes_it() {
    assert_eq!(Hex(&booted().to_bytes()).to_string(), BOOTED);
    let transient = Booted { transient_etc: Some("/run/ostree/transient-etc".into()), ..booted() };
    assert_eq!(Hex(&transient.to_bytes()).to_string(), TRANSIENT);
}

#[test]
fn what_was_written_is_found_again() {
    let long = "/".repeat(70_000);
    for transient_etc in [None, Some(long.clone()), Some("x".into())] {
        let bytes = Booted { transient_etc: transient_etc.clone(), root_transient_ro: true, ..booted() }.to_bytes();
        assert_eq!(lookup(&bytes, "sysroot-ro"), Some((b"b".as_slice(), [1].as_slice())));
        assert_eq!(lookup(&bytes, "root.transient-ro"), Some((b"b".as_slice(), [1].as_slice())));
        let etc = lookup(&bytes, "transient-etc").map(|(_, value)| String::from_utf8(value[..value.len() - 1].to_vec()).unwrap());
        assert_eq!(etc, transient_etc);
        assert_eq!(lookup(&bytes, "nothing"), None);
    }
}

#[test]
fn a_commit_tells_version_and_parent() {
    let commit = Commit::parse(&unhex(COMMIT)).unwrap();
    assert_eq!(commit.version.as_deref(), Some("2.0"));
    assert_eq!(
        commit.parent.map(|parent| Hex(&parent).to_string()).unwrap(),
        "d2b5fec2f5e6f79bdb242d6d3c709226a4710e1716ec534c02ca216c8824579a"
    );
    assert_eq!(commit.composefs_digest, None);
}

/// `a{sv}` with one signature, by GVariant's rules: the key, padding, the array's element and its end, the type, the end of the key.
fn commitmeta(signature: &[u8]) -> Vec<u8> {
    let mut bytes = b"ostree.sign.ed25519\0".to_vec();
    bytes.resize(24, 0);
    bytes.extend(signature);
    bytes.push(u8::try_from(signature.len()).unwrap());
    bytes.extend(b"\0aay");
    bytes.push(20);
    bytes.push(u8::try_from(bytes.len()).unwrap());
    bytes
}

#[test]
fn a_commit_is_signed_by_one_of_the_keys_or_not_at_all() {
    let (commit, signature) = (unhex(COMMIT), unhex(SIGNATURE));
    let other = "JbP/wbJBncp1L/JUY0w6gQ2raDjsYCIUSYbSRuSKyAg=";
    let good = keys(&format!("{other}\n\n{KEY}\n")).unwrap();
    let meta = commitmeta(&signature);
    assert!(is_signed(&commit, &signatures(&meta), &good));
    let mut changed = commit.clone();
    changed[9] ^= 1;
    assert!(!is_signed(&changed, &signatures(&meta), &good), "of another commit");
    assert!(!is_signed(&commit, &signatures(&meta), &keys(other).unwrap()), "by another key");
    let mut torn = signature;
    torn[3] ^= 1;
    assert!(!is_signed(&commit, &signatures(&commitmeta(&torn)), &good), "not the signature");
    assert!(!is_signed(&commit, &[], &good));
}

#[test]
fn keys_are_one_a_line() {
    for (text, why) in
        [("", "it holds no public key"), ("\n\n", "it holds no public key"), ("abc\n", "line 1 is no"), ("\nAAAA\n", "line 2 is no")]
    {
        assert!(keys(text).unwrap_err().text.starts_with(why), "{text:?}");
    }
}

proptest! {
    /// Whatever the bytes, nothing is read outside them.
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400), alignment in prop_oneof![Just(1_usize), Just(8)]) {
        let _ = (elements(&bytes, alignment), lookup(&bytes, "version"), members(&bytes, [8, 1]), Commit::parse(&bytes), signatures(&bytes));
    }

    /// One changed byte of a real commit neither.
    #[test]
    fn no_torn_commit_does_harm(at in 0..150_usize, byte in any::<u8>(), cut in 0..200_usize) {
        let mut bytes = unhex(COMMIT);
        if let Some(there) = bytes.get_mut(at) {
            *there = byte;
        }
        bytes.truncate(cut);
        let _ = Commit::parse(&bytes);
    }
}
