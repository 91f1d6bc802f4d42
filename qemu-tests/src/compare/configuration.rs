//! The matrix.

/// What is not as by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `sysroot.readonly` in prepare-root.conf.
    Readonly,
    /// `etc.transient`
    EtcTransient,
    /// `ostree admin unlock --hotfix` was run.
    Hotfix,
    /// The physical root is mounted read-only.
    DiskReadOnly,
    /// /boot is another partition's.
    NoBoot,
    /// `sysroot.readonly` in the repository's own configuration.
    RepoReadonly,
    /// `root.transient`
    RootTransient,
    /// `composefs.enabled`, on deployments that have no image.
    Composefs,
    /// `ostree=` leads to nothing.
    NoDeployment,
    /// `sysroot.readonly = yes`
    Yes,
    /// One key in each of the two files.
    BothFiles,
    /// The physical root is mounted nosuid,nodev.
    Flags,
    /// What a run that has failed leaves in /run.
    Again,
    /// Another argument's value, in quotes, has a word that begins with `ostree=`.
    Quoted,
}

impl Feature {
    const fn word(self) -> &'static str {
        match self {
            Self::Readonly => "readonly",
            Self::EtcTransient => "etc.transient",
            Self::Hotfix => "hotfix",
            Self::DiskReadOnly => "ro disk",
            Self::NoBoot => "no /boot",
            Self::RepoReadonly => "repo readonly",
            Self::RootTransient => "root.transient",
            Self::Composefs => "composefs",
            Self::NoDeployment => "no deployment",
            Self::Yes => "readonly=yes",
            Self::BothFiles => "both files",
            Self::Flags => "nosuid disk",
            Self::Again => "run again",
            Self::Quoted => "quoted",
        }
    }
}

/// One row: a deployment with some features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration(pub Vec<Feature>);

/// All combinations of these are compared.
const COMBINED: [Feature; 5] = [Feature::NoBoot, Feature::DiskReadOnly, Feature::Hotfix, Feature::EtcTransient, Feature::Readonly];

/// Compared once each.
const SINGLE: [Feature; 9] = [
    Feature::RepoReadonly,
    Feature::RootTransient,
    Feature::Composefs,
    Feature::NoDeployment,
    Feature::Yes,
    Feature::BothFiles,
    Feature::Flags,
    Feature::Again,
    Feature::Quoted,
];

pub fn all() -> Vec<Configuration> {
    let combined = COMBINED.iter().rev().fold(vec![Vec::new()], |sets: Vec<Vec<Feature>>, feature| {
        let with = sets.iter().map(|set| [set.as_slice(), &[*feature]].concat());
        sets.iter().cloned().chain(with).collect()
    });
    combined.into_iter().map(Configuration).chain(SINGLE.map(|feature| Configuration(vec![feature]))).collect()
}

/// Each of the combined ones at least once.
pub fn quick() -> Vec<Configuration> {
    let [no_boot, disk, hotfix, etc, readonly] = COMBINED;
    vec![
        Configuration(Vec::new()),
        Configuration(vec![readonly, etc]),
        Configuration(vec![readonly, hotfix]),
        Configuration(vec![readonly, disk]),
        Configuration(vec![etc, no_boot]),
    ]
}

impl Configuration {
    pub fn has(&self, feature: Feature) -> bool {
        self.0.contains(&feature)
    }

    pub fn name(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|feature| feature.word()).collect();
        if words.is_empty() { "defaults".to_string() } else { words.join(", ") }
    }

    /// prepare-root.conf of the initramfs: paths and contents.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let lines = [
            (Feature::Readonly, "[sysroot]\nreadonly=true\n"),
            (Feature::Yes, "[sysroot]\nreadonly=yes\n"),
            (Feature::BothFiles, "[etc]\ntransient=true\n"),
            (Feature::EtcTransient, "[etc]\ntransient=true\n"),
            (Feature::RootTransient, "[root]\ntransient=true\n"),
            (Feature::Composefs, "[composefs]\nenabled=yes\n"),
        ];
        let text: String = lines.iter().filter(|(feature, _)| self.has(*feature)).map(|(_, line)| *line).collect();
        let vendor = self.has(Feature::BothFiles).then(|| ("usr/lib/ostree/prepare-root.conf", "[sysroot]\nreadonly=true\n".to_string()));
        vendor.into_iter().chain((!text.is_empty()).then_some(("etc/ostree/prepare-root.conf", text))).collect()
    }

    /// Of the physical root.
    pub fn mount_flags(&self) -> Vec<String> {
        let read_only = self.has(Feature::DiskReadOnly).then_some("ro");
        let others = if self.has(Feature::Flags) { ["nosuid", "nodev"].as_slice() } else { &[] };
        read_only.iter().chain(others).map(ToString::to_string).collect()
    }

    /// For the kernel. `link` leads to the deployment.
    pub fn cmdline(&self, link: &str) -> String {
        let ostree = if self.has(Feature::NoDeployment) { "/ostree/boot.1/lab/0/7" } else { link };
        let quoted = if self.has(Feature::Quoted) { "note=\"not ostree=/nowhere\" " } else { "" };
        format!("root=/dev/vda console=ttyS0 panic=-1 {quoted}ostree={ostree}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_there_once_and_has_a_name_of_its_own() {
        let mut names: Vec<_> = all().iter().map(Configuration::name).collect();
        assert_eq!(names.len(), 32 + SINGLE.len());
        assert!(
            names.contains(&"defaults".to_string()) && names.contains(&"readonly, etc.transient, hotfix, ro disk, no /boot".to_string())
        );
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 32 + SINGLE.len());
        assert!(COMBINED.iter().all(|feature| quick().iter().any(|one| one.has(*feature))));
    }
}
