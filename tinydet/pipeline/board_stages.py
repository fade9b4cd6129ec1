"""The last stages of a run: the int8 model on a board, measured or brought there."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.config.schema import UserConfig
from tinydet.errors import ConfigError, UnsupportedError
from tinydet.pipeline.context import Run
from tinydet.pipeline.deploy_commands import (
    LinuxOptions,
    benchmark_on_board,
    board_of,
    deploy_to_board,
)
from tinydet.pipeline.detector_of import label_file_names
from tinydet.pipeline.int8_model import CompileOptions, write_record

if TYPE_CHECKING:
    from tinydet.compiler.memory import Objective
    from tinydet.targets.stedgeai import Command

BENCHMARK_FOLDER, DEPLOYMENT_FOLDER = "benchmarking", "deployment"
STEDGEAI_FILE = "stedgeai.json"
OBJECTIVES: "dict[str, Objective]" = {"balanced": "balanced", "ram": "ram", "time": "speed"}


def unknown_boards(config: UserConfig) -> list[str]:
    """Boards of the operation mode that nobody knows, one sentence each."""
    setup = config.deployment.hardware_setup
    named = {
        "benchmarking.board": config.benchmarking.board if config.benchmarks else None,
        "deployment.hardware_setup.board": setup.board if config.deploys and setup else None,
    }
    findings = []
    for key, board in named.items():
        try:
            if board is not None:
                board_of(board, key)
        except UnsupportedError as error:
            findings.append(str(error))
    return findings


def benchmark_stage(run: Run, model_path: Path) -> None:
    """Measure an int8 model for ``benchmarking.board``, into ``benchmarking/``."""
    from tinydet.report.benchmark_report import read_benchmark_files, write_benchmark_report

    section = run.config.benchmarking
    folder = run.folder / BENCHMARK_FOLDER
    setup = run.config.deployment.hardware_setup
    text = benchmark_on_board(
        model_path,
        folder,
        section.board,
        image=None,
        via=(section.via, section.clock_mhz),
        linux=LinuxOptions(host=section.host or (setup.host if setup else None)),
        options=_compile_options(run, model_path),
    )
    run.log.say(f"\n{text}")
    _ask_stedgeai(run, model_path, section.board, "analyze", folder)
    results = [*folder.glob("*.json"), *run.folder.glob("evaluation/*/result.json")]
    report = write_benchmark_report(read_benchmark_files(results), folder)
    run.log.say(f"Tables: {report.resolve()}")


def deploy_stage(run: Run, model_path: Path) -> None:
    """Bring an int8 model to ``deployment.hardware_setup.board``, into ``deployment/``."""
    section = run.config.deployment
    folder = run.folder / DEPLOYMENT_FOLDER
    setup = section.hardware_setup
    if setup is None or setup.board is None:
        raise ConfigError(["deployment.hardware_setup.board: no board. Name one."])
    linux = LinuxOptions(host=setup.host)
    if section.board_deploy_path is not None:
        linux = LinuxOptions(host=setup.host, folder=section.board_deploy_path)
    text = deploy_to_board(
        model_path,
        folder,
        setup.board,
        image=None,
        external=section.external,
        linux=linux,
        options=_compile_options(run, model_path),
    )
    run.log.say(f"\n{text}")
    _ask_stedgeai(run, model_path, setup.board, "generate", folder)


def _compile_options(run: Run, model_path: Path) -> CompileOptions:
    config = run.config
    names = config.dataset.class_names
    if names is None and not model_path.with_name(DETECTOR_FILE).is_file():
        names = label_file_names(config)
    postprocess = config.postprocess_spec()
    return CompileOptions(
        class_names=names,
        score_threshold=postprocess.score_threshold,
        nms_iou_threshold=postprocess.nms_iou_threshold,
        max_detections=postprocess.max_detections,
        optimize=OBJECTIVES[config.tools.optimization],
    )


def _ask_stedgeai(
    run: Run, model_path: Path, board_name: str | None, command: "Command", folder: Path
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
    board = board_of(str(board_name))
    if not isinstance(board, Board):
        run.log.say(f"stedgeai was not asked: {board.name} runs Linux.")
        return
    job = StedgeaiJob(
        program, model_path, target_of(board), folder / "stedgeai", run.config.tools.optimization
    )
    report = run_stedgeai(command, job)
    write_record(folder / STEDGEAI_FILE, model_path, {"board": board.name, **report.to_record()})
    run.log.say(format_report(report))
