"""Which stages a mode runs, and what is left behind when one of them fails or is stopped."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tinydet import report
from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig
from tinydet.config.template import render_template
from tinydet.errors import ConfigError, DataError
from tinydet.pipeline import execute, modes, resume


@dataclass(frozen=True)
class FakeResult:
    """As much of an evaluation as the summary takes."""

    model: Path
    ap: dict[str, object] = field(default_factory=dict)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages that only note that they ran, and on which model."""
    done: list[str] = []

    def note(name: str, result: object) -> None:
        def stage(current: object, *models: Path) -> object:  # noqa: ARG001
            done.append(" ".join([name, *(getattr(m, "name", str(m)) for m in models)]))
            return result

        monkeypatch.setattr(modes, f"{name}_stage", stage)

    note("train", Path("best.keras"))
    note("quantize", Path("q.tflite"))
    note("evaluate", FakeResult(Path("m")))
    note("predict", None)
    note("benchmark", None)
    note("footprint", None)
    note("deploy", None)
    monkeypatch.setattr(modes, "compare_stage", lambda *_: done.append("compare"))
    monkeypatch.setattr(report, "write_model_card", lambda _: None)  # there is no model
    return done


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.keras"
    path.write_bytes(b"never opened")
    return path


def config_of(generated: Path, folder: Path, *overrides: str) -> UserConfig:
    file = folder / "user_config.yaml"
    file.write_text(render_template(str(generated)), encoding="utf-8")
    paths = [f"hydra.run.dir={folder / 'run'}", "dataset.class_names="]
    return load_config(file, [*paths, *overrides]).config


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("training", ["train", "evaluate best.keras"]),
        ("evaluation", ["evaluate m.keras"]),
        ("quantization", ["quantize m.keras", "footprint q.tflite"]),
        ("prediction", ["predict m.keras"]),
        (
            "chain_tqe",
            [
                "train",
                "evaluate best.keras",
                "quantize best.keras",
                "evaluate q.tflite",
                "compare",
                "footprint q.tflite",
            ],
        ),
        (
            "chain_eqe",
            [
                "evaluate m.keras",
                "quantize m.keras",
                "evaluate q.tflite",
                "compare",
                "footprint q.tflite",
            ],
        ),
        (
            "chain_tqeb",
            [
                "train",
                "evaluate best.keras",
                "quantize best.keras",
                "evaluate q.tflite",
                "compare",
                "benchmark q.tflite",
            ],
        ),
        (
            "chain_eqeb",
            [
                "evaluate m.keras",
                "quantize m.keras",
                "evaluate q.tflite",
                "compare",
                "benchmark q.tflite",
            ],
        ),
        ("chain_qb", ["quantize m.keras", "benchmark q.tflite"]),
        ("chain_qd", ["quantize m.keras", "footprint q.tflite", "deploy q.tflite"]),
        ("benchmarking", ["benchmark m.tflite"]),
        ("deployment", ["deploy m.tflite"]),
    ],
)
def test_stages_of_a_mode(
    calls: list[str], generated: Path, tmp_path: Path, model: Path, mode: str, expected: list[str]
) -> None:
    model = model.with_suffix(".tflite") if mode in ("benchmarking", "deployment") else model
    model.touch()
    source = [] if expected[0] == "train" else [f"general.model_path={model}"]
    boards = ["benchmarking.board=mps2-an500", "deployment.hardware_setup.board=stm32mp157f-dk2"]
    wish = [f"operation_mode={mode}", *source, *boards, "prediction.test_files_path=x"]
    result = execute(config_of(generated, tmp_path, *wish))
    page = result.report
    assert calls == expected
    assert page == tmp_path / "run" / "report.html"
    assert page.is_file()
    summary = json.loads((tmp_path / "run" / "run.json").read_text())
    assert summary["operation_mode"] == mode
    assert f"Report: {page.resolve()}" in (tmp_path / "run" / "tinydet.log").read_text()


