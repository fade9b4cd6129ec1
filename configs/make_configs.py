"""Write the configurations of the published models: one recipe, six networks.

    python configs/make_configs.py

To change the recipe for all of them, change it in TEMPLATE. A test fails when a file is stale.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
PERSON = ("person",)
# In the order of COCO's annotation files.
COCO_CLASSES = tuple(
    """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
    fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant,
    bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
    sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle,
    wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
    hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
    mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
    vase, scissors, teddy bear, hair drier, toothbrush""".replace("\n   ", "").split(", ")
)
EPOCHS, WARMUP_EPOCHS = 60, 3
TRAINING_IMAGES = 118_287  # of COCO train2017
LINE = 96
PERSON_NOTE = """\
# All @IMAGES@ training images are used: 64,115 show people, the others teach the background. Labels
# of other classes are dropped (the run says how many); crowds are neither learned nor counted. COCO
# can be replaced by any data set with a class called person, also in another format.
"""
EVERY_CLASS_NOTE = """\
# All @IMAGES@ training images are used, including those without an object; crowds are neither
# learned nor counted.
"""
TEMPLATE = """\
# @WHAT@, @SIDE@ x @SIDE@, alpha @ALPHA@, on COCO 2017 in its usual layout:
# train2017, val2017, annotations/instances_train2017.json, annotations/instances_val2017.json.
#
#   COCO=/data/coco tinydet run --config configs/@NAME@.yaml
#
# Made by configs/make_configs.py, like the other five configurations with the same recipe.
#
@NOTE@#
# @EPOCHS@ epochs take @SLOW@ hours at 60 images/s, @FAST@ hours at 1000 (see the progress bar).
# Several GPUs, decoded images on disk: docs/scale.md. Without a network, give the backbone's file:
#   training.model.pretrained_weights=mobilenet_v2_..._notop.weights.h5
operation_mode: chain_tqe

general:
  project_name: @NAME@
  model_type: ssd_mobilenet_v2_fpnlite
  global_seed: 123
  mixed_precision: auto            # 16 bits where the GPU is fast at them

dataset:
  name: @DATASET@
  class_names: @CLASSES@
  training_path: ${COCO}           # its train part
  validation_path: ${COCO}         # its val part
  seed: 123

preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {interpolation: area, aspect_ratio: fit}
  color_mode: rgb

data_augmentation:
  random_crop:
    crop_center_x: [0.3, 0.7]
    crop_center_y: [0.3, 0.7]
    crop_width: [0.45, 1.0]
    crop_height: [0.45, 1.0]
    change_rate: 0.9
  random_flip: {mode: horizontal}
  random_contrast: {factor: 0.4}
  random_brightness: {factor: 0.2}
  random_hsv: {hue_delta: 0.03, saturation_delta: 0.3, value_delta: 0.0}

training:
  model:
    alpha: @ALPHA@
    input_shape: (@SIDE@, @SIDE@, 3)
    pretrained_weights: imagenet
    # The published anchors at 192 px begin at 0.26 of the side; most people in COCO are smaller.
    anchors: wide
  loss: {iou_weight: 2}
  batch_size: 32
  epochs: @EPOCHS@
  optimizer:
    AdamW: {learning_rate: 0.002, weight_decay: 0.001, global_clipnorm: 10.0}
  callbacks:
    LRWarmupCosineDecay:
      initial_lr: 0.0002
      warmup_steps: @WARMUP@
      max_lr: 0.002
      hold_steps: 0
      decay_steps: @DECAY@
      end_lr: 0.00001
  ema_momentum: 0.999
  validation_period: 2
  num_workers: 2                   # threads that prepare images: as many as cores

postprocessing:
  confidence_thresh: 0.4
  NMS_thresh: 0.5
  IoU_eval_thresh: 0.4
  max_detection_boxes: 100
  plot_metrics: True

quantization:
  quantizer: TFlite_converter
  quantization_type: PTQ
  quantization_input_type: uint8
  quantization_output_type: float
  granularity: per_channel
  optimize: True
  calibration_method: percentile
  max_images: 200

evaluation:
  iou_thresholds: [0.4]
  score_threshold: 0.001

hydra:
  run:
    dir: ./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}
"""


@dataclass(frozen=True)
class Network:
    """One of the published models.

    Attributes:
        class_names: What it finds.
        side_px: Side of its input.
        alpha: Width multiplier.
    """

    class_names: tuple[str, ...]
    side_px: int
    alpha: float

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return "coco_person" if self.class_names == PERSON else f"coco_{len(self.class_names)}"

    @property
    def name(self) -> str:
        """As ``coco_person_192_a035``."""
        return f"{self.dataset}_{self.side_px}_a{round(100 * self.alpha):03d}"

    @property
    def file(self) -> Path:
        """Its configuration."""
        return FOLDER / f"{self.name}.yaml"


NETWORKS = (
    *(Network(PERSON, side_px, 0.35) for side_px in (192, 224, 256, 416)),
    *(Network(COCO_CLASSES, side_px, 1.0) for side_px in (256, 416)),
)


def rendered(network: Network) -> str:
    """The content of a configuration."""
    is_person = network.class_names == PERSON
    text = TEMPLATE
    for mark, value in (
        ("@NOTE@", PERSON_NOTE if is_person else EVERY_CLASS_NOTE),
        ("@WHAT@", "Person detector" if is_person else "Detector of the 80 COCO classes"),
        ("@NAME@", network.name),
        ("@DATASET@", network.dataset),
        ("@CLASSES@", _flow_list(network.class_names)),
        ("@SIDE@", str(network.side_px)),
        ("@ALPHA@", str(network.alpha)),
        ("@IMAGES@", f"{TRAINING_IMAGES:,}"),
        ("@EPOCHS@", str(EPOCHS)),
        ("@SLOW@", _hours(60)),
        ("@FAST@", _hours(1000)),
        ("@WARMUP@", str(WARMUP_EPOCHS)),
        ("@DECAY@", str(EPOCHS - WARMUP_EPOCHS)),
    ):
        text = text.replace(mark, value)
    return text


def _hours(images_per_second: int) -> str:
    return f"{TRAINING_IMAGES * EPOCHS / images_per_second / 3600:.0f}"


def _flow_list(names: tuple[str, ...]) -> str:
    """A YAML list in brackets, folded to the width of the file."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > LINE - 4:
            lines.append("")
        lines[-1] += f"{name}, "
    inner = "\n    ".join(line.rstrip() for line in lines).rstrip(",")
    return f"[{inner}]" if len(lines) == 1 else f"[\n    {inner}]"


if __name__ == "__main__":
    for network in NETWORKS:
        network.file.write_text(rendered(network), encoding="utf-8")
