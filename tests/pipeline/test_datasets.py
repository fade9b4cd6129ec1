"""Which images each stage works on."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tinydet.config.schema import UserConfig
from tinydet.config.schema.basics import DatasetSection
from tinydet.errors import DataError
from tinydet.pipeline import datasets
from tinydet.pipeline.datasets import (
    calibration_images,
    load_evaluation,
    load_training,
    used_paths,
)


def section(**paths: object) -> DatasetSection:
    return DatasetSection.model_validate(
        {key: str(v) if isinstance(v, Path) else v for key, v in paths.items()}
    )


def names(dataset: object) -> set[str]:
    return {sample.path.name for sample in dataset.samples}  # type: ignore[attr-defined]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".txt"}


def test_a_data_set_with_parts_is_used_in_its_parts(
    generated: Path, class_names: tuple[str, ...]
) -> None:
    """Also where only the root is named; its class names need not be repeated."""
    for path in (generated, generated / "data.yaml"):
        training, validation = load_training(section(training_path=path))
        assert names(training) == files(generated / "images" / "train")
        assert names(validation) == files(generated / "images" / "val")
        assert training.class_names == validation.class_names == class_names


def test_without_parts_a_share_is_held_out_by_file_name(flat: Path) -> None:
    given_names = ["a", "b", "c", "d"]
    first = load_training(
        section(training_path=flat, class_names=given_names, validation_split=0.4)
    )
    again = load_training(
        section(training_path=flat, class_names=given_names, validation_split=0.4)
    )
    training, validation = map(names, first)
    assert training | validation == files(flat)
    assert training & validation == set()
    assert 0 < len(validation) < len(training)
    assert list(map(names, again)) == [training, validation]


def test_a_given_validation_set_is_taken(generated: Path, flat: Path) -> None:
    """It has the classes of the training set, and of a set with parts its val part is taken."""
    wish = section(
        training_path=flat,
        validation_path=generated,
        class_names=["ball", "box", "star", "bottle"],
    )
    training, validation = load_training(wish)
    assert names(training) == files(flat)
    assert names(validation) == files(generated / "images" / "val")
    assert validation.class_names == training.class_names


def test_too_few_images_to_split_are_refused(flat: Path, tmp_path: Path) -> None:
    image = min(flat.glob("scene*.jpg"))
    (tmp_path / image.name).write_bytes(image.read_bytes())
    (tmp_path / f"{image.stem}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(DataError, match="1 images cannot be split"):
        load_training(section(training_path=tmp_path, class_names=["a"]))


def test_evaluation_prefers_test_then_validation_then_the_held_out_share(
    generated: Path, class_names: tuple[str, ...]
) -> None:
    train, val = generated / "images" / "train", generated / "images" / "val"
    everything = {"test_path": val, "validation_path": train, "training_path": generated}
    for given_path, expected in (("test_path", val), ("validation_path", train)):
        dataset, path = load_evaluation(section(**everything), None)
        assert (names(dataset), path) == (files(expected), expected)
        assert dataset.class_names == class_names
        del everything[given_path]
    dataset, path = load_evaluation(section(**everything), None)
    assert (names(dataset), path) == (files(val), generated)


def test_evaluation_takes_the_classes_of_the_model_in_its_order(generated: Path) -> None:
    dataset, _ = load_evaluation(section(training_path=generated), ("star", "ball"))
    assert dataset.class_names == ("star", "ball")


def test_calibration_takes_its_own_images_before_the_training_set(
    generated: Path, flat: Path
) -> None:
    assert {
        path.name
        for path in calibration_images(section(training_path=generated, quantization_path=flat))
    } == files(flat)


def test_calibration_never_sees_the_validation_set(generated: Path) -> None:
    found = {path.name for path in calibration_images(section(training_path=generated))}
    assert found == files(generated / "images" / "train")


def test_calibration_images_may_be_a_data_set_or_one_image(generated: Path) -> None:
    train = files(generated / "images" / "train")
    described = calibration_images(section(quantization_path=generated / "data.yaml"))
    assert {path.name for path in described} == train
    image = generated / "images" / "train" / min(train)
    assert calibration_images(section(quantization_path=image)) == [image]


@given(st.floats(0.01, 1.0), st.integers(1, 300))
def test_the_calibration_split_is_the_share_it_says(share: float, count: int) -> None:
    """As many as the share asks for, none twice, in order, at least one."""
    paths = [Path(f"{i:04d}.jpg") for i in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "images_of", lambda _: list(paths))
        chosen = calibration_images(section(quantization_path="x", quantization_split=share))
    assert len(chosen) == max(1, round(share * count))
    assert sorted(set(chosen)) == chosen
    assert set(chosen) <= set(paths)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        pytest.param(lambda folder: folder / "nowhere", "does not exist", id="missing"),
        pytest.param(lambda folder: folder, "no image to calibrate", id="empty"),
    ],
)
def test_calibration_without_images_is_refused(tmp_path: Path, make: object, found: str) -> None:
    with pytest.raises(DataError, match=found):
        calibration_images(section(quantization_path=make(tmp_path)))  # type: ignore[operator]


def write_yolo(root: Path, parts: dict[str, str], text: str = "0 0.5 0.5 0.4 0.4\n") -> Path:
    """Three images per folder; ``parts`` are the keys of the data.yaml."""
    for number, folder in enumerate(sorted(set(parts.values()))):
        for index in range(3):
            image = root / folder / f"{folder}{index}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 10), (number * 40, index * 80, 0)).save(image)
            image.with_suffix(".txt").write_text(text)
    keys = "".join(f"{part}: {folder}\n" for part, folder in parts.items())
    (root / "data.yaml").write_text(f"{keys}names: [{root.name}, ball]\n")
    return root


def test_several_data_sets_are_joined_part_by_part(tmp_path: Path) -> None:
    """One has a val part, of the other a share is held out; classes are one by their name."""
    first = write_yolo(tmp_path / "one", {"train": "a", "val": "b"})
    second = write_yolo(tmp_path / "two", {"train": "c"}, "1 0.5 0.5 0.4 0.4\n")
    wish = section(training_path=[str(first), str(second)], validation_split=0.5, seed=1)
    training, validation = load_training(wish)
    assert training.class_names == validation.class_names == ("one", "ball", "two")
    assert {"a0.png", "a1.png", "a2.png"} <= names(training)
    assert {"b0.png", "b1.png", "b2.png"} <= names(validation)
    rest = names(training) | names(validation)
    assert rest == {f"{folder}{index}.png" for folder in "abc" for index in range(3)}
    assert names(training) & names(validation) == set()
    boxes = {s.path.name: s.class_ids.tolist() for s in training.samples}
    assert boxes["a0.png"] == [0]
    assert {tuple(ids) for name, ids in boxes.items() if name.startswith("c")} == {(1,)}
    resolved = wish.model_dump(mode="json")
    assert DatasetSection.model_validate(resolved).training_path == (first, second)


def test_a_set_without_a_train_part_is_nothing_to_train_on(tmp_path: Path) -> None:
    """The test part is never trained on, also where the whole data set is named."""
    root = write_yolo(tmp_path / "set", {"test": "a", "val": "b"})
    with pytest.raises(DataError, match="nothing to train on, only val and test"):
        load_training(section(training_path=root))


def test_training_without_a_box_is_refused(tmp_path: Path) -> None:
    root = write_yolo(tmp_path / "set", {"train": "a", "val": "b"}, "")
    wish = section(training_path=root)
    training, _ = load_training(wish)
    with pytest.raises(DataError, match=r"not one of the 3 training images.*allow_no_boxes"):
        datasets.require_boxes(training, wish)
    datasets.require_boxes(training, section(training_path=root, allow_no_boxes=True))


def test_calibration_images_of_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = write_yolo(tmp_path / "set", {"train": "a"})
    path = shutil.make_archive(str(tmp_path / "set"), "zip", root)
    found = calibration_images(section(quantization_path=Path(path)))
    assert [image.name for image in found] == ["a0.png", "a1.png", "a2.png"]


def test_images_without_boxes_can_be_left_out_and_are_counted(flat: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "some"
    shutil.copytree(flat, folder)
    empty = sorted(path for path in folder.iterdir() if path.suffix == ".txt")[:6]
    for file in empty:
        file.write_text("", encoding="utf-8")
    wish = {"training_path": folder, "class_names": ["a", "b", "c", "d"], "validation_split": 0.5}
    kept = load_training(section(**wish))
    boxed = load_training(section(**wish, exclude_unlabeled=True))
    left_out = {file.with_suffix(".jpg").name for file in empty}
    assert names(boxed[0]) | names(boxed[1]) == (names(kept[0]) | names(kept[1])) - left_out


def test_only_what_the_mode_reads_must_exist(flat: Path, tmp_path: Path) -> None:
    """The evaluation takes the first of its sets; calibration and boards never ask for labels."""
    nowhere = tmp_path / "nowhere"
    paths = {"training_path": nowhere, "test_path": flat, "quantization_path": flat}

    def used(mode: str) -> set[str]:
        values = {"operation_mode": mode, "dataset": {k: str(v) for k, v in paths.items()}}
        return set(used_paths(UserConfig.model_validate(values)))

    assert used("evaluation") == {"test_path"}
    assert used("quantization") == {"quantization_path"}
    assert used("chain_eqe") == {"test_path", "quantization_path"}
    assert used("training") == {"test_path", "training_path"}
    assert used("benchmarking") == used("prediction") == set()
