#!/bin/sh
# Sourced before pivot in an initramfs without systemd. It ends only when a verified root stands: whoever leaves the
# emergency shell tries again, so that the system never comes up with mounts missing.

until /usr/bin/bedplate prepare-root "$NEWROOT"; do
    if [ -e /run/bedplate/countdown ]; then
        /usr/bin/bedplate note countdown || reboot -f
    fi
    emergency_shell -n bedplate "bedplate could not prepare a root on $NEWROOT; leave this shell to try again"
done
