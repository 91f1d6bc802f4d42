//! The mount table that a plan declares: what verify looks for.

use super::model::{Access, Action, Base, Place, Plan};
use super::mountinfo::MountInfo;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One mount that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// As the booted system sees it: "/", "/usr".
    pub target: String,
    /// `None`: that of the source.
    pub fstype: Option<&'static str>,
    pub access: Access,
    /// How the mount's root within its file system has to end; `None`: it is the file system's own root.
    pub root_ends_with: Option<String>,
}

/// The declared mounts of the new root, in the order of the plan.
pub fn table(plan: &Plan) -> Vec<Expected> {
    plan.steps.iter().filter_map(|step| expected(&step.action, plan)).collect()
}

fn expected(action: &Action, plan: &Plan) -> Option<Expected> {
    let target = format!("/{}", action.mounts_on()?.path);
    let (fstype, access, root_ends_with) = match action {
        Action::Bind { from, access, .. } => (None, *access, Some(source(from, plan))),
        Action::Overlay { access, .. } => (Some("overlay"), *access, None),
        Action::Tmpfs { .. } => (Some("tmpfs"), Access::Writable, None),
        Action::Device { .. } => (None, Access::Writable, None),
        Action::Physical { .. } => (None, Access::ReadOnly, Some(String::new())),
        Action::Directory { .. } | Action::File { .. } | Action::Fill { .. } => return None,
    };
    Some(Expected { target, fstype, access, root_ends_with })
}

/// How the source of a bind is named within its file system. Below /var only the last name is certain: a symlink there may lead
/// elsewhere within it.
fn source(from: &Place, plan: &Plan) -> String {
    let path = match from.base {
        Base::Deployment if from.path.is_empty() => format!("{}/root", plan.deployment),
        Base::Deployment => format!("{}/root/{}", plan.deployment, from.path),
        Base::Sysroot => from.path.clone(),
        Base::New | Base::Var | Base::Scratch | Base::Run => String::new(),
    };
    if path.is_empty() { path } else { format!("/{path}") }
}

impl Expected {
    /// What is wrong with the mount that is there instead; the text of overlay options is never compared.
    pub fn differs(&self, mount: &MountInfo) -> Option<String> {
        if let Some(fstype) = self.fstype.filter(|fstype| *fstype != mount.fstype) {
            return Some(format!("it is a {}, not a {fstype}", mount.fstype));
        }
        if !mount.options.iter().any(|option| option == self.access.word()) {
            return Some(format!("it is not {}", self.access.word()));
        }
        let right_root = match &self.root_ends_with {
            Some(end) => mount.root.ends_with(end.as_str()),
            None => mount.root == "/",
        };
        if right_root { None } else { Some(format!("it shows \"{}\" of its file system", mount.root)) }
    }
}
