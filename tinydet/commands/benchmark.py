"""``tinydet benchmark``: instructions and estimated time per operator, or time on a board."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.commands.compile import (
    BOX_OPTIONS,
    COMPILING,
    CORE,
    CORES,
    INPUT_MODE,
    MODEL,
    PLAN_OPTIONS,
    RAW_OUTPUTS,
    compiled,
    compiled_raw,
    compiler_option,
)
from tinydet.commands.options import Command, Option, output_option
from tinydet.commands.predict import CLASSES
from tinydet.errors import UnsupportedError
from tinydet.progress import work

if TYPE_CHECKING:
    from tinydet.compiler.memory import InputMode, Objective
    from tinydet.deployment.benchmark import BoardTimingResult, CountResult, LinuxTimingResult
    from tinydet.targets.toolchain import Compiler

HOST = Option(
    "--host", "address of a Linux board (SSH)", metavar="USER@ADDRESS", only=("on-linux",)
)
SSH_OPTIONS = (
    Option(
        "--port", "SSH port", "count", default_text="that of ssh_config, else 22", only=("linux",)
    ),
    Option(
        "--identity",
        "private key file",
        "path",
        metavar="KEY",
        default_text="the agent's",
        only=("linux",),
    ),
    Option("--folder", "folder on the Linux board", default_text="tinydet", only=("linux",)),
    Option(
        "--threads",
        "threads of the program on the Linux board, 1 to 16",
        "count",
        default_text="one for each of its cores, at most 4",
        only=("linux",),
    ),
)
COMMAND = Command(
    "benchmark",
    "count instructions and estimate the time per operator, or measure it on a board",
    "tinydet.commands.benchmark:benchmark",
    (
        MODEL,
        Option("--target", "emulated core", choices=CORES, default_text=CORE, only=("core",)),
        Option("--board", "name of a board: count and estimate for it, or time it"),
        Option(
            "--via",
            "time the board behind this GDB server",
            metavar="gdb://HOST:PORT",
            only=("firmware",),
        ),
        Option(
            "--clock-mhz",
            "with --via: clock of the core, to report milliseconds",
            "number",
            metavar="MHZ",
            only=("gdb",),
        ),
        Option(
            "--delegate",
            "with --host: delegate library for its NPU or GPU",
            metavar="PATH",
            only=("linux",),
        ),
        Option("--image", "input image", "path", default_text="noise", only=("boxes",)),
        HOST,
        *SSH_OPTIONS,
        output_option("benchmark"),
        INPUT_MODE,
        *PLAN_OPTIONS,
        replace(RAW_OUTPUTS, only=("counted",)),
        CLASSES,
        *BOX_OPTIONS,
        compiler_option("core", "firmware"),
    ),
)


@work(
    "benchmark",
    *COMPILING,
    ("build the program", 6),
    ("build the program", 6),
    ("count instructions", 9),
    ("estimate the time", 10),
)
def benchmark(
    model: str | Path,
    output: str | Path = "benchmark",
    *,
    target: str | None = None,
    board: str | None = None,
    via: str | None = None,
    clock_mhz: float | None = None,
    delegate: str | None = None,
    image: str | Path | None = None,
    host: str | None = None,
    port: int | None = None,
    identity: str | Path | None = None,
    folder: str | None = None,
    threads: int | None = None,
    input_mode: "InputMode" = "image",
    optimize: "Objective | None" = None,
    ram_limit_bytes: int | None = None,
    raw_outputs: bool = False,
    class_names: Sequence[str] | None = None,
    score_threshold: float | None = None,
    nms_iou_threshold: float | None = None,
    box_voting_iou: float | None = None,
    max_detections: int | None = None,
    compiler: "Compiler | None" = None,
) -> "CountResult | BoardTimingResult | LinuxTimingResult":
    """Count the instructions of one inference on an emulated core, or time it on a board.

    Args:
        model: See ``tinydet.compile``.
        output: Folder for ``benchmark.json`` and all builds.
        target: Emulated core, if no board is given; None: ``cortex-m7``.
        board: Name of a board. For a microcontroller, the instructions are counted on its core, the
            time is estimated and the result says whether the model fits; with ``via`` the time is
            measured. A Linux board needs ``host``.
        via: ``gdb://HOST:PORT`` of a GDB server with the board behind it.
        clock_mhz: With ``via``: clock of the core, to report milliseconds; > 0.
        delegate: For a Linux board: delegate library for the runtime on the board.
        image: Input image; None uses noise.
        host: ``user@address`` of a Linux board.
        port: SSH port; None: that of ``ssh_config``, else 22.
        identity: Private key file; None: agent and ``ssh_config``.
        folder: Folder on the Linux board; None: ``tinydet`` in the home folder.
        threads: Of the program there, 1 to 16, timed beside one thread; None: one for each core, at
            most 4.
        input_mode: This option and the following: see ``tinydet.compile``.
        optimize: See there.
        ram_limit_bytes: See there.
        raw_outputs: See there.
        class_names: See there.
        score_threshold: See there.
        nms_iou_threshold: See there.
        box_voting_iou: See there.
        max_detections: See there.
        compiler: See there.

    Returns:
        What was measured; also in ``benchmark.json``.

    Raises:
        TinydetError: The model cannot be compiled, an option does not apply, or the board cannot
            be reached.
    """
    given = dict(locals())
    from tinydet.deployment import benchmark as measures
    from tinydet.deployment.deploy import FOLDER_ON_BOARD, board_of
    from tinydet.targets import Board
    from tinydet.targets.linux import BenchmarkOptions, LinuxBoard, SshHost

    if clock_mhz is not None and clock_mhz <= 0:
        raise UnsupportedError("--clock-mhz", str(clock_mhz), "above 0", "Correct it.")
    found = None if board is None else board_of(board)
    contexts = {"core", "counted"}
    if isinstance(found, Board):
        contexts = {"firmware", "gdb"} if via else {"firmware", "counted"}
    elif isinstance(found, LinuxBoard):
        contexts = {"linux", "on-linux"}
    output, chosen = Path(output), compiler or "zig"
    if raw_outputs:
        network = compiled_raw(COMMAND, contexts, given)
        assert not isinstance(found, LinuxBoard)  # there the option is refused
        core = target or CORE
        return measures.count_on_core(network, output, target=core, board=found, compiler=chosen)
    detector = compiled(COMMAND, contexts, given)
    if isinstance(found, LinuxBoard):
        if host is None:
            remedy = "Give the address of the board."
            raise UnsupportedError("--host", "no address", "user@address", remedy)
        ssh = SshHost(host, port, None if identity is None else Path(identity))
        return measures.time_on_linux(
            detector,
            found,
            output,
            ssh,
            folder=folder or FOLDER_ON_BOARD,
            options=BenchmarkOptions(
                image=None if image is None else Path(image), delegate=delegate, threads=threads
            ),
        )
    if found is not None and via is not None:
        return measures.time_via_gdb(
            detector, found, output, via, image=image, clock_mhz=clock_mhz, compiler=chosen
        )
    return measures.count_on_core(
        detector, output, target=target or CORE, board=found, image=image, compiler=chosen
    )
