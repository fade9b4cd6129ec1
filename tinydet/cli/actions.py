"""What each command does: call one function with the parsed options, print what it returns."""

import argparse

UNREADABLE = 2  # exit status: the work is done, but some files could not be read


def say(text: str) -> None:
    """One result of a command, on standard output."""
    print(text)  # noqa: T201 - the edge to the user


def init(parsed: argparse.Namespace) -> None:
    """Write a commented configuration."""
    from tinydet.pipeline.commands import write_template

    say(f"Wrote {write_template(parsed.output, parsed.data, parsed.force)}")


def run(parsed: argparse.Namespace) -> None:
    """Execute a configuration, or go on with a killed run."""
    from tinydet.pipeline.commands import run_config, run_resumed

    overrides = _with_strict(parsed)
    if parsed.resume:
        run_resumed(parsed.resume, overrides)
    else:
        run_config(parsed.config, overrides)


def _with_strict(parsed: argparse.Namespace) -> list[str]:
    return [*(["dataset.strict=true"] if parsed.strict else []), *parsed.overrides]


def train(parsed: argparse.Namespace) -> None:
    """Train on a data set with the defaults."""
    from tinydet.pipeline.commands import train_on

    train_on(
        parsed.data,
        {
            "dataset.validation_path": parsed.validation,
            "dataset.class_names": parsed.classes,
            "training.model.input_shape": parsed.input,
            "training.model.alpha": parsed.alpha,
            "training.epochs": parsed.epochs,
            "training.batch_size": parsed.batch_size,
            "training.model.pretrained_weights": parsed.pretrained,
            "hydra.run.dir": parsed.output,
        },
        _with_strict(parsed),
    )


def evaluate(parsed: argparse.Namespace) -> None:
    """Measure a model on a data set."""
    from tinydet.pipeline.commands import evaluate_model

    say(
        evaluate_model(
            parsed.model,
            parsed.data,
            parsed.output,
            split=parsed.split,
            class_names=parsed.classes,
            iou_thresholds=tuple(parsed.iou),
            engine=parsed.engine,
        )
    )


def data_check(parsed: argparse.Namespace) -> int:
    """Check a data set; exit status 2 where an image cannot be read or nothing is to train on."""
    from tinydet.data.check import check_dataset, format_check
    from tinydet.data.dataset import load_dataset

    dataset = load_dataset(parsed.data, parsed.classes, parsed.split)
    report = check_dataset(dataset, parsed.output)
    say(format_check(report))
    return UNREADABLE if report["unreadable"] or not report["has_train_part"] else 0


def data_generate(parsed: argparse.Namespace) -> None:
    """Render a labelled data set."""
    from tinydet.data.generate import generate_dataset

    say(f"Wrote {generate_dataset(parsed.output, images=parsed.images, seed=parsed.seed)}")


def report(parsed: argparse.Namespace) -> None:
    """Write a report anew."""
    from tinydet.pipeline.commands import report_on

    say(f"Report: {report_on(parsed.run_folder).resolve()}")


def demo(parsed: argparse.Namespace) -> None:
    """The whole way on generated images."""
    from tinydet.pipeline.demo import run_demo

    run_demo(parsed.output)


def doctor(_: argparse.Namespace) -> None:
    """Describe the installation."""
    from tinydet.pipeline.doctor import diagnose

    say(diagnose())
