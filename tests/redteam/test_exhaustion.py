"""Using everything up: one agent's limits are its own, and the host's other agents go on."""

from __future__ import annotations

import asyncio

from tests.redteam.lab import Lab


async def bystanders_work(lab: Lab) -> str:
    return await lab.sh("echo works; true | cat", of=lab.bystander)


async def test_a_fork_bomb_ends_at_the_agents_own_number_of_processes(lab: Lab) -> None:
    bomb = lab.python(
        """
        import os, time, signal
        pids = []
        try:
            while len(pids) < 5000:
                pid = os.fork()
                if not pid: time.sleep(20); os._exit(0)
                pids.append(pid)
        except OSError as error: print(type(error).__name__, len(pids), flush=True)
        time.sleep(1)
        for pid in pids: os.kill(pid, signal.SIGKILL)
        for pid in pids: os.waitpid(pid, 0)
        """
    )
    bombing = asyncio.create_task(bomb)
    worked = await bystanders_work(lab)
    said = (await bombing).split()
    assert said[0] == "BlockingIOError", said
    assert 50 < int(said[1]) < 120
    assert worked.split() == ["works"]
    assert "claude" in await lab.sh("ps -eo comm=")


async def test_memory_beyond_the_limit_ends_who_took_it_and_not_its_record(lab: Lab) -> None:
    said = await lab.sh("""
        echo 1000 > /proc/self/oom_score_adj; python3 -c 'x = b"x" * (200 << 20); print("200 MiB are fine")'
        python3 -c 'x = b"x" * (3 << 30); print("TOOK IT")'; echo ended $?
    """)
    assert "200 MiB are fine" in said
    assert "\nTOOK IT" not in said
    assert "ended 137" in said
    assert (await bystanders_work(lab)).split() == ["works"]
    assert (await lab.machine.runs.describe(lab.agent)).alive


async def test_shared_memory_is_bounded(lab: Lab) -> None:
    said = await lab.sh(
        "head -c 1M /dev/zero > /dev/shm/x && echo small; head -c 1G /dev/zero > /dev/shm/x || stat -c %s /dev/shm/x; rm /dev/shm/x"
    )
    assert "small" in said
    assert int(said.split()[-1]) <= 64 << 20


async def test_open_files_are_bounded_and_limits_cannot_be_raised(lab: Lab) -> None:
    said = await lab.sh(
        "ulimit -n; ulimit -Hn 100000 2>&1 | grep -c permitted; python3 -c 'x=[open(\"/dev/null\") for _ in range(9000)]' 2>&1 | tail -1"
    )
    assert said.split()[:2] == ["4096", "1"]
    assert "Too many open files" in said