def test_an_unknown_board_is_found_before_hours_of_training(
    calls: list[str], generated: Path, tmp_path: Path
) -> None:
    wish = ["operation_mode=chain_tqeb", "benchmarking.board=STM32H747I"]
    with pytest.raises(
        ConfigError, match=r"benchmarking\.board: .*Did you mean 'STM32H747I-DISCO'"
    ):
        execute(config_of(generated, tmp_path, *wish))
    assert calls == []
    assert not (tmp_path / "run").exists()


def test_a_stopped_run_says_how_to_go_on(
    calls: list[str],
    generated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The folder is quoted for the shell, and the command repeats the run in that folder."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "mit Leerzeichen"
    with monkeypatch.context() as patch:
        patch.setattr(modes, "evaluate_stage", stop)
        with pytest.raises(KeyboardInterrupt) as caught:
            execute(config_of(generated, tmp_path), run_folder=folder)
    assert str(caught.value) == f"stopped. Resume with: tinydet run --resume '{folder}'"
    assert not (folder / "report.html").exists()
    calls.clear()
    resume(folder)
    assert calls[0] == "train"
    assert (folder / "report.html").is_file()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [folder.name]


def test_a_dated_run_folder_stays_the_same_on_resume(
    calls: list[str], generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = execute(config_of(generated, tmp_path, "hydra.run.dir=out/${now:%Y_%m_%d_%H_%M_%S_%f}"))
    second = resume(first.folder)
    assert first == second
    assert len(list((tmp_path / "out").iterdir())) == 1
    assert len(calls) == 2 * 6


@pytest.mark.usefixtures("calls")
def test_a_null_seed_is_drawn_once(generated: Path, tmp_path: Path) -> None:
    """A resumed run has the seed of the run it goes on with."""
    folder = execute(config_of(generated, tmp_path, "general.global_seed=None")).folder
    seed = load_config(folder / "config.yaml").config.general.global_seed
    assert seed is not None
    assert f"Random seed: {seed} " in (folder / "tinydet.log").read_text()
    resume(folder)
    assert load_config(folder / "config.yaml").config.general.global_seed == seed


@pytest.mark.parametrize("named", ["", "saved_models/last_weights.weights.h5"])
def test_resume_training_from_goes_on_in_that_folder(
    calls: list[str], generated: Path, tmp_path: Path, named: str
) -> None:
    """The key names the run folder or, as older files do, a file in its saved_models."""
    old = execute(config_of(generated, tmp_path, "training.epochs=7")).folder
    (old / "saved_models").mkdir()
    (old / "saved_models" / "last_weights.weights.h5").touch()
    calls.clear()
    other = config_of(
        generated,
        tmp_path,
        "training.model=",
        f"training.resume_training_from={old / named}",
        f"hydra.run.dir={tmp_path / 'new'}",
    )
    assert execute(other).folder == old
    assert calls[0] == "train"
    assert load_config(old / "config.yaml").config.training.epochs == 7
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("reached", [True, False])
def test_a_failed_run_reports_what_was_reached(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    """And the error stays the error. Where nothing was reached there is no report of nothing."""

    def fail(current: object, _: Path) -> None:
        if reached:
            (current.folder / "evaluation").mkdir()  # type: ignore[attr-defined]
        raise DataError("here", "broken", "Mend it.")

    monkeypatch.setattr(modes, "evaluate_stage", fail)
    with pytest.raises(DataError, match=r"here: broken\. Mend it\."):
        execute(config_of(generated, tmp_path))
    assert (tmp_path / "run" / "report.html").exists() == reached
    assert not (tmp_path / "run" / "run.json").exists()


def test_missing_files_are_all_named_before_the_run_begins(
    calls: list[str], generated: Path, tmp_path: Path
) -> None:
    config = config_of(
        generated,
        tmp_path,
        "operation_mode=chain_eqe",
        "general.model_path=no.keras",
        "dataset.test_path=no_test",
        "dataset.quantization_path=no_images",
    )
    with pytest.raises(ConfigError) as caught:
        execute(config)
    assert caught.value.findings == [
        "general.model_path: no.keras does not exist. Correct the path.",
        "dataset.test_path: no_test does not exist. Correct the path.",
        "dataset.quantization_path: no_images does not exist. Correct the path.",
    ]
    assert calls == []
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"contains no config\.yaml"):
        resume(tmp_path)
