"""How the host scripts get onto the host."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from vps.config import HostConfig
from vps.provision import provision
from vps.shell import cmd
from vps.ssh import SshHost


async def test_several_at_once_put_it_there_once_and_whole(host_config: HostConfig, tmp_path: Path) -> None:
    root = tmp_path / "opt" / "agentflow"
    async with SshHost(host_config) as host:
        libraries = set(await asyncio.gather(*(provision(host, str(root)) for _ in range(6))))

    (library,) = libraries
    assert [str(path) for path in (root / "lib").iterdir()] == [library]
    assert root.stat().st_mode & 0o7777 == 0o750, "other users of the host can look into it"
    assert (Path(library) / "vps" / "remote.py").is_file()


async def test_the_scripts_are_found_again_and_run_without_this_project(
    host_config: HostConfig, tmp_path: Path
) -> None:
    async with SshHost(host_config) as host:
        library = await provision(host, str(tmp_path))
        made = Path(library).stat().st_mtime_ns
        assert await provision(host, str(tmp_path)) == library
        assert Path(library).stat().st_mtime_ns == made
        modules = "import vps.host.relay, vps.host.keeper, vps.container.supervisor"
        code = f"import sys; sys.path.insert(0, {library!r}); {modules}"
        done = await host.run(cmd(sys.executable, "-I", "-S", "-c", code))
    assert done.exit_code == 0, done.stderr
