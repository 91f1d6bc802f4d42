#!/bin/bash
# bedplate in the initramfs. Opt-in: add_dracutmodules+=" bedplate "
# shellcheck disable=SC2154  # dracut sets moddir, initdir, dracutsysrootdir, systemdsystemunitdir, SYSTEMCTL

check() {
    require_binaries bedplate || return 1
    return 255
}

depends() {
    echo base
}

# What a deployment and the disk under it may need, whatever this host has mounted now.
installkernel() {
    hostonly='' instmods overlay erofs squashfs loop ext4 xfs btrfs
    # Watchdogs, also where none is armed: they tell whether they ended the last boot. What iTCO_wdt sits on is not below them.
    hostonly='' instmods '=drivers/watchdog' lpc_ich i2c-i801
}

# An OSTree system, to be: then the module takes the place of OSTree's own, 98ostree.
has_ostree() {
    local place
    for place in "$dracutsysrootdir"/{usr/lib,etc}/ostree; do
        if [[ -d $place ]]; then return 0; fi
    done
    return 1
}

# Its configuration, and the names by which other units and programs know its program and its unit.
install_ostree() {
    local file
    for file in {/usr/lib,/etc}/ostree/prepare-root.conf /etc/ostree/initramfs-root-binding.key; do
        if [[ -f $dracutsysrootdir$file ]]; then inst "$file"; fi
    done
    mkdir -p "$initdir/usr/lib/ostree"
    ln -sfn /usr/bin/bedplate "$initdir/usr/lib/ostree/ostree-prepare-root"
    if dracut_module_included "systemd-initrd"; then
        ln -sfn bedplate-prepare-root.service "$initdir$systemdsystemunitdir/ostree-prepare-root.service"
    fi
}

install() {
    local file target
    inst "$(find_binary bedplate)" /usr/bin/bedplate
    for file in "$dracutsysrootdir"/{usr/lib,etc}/bedplate/{bedplate.toml,bedplate.toml.d/*.toml,keys/*}; do
        if [[ -f $file ]]; then inst "${file#"$dracutsysrootdir"}"; fi
    done
    if dracut_module_included "systemd-initrd"; then
        inst_multiple "$systemdsystemunitdir"/bedplate-{prepare-root,countdown}.service
        for target in emergency rescue; do
            inst_simple "$moddir/countdown.conf" "$systemdsystemunitdir/$target.target.d/50-bedplate.conf"
        done
        inst_simple "$moddir/volatile.conf" "$systemdsystemunitdir/systemd-volatile-root.service.d/50-bedplate.conf"
        $SYSTEMCTL -q --root "$initdir" add-requires initrd-root-fs.target bedplate-prepare-root.service
    else
        # The root is mounted by now; before usrmount (50) looks for /usr in the new root's fstab.
        inst_hook pre-pivot 10 "$moddir/prepare-root.sh"
    fi
    if has_ostree; then install_ostree; fi
}
