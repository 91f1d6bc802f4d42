//! Ed25519 signatures of commits, as `ostree sign --sign-type=ed25519` makes them: of the commit object's bytes.

use crate::error::{Error, Result};
use alloc::format;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};

/// Reads a file of public keys: one a line, 32 bytes in base64. A line that is none is an error: a key that nobody can use is a
/// lock that nobody can open.
pub fn keys(text: &str) -> Result<Vec<VerifyingKey>> {
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    let keys = lines.map(|(number, line)| {
        let bytes = Base64::decode_vec(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.ok_or_else(|| Error::usage(format!("line {number} is no Ed25519 public key in base64")))
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    if keys.is_empty() { Err(Error::usage("it holds no public key")) } else { Ok(keys) }
}

/// Whether one of these signatures of `data` is by one of the keys.
pub fn is_signed(data: &[u8], signatures: &[&[u8]], keys: &[VerifyingKey]) -> bool {
    let signatures = signatures.iter().filter_map(|bytes| Signature::from_slice(bytes).ok());
    signatures.into_iter().any(|signature| keys.iter().any(|key| key.verify_strict(data, &signature).is_ok()))
}
