//! The plan as text: one line a step, stable, without numbers that change from boot to boot.

use crate::decide::model::{Action, OnError, Plan, Step, Verity};
use core::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for file in &self.run_files {
            writeln!(f, "write     run:/{}", file.path)?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning   {warning}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = if self.on_error == OnError::Warn { ", optional" } else { "" };
        write!(f, "{}  # {}{optional}", self.action, self.why)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { at, owner } => write!(f, "directory {at} {:04o} {}:{}", owner.mode, owner.uid, owner.gid),
            Self::Bind { from, to, access } => write!(f, "bind      {to} {} from {from}", access.word()),
            Self::Overlay { lower, upper, to, access, .. } => {
                write!(f, "overlay   {to} {} upper {upper} lower", access.word())?;
                lower.iter().try_for_each(|lower| write!(f, " {lower}"))
            }
            Self::Composefs { image, to, access, verity, .. } => {
                let verity = match verity {
                    Verity::NotAsked => "",
                    Verity::Required => " with verity",
                    Verity::Digest(_) => " with verity and a signed digest",
                };
                write!(f, "composefs {to} {} from {image}{verity}", access.word())
            }
            Self::Tmpfs { to, mode, size } => write!(f, "tmpfs     {to} rw {mode:04o} {}", size.as_deref().unwrap_or("50%")),
            Self::Device { source, to } => write!(f, "device    {to} rw from {source}"),
            Self::File { at, mode, content: _ } => write!(f, "file      {at} {mode:04o}"),
            Self::Fill { from, to } => write!(f, "fill      {to} from {from}"),
            Self::Physical { to } => write!(f, "physical  {to} ro nosuid nodev"),
        }
    }
}
