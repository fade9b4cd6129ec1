"""Every mistake is one sentence with file, line, what is supported and what to do; all at once."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from tinydet.config.loader import load_config
from tinydet.errors import ConfigError

EXAMPLES = Path(__file__).parent
G2025 = (EXAMPLES / "published_2025.yaml").read_text(encoding="utf-8")
ENVIRONMENT = {"DATA_ROOT": "/data"}


def findings(folder: Path, text: str, *overrides: str) -> list[str]:
    path = folder / "user_config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides, ENVIRONMENT, datetime(2031, 2, 3))
    assert "\n".join(caught.value.findings) == str(caught.value)
    assert all("\n" not in finding for finding in caught.value.findings)
    return caught.value.findings


def line_of(text: str, start: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith(start))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("operation_mode: chain_tqe", "operation_mode: chain_tqe\nevaluaton: {}"),
        ("project_name: bccd", "projct_name: bccd"),
        ("test_path:", "tst_path:"),
        ("color_mode:", "colour_mode:"),
        ("offset: -1", "offset: -1\n    ofset: 1"),
        ("interpolation:", "interpolatoin:"),
        ("random_flip:", "random_flp:"),
        ("alpha: 0.75", "alpha: 0.75\n    alhpa: 1"),
        ("frozen_layers:", "frozen_layer:"),
        ("    ModelCheckpoint:\n      monitor:", "    ModelCheckpoint:\n      montor:"),
        ("NMS_thresh:", "NMS_tresh:"),
        ("granularity:", "granularty:"),
        ("gen_npy_input:", "gen_npy_inputs:"),
        ("offset: -1", "offset: -1\n    scael: 1"),
    ],
)
def test_an_unknown_key_is_reported_with_line_and_near_name(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in G2025
    text = G2025.replace(old, new, 1)
    wrong = re.findall(r"(\w+):", new)[-1] if "{}" not in new else "evaluaton"
    found = findings(tmp_path, text)
    line = line_of(text, f"{wrong}:")
    [about] = [finding for finding in found if f"'{wrong}'" in finding]
    assert about.startswith(f"user_config.yaml:{line} ")
    assert re.search(rf"{wrong}: unknown \w+ '{wrong}' is not supported \(supported: ", about)
    assert re.search(r"\)\. Did you mean '\w+'\?$", about)


def test_all_findings_at_once_in_file_order(tmp_path: Path) -> None:
    text = (
        G2025.replace("alpha: 0.75", "alpha: 0.4")
        .replace("(256, 256, 3)", "(256, 250, 3)")
        .replace("optimize: False", "optimize: perhaps")
        .replace("quantization_split: 1/4", "quantization_split: 0")
        .replace("TFlite_converter", "Onnx_quantizer")
        .replace("model_type: ssd_mobilenet_v2_fpnlite", "model_type: yolov8")
        .replace("  batch_size: 2 ** 5\n", "")
        .replace("color_mode: rgb", "color_mode: rgba")
    )
    assert findings(tmp_path, text, "general.num_threads_tflite=1.5") == [
        "user_config.yaml:3 general.model_type: 'yolov8' is not supported (supported: "
        "ssd_mobilenet_v2_fpnlite). Choose one of these.",
        "user_config.yaml:17 dataset.quantization_split: '0' is not supported (supported: "
        "numbers above 0). Choose a value in this range.",
        "user_config.yaml:26 preprocessing.color_mode: 'rgba' is not supported (supported: rgb, "
        "bgr, grayscale). Use rgb: the network input has three channels.",
        "user_config.yaml:37 training.batch_size: is missing (expected: an integer, usually 32). "
        "Add it: operation_mode chain_tqe needs it.",
        "user_config.yaml:39 training.model.alpha: '0.4' is not supported (supported: 0.35, 0.5, "
        "0.75, 1.0). Choose one of these.",
        "user_config.yaml:40 training.model.input_shape: (256, 250, 3) is not supported "
        "(supported: (height, width, 3) with sides of 192, 224, 256, 288, 320, 352, 384, 416). "
        "Choose two of these sides.",
        "user_config.yaml:57 quantization.quantizer: 'Onnx_quantizer' is not supported "
        "(supported: TFlite_converter). Use TFlite_converter: models are quantized to .tflite.",
        "user_config.yaml:62 quantization.optimize: 'perhaps' is not supported (supported: True, "
        "False). Write True or False.",
        "override 'general.num_threads_tflite=1.5' general.num_threads_tflite: '1.5' is not "
        "supported (supported: an integer). Write an integer.",
    ]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "general.model_path=a/model.onnx",
            "(.onnx) is not supported (supported: .keras, .h5, .hdf5)",
        ),
        (
            "general.model_path=a.keras",
            "general.model_path: a second model in addition to training.model",
        ),
        ("general.model_path=https://a.b/c.h5", "supported: a path on this machine"),
        ("training.resume_training_from=old", "a second model in addition to training.model"),
        ("data_augmentation.rotation=30", "a function together with the key rotation"),
        ("data_augmentation.random_periodic_resizing={}", "changing the input size"),
        ("training.callbacks.ReduceLROnPlateau={}", "in addition to LearningRateScheduler"),
        ("training.callbacks.TensorBoard={}", "an additional TensorBoard"),
        ("training.callbacks.ModelCheckpoint={filepath: x}", "unknown argument 'filepath'"),
        ("training.callbacks.EarlyStopping.monitor=val_mop", "Did you mean 'val_map'?"),
        ("training.callbacks.EarlyStopping=3", "arguments by name"),
        (
            "training.callbacks.LearningRateScheduler.schedule=lambda e. 1",
            "it is not an expression",
        ),
        ("training.callbacks={LRStepDecay: {initial_lr: 1}}", "a missing argument"),
        ("training.callbacks={LRStepDecey: {}}", "Did you mean 'LRStepDecay'?"),
        ("training.callbacks.EarlyStopping.patience=ten", "supported: a number"),
        ("training.callbacks.EarlyStopping.min_delta=[1]", "supported: a number"),
        (
            "training.callbacks={LRStepDecay: {initial_lr: a, step_size: 1, decay_rate: 1}}",
            "supported: a number",
        ),
        (
            "training.callbacks={LRPiecewiseConstantDecay: {boundaries: [1], values: [1, a]}}",
            "lists of numbers",
        ),
        ("+defaults=[dataset: coco]", "a list of other files"),
        (
            "training.callbacks={LRPiecewiseConstantDecay: {boundaries: [1], values: [1]}}",
            "Give one value more",
        ),
        ("training.callbacks=EarlyStopping", "callback names"),
        ("training.optimizer=Adam(learning_rate=1)", "Write 'optimizer: {Adam:"),
        ("training.optimizer={Adam: {}, SGD: {}}", "Write 'optimizer: {Adam:"),
        ("training.frozen_layers=(a:b)", "slices and indices"),
        ("training.model.size=tiny", "supported: standard, small"),
        ("training.model.anchors=big", "supported: published, wide, compact"),
        ("training.model.anchors.smallest=(1, 2, 3)", "2 values or less"),
        ("training.model.anchors={smallest: (1, 2)}", "Put it in brackets"),
        ("data_augmentation={random_contrast: {factor: (-1, 1)}}", "Put it in brackets"),
        ("evaluation.iou_thresholds=[(0.1, 0.2)]", "Put it in brackets"),
        ("training.loss={positive_iou: 0.3, negative_iou: 0.4}", "Swap the two values"),
        ("training.teacher_weight=2", "Name the teacher, or leave the weight out"),
        ("training={teacher_model: person, accumulate: 2}", "accumulate 1 with a teacher"),
        ("training.loss.gama=1", "focal_gamma"),
        ("training.loss.iou_loss=gou", "supported: giou, diou"),
        ("training.loss.negatives_per_positive=0", "numbers above 0"),
        ("training.ema_momentum=1", "numbers below 1"),
        ("training.epochs=0", "(supported: 1 or more)"),
        ("training.epochs=ten", "a number or an expression"),
        ("training.epochs=9**9**9", "too large"),
        ("training.epochs=__import__('os')", "only numbers"),
        ("training.batch_size=[1, 2]", "a list of 2"),
        ("training.cache_images=maybe", "supported: True, False"),
        ("training.validation_period=0", "(supported: 1 or more)"),
        ("training=5", "Write a section with model, batch_size"),
        ("dataset.validation_split=1", "numbers below 1"),
        ("dataset.class_names=person", "Put the values in brackets"),
        ("dataset.class_names=[]", "1 or more values"),
        ("dataset.class_names=[a, b, a]", "Name each class once"),
        ("dataset.exclude_unlabeled=perhaps", "supported: True, False"),
        ("dataset.test_path=${NOT_SET}/a", "Set the environment variable NOT_SET"),
        ("dataset.test_path=${dataset.test_path}", "Remove the circular reference"),
        ("dataset.test_path=${general.nothing}", "Refer to a key with a single value"),
        ("dataset.test_path=${open", "'${' without '}'"),
        ("preprocessing.resizing.interpolation=lanczos3", "supported: bilinear, nearest, area"),
        ("preprocessing.rescaling.scale=1e999", "too large"),
        ("preprocessing.rescaling=None", "preprocessing.rescaling.scale: is missing"),
        ("quantization.quantization_type=DRQ", "supported: PTQ, QAT"),
        ("preprocessing.mean=[0.5, 0.5, 0.5]", "Write it as preprocessing.rescaling.offset"),
        ("training.dryrun=True", "Write training.epochs: 1"),
        ("evaluation.iou_thresholds=[0.5, 1.5]", "evaluation.iou_thresholds[1]"),
        ("custom_data_augmentation={function_name: f}", "augmentation is chosen in"),
        ("nonsense", "supported: key.sub=value"),
        ("general.global_seed.x=1", "a key inside a single value"),
        ("general.project_name={a", "Put the value in quotes"),
        ("operation_mode=chain_eb", "Did you mean 'chain_"),
        ("operation_mode=evaluation", "general.model_path: is missing"),
        ("operation_mode=prediction", "prediction.test_files_path: is missing"),
    ],
)
def test_a_wrong_override_is_named_with_a_remedy(
    tmp_path: Path, override: str, sentence: str
) -> None:
    found = findings(tmp_path, G2025, override)
    assert any(sentence in finding for finding in found), found
    sentence = r"(is not supported \(supported: .+|is missing \(expected: .+)\)\. .+[.?]$"
    assert all(re.search(sentence, finding) for finding in found), found


def test_a_calibration_set_is_required(tmp_path: Path) -> None:
    found = findings(
        tmp_path,
        G2025.replace("  training_path: ${DATA_ROOT}/bccd/train\n", ""),
        "operation_mode=quantization",
        "general.model_path=best_model.keras",
    )
    assert found == [
        "user_config.yaml:10 dataset.quantization_path: is missing (expected: a folder of images "
        "like those the detector will see). Add it: calibration on random data would spoil the "
        "accuracy."
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [1, 2\nb: 3\n", "user_config.yaml:2: is not valid YAML"),
        (b"a: 1\n\tb: 3\n", "user_config.yaml:2: is not valid YAML"),
        (b"", "user_config.yaml: is empty"),
        (b"- 1\n- 2\n", "does not contain 'key: value' lines"),
        (b"just text", "does not contain 'key: value' lines"),
        (b"a: 1\nb: \xff\n", "user_config.yaml:2: is not UTF-8 text"),
        (b"a: \x00\n", "user_config.yaml: is not valid YAML"),
        (b"[" * 2000, "nest"),
        (b"a: &a [*a]\n", "nest"),
        (b"%YAML " + b"1" * 9000, "is not valid YAML"),
        (b'a: "\\UFFFFFFFF"', "is not valid YAML"),
        (b"? " * 5000, "nest"),
        (b"a: &a {" + b",".join(b"k%d: 1" % i for i in range(300)) + b"}\n"
         + b"".join(b"c%d: {<<: *a}\n" % i for i in range(200)), "more than 20,000 values"),
        (b"x" * 2_000_000, "too large for a configuration"),
        (b"a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
         b"c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n"
         b"e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n",
         "contains more than 20,000 values. Give a smaller file, without YAML aliases."),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "user_config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: does not exist\. 'tinydet init' writes"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_duplicate_keys_and_tags(tmp_path: Path) -> None:
    text = G2025.replace(
        "  seed: 7\n", "  seed: 7\n  name: again\n  quantization_path: !!python/name:os.x\n"
    )
    found = findings(tmp_path, text)
    assert found[0].startswith(
        "user_config.yaml:19 dataset.name: the second 'name' (first in line 11) is not supported"
    )
    assert any("the tag tag:yaml.org,2002:python/name:os.x is not supported" in f for f in found)


@pytest.mark.parametrize(
    "text",
    [
        "general:\n" + "".join(f"  k{i}: 1\n" for i in range(3000)),
        "general:\n" + "  k: 1\n" * 3000,
        "operation_mode: train" + "<a>" * 3000 + "\n",
        "general:\n  ? " + "x" * 100_000 + "\n  : 1\n",
        'general:\n  "a\\e[31m\\nb": 1\n  global_seed: "\\e[2J"\n',
        "general: {global_seed: " + "9" * 100_000 + "}\n",
        "general: {global_seed: 9**9**9}\n",
        "? [a, b]\n: 1\n",
        "dataset: {class_names: [" + ", ".join(f"c{i}" for i in range(9000)) + ", c1]}\n",
        "data_augmentation:\n" + "".join(f"  r{i}: 1\n" for i in range(3000)),
        'general: {project_name: "' + "${a.b}" * 12_000 + '"}\na: {b: x}\n',
        'general: {project_name: "' + "${b.l0}" * 100 + '"}\nb:\n'
        + "".join(f"  l{i}: '" + f"${{b.l{i + 1}}}" * 100 + "'\n" for i in range(8))
        + "  l8: lol\n",
    ],
)  # fmt: skip
def test_no_message_is_longer_than_a_screen(tmp_path: Path, text: str) -> None:
    """Whatever stands in a file: it is read in bounded time, and what is shown fits and prints."""
    mode = "" if text.startswith("operation_mode") else "operation_mode: training\n"
    found = findings(tmp_path, mode + text)
    assert sum(map(len, found)) < 4000
    assert all(finding.isprintable() for finding in found)
