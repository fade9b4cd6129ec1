"""The configurations in configs/: six networks, one recipe, and each of them runs."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.config.test_corpus import example
from tinydet.config.detector_spec import load_detector_spec
from tinydet.config.loader import load_config
from tinydet.data.dataset import load_dataset

FOLDER = Path(__file__).parents[1] / "configs"
FILES = sorted(FOLDER.glob("*.yaml"))
SIZES = {"coco_person": {192: 0.35, 224: 0.35, 256: 0.35, 416: 0.35}, "coco_80": {256: 1, 416: 1}}
# Category numbers of COCO, which leave some out.
HOLES = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
CATEGORY_IDS = [number for number in range(1, 91) if number not in HOLES]
PERSON, DOG = 1, 18
TRAINING = "operation_mode=training"
SHORT = (
    "training.epochs=1",
    "training.batch_size=2",
    "training.model.pretrained_weights=None",
    "training.callbacks={}",
    "quantization.max_images=2",
    "general.device=cpu",
    "postprocessing.plot_metrics=False",  # 80 pictures, twice
)


@pytest.fixture(scope="module")
def script():
    path = FOLDER / "make_configs.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def coco(script, tmp_path_factory):
    """A folder in the layout of COCO; of its images one shows only a dog, one nothing."""
    root = tmp_path_factory.mktemp("coco")
    (root / "annotations").mkdir()
    rng = np.random.default_rng(5)
    for part, count in (("train2017", 6), ("val2017", 3)):
        (root / part).mkdir()
        images, annotations = [], []
        for index in range(count):
            name = f"{index:012d}.jpg"
            pixels = rng.integers(0, 256, (60, 80, 3), np.uint8)
            Image.fromarray(pixels).resize((320, 240)).save(root / part / name)
            images.append({"id": index, "file_name": name, "height": 240, "width": 320})
            kinds = {0: [], 1: [DOG]}.get(index, [PERSON, DOG, CATEGORY_IDS[-1 - index]])
            for kind in kinds:
                x, y = (int(v) for v in rng.integers(0, 120, 2))
                annotations.append(
                    {"id": len(annotations), "image_id": index, "category_id": kind, "area": 1,
                     "bbox": [x, y, 90, 100], "iscrowd": int(kind == DOG and index > 3)}
                )  # fmt: skip
        names = zip(CATEGORY_IDS, script.COCO_CLASSES, strict=True)
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for number, name in names],
        }
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(content))
        (root / "annotations" / f"captions_{part}.json").write_text("{}")
    return root


def loaded(file, coco, *overrides):
    return load_config(file, overrides, {"COCO": str(coco)})


def test_there_is_one_for_each_published_model(script):
    assert [network.file for network in script.NETWORKS] == sorted(FILES, key=published_order)
    found = {(n.dataset, n.side_px): n.alpha for n in script.NETWORKS}
    assert found == {(d, side): a for d, sizes in SIZES.items() for side, a in sizes.items()}


def published_order(file):
    dataset, side, _ = file.stem.rsplit("_", 2)
    return list(SIZES).index(dataset), int(side)


def test_the_files_are_not_stale(script):
    """To mend them: python configs/make_configs.py."""
    for network in script.NETWORKS:
        assert network.file.read_text(encoding="utf-8") == script.rendered(network)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_what_its_name_says(file, coco):
    result = loaded(file, coco)
    config = result.config
    assert result.warnings == []
    name = f"{config.dataset.name}_{config.preprocess_spec().height}"
    assert f"{name}_a{round(100 * config.training.model.alpha):03d}" == file.stem
    assert len(config.dataset.class_names) == (1 if "person" in file.stem else 80)
    assert all(len(line) <= 100 for line in file.read_text(encoding="utf-8").splitlines())


def test_the_recipe_is_the_same_in_all(coco):
    """Nothing differs but names, classes, size and width."""
    own = {"general": {"project_name"}, "dataset": {"name", "class_names"}, "training": {"model"}}
    configs = [loaded(file, coco).config for file in FILES]
    recipes = [config.model_dump(exclude={**own, "hydra": True}) for config in configs]
    models = [c.training.model.model_dump(exclude={"alpha", "input_shape"}) for c in configs]
    assert all(recipe == recipes[0] for recipe in recipes)
    assert all(model == models[0] for model in models)


def test_the_schedule_ends_with_the_last_epoch(coco):
    section = loaded(FILES[0], coco).config.training
    schedule = section.callbacks["LRWarmupCosineDecay"]
    assert sum(schedule[f"{p}_steps"] for p in ("warmup", "hold", "decay")) == section.epochs


def test_images_without_the_class_are_negatives(coco):
    """Of the six training images one has a dog only and one nothing: no image is lost."""
    dataset = load_dataset(coco, ["person"], "train")
    assert [len(sample.boxes) for sample in dataset.samples] == [0, 0, 1, 1, 1, 1]
    assert len(load_dataset(coco, None, "val")) == 3


def test_crowds_are_ignored(coco):
    dataset = load_dataset(coco, ["dog"], "train")
    assert [bool(sample.ignored.any()) for sample in dataset.samples] == [False] * 4 + [True] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_a_file_of_the_zoo_reaches_its_last_stage(tmp_path, monkeypatch):
    """chain_tqeb as published, but for the data, the size of the network and the epochs."""
    from tinydet.pipeline import execute, modes

    rng = np.random.default_rng(6)
    for part, count in (("train", 5), ("test", 2)):
        (tmp_path / part).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 256, (60, 80, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / part / f"{index}.jpg")
            (tmp_path / part / f"{index}.txt").write_text("0 0.5 0.5 0.4 0.6\n", encoding="utf-8")
    file = tmp_path / "ssd_mobilenet_v2_fpnlite_035_192_config.yaml"
    file.write_text(example(2024, "chain_tqeb"), encoding="utf-8")
    parts = {"training": "train", "test": "test", "quantization": "train"}
    changes = (
        *(f"dataset.{key}_path={tmp_path / part}" for key, part in parts.items()),
        *("training.epochs=1", "training.model.pretrained_weights=None", "general.device=cpu"),
        *("training.model.size=small", "training.model.head_depth=1"),
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    measured = []  # the emulator takes minutes for a network of this size
    monkeypatch.setattr(modes, "benchmark_stage", lambda _, model: measured.append(model))
    config = load_config(file, changes).config
    execute(config)
    folder = tmp_path / "run" / "quantized_models"
    assert measured == [folder / "quantized_model.tflite"]
    assert measured[0].is_file()
    spec = load_detector_spec(folder / "detector.json")
    assert spec.input_size == config.training.model.input_shape[:2]
    assert spec.class_names == config.dataset.class_names
    assert spec.alpha == config.training.model.alpha
    assert spec.provenance["data"]["training_images"] == 4  # the fifth is validated on
    log = (tmp_path / "run" / "tinydet.log").read_text(encoding="utf-8")
    assert re.search(r"AP", log)


class FirstStep(Exception):  # noqa: N818 - no fault
    """The first training step is done."""


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
@pytest.mark.parametrize("name", ["coco_person_192_a035", "coco_80_256_a100"])
def test_each_trains(name, coco, tmp_path, monkeypatch):
    """Data, augmentation, network and loss fit each other: the first step has a finite loss.

    One file of each data set: the others differ from it in size alone, see
    ``test_the_recipe_is_the_same_in_all``, and ``tests/model/test_network.py`` has every size.
    """
    from tinydet.pipeline import execute, train_stage
    from tinydet.training.progress_bar import ProgressBar

    def end(self, _batch, logs):
        raise FirstStep(self.model.input_shape, self.model.output_shape, logs["loss"])

    monkeypatch.setattr(ProgressBar, "on_train_batch_end", end)
    # The pictures of the data's check are the same for all.
    monkeypatch.setattr(train_stage, "check_part", lambda _run, _name, part, **_: part)
    file = next(file for file in FILES if file.stem.startswith(name))
    config = loaded(file, coco, *SHORT, TRAINING, f"hydra.run.dir={tmp_path / 'run'}").config
    with pytest.raises(FirstStep) as reached:
        execute(config)
    inputs, outputs, loss = reached.value.args
    assert inputs[1:] == tuple(config.training.model.input_shape)
    assert outputs[2] == 4 + 1 + len(config.dataset.class_names)
    assert np.isfinite(loss)
