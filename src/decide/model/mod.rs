//! Plain types that the rest shares, in the order in which data flows: Request, Facts, Choice, Plan, Report.

mod carried;
mod choice;
mod facts;
#[cfg(test)]
pub(super) mod fixture;
mod name;
mod plan;
mod report;
mod request;

pub use carried::*;
pub use choice::*;
pub use facts::*;
pub use name::*;
pub use plan::*;
pub use report::*;
pub use request::*;
