"""A detector as one static program for a Linux board: making it, putting it there, running it."""

import json
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.compiler import CompiledDetector
from tinydet.data.image_files import image_suffixes
from tinydet.data.images import decode_image, read_bytes
from tinydet.errors import DataError, UnsupportedError
from tinydet.targets.base import require_image_in_arena
from tinydet.targets.linux.boards import ARCHITECTURES, LinuxBoard
from tinydet.targets.linux.install import board_folder, install, probe
from tinydet.targets.linux.kernel_sets import PROGRAM, compile_kernel_sets
from tinydet.targets.linux.ssh import Answer, stream_from
from tinydet.targets.linux.ssh_host import RemoteError, SshHost
from tinydet.targets.toolchain import Toolchain, model_macros, write_sources, zig_cc

THIRD_PARTY = Path(__file__).parent / "third_party"
# What POSIX and Linux have beside C11; headers of others are not ours to warn about.
SYSTEM_MACROS = ("-D_GNU_SOURCE", f"-I{PROGRAM}", f"-isystem{THIRD_PARTY}")
FOLDER_ON_BOARD = "tinydet"  # below the home folder
MAX_THREADS = 16  # TD_MAX_THREADS of program/threads.h
SIGNAL_BASE = 128  # exit status of a shell whose command ended by signal n: this + n
NOT_EXECUTABLE = (126, 127)
# Exit statuses of the program, see program/main.c.
ALL_WELL, SOME_FAILED, STOPPED = 0, 1, 3

Record = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """What the program is to look at: one of the first three, or nothing.

    Attributes:
        images: Image files of this machine. Their pixels are sent, as this machine decodes them:
            decoders of JPEG differ. They are not kept on the board.
        on_board: Image files or folders of the board; a relative path begins in the home folder.
        camera: V4L2 device of the board, as ``/dev/video0``.
        camera_size: ``(height, width)`` asked of the camera, pixels.
        max_frames: Stop the camera after so many; None: when the user stops it.
        threads: That share the work; None: one for each core, at most 4.
        delegate: Library on the board that takes the network over in its own runtime (NPU, GPU);
            not for programs made of C.
    """

    images: tuple[Path, ...] = ()
    on_board: tuple[str, ...] = ()
    camera: str | None = None
    camera_size: tuple[int, int] = (480, 640)
    max_frames: int | None = None
    threads: int | None = None
    delegate: str | None = None

    def __post_init__(self) -> None:
        check_threads(self.threads)
        for image in self.images:
            if image.suffix.lower() not in image_suffixes():
                raise UnsupportedError(
                    str(image),
                    image.suffix or "a file without suffix",
                    ", ".join(image_suffixes()),
                    "Convert it to PNG.",
                )

    def arguments(self) -> list[str]:
        """Those of the program; none where there is nothing to look at."""
        how = thread_arguments(self.threads)
        if self.delegate is not None:
            how += ["--delegate", self.delegate]
        if self.images:
            return [*how, "--checksum", "--stream"]
        if self.on_board:
            return [*how, "--", *self.on_board]
        if self.camera is None:
            return []
        height, width = self.camera_size
        limit = [] if self.max_frames is None else ["--frames", str(self.max_frames)]
        return [*how, "--camera", self.camera, "--size", f"{width}x{height}", *limit]

    def stream(self) -> Iterator[bytes]:
        """What ``--stream`` reads, image by image."""
        for image in self.images:
            name, content = str(image).encode("utf-8", "replace"), portable_image(image)
            yield b"%d %d\n" % (len(name), len(content)) + name
            yield content


def check_threads(threads: int | None) -> None:
    """Refuse what the program cannot start.

    Raises:
        UnsupportedError: It is not in [1, 16].
    """
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UnsupportedError("--threads", str(threads), f"1 to {MAX_THREADS}", "Correct it.")


def thread_arguments(threads: int | None) -> list[str]:
    """Those of the program; None leaves it to the program: one for each core, at most 4.

    >>> thread_arguments(2), thread_arguments(None)
    (['--threads', '2'], [])
    """
    return [] if threads is None else ["--threads", str(threads)]


def portable_image(path: Path) -> bytes:
    """An image file as PPM, which every decoder reads the same.

    A file that this machine cannot decode is sent as it is: the board then says what is wrong.

    Raises:
        DataError: The file is missing, empty or not readable.
    """
    content = read_bytes(path)
    try:
        pixels = decode_image(content, path)
    except DataError:
        return content
    return b"P6 %d %d 255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()


