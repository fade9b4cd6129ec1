"""A teacher pulls the student's outputs towards its own, and is itself left alone."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import AnchorSpec, PreprocessSpec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import spec_anchors
from tinydet.training import TrainingOptions
from tinydet.training.batches import TrainingBatches
from tinydet.training.distillation import (
    distillation_loss,
    learn_from_teacher,
    load_teacher,
    require_same_kind,
)
from tinydet.training.distribution import ProcessGroup
from tinydet.training.losses import DetectionLoss
from tinydet.training.model_setup import prepare

OPTIONS = TrainingOptions(1, batch_size=4, optimizer_arguments={"learning_rate": 0.01})


def plain_loss(outputs, taught):
    """The law of ``distillation_loss`` in plain loops."""
    costs = []
    for student, teacher in zip(outputs.tolist(), taught.tolist(), strict=True):
        cost = objects = 0.0
        for ours, theirs in zip(student, teacher, strict=True):
            s, t = (np.exp(x[:-4]) / np.exp(x[:-4]).sum() for x in (ours, theirs))
            errors = np.abs(np.array(ours[-4:]) - theirs[-4:])
            boxes = [4.5 * e * e if e < 1 / 9 else e - 1 / 18 for e in errors]
            cost += max(1 - s[0], 1 - t[0]) * (t * np.log(t / s)).sum() + (1 - t[0]) * sum(boxes)
            objects += 1 - t[0]
        costs.append(cost / max(objects, 1))
    return np.mean(costs)


@given(seed=st.integers(0, 2**16), num_classes=st.integers(1, 3), spread=st.floats(0.1, 4))
@settings(max_examples=20, deadline=None)
def test_the_loss_is_its_law_and_0_only_where_both_agree(seed, num_classes, spread):
    rng = np.random.default_rng(seed)
    taught, outputs = rng.normal(0, spread, (2, 3, 7, num_classes + 5)).astype(np.float32)
    loss = float(distillation_loss(outputs, taught))
    assert loss == pytest.approx(plain_loss(outputs, taught), rel=1e-4, abs=1e-6)
    assert loss > 0
    assert float(distillation_loss(taught, taught)) == 0
    # A softmax does not see what is added to all logits.
    shifted = taught + np.array([1.5] * (num_classes + 1) + [0.0] * 4, np.float32)
    assert float(distillation_loss(shifted, taught)) == pytest.approx(0, abs=1e-5)


def test_steps_with_a_teacher_alone_lead_to_it_and_leave_it_as_it_was(
    build_small, spec, augmentation, make_samples
):
    """Images without labels and a loss of labels of weight 0: only the teacher is left to learn
    from. Its weights and statistics stay; the student saves and has only its own."""
    batches = TrainingBatches(make_samples(4), augmentation, spec.preprocess, batch_size=4, seed=1)
    batch = batches.batch(0, 0)
    teacher, student = build_small(seed=6, dropout=0.0), build_small(seed=7, dropout=0.0)
    teacher.trainable = False
    before = [w.copy() for w in teacher.get_weights()]
    loss = DetectionLoss(spec_anchors(spec), box_weight=0.0)
    loss.call = lambda _, y_pred: 0.0 * keras.ops.sum(y_pred)
    names = [w.path for w in student.weights]
    prepare(student, OPTIONS, loss, ProcessGroup(), teacher)
    losses = [float(student.train_on_batch(*batch)) for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    assert all(map(np.array_equal, teacher.get_weights(), before))
    assert [w.path for w in student.weights] == names
    assert float(student.test_on_batch(*batch)) == 0  # validation sees the labels only


def test_the_weight_multiplies_and_processes_share(build_small):
    """The loss of a step is that of the labels and the weighted one of the teacher."""
    images = np.random.default_rng(2).uniform(-1, 1, (2, 64, 96, 3)).astype(np.float32)
    teacher = build_small(seed=6)
    for weight, processes in ((1.0, 1), (3.0, 2)):
        student = build_small(seed=7)
        student.compile(loss=lambda _, y_pred: 0.0 * keras.ops.sum(y_pred) + 5.0)
        outputs = student(images, training=False)
        expected = float(distillation_loss(outputs, teacher(images, training=False)))
        learn_from_teacher(student, teacher, weight, processes)
        loss = student.compute_loss(images, np.zeros(2), outputs, training=True)
        assert float(loss) == pytest.approx(5 + weight / processes * expected, rel=1e-5)


def test_a_teacher_of_another_kind_is_refused_by_name(build_small, spec, tmp_path):
    model = build_small()
    path = tmp_path / "best_model.keras"
    with pytest.raises(ModelFileError, match="there is no such file"):
        require_same_kind(path, spec)
    model.save(path)
    with pytest.raises(ModelFileError, match=r"detector\.json"):
        require_same_kind(path, spec)
    spec.save(tmp_path / "detector.json")
    assert not load_teacher(path, spec).trainable_variables
    preprocess = PreprocessSpec(height=64, width=96, interpolation="area", aspect_ratio="crop")
    require_same_kind(path, spec.model_copy(update={"preprocess": preprocess}))
    other = {"smallest": (0.1, 0.3)}
    for changes, found in (
        ({"class_names": ("bar", "disc")}, "class_names of best_model.keras: disc, bar is not"),
        ({"anchors": AnchorSpec(**other)}, "anchors of best_model.keras"),
        ({"preprocess": preprocess.model_copy(update={"width": 64})}, "input_shape of best_model"),
        ({"preprocess": preprocess.model_copy(update={"color_mode": "bgr"})}, "color_mode of best"),
        ({"preprocess": preprocess.model_copy(update={"scale": 1 / 255})}, "rescaling and color"),
    ):
        with pytest.raises(UnsupportedError) as caught:
            require_same_kind(path, spec.model_copy(update=changes))
        assert found in str(caught.value)
        assert "tinydet data label" in str(caught.value)
    with pytest.raises(UnsupportedError, match=r"\.keras detector"):
        require_same_kind(tmp_path / "public.tflite", spec)
