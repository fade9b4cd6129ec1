"""The commands that bring a detector to a board and time it there: parse, call, print; no logic."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.cli.actions import say
from tinydet.cli.argument_types import count, detector
from tinydet.cli.compiling import (
    CORE_DEFAULT,
    CORES,
    MODEL_HELP,
    add_compile_options,
    add_input_mode,
    compile_options,
)
from tinydet.cli.output_option import add_output

if TYPE_CHECKING:
    from tinydet.cli.parser import Commands
    from tinydet.pipeline.deploy_commands import LinuxOptions

WEB = "web"


def add_deploy(commands: "Commands") -> None:
    """``tinydet deploy``."""
    parser = commands.add_parser(
        "deploy", help="firmware project, program on a Linux board, or web page"
    )
    parser.add_argument("model", type=detector, help=MODEL_HELP)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--board", help="name of a board, as STM32H747I-DISCO or mps2-an500")
    where.add_argument("--target", choices=(WEB,), help="a page for any browser")
    parser.add_argument(
        "--image", type=Path, help="test image of the firmware's self-test (default: noise)"
    )
    parser.add_argument(
        "--external",
        choices=("flash", "ram"),
        nargs="+",
        default=[],
        help="firmware: weights, arena in memories outside of the chip (default: inside)",
    )
    _add_host(parser)
    parser.add_argument(
        "--images", type=Path, nargs="+", default=[], help="Linux: files to send and look at"
    )
    parser.add_argument("--camera", metavar="DEVICE", help="Linux: V4L2 device of the board")
    parser.add_argument("--max-frames", type=count, help="Linux: stop the camera after so many")
    add_output(parser, "deployed")
    add_compile_options(parser)
    parser.set_defaults(command=_deploy, parser=parser)


def _deploy(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline import deploy_commands

    options = compile_options(parsed)
    if parsed.target == WEB:
        say(deploy_commands.deploy_web(parsed.model, parsed.output, options=options))
        return
    say(
        deploy_commands.deploy_to_board(
            parsed.model,
            parsed.output,
            parsed.board,
            image=parsed.image,
            external=tuple(parsed.external),
            linux=_linux(parsed),
            options=options,
        )
    )


def add_benchmark(commands: "Commands") -> None:
    """``tinydet benchmark``."""
    parser = commands.add_parser(
        "benchmark", help="exact instruction count per operator, or time on a board"
    )
    parser.add_argument("model", type=detector, help=MODEL_HELP)
    parser.add_argument(
        "--target", choices=CORES, default="cortex-m7", help=f"emulated core {CORE_DEFAULT}"
    )
    parser.add_argument("--board", help="name of a board: with --via or --host")
    parser.add_argument(
        "--via", metavar="gdb://HOST:PORT", help="measure on the board behind a GDB server"
    )
    parser.add_argument(
        "--clock-mhz", type=float, metavar="MHZ", help="with --via: clock, for milliseconds"
    )
    parser.add_argument("--delegate", metavar="PATH", help="with --host: library of its NPU or GPU")
    parser.add_argument("--image", type=Path, help="what to run on (default: noise)")
    _add_host(parser)
    add_output(parser, "benchmark")
    add_input_mode(parser)
    add_compile_options(parser)
    parser.set_defaults(command=_benchmark, parser=parser)


def _benchmark(parsed: argparse.Namespace) -> None:
    options = compile_options(parsed)
    if not (parsed.board or parsed.via or parsed.host):
        from tinydet.pipeline.compile_commands import benchmark_model

        say(
            benchmark_model(
                parsed.model,
                parsed.output,
                target=parsed.target,
                image=parsed.image,
                options=options,
            )
        )
        return
    from tinydet.pipeline import deploy_commands

    say(
        deploy_commands.benchmark_on_board(
            parsed.model,
            parsed.output,
            parsed.board,
            image=parsed.image,
            via=(parsed.via, parsed.clock_mhz),
            linux=_linux(parsed),
            options=options,
        )
    )


def _add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="USER@ADDRESS", help="a Linux board, reached by SSH")
    parser.add_argument("--port", type=count, help="of SSH (default: 22, or that of ssh_config)")
    parser.add_argument(
        "--identity", type=Path, metavar="KEY", help="private key file (default: the agent's)"
    )
    parser.add_argument("--folder", help="folder on the Linux board (default: tinydet)")


def _linux(parsed: argparse.Namespace) -> "LinuxOptions":
    from tinydet.pipeline.deploy_commands import LinuxOptions

    given = {field.name: getattr(parsed, field.name, None) for field in fields(LinuxOptions)}
    given["images"] = tuple(given["images"] or ())
    return LinuxOptions(**{name: value for name, value in given.items() if value})
