"""Looking at a board, and putting files on it that are whole or not there."""

import hashlib
import secrets
import shlex
from pathlib import PurePosixPath

from tinydet.targets.linux.boards import ARCHITECTURES, LinuxBoard, load_linux_boards
from tinydet.targets.linux.ssh import Answer, run_on
from tinydet.targets.linux.ssh_host import RemoteError, SshHost

KIB = 1024
SPARE_KIB = 64  # for the folder's own entries

PROBE = """\
mkdir -p -- {folder} && cd -- {folder} || exit 90;
echo system=$(uname -s); echo machine=$(uname -m); echo kernel=$(uname -r);
echo free_kib=$(df -Pk . | tail -n 1 | while read a b c d e; do echo $d; done)"""

# Everything but the last step works on a name that nobody uses. A copy that broke off is shorter
# than announced; sync, because a rename may reach the disk before the content.
INSTALL = """\
umask 022; mkdir -p -- {folder} && cd -- {folder} || exit 90;
if [ -x {name} ] && command -v sha256sum >/dev/null 2>&1 &&
[ "$(sha256sum < {name} | cut -c1-64)" = {sha256} ]; then cat > /dev/null; echo same; exit 0; fi;
trap 'rm -f {part}' EXIT; trap 'exit 95' HUP INT TERM PIPE;
cat > {part} || exit 91;
[ "$(wc -c < {part})" -eq {size_bytes} ] || exit 92;
if command -v sha256sum >/dev/null 2>&1; then
[ "$(sha256sum < {part} | cut -c1-64)" = {sha256} ] || exit 93; fi;
chmod 755 {part} && sync && [ ! -d {name} ] && mv -f {part} {name} || exit 94; echo copied"""

_INSTALL_FAULTS = {
    90: "the folder {folder} cannot be made",
    91: "the program cannot be written to {folder}",
    92: "the copy was interrupted",
    93: "the copy differs from the original",
    94: "the copied program cannot be renamed in {folder}",
}


def board_folder(folder_on_board: str) -> PurePosixPath:
    """A folder of the board; relative ones begin in the home folder, as every command there.

    >>> str(board_folder("~/detectors")), str(board_folder("/opt/tinydet"))
    ('detectors', '/opt/tinydet')
    """
    return PurePosixPath(folder_on_board.removeprefix("~/") or ".")


def probe(host: SshHost, board: LinuxBoard, folder: PurePosixPath) -> tuple[str, int]:
    """Look at a board before anything is compiled or copied.

    Args:
        host: How to reach it.
        board: What it is taken for.
        folder: Created there.

    Returns:
        Its kernel in words; free space in the folder, KiB (0: not told).

    Raises:
        RemoteError: It cannot be reached or written to, or has another processor.
    """
    answer = run_on(host, _one_line(PROBE.format(folder=shlex.quote(str(folder)))))
    if answer.status:
        raise _install_error(host, folder, answer)
    lines = [line.partition("=") for line in answer.output.splitlines()]
    facts = {key: value.strip() for key, _, value in lines}
    machines = ARCHITECTURES[board.architecture].machines
    machine, system = facts.get("machine", "?"), facts.get("system", "?")
    if system != "Linux" or machine not in machines:
        boards = load_linux_boards() if system == "Linux" else ()
        fitting = [b.name for b in boards if machine in ARCHITECTURES[b.architecture].machines]
        remedy = f"Choose --board {' or '.join(fitting)}." if fitting else "It cannot be used."
        raise RemoteError(
            host.address, f"runs {system} on {machine}; {board.name} is {' or '.join(machines)}",
            remedy,
        )  # fmt: skip
    free = facts.get("free_kib", "")
    return f"{system} {facts.get('kernel', '')} {machine}", int(free) if free.isdigit() else 0


def install(host: SshHost, content: bytes, path: PurePosixPath, *, free_kib: int = 0) -> bool:
    """Copy a program so that its name never stands for half of it.

    Args:
        host: The board.
        content: The program.
        path: Where it goes.
        free_kib: Free space there; 0: not known.

    Returns:
        Whether the board had it already.

    Raises:
        RemoteError: It could not be copied whole; an older one is then still there.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    script = INSTALL.format(
        folder=shlex.quote(str(path.parent)),
        name=shlex.quote(f"./{path.name}"),
        part=shlex.quote(f"./.{path.name}.{secrets.token_hex(4)}.part"),
        sha256=sha256,
        size_bytes=len(content),
    )
    needed_kib = len(content) // KIB + SPARE_KIB
    answer = run_on(host, _one_line(script), content=content)
    if answer.status:
        if 0 < free_kib < needed_kib:
            raise _no_space(host, path.parent, f"needs {needed_kib} KiB, {free_kib} KiB are free")
        raise _install_error(host, path.parent, answer)
    return "same" in answer.output.split()


def _install_error(host: SshHost, folder: PurePosixPath, answer: Answer) -> RemoteError:
    if "No space left" in answer.complaint or "quota" in answer.complaint:
        return _no_space(host, folder, "has no space left")
    found = _INSTALL_FAULTS.get(answer.status, f"status {answer.status}").format(folder=folder)
    said = answer.complaint.splitlines()[-1] if answer.complaint else ""
    return RemoteError(
        host.address,
        f"{found} ({said})" if said else found,
        "Choose a folder that you may write to with --folder, or try again.",
    )


def _no_space(host: SshHost, folder: PurePosixPath, found: str) -> RemoteError:
    return RemoteError(
        f"{host.address}:{folder}", found, "Free some space there, or choose another --folder."
    )


def _one_line(script: str) -> str:
    return script.replace("\n", " ")
