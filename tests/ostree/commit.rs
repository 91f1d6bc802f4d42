//! Commit objects and their signatures, serialized as GVariants by the rules of GLib's documentation.

use super::hex;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::Path;

/// Who signs a commit.
#[derive(Debug)]
pub enum Signature<'a> {
    None,
    By(&'a SigningKey),
    /// Signed is the commit that it was made from, which names the same image.
    ParentBy(&'a SigningKey),
}

/// Writes a commit, and what signs it, to the repository; its checksum.
pub fn write(objects: &Path, digest: &[u8; 32], subject: &str, signature: &Signature<'_>) -> io::Result<String> {
    match signature {
        Signature::None => object(objects, &commit(digest, &[], subject)),
        Signature::By(key) => signed(objects, &commit(digest, &[], subject), key),
        Signature::ParentBy(key) => {
            let parent = commit(digest, &[], subject);
            signed(objects, &parent, key)?;
            object(objects, &commit(digest, &Sha256::digest(parent), subject))
        }
    }
}

fn signed(objects: &Path, commit: &[u8], key: &SigningKey) -> io::Result<String> {
    let checksum = object(objects, commit)?;
    let signature = key.sign(commit).to_bytes();
    let meta = dictionary("ostree.sign.ed25519", "aay", &framed(signature.to_vec(), &[signature.len()]));
    put(objects, &checksum, "commitmeta", &meta)?;
    Ok(checksum)
}

fn object(objects: &Path, commit: &[u8]) -> io::Result<String> {
    let checksum = hex(&Sha256::digest(commit));
    put(objects, &checksum, "commit", commit)?;
    Ok(checksum)
}

fn put(objects: &Path, checksum: &str, kind: &str, bytes: &[u8]) -> io::Result<()> {
    let (first, rest) = checksum.split_at(2);
    fs::create_dir_all(objects.join(first))?;
    fs::write(objects.join(first).join(format!("{rest}.{kind}")), bytes)
}

/// `(a{sv}aya(say)sstayay)`: metadata, parent, nothing related, subject, body, time, and checksums of the content.
fn commit(digest: &[u8; 32], parent: &[u8], subject: &str) -> Vec<u8> {
    let mut bytes = dictionary("ostree.composefs.digest.v0", "ay", digest);
    let mut ends = vec![bytes.len()];
    for member in [parent, b"", &text(subject), &text("")] {
        bytes.extend(member);
        ends.push(bytes.len());
    }
    align(&mut bytes);
    bytes.extend(0_u64.to_be_bytes());
    bytes.extend([1; 32]);
    ends.push(bytes.len());
    bytes.extend([2; 32]);
    ends.reverse();
    framed(bytes, &ends)
}

/// An `a{sv}` with one entry.
fn dictionary(key: &str, kind: &str, value: &[u8]) -> Vec<u8> {
    let mut entry = text(key);
    let end_of_key = entry.len();
    align(&mut entry);
    entry.extend([value, &[0], kind.as_bytes()].concat());
    let entry = framed(entry, &[end_of_key]);
    let end = entry.len();
    framed(entry, &[end])
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// With its framing offsets, each as wide as the whole needs.
fn framed(mut bytes: Vec<u8>, offsets: &[usize]) -> Vec<u8> {
    let width = if bytes.len() + offsets.len() <= 0xff { 1 } else { 2 };
    for offset in offsets {
        bytes.extend(offset.to_le_bytes().iter().take(width));
    }
    bytes
}
