"""One file for each example of the zoo, of each generation, with the quirks of the published ones:
it loads, and selects the stages of its mode."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from tinydet.config.loader import load_config, resolved_yaml
from tinydet.config.schema import UserConfig

NOW = datetime(2031, 2, 3, 4, 5, 6)

HEAD = """\
general:
  project_name: COCO_2017_person_Demo
  model_type: ssd_mobilenet_v2_fpnlite   # 'st_ssd_mobilenet_v1', 'tiny_yolo_v2', ...
  model_path: {model}
  logs_dir: logs
  saved_models_dir: saved_models
  display_figures: False
  gpu_memory_limit: 24
  num_threads_tflite: 4
  global_seed: 127

operation_mode: {mode}
#choices=['training' , 'evaluation', 'deployment', 'quantization', 'benchmarking',
#        'chain_tqeb','chain_tqe','chain_eqe','chain_qb','chain_eqeb','chain_qd ']
"""
DATASET = """
dataset:
  {name}: COCO_2017_person
  class_names: [ person ]
  training_path: ../datasets/person/train
  validation_path:
  test_path: None
  quantization_path: ../datasets/person/train
  quantization_split: 0.001
"""
DATASET_2026 = """
dataset:
  format: coco
  dataset_name: COCO_2017_person
  class_names: [person]
  download_data: False
  exclude_unlabeled: True
  max_detections: 20
  train_images_path: ../coco/train2017
  train_annotations_path: ../coco/annotations/instances_train2017.json
  val_images_path: ../coco/val2017
  val_annotations_path: ../coco/annotations/instances_val2017.json
  data_dir: ../coco
  quantization_path: ../coco/val2017
  val_split: 0.2
"""
RESCALING = "  rescaling: {scale : 1/127.5, offset : -1}\n"
PREPROCESSING = """
preprocessing:
{rescaling}  resizing:
    aspect_ratio: fit
    interpolation: nearest
  color_mode: rgb
"""
POSTPROCESSING = """
postprocessing:
  confidence_thresh: 0.001
  NMS_thresh: 0.5
  IoU_eval_thresh: 0.4
  plot_metrics: False   # Plot precision versus recall curves. Default is False.
  yolo_anchors:
  max_detection_boxes: 100
"""
AUGMENTATION_2024 = """
data_augmentation: {rotation: 30, shearing: 15, translation: 0.1, vertical_flip: 0.5,
  horizontal_flip: 0.2, gaussian_blur: 3.0, linear_contrast: [0.75, 1.5]}
"""
AUGMENTATION = """
data_augmentation:
  random_flip:
    mode: horizontal
  random_crop:
    crop_center_x: (0.25, 0.75)
    crop_width: (0.6, 0.9)
    change_rate: 0.9
  random_brightness:
    factor: 0.3
"""
TRAINING = """
training:
{model}  dropout:
  batch_size: 64
  epochs: 500
  optimizer:
    Adam:
      learning_rate: 0.005
  callbacks:
    ReduceLROnPlateau:
      monitor: {monitor}
      patience: 10
    EarlyStopping: {{monitor: {monitor}, patience: 2 * 10}}
"""
MODEL = """\
  model:
    alpha: 0.35
    input_shape: ({side}, {side}, 3)
    pretrained_weights: imagenet
"""
MODEL_2026 = """
model:
  framework: tf
  model_name: ssd_mobilenet_v2_fpnlite
  alpha: 0.35
  input_shape: (192, 192, 3)
  pretrained: True
  depth_mul: 0.33
"""
QUANTIZATION = """
quantization:
  quantizer: TFlite_converter
  quantization_type: PTQ
  quantization_input_type: uint8
  quantization_output_type: float
  export_dir: quantized_models
"""
QUANTIZATION_2025 = (
    QUANTIZATION
    + """\
  granularity: per_channel   # per_tensor
  optimize: False   # can be True if per_tensor
  target_opset: 17
"""
)
QUANTIZATION_2026 = (
    QUANTIZATION_2025
    + """\
  operating_mode: default
  onnx_extra_options: {WeightSymmetric: True, CalibMovingAverage: False}
