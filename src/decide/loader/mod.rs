//! What boot loaders that count keep by themselves, as they keep it: the codecs.

pub mod counter;
