"""``tinydet deploy``: firmware of a board, a program on Linux, or a web page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tinydet.commands.benchmark import HOST, SSH_OPTIONS
from tinydet.commands.compile import (
    COMPILING,
    MODEL,
    PLAN_OPTIONS,
    THRESHOLDS,
    compiled,
    compiler_option,
    described,
)
from tinydet.commands.options import Command, Option, choice, output_option
from tinydet.commands.predict import CLASSES
from tinydet.errors import UnsupportedError
from tinydet.progress import work

if TYPE_CHECKING:
    from tinydet.compiler.memory import Objective
    from tinydet.deployment.deploy import FirmwareResult, LinuxResult
    from tinydet.deployment.tflite import TfliteResult
    from tinydet.targets.firmware_project.placement import External
    from tinydet.targets.toolchain import Compiler
    from tinydet.targets.web.build import PageResult

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
        choice(
            "--runtime",
            "Linux: what runs the network: c (a program made here), or tflite (that of the board, "
            "for an NPU or GPU that only it reaches)",
            *("c", "tflite"),
            only=("on-linux",),
        ),
        Option(
            "--delegate",
            "with --runtime tflite: library on the board that takes the network over (NPU, GPU)",
            metavar="PATH",
            only=("delegated",),
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
        *(replace(option, only=option.only or ("c",)) for option in PLAN_OPTIONS),
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
    runtime: Literal["c", "tflite"] | None = None,
    delegate: str | None = None,
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
    box_voting_iou: float | None = None,
    max_detections: int | None = None,
    compiler: "Compiler | None" = None,
) -> "FirmwareResult | LinuxResult | PageResult | TfliteResult":
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
        runtime: Linux: ``c`` (None) makes a program of the C; ``tflite`` ships the ``.tflite``
            with a small Python program for the TensorFlow Lite runtime that the board has.
        delegate: With ``tflite``: library on the board that takes the network over (NPU, GPU).
        host: ``user@address`` of a Linux board; None only compiles for it.
        port: SSH port; None: that of ``ssh_config``, else 22.
        identity: Private key file; None: agent and ``ssh_config``.
        folder: Folder on the Linux board; None: ``tinydet`` in the home folder.
        threads: Of the program there, 1 to 16; None: one for each core, at most 4.
        images: With ``host``: files that are sent, run on the board, and compared with what the
            same C (with ``tflite``: ``tinydet.predict``) finds on this machine.
        camera: With ``host``: V4L2 device of the board, instead of images.
        max_frames: Stop the camera after this many frames.
        optimize: This option and the following: see ``tinydet.compile``.
        ram_limit_bytes: See there.
        class_names: See there.
        score_threshold: See there.
        nms_iou_threshold: See there.
        box_voting_iou: See there.
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
    from tinydet.targets.linux import LinuxBoard

    if (board is None) == (target is None):
        supported = "--board NAME or --target web"
        raise UnsupportedError("deploy", "giving neither or both", supported, "Give one of them.")
    found = None if board is None else ways.board_of(board)
    sent = tuple(Path(each) for each in (*images, *([image] if image is not None else [])))
    contexts = _contexts(found, given, has_images=bool(sent))
    output = Path(output)
    if isinstance(found, LinuxBoard) and runtime == "tflite":
        from tinydet.deployment import tflite

        path, spec = described(COMMAND, contexts, given)
        return tflite.deploy_tflite(path, spec, found, output, **_there(given, sent))
    detector = compiled(COMMAND, contexts, given)
    if isinstance(found, LinuxBoard):
        return ways.deploy_linux(detector, found, output, **_there(given, sent))
    if found is not None:
        return ways.deploy_firmware(
            detector,
            found,
            output,
            image=image,
            external=tuple(external),
            compiler=compiler or "zig",
        )
    from tinydet.targets.web import write_web_folder

    return write_web_folder(detector, output)


def _there(given: Mapping[str, Any], images: tuple[Path, ...]) -> dict[str, Any]:
    """Where and on what a detector works on a Linux board."""
    from tinydet.deployment.deploy import FOLDER_ON_BOARD
    from tinydet.targets.linux import Source, SshHost

    host, key = given["host"], given["identity"]
    return {
        "host": host and SshHost(host, given["port"], None if key is None else Path(key)),
        "folder": given["folder"] or FOLDER_ON_BOARD,
        "source": Source(
            images=images,
            camera=given["camera"],
            max_frames=given["max_frames"],
            threads=given["threads"],
            delegate=given["delegate"],
        ),
    }


def _contexts(board: object, given: Mapping[str, Any], *, has_images: bool) -> set[str]:
    """Those of ``CONTEXTS`` that hold for a kind of board (None: a page) and other options."""
    from tinydet.targets import Board
    from tinydet.targets.linux import LinuxBoard

    if isinstance(board, Board):
        return {"firmware", "c"}
    if not isinstance(board, LinuxBoard):
        return {"c"}
    is_c = given["runtime"] != "tflite"
    contexts = {"on-linux", "c"} if is_c else {"on-linux"}
    if given["host"] is not None:
        contexts |= {"linux"}
        if is_c and not has_images:
            contexts |= {"imageless"}
        if is_c and given["camera"] is not None:
            contexts |= {"camera"}
        if has_images and not is_c:
            contexts |= {"delegated"}
    return contexts
