//! For tests of what decides.

use super::{Deployment, Home, Id, Instance, KernelFit};
use crate::decide::manifest::{Manifest, TreeKind};
use alloc::string::String;
use alloc::vec::Vec;

/// A whole deployment without modules, and without a marker.
pub(in crate::decide) fn deployment(name: &str) -> Deployment {
    let id = Id::parse(name).expect(name);
    let manifest = Manifest {
        id: id.clone(),
        instance: Instance::from_random([7; 8]),
        version: String::new(),
        created: 0,
        kind: TreeKind::Tree,
        kernels: Vec::new(),
        from: None,
        digest: None,
    };
    Deployment { id, manifest: Some(manifest), defect: None, marker: None, kernel: KernelFit::Fits, home: Home::Store }
}
