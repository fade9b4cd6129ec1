"""The last stages of a run: the int8 model on a board, measured or brought there."""

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.files import make_folder
from tinydet.config.schema import UserConfig
from tinydet.deployment import benchmark, deploy
from tinydet.deployment.compiling import footprint_of, write_record
from tinydet.errors import ConfigError, TinydetError, UnsupportedError
from tinydet.pipeline.detector_of import spec_of
from tinydet.pipeline.run_folder import Run
from tinydet.progress import work
from tinydet.result import shown_path
from tinydet.targets.toolchain import require_package

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector
    from tinydet.compiler.memory import Objective
    from tinydet.targets import Board, Footprint
    from tinydet.targets.linux import LinuxBoard
    from tinydet.targets.stedgeai import Command

BENCHMARK_FOLDER, DEPLOYMENT_FOLDER = "benchmarking", "deployment"
STEDGEAI_FILE = "stedgeai.json"
CORE, KIB = "cortex-m7", 1024
OBJECTIVES: "dict[str, Objective]" = {"balanced": "balanced", "ram": "ram", "time": "speed"}
Keys = dict[str, tuple[object, str]]  # key -> its value, and the boards that it applies to
MICROCONTROLLERS, LINUX_BOARDS = "microcontroller boards", "Linux boards"


def board_findings(config: UserConfig) -> list[str]:
    """Boards that nobody knows, one sentence each."""
    findings = []
    for key, name, _ in _boards(config):
        try:
            deploy.board_of(name, key)
        except UnsupportedError as error:
            findings.append(str(error))
    return findings


def unused_board_keys(config: UserConfig) -> str | None:
    """One sentence on the keys that do not apply to the board of the configuration, if any."""
    from tinydet.targets import Board

    unused = []
    for key, name, keys in _boards(config):
        microcontroller = isinstance(deploy.board_of(name, key), Board)
        kind = MICROCONTROLLERS if microcontroller else LINUX_BOARDS
        unused += [
            f"{other} (only for {applies})"
            for other, (value, applies) in keys.items()
            if value and applies != kind
        ]
    section = config.benchmarking
    if config.benchmarks and section.clock_mhz is not None and section.via is None:
        unused.append("benchmarking.clock_mhz (only with via)")
    return (
        f"Keys that do not apply to the board and are not used: {', '.join(unused)}."
        if unused
        else None
    )


def _boards(config: UserConfig) -> list[tuple[str, str, Keys]]:
    """Key of each board that the stages need, its name, and keys that depend on its kind."""
    section, deployment = config.benchmarking, config.deployment
    setup, boards = deployment.hardware_setup, list[tuple[str, str, Keys]]()
    if config.benchmarks and section.board is not None:
        keys: Keys = {
            "benchmarking.via": (section.via, MICROCONTROLLERS),
            "benchmarking.host": (section.host, LINUX_BOARDS),
        }
        boards.append(("benchmarking.board", section.board, keys))
    if config.deploys and setup is not None and setup.board is not None:
        keys = {
            "deployment.hardware_setup.ip_address": (setup.ip_address, LINUX_BOARDS),
            "deployment.external": (deployment.external, MICROCONTROLLERS),
        }
        boards.append(("deployment.hardware_setup.board", setup.board, keys))
    return boards


def benchmark_stage(run: Run, model_path: Path) -> None:
    """Measure an int8 model for ``benchmarking.board``, into ``benchmarking/``."""
    from tinydet.report.benchmark_report import read_benchmark_files, write_benchmark_report

    section = run.config.benchmarking
    folder = run.folder / BENCHMARK_FOLDER
    if section.board is None:
        raise ConfigError(["benchmarking.board: no board. Name one."])
    board = deploy.board_of(section.board, "benchmarking.board")
    run.log.say(f"\n{_measured(run, model_path, board, folder)}")
    _ask_stedgeai(run, model_path, board, "analyze", folder)
    results = [*folder.glob("*.json"), *run.folder.glob("evaluation/*/result.json")]
    report = write_benchmark_report(read_benchmark_files(results), folder)
    run.log.say(f"Tables: {shown_path(report)}")


