//! OSTree's layout: finds its deployments, and makes the root of one as `ostree-prepare-root` does.

mod asked;
mod conf;
mod find;
mod plain;
mod signed;
mod stand;

pub use asked::{Asked, keeps_record};
pub use conf::{conf, legacy_readonly};
pub use find::{deployments, first_link, origin, resolve};
pub use plain::prepare;
pub use stand::{Wanted, plan_of, stand};
