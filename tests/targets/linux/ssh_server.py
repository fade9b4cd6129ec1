"""Real SSH servers on this machine, and what a client needs to reach them.

``BoardServer`` is asyncssh: another implementation than the client under test, and without root
rights. It plays a board: its commands run here, in a home folder of their own.
"""

import asyncio
import contextlib
import os
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tinydet.targets.linux import SshHost

USER = "board"


def free_port():
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@dataclass
class ClientFiles:
    """Keys of client and server, and a client configuration that knows the server.

    Attributes:
        folder: Where they lie.
    """

    folder: Path

    def __post_init__(self):
        for name in ("host_key", "user_key", "other_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)],
                check=True,
            )
        self.set_known_host(None)
        (self.folder / "config").write_text(
            f"Host *\n  UserKnownHostsFile {self.folder / 'known_hosts'}\n"
            "  GlobalKnownHostsFile /dev/null\n  IdentityAgent none\n"
        )

    def set_known_host(self, port, key="host_key"):
        """Make the server at a port known by a key; None: no server is known."""
        public = (self.folder / f"{key}.pub").read_text()
        known = "" if port is None else f"[127.0.0.1]:{port} {public}"
        (self.folder / "known_hosts").write_text(known)

    def host(self, port, identity="user_key"):
        """The server at a port, reached with one of the keys."""
        return SshHost(f"{USER}@127.0.0.1", port, self.folder / identity, self.folder / "config")


class BoardServer:
    """An SSH server in a process of its own.

    Args:
        files: Keys.
        folder: Gets a folder for each board: ``home``, where commands start, and ``stubs``:
            programs in it come before those of the system.
    """

    def __init__(self, files, folder):
        self._files, self._folder, self._process, self.port = files, folder, None, 0
        self._number = 0

    def renew(self):
        """Make it a board that nobody has used; it runs when this returns."""
        self._number += 1  # what is left of earlier ones may still be writing
        board = self._folder / str(self._number)
        self.home, self.stubs, self._log = board / "home", board / "stubs", board / "commands"
        self.home.mkdir(parents=True)
        self.stubs.mkdir()
        self._log.touch()
        (self._folder / "number").write_text(str(self._number))
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, self._files.folder, self._folder],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self.port = int(self._process.stdout.readline())

    def stop(self):
        """End at once, as a board that loses its power: connections break."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    @property
    def commands(self):
        """What it was asked for, in order."""
        return self._log.read_text().split("\0")[:-1]

    def stub(self, name, script):
        """Put a program in front of the system's one of this name."""
        path = self.stubs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def claim_machine(self, machine, system="Linux"):
        """Let ``uname`` tell of another processor."""
        answers = {"-m": machine, "-s": system, "-r": "6.1.82"}
        cases = "".join(f"{o}) echo {shlex.quote(a)};; " for o, a in answers.items())
        self.stub("uname", f'case "$1" in {cases}esac')


async def _pump(source, sink):
    """Pass bytes on until there are no more, or nobody takes them."""
    with contextlib.suppress(OSError):
        while content := await source.read(1 << 16):
            sink.write(content)
            await sink.drain()


async def _serve(keys, folder):
    import asyncssh

    async def run(client):
        """One command, as a login shell would run it."""
        board = folder / (folder / "number").read_text()
        home, stubs = board / "home", board / "stubs"
        with (board / "commands").open("a") as file:
            file.write(client.command + "\0")
        path = f"{stubs}{os.pathsep}{os.environ['PATH']}"
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", client.command, cwd=home,
            env=os.environ | {"HOME": str(home), "PATH": path},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        sending = asyncio.ensure_future(_pump(client.stdin, shell.stdin))
        sending.add_done_callback(lambda _: shell.stdin.close())
        await asyncio.gather(_pump(shell.stdout, client.stdout), _pump(shell.stderr, client.stderr))
        status = await shell.wait()
        sending.cancel()
        client.exit(status if status >= 0 else 128 - status)

    server = await asyncssh.listen(
        "127.0.0.1", 0,
        server_host_keys=[str(keys / "host_key")],
        authorized_client_keys=str(keys / "user_key.pub"),
        process_factory=run,
        encoding=None,
    )  # fmt: skip
    sys.stdout.write(f"{server.get_port()}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(*map(Path, sys.argv[1:])))