"""
)
BENCHMARKING = "\nbenchmarking:\n  board: {board}\n"
STM32AI = """
tools:
  stm32ai:
    version: 8.1.0
    optimization: balanced
    on_cloud: True
    path_to_stm32ai: C:/Users/<XXXXX>/STM32Cube/Repository/Packs/<*.*.*>/stm32ai.exe
  path_to_cubeIDE: C:/ST/STM32CubeIDE_<*.*.*>/STM32CubeIDE/stm32cubeide.exe
"""
STEDGEAI = """
tools:
  stedgeai:
    version: 10.0.0
    optimization: balanced
    on_cloud: {cloud} # Not available for STM32N6
    path_to_stedgeai: ${{oc.env:STEDGEAI,C:/ST/<*.*.*>/stedgeai.exe}}
  path_to_cubeIDE: C:/ST/STM32CubeIDE_<*.*.*>/STM32CubeIDE/stm32cubeide.exe
"""
MCU = """
deployment:
  c_project_path: ../../application_code/object_detection/
  IDE: GCC
  verbosity: 1 n
  hardware_setup:
    serie: STM32H7
    board: STM32H747I-DISCO
    input: CAMERA_INTERFACE_DCMI
    output: DISPLAY_INTERFACE_USB
    stlink_serial_number: 003B00123456789012345678
"""
N6 = """
deployment:
  c_project_path: ../../application_code/object_detection/STM32N6/
  IDE: GCC
  verbosity: 1
  hardware_setup:
    serie: STM32N6
    board: STM32N6570-DK
"""
MPU = """
deployment:
   c_project_path: ../../application_code/object_detection/STM32MP-LINUX/
   label_file_path: ../STM32MP-LINUX/Resources/labels_coco_dataset_80.txt
   board_deploy_path: /usr/local/object-detection
   verbosity: 1
   hardware_setup:
      serie: STM32MP2
      board: STM32MP257F-EV1
      ip_address: 10.0.0.7
"""
EVALUATION = (
    "\nevaluation: {target: stedgeai_n6, gen_npy_input: True, npy_in_name: in, profile: O3}\n"
)
PREDICTION = "\nprediction:\n  test_files_path: ../datasets/person/test\n  target: host\n"
TAIL = """
mlflow:
  uri: ./experiments_outputs/mlruns

