"""The command line: one sub-command per stage. Parse, call one function, print; no logic."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tinydet.errors import TinydetError

OVERRIDES_HELP = "Any key.sub=value after it is laid over the configuration."
EXIT_USER_ERROR, EXIT_INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program name; None takes those of the process.

    Returns:
        Exit status: 0, 2 for an error that the user can mend, 130 after Ctrl-C.
    """
    parsed = parse(arguments)
    command: Callable[[argparse.Namespace], int | None] = parsed.command
    try:
        return command(parsed) or 0
    except TinydetError as error:
        print(f"tinydet: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print(
            "tinydet: stopped. A training run goes on with 'tinydet run --resume RUN_FOLDER'.",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away, as in `tinydet ... | head`
        sys.stderr.close()
        return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line; ``key=value`` words may stand anywhere among the options."""
    parser = build_parser()
    parsed, rest = parser.parse_known_args(arguments)
    takes_overrides = hasattr(parsed, "overrides")
    unknown = [word for word in rest if not takes_overrides or word[0] == "-" or "=" not in word]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if takes_overrides:
        parsed.overrides = rest
    return parsed


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="tinydet",
        description="SSD MobileNetV2 FPN-lite detectors for microcontrollers: train, quantize to "
        "int8, evaluate, predict.",
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_init(commands)
    _add_run(commands)
    _add_train(commands)
    _add_quantize(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    _add_data(commands)
    _add_report(commands)
    _add_demo(commands)
    doctor = commands.add_parser("doctor", help="show versions, backend and tools found")
    doctor.set_defaults(command=_doctor)
    return parser


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"tinydet {version('tinydet')}")
        parser.exit()


def _add_init(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("init", help="write a commented user_config.yaml")
    parser.add_argument(
        "data", nargs="?", type=Path, help="folder of labelled images to name in it"
    )
    parser.add_argument("--output", type=Path, default=Path("user_config.yaml"))
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.set_defaults(command=_init)


def _init(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.commands import write_template

    print(f"Wrote {write_template(parsed.output, parsed.data, parsed.force)}")


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("run", help="execute the operation_mode of a configuration")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, help="user_config.yaml")
    source.add_argument("--resume", type=Path, metavar="RUN_FOLDER", help="go on with a killed run")
    parser.epilog = OVERRIDES_HELP
    parser.set_defaults(command=_run, overrides=[])


def _run(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.commands import run_config, run_resumed

    if parsed.resume:
        run_resumed(parsed.resume, parsed.overrides)
    else:
        run_config(parsed.config, parsed.overrides)


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("train", help="train a float model on a folder of labelled images")
    parser.add_argument("data", type=Path, help="data set: YOLO, COCO or Pascal VOC")
    parser.add_argument("--validation", type=Path, help="another data set to validate on")
    parser.add_argument("--classes", help="names, separated by commas (default: all of the data)")
    parser.add_argument("--input", default="192", help="side in px, or HEIGHTxWIDTH (default 192)")
    parser.add_argument("--alpha", type=float, help="width of the backbone (default 0.35)")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--pretrained", help="imagenet, a weights file, or None (default imagenet)")
    parser.add_argument("--output", type=Path, help="run folder")
    parser.epilog = OVERRIDES_HELP
    parser.set_defaults(command=_train, overrides=[])


def _train(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.commands import train_on

    train_on(
        parsed.data,
        {
            "dataset.validation_path": parsed.validation,
            "dataset.class_names": parsed.classes and parsed.classes.split(","),
            "training.model.input_shape": _input_shape(parsed.input),
            "training.model.alpha": parsed.alpha,
            "training.epochs": parsed.epochs,
            "training.batch_size": parsed.batch_size,
            "training.model.pretrained_weights": parsed.pretrained,
            "hydra.run.dir": parsed.output,
        },
        parsed.overrides,
    )


def _input_shape(text: str) -> str:
    """``192`` or ``192x416`` as the configuration writes it."""
    sides = text.lower().split("x")
    return f"({sides[0]}, {sides[-1]}, 3)"


def _add_quantize(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("quantize", help="make the int8 .tflite of a float model")
    parser.add_argument("model", type=Path, help=".keras file")
    parser.add_argument("--images", type=Path, required=True, help="folder of calibration images")
    parser.add_argument(
        "--granularity", choices=("per_channel", "per_tensor"), default="per_channel"
    )
    parser.add_argument("--input-type", choices=("uint8", "int8", "float"), default="uint8")
    parser.add_argument("--output-type", choices=("float", "int8", "uint8"), default="float")
    parser.add_argument("--max-images", type=int, default=100, help="calibration images (100)")
    parser.add_argument("--output", type=Path, default=Path("quantized_models"))
    parser.set_defaults(command=_quantize)


def _quantize(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.commands import quantize_model

    path = quantize_model(
        parsed.model,
        parsed.images,
        parsed.output,
        {
            "granularity": parsed.granularity,
            "input_type": parsed.input_type,
            "output_type": parsed.output_type,
            "max_images": parsed.max_images,
        },
    )
    print(f"Wrote {path} ({path.stat().st_size:,} bytes)")


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("evaluate", help="measure AP of a .keras or .tflite model")
    parser.add_argument("model", type=Path, help=".keras or .tflite file, also a published one")
    parser.add_argument("--data", type=Path, required=True, help="data set: YOLO, COCO, Pascal VOC")
    parser.add_argument(
        "--split", choices=("train", "val", "test"), help="part of it (default val, if any)"
    )
    parser.add_argument("--classes", help="names, for a model without detector.json")
    parser.add_argument("--iou", type=float, nargs="+", default=[0.4], help="IoUs of the AP (0.4)")
    parser.add_argument("--engine", choices=("litert", "litert-ref"), default="litert")
    parser.add_argument("--output", type=Path, default=Path("evaluation_run"), help="run folder")
    parser.set_defaults(command=_evaluate)


def _evaluate(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.commands import evaluate_model

    print(
        evaluate_model(
            parsed.model,
            parsed.data,
            parsed.output,
            split=parsed.split,
            class_names=parsed.classes.split(",") if parsed.classes else None,
            iou_thresholds=tuple(parsed.iou),
            engine=parsed.engine,
        )
    )


def _add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("predict", help="find objects in images, a video or a camera")
    parser.add_argument("model", type=Path, help=".keras or .tflite file")
    parser.add_argument("source", nargs="+", help="images, a folder, a video file, or camera:0")
    parser.add_argument("--score", type=float, help="score threshold (default: that of the model)")
    parser.add_argument("--classes", help="names, for a model without detector.json")
    parser.add_argument("--max-frames", type=int, help="stop a video or camera after so many")
    parser.add_argument("--output", type=Path, default=Path("predictions"))
    parser.set_defaults(command=_predict)


def _predict(parsed: argparse.Namespace) -> int:
    from tinydet.pipeline.commands import predict_with

    summary, complete = predict_with(
        parsed.model,
        parsed.source if len(parsed.source) > 1 else parsed.source[0],
        parsed.output,
        score_threshold=parsed.score,
        class_names=parsed.classes.split(",") if parsed.classes else None,
        max_frames=parsed.max_frames,
    )
    print(summary)
    return 0 if complete else EXIT_USER_ERROR


def _add_data(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    data = commands.add_parser("data", help="check or generate a data set")
    actions = data.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="count, draw and list what is wrong")
    check.add_argument("data", type=Path)
    check.add_argument("--split", choices=("train", "val", "test"))
    check.add_argument("--classes", help="names, separated by commas (default: all)")
    check.add_argument("--output", type=Path, help="folder for check.json and pictures")
    check.set_defaults(command=_data_check)
    generate = actions.add_parser("generate", help="render a labelled data set")
    generate.add_argument("output", type=Path)
    generate.add_argument("--images", type=int, default=600)
    generate.add_argument("--seed", type=int, default=0)
    generate.set_defaults(command=_data_generate)


def _data_check(parsed: argparse.Namespace) -> int:
    from tinydet.data.check import check_dataset, format_check
    from tinydet.data.dataset import load_dataset

    names = parsed.classes.split(",") if parsed.classes else None
    report = check_dataset(load_dataset(parsed.data, names, parsed.split), parsed.output)
    print(format_check(report))
    return EXIT_USER_ERROR if report["unreadable"] else 0


def _data_generate(parsed: argparse.Namespace) -> None:
    from tinydet.data.generate import generate_dataset

    print(f"Wrote {generate_dataset(parsed.output, images=parsed.images, seed=parsed.seed)}")


def _add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("report", help="write report.html of a run folder anew")
    parser.add_argument("run_folder", type=Path)
    parser.set_defaults(command=_report)


def _report(parsed: argparse.Namespace) -> None:
    from tinydet.report import write_report

    print(f"Report: {write_report(parsed.run_folder).resolve()}")


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "demo", help="generate a data set, train, quantize, evaluate, predict, report"
    )
    parser.add_argument("--output", type=Path, default=Path("demo"))
    parser.set_defaults(command=_demo)


def _demo(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.demo import run_demo

    run_demo(parsed.output)


def _doctor(_: argparse.Namespace) -> None:
    from tinydet.pipeline.doctor import diagnose

    print(diagnose())


if __name__ == "__main__":
    sys.exit(main())
