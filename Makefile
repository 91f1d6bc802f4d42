# bedplate: build, install and the commands of the README. `make help` lists them.
# Everything that is made lands in target/.

PREFIX = /usr
DESTDIR =
# What `make install` installs; another build of the program may be named.
BIN = target/bedplate
# `make demo BREAK=record` or `BREAK=fallback`: the demo with a program that is broken on purpose.
BREAK =
# Of `make matrix`: which scenarios, and how many at once.
FILTER =
JOBS = 1
# Of `make fuzz`: for each target.
SECONDS = 60

export PATH := $(PATH):/usr/sbin:/sbin
CARGO = cargo
QEMU_TESTS = $(CARGO) run --quiet --locked -p qemu-tests --
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system
DRACUT = $(DESTDIR)$(PREFIX)/lib/dracut/modules.d/90bedplate
DOC = $(DESTDIR)$(PREFIX)/share/doc/bedplate
MAN = $(DESTDIR)$(PREFIX)/share/man
# Units of greenboot, old and new, that run its scripts or reboot by their result: off in a boot of bedplate.
GREENBOOT = greenboot-healthcheck greenboot-task-runner redboot-task-runner redboot-auto-reboot

.PHONY: help setup build demo test matrix fuzz bench install
.NOTPARALLEL:

help:
	@echo 'make setup     install the Debian packages that building and testing need'
	@echo 'make build     one static program, target/bedplate'
	@echo 'make demo      a real Debian takes a broken update and comes back by itself (BREAK=record|fallback: it must notice)'
	@echo 'make test      format, lints, all tests, real boots'
	@echo 'make matrix    every boot scenario, every comparison with OSTree, every power cut, and programs that the cuts must catch (FILTER=TEXT: those scenarios alone; JOBS=N)'
	@echo 'make fuzz      every parser of what a disk or a command line gives (SECONDS=N; needs a nightly compiler)'
	@echo 'make bench     size and speed'
	@echo 'make install   DESTDIR= PREFIX=/usr'

setup:
	@scripts/setup

build:
	@scripts/build-static target/bedplate

$(BIN):
	@scripts/build-static $(BIN)

demo: setup
	@scripts/build-static target/bedplate$(BREAK:%=-break-%) $(BREAK:%=break-%)
	@BEDPLATE_BIN=target/bedplate$(BREAK:%=-break-%) $(QEMU_TESTS) demo

test: setup
	@scripts/test

matrix: setup build
	@$(QEMU_TESTS) run --jobs $(JOBS) $(if $(FILTER),--filter $(FILTER))
	@$(if $(FILTER),,$(QEMU_TESTS) ostree-compare && $(QEMU_TESTS) ostree-compare --planted && $(QEMU_TESTS) ostree-compare --debian)
	@$(if $(FILTER),,scripts/powercut && scripts/powercut planted)
	@$(if $(FILTER),,$(QEMU_TESTS) power-cut --all --jobs $(JOBS) && scripts/check-planted-guests)
	@$(if $(FILTER),,scripts/explore)

fuzz:
	@scripts/fuzz $(SECONDS)

bench: setup build
	@scripts/bench
	@scripts/bench-ostree

# The initramfs's units get no link here: the dracut module makes them, inside the initramfs, where /usr/bin is the program's place.
# The default program is built anew where it is older than its sources; another one is taken as it is.
install: $(if $(filter target/bedplate,$(BIN)),build,$(BIN))
	install -D -m 0755 $(BIN) $(DESTDIR)$(PREFIX)/bin/bedplate
	install -d $(UNITS)/sysinit.target.wants $(UNITS)/multi-user.target.wants $(UNITS)/boot-complete.target.requires $(DRACUT) $(DOC)
	for unit in systemd-units/*; do sed 's|=/usr/bin/|=$(PREFIX)/bin/|' "$$unit" > $(UNITS)/$${unit##*/} && chmod 0644 $(UNITS)/$${unit##*/} || exit 1; done
	install -m 0644 systemd-units/bedplate-prepare-root.service systemd-units/bedplate-countdown.service $(UNITS)
	ln -sf ../bedplate-started.service ../bedplate-shutdown.service $(UNITS)/sysinit.target.wants/
	ln -sf ../bedplate-mark-good.service $(UNITS)/multi-user.target.wants/
	ln -sf ../bedplate-health.service $(UNITS)/boot-complete.target.requires/
	install -D -m 0644 systemd-drop-ins/boot-complete.conf $(UNITS)/boot-complete.target.d/50-bedplate.conf
	for unit in $(GREENBOOT); do install -D -m 0644 systemd-drop-ins/greenboot.conf $(UNITS)/$$unit.service.d/50-bedplate.conf || exit 1; done
	install -m 0755 dracut-module/90bedplate/*.sh $(DRACUT)
	install -m 0644 dracut-module/90bedplate/*.conf $(DRACUT)
	if [ -e bedplate.toml.example ]; then install -m 0644 bedplate.toml.example $(DOC); fi
	for page in man/*.[1-8]; do if [ -e "$$page" ]; then install -D -m 0644 "$$page" "$(MAN)/man$${page##*.}/$${page##*/}" || exit 1; fi; done
