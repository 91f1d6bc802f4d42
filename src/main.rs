//! The program `bedplate`.

fn main() {}
