"""``tinydet deploy``: firmware of a board, a program on Linux, or a web page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.commands.benchmark import HOST, SSH_OPTIONS
from tinydet.commands.compile import (
    COMPILING,
    MODEL,
    PLAN_OPTIONS,
    THRESHOLDS,
    compiled,
    compiler_option,
)
from tinydet.commands.options import Command, Option, output_option
from tinydet.commands.predict import CLASSES
from tinydet.errors import UnsupportedError
from tinydet.progress import work

if TYPE_CHECKING:
    from tinydet.compiler.memory import Objective
    from tinydet.deployment.deploy import FirmwareResult, LinuxResult, PageResult
    from tinydet.targets.firmware_project.placement import External
    from tinydet.targets.toolchain import Compiler

WEB = "web"
COMMAND = Command(
    "deploy",
    "make a firmware project, a Linux program or a web page",
    "tinydet.commands.deploy:deploy",
    (
        MODEL,
        Option("--board", "name of a board, such as STM32H747I-DISCO or mps2-an500", group="where"),
        Option("--target", "a page for any browser", choices=(WEB,), group="where"),
        Option(
            "--image",
            "test image of the firmware's self-test (default: noise); with --host: like --images",
            "path",
            only=("firmware", "linux"),
        ),
        Option(
            "--external",
            "firmware: put weights (flash) or arena (ram) into memory outside the chip",
            choices=("flash", "ram"),
            many=True,
            default_text="inside",
            only=("firmware",),
        ),
        HOST,
        *SSH_OPTIONS,
        Option(
            "--images", "Linux: images to send to the board", "path", many=True, only=("linux",)
        ),
        Option(
            "--camera", "Linux: V4L2 device of the board", metavar="DEVICE", only=("imageless",)
        ),
        Option("--max-frames", "Linux: stop the camera after N frames", "count", only=("camera",)),
        output_option("deployed"),
        *PLAN_OPTIONS,
        CLASSES,
        *THRESHOLDS,
        compiler_option("firmware"),
    ),
)


@work(
    "deploy",
    *COMPILING,
    ("build the program", 6),
    ("build the program", 6),
    ("run the self-test", 5),
)
def deploy(
    model: str | Path,
    output: str | Path = "deployed",
    *,
    board: str | None = None,
    target: str | None = None,
    image: str | Path | None = None,
    external: "Sequence[External]" = (),
    host: str | None = None,
    port: int | None = None,
    identity: str | Path | None = None,
    folder: str | None = None,
    threads: int | None = None,
    images: Sequence[str | Path] = (),
    camera: str | None = None,
    max_frames: int | None = None,
    optimize: "Objective | None" = None,
    ram_limit_bytes: int | None = None,
    class_names: Sequence[str] | None = None,
    score_threshold: float | None = None,
    nms_iou_threshold: float | None = None,
    max_detections: int | None = None,
    compiler: "Compiler | None" = None,
) -> "FirmwareResult | LinuxResult | PageResult":
    """Deploy a detector to a microcontroller board, a Linux board, or a web page.

    Args:
        model: See ``tinydet.compile``.
        output: Folder for the firmware project, the program and its results, or the page.
        board: Name of a board; either this or ``target``.
        target: ``web``.
        image: Test image of a firmware's self-test, None uses noise; with ``host`` one of the
            images that are sent.
        external: Firmware: what is placed in memory outside the chip, ``flash`` (weights) and
            ``ram`` (arena).
        host: ``user@address`` of a Linux board; None only compiles for it.
        port: SSH port; None: that of ``ssh_config``, else 22.
        identity: Private key file; None: agent and ``ssh_config``.
        folder: Folder on the Linux board; None: ``tinydet`` in the home folder.
        threads: Of the program there, 1 to 16; None: one for each core.
        images: With ``host``: files that are sent, run on the board, and compared with what the
            same C finds on this machine.
        camera: With ``host``: V4L2 device of the board, instead of images.
        max_frames: Stop the camera after this many frames.
        optimize: This option and the following: see ``tinydet.compile``.
        ram_limit_bytes: See there.
        class_names: See there.
        score_threshold: See there.
        nms_iou_threshold: See there.
        max_detections: See there.
        compiler: See there.

    Returns:
        The files made, and the detections.

    Raises:
        TinydetError: The model cannot be compiled, an option does not apply, the board is too
            small or cannot be reached.
    """
    given = dict(locals())
    from tinydet.deployment import deploy as ways
    from tinydet.targets import Board
    from tinydet.targets.linux import LinuxBoard, Source, SshHost

    if (board is None) == (target is None):
        supported = "--board NAME or --target web"
        raise UnsupportedError("deploy", "giving neither or both", supported, "Give one of them.")
    found = None if board is None else ways.board_of(board)
    sent = tuple(Path(each) for each in (*images, *([image] if image is not None else [])))
    contexts: set[str] = set()
    if isinstance(found, Board):
        contexts = {"firmware"}
    elif isinstance(found, LinuxBoard):
        contexts = {"on-linux"}
        if host is not None:
            contexts |= {"linux"} if sent else {"linux", "imageless"}
            contexts |= {"camera"} if camera is not None else set()
    detector = compiled(COMMAND, contexts, given)
    output = Path(output)
    if isinstance(found, LinuxBoard):
        key = None if identity is None else Path(identity)
        return ways.deploy_linux(
            detector,
            found,
            output,
            host=None if host is None else SshHost(host, port, key),
            folder=folder or ways.FOLDER_ON_BOARD,
            source=Source(images=sent, camera=camera, max_frames=max_frames, threads=threads),
        )
    if found is not None:
        return ways.deploy_firmware(
            detector,
            found,
            output,
            image=image,
            external=tuple(external),
            compiler=compiler or "zig",
        )
    return ways.deploy_page(detector, output)