hydra:
  run:
    dir: ./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}"""

# kind of example: (operation_mode, model, board of the deployment)
KINDS = {
    "training": ("training", None, None),
    "chain_tqe": ("chain_tqe", None, None),
    "chain_tqeb": ("chain_tqeb", None, None),
    "chain_eqe": ("chain_eqe", "h5", None),
    "chain_eqeb": ("chain_eqeb", "h5", None),
    "chain_qb": ("chain_qb", "h5", None),
    "chain_qd": ("chain_qd", "h5", MCU),
    "chain_qd_mpu": ("chain_qd", "h5", MPU),
    "chain_qd_n6": ("chain_qd", "h5", N6),
    "evaluation": ("evaluation", "tflite", None),
    "prediction": ("prediction", "tflite", None),
    "quantization": ("quantization", "h5", None),
    "benchmarking": ("benchmarking", "tflite", None),
    "benchmarking_mpu": ("benchmarking", "tflite", MPU),
    "deployment": ("deployment", "tflite", MCU),
    "deployment_mpu": ("deployment", "tflite", MPU),
    "deployment_n6": ("deployment", "tflite", N6),
}
LETTERS = {"t": "trains", "q": "quantizes", "e": "evaluates", "b": "benchmarks", "d": "deploys"}


def example(generation: int, kind: str) -> str:
    """A file of the kind, with the sections that the zoo writes into it."""
    mode, model, deployment = KINDS[kind]
    stages = stages_of(mode)
    trains = mode == "training" or "t" in stages
    suffix = "keras" if generation == 2026 and model == "h5" else model
    text = HEAD.format(model=f"../models/best_model.{suffix}" if model else "", mode=mode)
    if mode != "benchmarking":
        text += dataset(generation)
    told = generation > 2024 and not trains  # by the model
    text += PREPROCESSING.format(rescaling="" if told else RESCALING)
    if trains:
        monitor = "val_loss" if generation == 2024 else "val_map"
        model_2025 = "" if generation == 2026 else MODEL.format(side=192)
        text += AUGMENTATION_2024 if generation == 2024 else AUGMENTATION
        text += TRAINING.format(model=model_2025, monitor=monitor)
        text += MODEL_2026 if generation == 2026 else ""
    if mode != "benchmarking":
        text += POSTPROCESSING
    if "q" in stages:
        text += {2024: QUANTIZATION, 2025: QUANTIZATION_2025}.get(generation, QUANTIZATION_2026)
    text += EVALUATION if mode == "evaluation" and generation > 2024 else ""
    text += PREDICTION if mode == "prediction" else ""
    if stages & set("bd"):
        board = "STM32MP257F-EV1" if deployment == MPU else "STM32H747I-DISCO"
        text += STM32AI if generation == 2024 else STEDGEAI.format(cloud="b" in stages)
        text += BENCHMARKING.format(board=board)
        text += deployment or MCU
    return text + TAIL


def dataset(generation: int) -> str:
    if generation == 2026:
        return DATASET_2026
    return DATASET.format(name="name" if generation == 2025 else "dataset_name")


def stages_of(mode: str) -> set[str]:
    letters = mode.removeprefix("chain_") if mode.startswith("chain_") else mode[0]
    return set(letters) & set(LETTERS)


def load(folder: Path, text: str, newline: str = "\n") -> tuple[UserConfig, list[str]]:
    file = folder / "user_config.yaml"
    file.write_text(text, encoding="utf-8", newline=newline)
    loaded = load_config(file, (), {}, NOW)
    return loaded.config, loaded.warnings


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("generation", [2024, 2025, 2026])
def test_an_example_loads_and_selects_its_stages(
    tmp_path: Path, generation: int, kind: str
) -> None:
    config, warnings = load(tmp_path, example(generation, kind))
    assert config.operation_mode == KINDS[kind][0]
    stages = stages_of(config.operation_mode)
    assert {letter for letter, runs in LETTERS.items() if getattr(config, runs)} == stages
    assert config.run_folder == Path("experiments_outputs/2031_02_03_04_05_06")
    assert all("have no meaning" in warning for warning in warnings), warnings
    again = tmp_path / "config.yaml"
    again.write_text(resolved_yaml(config), encoding="utf-8")
    loaded = load_config(again, (), {}, datetime(1999, 1, 1))
    assert (loaded.config, loaded.warnings) == (config, [])


@pytest.mark.parametrize("side", [192, 224, 256, 416])
@pytest.mark.parametrize("slip", ["1 n", "1", "", "yes\t# a tab"])
def test_the_person_detectors_of_2024(tmp_path: Path, side: int, slip: str) -> None:
    """Their files have a slip that the vendor's tool never looks at."""
    text = example(2024, "chain_tqeb").replace("(192, 192, 3)", f"({side}, {side}, 3)")
    config, [line] = load(tmp_path, text.replace("verbosity: 1 n", f"verbosity: {slip}"))
    assert config.preprocess_spec().height == side
    assert config.preprocess_spec().scale == 1 / 127.5
    assert config.training.callbacks["EarlyStopping"] == {"monitor": "val_loss", "patience": 20}
    assert ("deployment.verbosity" in line) == bool(slip)


def test_line_ends_marks_and_blanks_of_other_editors(tmp_path: Path) -> None:
    text = example(2025, "training")
    expected = load(tmp_path, text)
    assert load(tmp_path, text, "\r\n") == expected
    assert load(tmp_path, "\ufeff" + text) == expected
    assert load(tmp_path, "---\n" + re.sub("(?m)^$", "  ", text)) == expected
    assert load(tmp_path, re.sub(r"(?m): (\w+)$", ":\t\\1 \t", text)) == expected


def test_data_of_2026_keep_labels_and_images(tmp_path: Path) -> None:
    section = load(tmp_path, example(2026, "training"))[0].dataset
    assert section.training_path == Path("../coco/annotations/instances_train2017.json")
    assert section.train_images_path == Path("../coco/train2017")
    assert section.val_images_path == Path("../coco/val2017")
    assert section.exclude_unlabeled
