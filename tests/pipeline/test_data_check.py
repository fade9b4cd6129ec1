"""The data check before a run: once for the same images, anew for others."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tinydet.config.loader import load_config
from tinydet.config.template import render_template
from tinydet.data.dataset import load_dataset
from tinydet.errors import DataError, OutputError
from tinydet.pipeline.data_check import check_part
from tinydet.pipeline.run_folder import Run, RunLog


@pytest.fixture
def current(tmp_path: Path) -> Run:
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(), encoding="utf-8")
    return Run(load_config(file).config, tmp_path, RunLog(tmp_path))


def test_the_same_images_are_checked_once(
    current: Run, generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load_dataset(generated, split="val")
    check_part(current, "test", dataset)
    assert capsys.readouterr().out.startswith("Test set: 4 images, ")
    written = (current.folder / "data" / "test" / "check.json").stat().st_mtime_ns
    check_part(current, "test", dataset)
    assert capsys.readouterr().out == ""
    assert (current.folder / "data" / "test" / "check.json").stat().st_mtime_ns == written
    check_part(current, "test", replace(dataset, samples=dataset.samples[:3]))
    assert capsys.readouterr().out.startswith("Test set: 3 images, ")


def test_an_unfinished_check_is_done_again(current: Run, generated: Path) -> None:
    """Ctrl-C may have come between the pictures and the figures."""
    dataset = load_dataset(generated, split="val")
    (current.folder / "data" / "test").mkdir(parents=True)
    check_part(current, "test", dataset)
    assert (current.folder / "data" / "test" / "check.json").is_file()


def test_unreadable_images_are_left_out_and_told(
    current: Run, generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(generated, copy)
    image = min((copy / "images" / "val").iterdir())
    image.write_text("no image")
    dataset = load_dataset(copy, split="val")
    for _ in range(2):  # a check that found some is done again after a resume
        left = check_part(current, "test", dataset)
        assert [s.path for s in left.samples] == [
            s.path for s in dataset.samples if s.path != image
        ]
        said = capsys.readouterr().out
        assert f"1 unreadable image ({image}: " in said


def test_an_image_of_two_parts_is_told(
    current: Run, generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it is the same picture under another name, stored anew."""
    copy = tmp_path / "copy"
    shutil.copytree(generated, copy)
    first, second, *_ = sorted((copy / "images" / "val").iterdir())
    shutil.copy(first, copy / "images" / "train" / "other_name.jpg")
    with Image.open(second) as image:
        image.save(copy / "images" / "train" / "stored_anew.png")
    check_part(current, "train", load_dataset(copy, split="train"))
    capsys.readouterr()
    check_part(current, "validation", load_dataset(copy, split="val"))
    assert (
        "\n      2  images that also occur in another part (train, val, test)"
        in capsys.readouterr().out
    )


def test_the_validation_set_may_stand_in_for_a_missing_test_set(
    current: Run, generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is told, and is no fault of the data; the training set never may."""
    dataset = load_dataset(generated, split="val")
    for part in ("validation", "test", "train"):
        check_part(current, part, dataset)
    told = capsys.readouterr().out
    assert told.count("\n  the images of the validation set") == 1
    assert told.count("also occur in another part") == 1


def test_strict_unreadable_images_end_the_run_each_time(
    current: Run, generated: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(generated, copy)
    image = min((copy / "images" / "val").iterdir())
    image.write_text("no image")
    dataset = load_dataset(copy, split="val")
    for _ in range(2):
        with pytest.raises(DataError, match=r"^test set: 1 unreadable image \(") as caught:
            check_part(current, "test", dataset, strict=True)
        assert str(image) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"tinydet\.log: cannot be written"):
        RunLog(tmp_path / "nowhere").say("text")
