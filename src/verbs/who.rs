//! Who runs this program: a unit, or a person.

use bedplate::sys::host;

/// The unit that this process belongs to, else a person.
pub fn who() -> String {
    let cgroup = host::read_path("/proc/self/cgroup").unwrap_or_default();
    unit(&cgroup).unwrap_or("a person").into()
}

/// From /proc/self/cgroup (cgroups(7)): the service at the end of the path in the unified hierarchy. A session, or what was
/// started in one, is a scope.
fn unit(cgroup: &str) -> Option<&str> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    path.rsplit('/').next().filter(|name| name.ends_with(".service"))
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn a_service_is_named_and_all_else_is_a_person() {
        let units = [
            "0::/system.slice/bedplate-mark-good.service\n",
            "12:cpu:/x\n0::/system.slice/system-a.slice/a@b.service\n",
            "0::/user.slice/user-0.slice/session-3.scope\n",
            "0::/\n",
            "1:name=systemd:/system.slice/cron.service\n",
            "",
        ];
        let expected = [Some("bedplate-mark-good.service"), Some("a@b.service"), None, None, None, None];
        assert_eq!(units.map(unit), expected);
    }
}
