"""Out of the container: its kernel interfaces, its mounts, its supervisor, Docker, and what lies beside it on the host."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from tests.redteam.lab import WITHIN_S, Lab, run

_CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
pid = int(os.popen("pgrep -x claude").read().split()[0])
calls = {"ptrace": (101, 16, pid, 0, 0), "process_vm_readv": (310, pid, 0, 0, 0, 0, 0), "pidfd_getfd": (438, os.pidfd_open(pid), 1, 0),
  "unshare_user": (272, 0x10000000), "unshare_mount": (272, 0x20000), "setns": (308, os.open("/proc/self/ns/net", os.O_RDONLY), 0),
  "mount": (165, b"none", b"/tmp", b"tmpfs", 0, 0), "pivot_root": (155, b"/tmp", b"/tmp"), "chroot": (161, b"/tmp"), "mknod": (133, b"/tmp/disk", 0o60666, 0xfe00),
  "bpf": (321, 0, 0, 0), "keyctl": (250, 0, 0, 0, 0, 0), "add_key": (248, b"user", b"x", b"y", 1, -3), "perf_event_open": (298, 0, 0, 0, 0, 0), "userfaultfd": (323, 0),
  "open_by_handle_at": (304, 0, 0, 0), "init_module": (175, 0, 0, b""), "kexec_load": (246, 0, 0, 0, 0), "reboot": (169, 0xfee1dead, 672274793, 0),
  "settimeofday": (164, b"\\0" * 16, 0), "setuid": (105, 0), "setgid": (106, 0), "capset": (126, b"\\x22\\x05\\x08\\x20" + b"\\0" * 4, b"\\xff" * 24)}
for name, (number, *words) in calls.items():
    done = libc.syscall(number, *words)
    print(name, "WORKED" if done >= 0 else os.strerror(ctypes.get_errno()))
print("getpid", "WORKED" if libc.syscall(39) > 0 else "?")
"""


async def test_no_system_call_that_leads_out_works(lab: Lab) -> None:
    if os.uname().machine != "x86_64":
        return  # the numbers are those of x86_64
    said = dict(line.split(" ", 1) for line in (await lab.python(_CALLS)).splitlines())
    assert said.pop("getpid") == "WORKED"
    assert len(said) == 23, said
    assert [name for name, how in said.items() if how == "WORKED"] == []


async def test_no_program_lends_another_users_rights(lab: Lab) -> None:
    said = await lab.sh("""
        find / -xdev -perm -4000 -user root -type f 2>/dev/null | wc -l
        grep -E 'NoNewPrivs|CapBnd|CapEff|Seccomp:' /proc/self/status
        cp /bin/sh /tmp/root-shell; chmod 4755 /tmp/root-shell; /tmp/root-shell -p -c 'id -u'; rm /tmp/root-shell
        echo | su -c 'id -u' 2>&1 | grep -v '^Password: su: Auth'; newgrp root -c 'id -g' < /dev/null 2>&1 | grep -c '^0$'
    """)
    assert int(said.split()[0]) > 0, "there is none to try"
    assert said.split()[1:9] == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]
    assert said.split()[9:] == ["1001", "0"]


async def test_nothing_of_the_kernels_can_be_written_and_no_device_read(lab: Lab) -> None:
    said = await lab.sh("""
        for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm/drop_caches /proc/sys/kernel/modprobe /sys/kernel/uevent_helper \\
          /proc/1/oom_score_adj /sys/fs/cgroup/release_agent /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/memory/memory.limit_in_bytes /dev/kmsg /dev/mem; do
          (echo 1 > $f) 2>/dev/null && echo "WROTE $f"; done
        for f in /proc/kcore /dev/mem /dev/kmsg /dev/vda /dev/sda /proc/keys; do [ -s $f ] && head -c 1 $f 2>/dev/null | grep -q . && echo "READ $f"; done
        find /proc/sys /sys /dev -xdev \\( -type f -o -type b \\) -writable 2>/dev/null | grep -v '^/dev/shm\\|^/dev/mqueue'
        (echo works > /tmp/x) && cat /tmp/x
    """)
    assert said.split() == ["works"]


