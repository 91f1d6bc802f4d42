//! Bytes as people and file names have them.

use core::fmt;

/// Shown as lower-case hex digits, two a byte.
#[derive(Debug, Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn two_digits_a_byte() {
        assert_eq!(Hex(&[0, 10, 255]).to_string(), "000aff");
        assert_eq!(Hex(&[]).to_string(), "");
    }
}