def build_program(detector: CompiledDetector, board: LinuxBoard, folder: Path) -> Path:
    """Make the program that runs a model on a Linux board, with its weights and class names.

    It needs nothing there but the kernel: libc is linked in. The first build for an architecture
    takes about a minute, because zig then compiles that libc.

    Args:
        detector: The detector, with ``detect_image``.
        board: Chooses architecture and processor.
        folder: Gets sources and program; created.

    Returns:
        The program, named like the model.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses (disk full).
        OutputError: The folder cannot be written to.
        UnsupportedError: The C cannot take whole images.
    """
    require_image_in_arena(detector, "a program for Linux")
    sets = compile_kernel_sets(detector, board, write_sources(detector, folder), folder)
    own = [source for source in sorted(PROGRAM.glob("*.c")) if source.name != "parallel_kernels.c"]
    toolchain = Toolchain(
        f"zig cc for {board.architecture}",
        zig_cc("-target", ARCHITECTURES[board.architecture].zig_target),
        (f"-mcpu={board.compiler_cpu}", "-O2"),
        ("-static", "-s", "-Wl,--gc-sections"),
    )
    program = folder / f"{detector.name}-{board.architecture}"
    program.unlink(missing_ok=True)  # one that is being run must not change under its user
    macros = [*model_macros(detector, folder), *SYSTEM_MACROS, sets.macro]
    return toolchain.build([*own, *sets.objects], program, macros)


@dataclass(frozen=True)
class Deployment:
    """A program on a board, and what it found.

    Attributes:
        board: The board.
        host: How it is reached.
        program: Path there; relative to the home folder if it has no leading slash.
        program_bytes: Its size, weights included.
        was_there: The board had it already; nothing was copied.
        kernel: Of the board, as ``Linux 6.1.82 armv7l``.
        results: One record per image or frame; keys: see docs/deploy_linux.md.
    """

    board: LinuxBoard
    host: SshHost
    program: str
    program_bytes: int
    was_there: bool
    kernel: str
    results: tuple[Record, ...]


def deploy_linux(
    detector: CompiledDetector,
    board: LinuxBoard,
    host: SshHost,
    *,
    build_folder: Path,
    folder_on_board: str = FOLDER_ON_BOARD,
    source: Source | None = None,
) -> Deployment:
    """Compile a detector for a Linux board, copy it there and run it.

    The board is looked at first: nothing is compiled for one that is not there or another kind.
    The program gets its name on the board when all of it has arrived and been compared.

    Args:
        detector: The detector.
        board: What to compile for.
        host: How to reach it.
        build_folder: Of this machine, for sources and program.
        folder_on_board: Where the program goes; created. Relative: below the home folder.
        source: What to detect on; None only copies.

    Returns:
        What was done, with all records.

    Raises:
        RemoteError: The board cannot be reached, has another processor, no space, or the program
            failed there.
        MissingToolError: ziglang or the OpenSSH client is not installed.
        BuildError: The C compiler refuses.
        DataError: An image of this machine cannot be read.
    """
    folder = board_folder(folder_on_board)
    kernel, free_kib = probe(host, board, folder)
    program = build_program(detector, board, build_folder)
    content = program.read_bytes()
    was_there = install(host, content, folder / detector.name, free_kib=free_kib)
    path = str(folder / detector.name)
    results = tuple(run_program(host, path, source or Source()))
    return Deployment(board, host, path, len(content), was_there, kernel, results)


def run_program(host: SshHost, program: str, source: Source) -> Iterator[Record]:
    """Run the program on a board.

    Args:
        host: The board.
        program: Its path there.
        source: What it looks at.

    Yields:
        Its JSON lines as they come. Other lines are greetings of the board's own.

    Raises:
        RemoteError: It cannot be started, crashed, or gave up.
    """
    arguments = source.arguments()
    if not arguments:
        return
    script = f"{shlex.join([command_path(program), *arguments])}; exit $?"
    with closing(stream_from(host, script, source.stream())) as lines:
        for line in lines:
            if isinstance(line, Answer):
                check_end(host, program, line)
            elif line.startswith("{"):
                yield json.loads(line)


def command_path(program: str) -> str:
    """A path that a shell takes for a command, wherever it lies.

    >>> command_path("person"), command_path("tinydet/person")
    ('./person', 'tinydet/person')
    """
    return program if "/" in program else f"./{program}"


def check_end(host: SshHost, program: str, answer: Answer) -> None:
    """Raise where the program did not end as it should.

    Raises:
        RemoteError: It cannot be started, crashed, or gave up.
    """
    if answer.status in (ALL_WELL, SOME_FAILED):
        return
    said = answer.complaint.splitlines()[-1] if answer.complaint else "no reason given"
    if answer.status == STOPPED:
        raise RemoteError(host.address, said, "See docs/deploy_linux.md.")
    if answer.status in NOT_EXECUTABLE:
        raise RemoteError(
            host.address,
            f"cannot start {program} ({said})",
            "Choose a folder on a file system from which programs may be started (not noexec).",
        )
    if answer.status > SIGNAL_BASE:
        raise RemoteError(
            host.address,
            f"{program} was terminated by signal {answer.status - SIGNAL_BASE}",
            "Illegal instruction (4): choose the right --board. Killed (9): not enough memory.",
        )
    raise RuntimeError(f"{program} ended with status {answer.status}: {said}")
