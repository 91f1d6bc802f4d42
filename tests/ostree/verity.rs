//! The fs-verity digest of a file (Documentation/filesystems/fsverity.rst): SHA-256, blocks of 4096 bytes, no salt.

use sha2::{Digest, Sha256};

const BLOCK: usize = 4096;

pub fn digest(content: &[u8]) -> [u8; 32] {
    // struct fsverity_descriptor: version, algorithm, log2 of the block size, bytes of salt; bytes of a signature; of the file;
    // the hash of the root in the room of a SHA-512; the salt and what is reserved.
    let head = [1, 1, 12, 0, 0, 0, 0, 0];
    let descriptor = Sha256::new().chain_update(head).chain_update((content.len() as u64).to_le_bytes());
    descriptor.chain_update(root(content)).chain_update([0; 32]).chain_update([0; 176]).finalize().into()
}

/// The hash of the topmost block of the tree: of the content itself where that is one block.
fn root(content: &[u8]) -> [u8; 32] {
    if content.is_empty() {
        return [0; 32];
    }
    let mut level = content.to_vec();
    loop {
        level.resize(level.len().next_multiple_of(BLOCK), 0);
        if level.len() == BLOCK {
            return Sha256::digest(&level).into();
        }
        level = level.chunks(BLOCK).flat_map(Sha256::digest).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `fsverity digest` (fsverity-utils 1.6) tells it.
    #[test]
    fn it_is_what_fsverity_utils_computes() {
        assert_eq!(super::super::hex(&digest(b"")), "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
    }
}
