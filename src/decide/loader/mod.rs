//! What boot loaders that count keep by themselves, as they keep it, and what it means for the choice.

pub mod counter;
pub mod entries;
pub mod gpt;
pub mod grubenv;
pub mod priorities;
pub mod state;
#[cfg(test)]
mod tests;
