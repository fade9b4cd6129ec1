"""What the configuration names is built as named, or refused in one line."""

import dataclasses

import keras
import numpy as np
import pytest

from tinydet.errors import UnsupportedError
from tinydet.training.callbacks import available_metrics, best_metric, make_callbacks
from tinydet.training.model_setup import freeze, make_optimizer

ALL = ("val_map", "val_loss", "val_mpre", "val_mrec", "loss")


def refusal(name, arguments, metrics=ALL, epochs=5):
    with pytest.raises(UnsupportedError) as caught:
        make_callbacks({name: arguments}, metrics, epochs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_can_be_monitored_depends_on_the_validation_set(make_samples):
    """No validation AP where there is nothing to find; a crowd is nothing to find."""
    with_objects = make_samples(3)
    ignored = tuple(
        dataclasses.replace(s, ignored=np.ones_like(s.ignored)) for s in make_samples(3)
    )
    assert set(available_metrics(with_objects)) == set(ALL)
    for nothing_to_find in (make_samples(2, boxes_per_image=0), ignored):
        assert best_metric({}, available_metrics(nothing_to_find)) == ("val_loss", "min")
    assert best_metric({}, available_metrics(with_objects)) == ("val_map", "max")
    assert best_metric({}, available_metrics(())) == ("loss", "min")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"monitor": "val_loss"}, ("val_loss", "min")),
        ({"monitor": "val_mrec", "mode": "auto"}, ("val_mrec", "max")),
        ({"mode": "min"}, ("val_map", "min")),
    ],
)
def test_model_checkpoint_says_what_is_best(arguments, expected):
    wanted = {"ModelCheckpoint": arguments}
    assert best_metric(wanted, ALL) == expected
    assert make_callbacks(wanted, ALL, 3) == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [({"monitor": "val_mAP"}, "'val_map'"), ({"mode": "maximum"}, "auto, min, max")],
)
def test_an_unknown_metric_or_mode_is_refused(arguments, part):
    for name in ("ModelCheckpoint", "EarlyStopping", "ReduceLROnPlateau"):
        with pytest.raises(UnsupportedError, match=part):
            best_metric({"ModelCheckpoint": arguments}, ALL)
        if name != "ModelCheckpoint":
            assert part in refusal(name, arguments)


def test_without_validation_objects_its_metrics_cannot_be_monitored():
    assert "val_loss is not supported (supported: loss)" in refusal(
        "EarlyStopping", {"patience": 3}, metrics=("loss",)
    )


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("EarlyStoping", {}, "Did you mean 'EarlyStopping'?"),
        ("LRCosinDecay", {}, "Did you mean 'LRCosineDecay'?"),
        ("ReduceLROnPlateau", {"patiance": 3}, "Did you mean 'patience'?"),
        ("ReduceLROnPlateau", {"factor": 2.0}, "factor"),
        ("LRStepDecay", {"initial_lr": 0.1}, "step_size"),
        ("LRStepDecay", {"initial_lr": 0.1, "step_size": 0, "decay_rate": 0.5}, "step_size=0"),
        ("LRPiecewiseConstantDecay", {"boundaries": [2], "values": [0.1]}, "boundaries=[2]"),
        (
            "LRLinearDecay",
            {"initial_lr": 0.1, "hold_steps": 0, "decay_steps": 3, "end_lr": -0.1},
            "learning rates >= 0",
        ),
        ("LearningRateScheduler", {"schedule": "lambda epoch: open('x')"}, "open"),
    ],
)
def test_wrong_callbacks_are_refused_before_training(name, arguments, part):
    assert part in refusal(name, arguments)


def test_monitoring_callbacks_look_in_the_right_direction():
    """Keras cannot know that more validation AP is better."""
    stopping, plateau = make_callbacks(
        {"EarlyStopping": {"monitor": "val_map", "patience": 7}, "ReduceLROnPlateau": {}}, ALL, 5
    )
    assert (stopping.mode, stopping.patience) == ("max", 7)
    assert (plateau.mode, plateau.monitor) == ("min", "val_loss")


def test_early_stopping_leaves_the_last_weights_alone():
    wanted = {"EarlyStopping": {"restore_best_weights": True}}
    (stopping,) = make_callbacks(wanted, ALL, 5)
    assert stopping.restore_best_weights is False


def test_lambda_text_is_the_schedule():
    wanted = {
        "LearningRateScheduler": {"schedule": "lambda epoch, lr: lr * 0.5 if epoch > 1 else lr"}
    }
    (scheduler,) = make_callbacks(wanted, ALL, 5)
    assert [scheduler.schedule(epoch, 0.4) for epoch in (0, 1, 2)] == [0.4, 0.4, 0.2]


def test_a_lambda_without_a_value_at_some_epoch_ends_in_one_line():
    wanted = {"LearningRateScheduler": {"schedule": "lambda epoch, lr: lr / (3 - epoch)"}}
    (scheduler,) = make_callbacks(wanted, ALL, 5)
    with pytest.raises(UnsupportedError, match="at epoch 3"):
        scheduler.schedule(3, 0.4)


def test_a_schedule_sets_the_learning_rate_of_its_epoch():
    wanted = {"LRPiecewiseConstantDecay": {"boundaries": [0], "values": [0.25, 0.125]}}
    (scheduler,) = make_callbacks(wanted, ALL, 2)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    scheduler.set_model(model)
    for epoch, expected in enumerate((0.25, 0.125)):
        scheduler.on_epoch_begin(epoch)
        assert float(model.optimizer.learning_rate) == expected


def test_optimizers_by_name_in_any_case():
    optimizer = make_optimizer("adamW", {"learning_rate": 0.002, "clipnorm": 10.0})
    assert type(optimizer) is keras.optimizers.AdamW
    assert float(optimizer.learning_rate) == pytest.approx(0.002)


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("Adamm", {}, "Did you mean 'Adam'?"),
        ("Optimizer", {}, "Optimizer is not supported"),
        ("SGD", {"momentun": 0.9}, "momentun"),
    ],
)
def test_wrong_optimizers_are_refused(name, arguments, part):
    with pytest.raises(UnsupportedError) as caught:
        make_optimizer(name, arguments)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("frozen", "part"), [("(0:-1)", "at least one"), ("(99)", "99"), ("(a:b)", "a:b")]
)
def test_freezing_nothing_that_is_there_or_everything_is_refused(build_small, frozen, part):
    with pytest.raises(UnsupportedError) as caught:
        freeze(build_small(), frozen)
    assert part in str(caught.value)