async def test_neither_supervisor_nor_bridge_nor_init_can_be_stopped_ended_or_traced(lab: Lab) -> None:
    said = await lab.sh("""
        for name in docker-init python3 socat; do for pid in $(pgrep -x $name); do [ $(stat -c %u /proc/$pid) = 1001 ] && continue
          for signal in STOP KILL TERM INT HUP USR1 CHLD; do kill -$signal $pid 2>/dev/null && echo "SIGNALLED $name"; done; echo tried $name; done; done
        sleep 60 & kill -KILL $! && echo "its own"
    """)
    assert "SIGNALLED" not in said
    assert {"docker-init", "python3", "socat", "own"} <= set(said.split())
    assert "claude" in await lab.sh("ps -eo comm=")


async def test_docker_is_not_reached(lab: Lab) -> None:
    assert Path("/var/run/docker.sock").exists()
    said = await lab.sh("""
        ls -la /var/run/docker.sock /run/docker.sock /run/containerd 2>&1 | grep -vc 'No such'; find / -xdev -type s 2>/dev/null; command -v docker
        for port in 2375 2376; do curl -s -m 2 -o /dev/null -w '%{http_code}\\n' http://localhost:$port/version; done
    """)
    assert said.split() == ["0", "000", "000"]


async def test_nothing_of_other_runs_or_of_the_gateway_is_mounted(lab: Lab) -> None:
    mounts = await lab.sh("cat /proc/self/mountinfo")
    assert f"{lab.machine.root}/runs/{lab.agent}/out" in mounts
    assert lab.bystander not in mounts
    assert "/gateway/ " not in mounts
    said = await lab.sh(
        f"exec 2>&1; cat {lab.machine.root}/gateway/credential.json {lab.machine.root}/runs/*/run.json; ls {lab.machine.root} {lab.machine.root}/workspaces"
    )
    assert said.split()[-1] == "restricted"
    assert said.count("No such file") == 2


async def test_links_and_pipes_in_its_own_directories_lead_the_host_nowhere(lab: Lab) -> None:
    """What the host reads and removes of a run: transcripts and workspace are the agent's own, and it may plant what it likes."""
    victim = lab.machine.root / "victim"
    victim.mkdir(mode=0o755)
    (victim / "kept").write_text("kept")
    workspace = lab.machine.root / "workspaces" / "restricted"
    await lab.sh(f"""
        cd ~/.claude/projects && ln -s {victim} link && ln -s /etc/shadow shadow && mkfifo pipe && ln -s {lab.machine.root}/gateway gateway
        cd {workspace} && ln -s {victim} link && mkfifo pipe && ln -s {lab.machine.root}/gateway/credential.json CLAUDE.local.md && ln -s / root
        mkdir -p .claude && ln -s {victim} .claude/skills
    """)
    async with asyncio.timeout(WITHIN_S):
        described = await lab.machine.runs.describe(lab.agent)
        listed = (await lab.machine.relay.ask("workspaces", {"sizes": True}))["workspaces"]

    assert described.alive
    assert {each["name"] for each in listed} >= {"restricted"}
    (size,) = [each["size"] for each in listed if each["name"] == "restricted"]
    assert size is None or size < 1 << 27, "the links were followed"
    assert (victim / "kept").read_text() == "kept"
    assert (lab.machine.root / "sessions" / lab.agent / "link").is_symlink()


async def test_the_host_runs_nothing_that_a_workspace_brings_along(lab: Lab) -> None:
    """No file of a workspace is executable by way of its name: the agent's tree is on no PATH or PYTHONPATH of root's."""
    said = await lab.sh("""
        mkdir -p ~/bin && printf '#!/bin/sh\\nid > /tmp/ran-as-$(id -u)\\n' | tee ~/bin/python3 ~/bin/setpriv /tmp/sitecustomize.py > /dev/null; chmod +x ~/bin/*
        echo 'import os; os.system("id > /tmp/ran-as-root")' > ~/sitecustomize.py; touch /usr/lib/python3/x 2>&1; touch /run/agentflow/lib/x 2>&1
    """)
    assert said.count("cannot touch") == 2
    await run("docker", "exec", "--user", "0:0", lab.agent, "python3", "-I", "-S", "-c", "pass")
    assert "ran-as" not in await lab.sh("ls /tmp")


def test_other_users_of_the_host_do_not_get_into_the_gateways_directory(lab: Lab) -> None:
    place = lab.machine.root / "gateway"
    assert subprocess.run(["cat", place / "credential.json"], check=True, capture_output=True).stdout
    done = subprocess.run(
        ["setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "sh", "-c",
         f"cat {place}/credential.json; ls {place} {place}/runs {place}/runs/{lab.agent}; echo x > {place}/specs/x.json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == ""
    assert done.stderr.lower().count("permission denied") == 5