def footprint_stage(run: Run, model_path: Path) -> None:
    """RAM, flash and suitable boards of an int8 model, into ``benchmarking/``, for the report.

    Some seconds. A missing tool, or a model that cannot be compiled, ends no run: the log says so.
    """
    from tinydet.compiler.compiled_network import ARENA_PICTURE_FILE
    from tinydet.targets import fit, load_boards

    folder = make_folder(run.folder / BENCHMARK_FOLDER)
    run.log.say("\nCompiling the int8 model to C, to see what it takes on boards ...")
    try:
        with _compiling():
            footprint = _footprint(run, model_path, folder / ARENA_PICTURE_FILE)
    except TinydetError as error:
        run.log.say(f"RAM and flash are not known: {error}")
        return
    write_record(folder / benchmark.FOOTPRINT_FILE, model_path, footprint.to_record())
    fits = [fit(board, footprint).fits for board in load_boards()]
    run.log.say(
        f"{footprint.total_ram_bytes / KIB:.0f} KiB of RAM, "
        f"{footprint.total_flash_bytes / KIB:.0f} KiB of flash: fits {sum(fits)} of {len(fits)} "
        f"boards (tinydet footprint {shown_path(run.folder)})"
    )


def _compiling() -> AbstractContextManager[None]:
    return work(
        "footprint",
        ("plan the memory", 6),
        ("write the C", 1),
        ("draw the memory", 2),
        ("build the program", 6),
        ("run on an emulated core", 3),
    )


def _footprint(run: Run, model_path: Path, picture: Path) -> "Footprint":
    for package in ("ziglang", "unicorn", "elftools"):
        require_package(package, "compiling for boards")
    detector = _compiled(run, model_path)
    detector.draw_arena(picture)
    # Windows does not delete the library of a hook while it is loaded.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return footprint_of(detector, CORE, Path(folder), "zig")


def _measured(run: Run, model_path: Path, board: "Board | LinuxBoard", folder: Path) -> object:
    from tinydet.targets import Board
    from tinydet.targets.linux import SshHost

    section, setup = run.config.benchmarking, run.config.deployment.hardware_setup
    detector = _compiled(run, model_path, board)
    if isinstance(board, Board):
        if section.via is None:
            return benchmark.count_on_core(detector, folder, board=board)
        return benchmark.time_via_gdb(
            detector, board, folder, section.via, clock_mhz=section.clock_mhz
        )
    host = section.host or (setup.host if setup else None)
    if host is None:
        remedy = "Give the address of the board."
        raise UnsupportedError("benchmarking.host", "no address", "user@address", remedy)
    return benchmark.time_on_linux(detector, board, folder, SshHost(host))


def deploy_stage(run: Run, model_path: Path) -> None:
    """Bring an int8 model to ``deployment.hardware_setup.board``, into ``deployment/``."""
    from tinydet.targets import Board
    from tinydet.targets.linux import SshHost

    section = run.config.deployment
    folder = run.folder / DEPLOYMENT_FOLDER
    setup = section.hardware_setup
    if setup is None or setup.board is None:
        raise ConfigError(["deployment.hardware_setup.board: no board. Name one."])
    board = deploy.board_of(setup.board, "deployment.hardware_setup.board")
    detector = _compiled(run, model_path, board)
    result: object
    if isinstance(board, Board):
        result = deploy.deploy_firmware(detector, board, folder, external=section.external)
    else:
        result = deploy.deploy_linux(
            detector,
            board,
            folder,
            host=None if setup.host is None else SshHost(setup.host),
            folder=section.board_deploy_path or deploy.FOLDER_ON_BOARD,
        )
    run.log.say(f"\n{result}")
    _ask_stedgeai(run, model_path, board, "generate", folder)


def _compiled(
    run: Run, model_path: Path, board: "Board | LinuxBoard | None" = None
) -> "CompiledDetector":
    from tinydet.compiler import CompileOptions, compile_detector
    from tinydet.targets import Board

    config = run.config
    postprocess = {"postprocess": config.postprocess_spec()}
    spec = spec_of(config, model_path).model_copy(update=postprocess)
    options = CompileOptions(
        optimize=OBJECTIVES[config.tools.optimization],
        core=board.core if isinstance(board, Board) else None,
    )
    return compile_detector(model_path, options, spec=spec)


def _ask_stedgeai(
    run: Run, model_path: Path, board: "Board | LinuxBoard", command: "Command", folder: Path
) -> None:
    """The publisher's figures beside ours, where the file names its compiler."""
    from tinydet.targets import Board
    from tinydet.targets.stedgeai import (
        NOT_USED,
        StedgeaiJob,
        find_stedgeai,
        format_report,
        run_stedgeai,
        target_of,
    )

    program = find_stedgeai(run.config.tools.stedgeai_path)
    if program is None:
        run.log.say(NOT_USED)
        return
    if not isinstance(board, Board):
        run.log.say(f"stedgeai was not run: {board.name} runs Linux.")
        return
    job = StedgeaiJob(
        program, model_path, target_of(board), folder / "stedgeai", run.config.tools.optimization
    )
    report = run_stedgeai(command, job)
    write_record(folder / STEDGEAI_FILE, model_path, {"board": board.name, **report.to_record()})
    run.log.say(format_report(report))
