"""The average equals its closed form, is lent to the network and given back, and is kept."""

import keras
import numpy as np
import pytest

from tinydet.errors import ModelFileError
from tinydet.training.weight_average import WeightAverage, averaged, momentum_at


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3),
            layers.Dropout(0.5),
            layers.BatchNormalization(momentum=0.5),
        ]
    )


def followed(model, momentum, steps, seed=0):
    """An average after random steps of the weights, and all the weights it has seen."""
    average = WeightAverage(momentum)
    average.set_model(model)
    average.on_train_begin()
    rng = np.random.default_rng(seed)
    seen = [model.get_weights()]
    for step in range(steps):
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        average.on_train_batch_end(step)
        seen.append(model.get_weights())
    return average, seen


@pytest.mark.parametrize(
    ("momentum", "steps"), [(0.9, 40), (0.3, 7), (0.9999, 25), (0.0, 4), (0.9, 3)]
)
def test_equals_the_closed_form(model, momentum, steps):
    """What was seen after step s counts as what s puts in, times what every later step keeps.

    Only every fourth step puts something in, for all four; those at the end are still to come.
    """
    average, seen = followed(model, momentum, steps)
    keeps = [min(momentum, (1 + s) / (10 + s)) for s in range(steps - steps % 4)]
    shares = [np.prod(keeps)] + [0.0] * steps
    for last in range(3, len(keeps), 4):
        shares[last + 1] = (1 - np.prod(keeps[last - 3 : last + 1])) * np.prod(keeps[last + 1 :])
    assert sum(shares) == pytest.approx(1)
    with average.applied():
        found = model.get_weights()
    for index, values in enumerate(found):
        expected = sum(share * w[index] for share, w in zip(shares, seen, strict=True))
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_the_moving_averages_of_batch_norm_are_averaged_too(model):
    average, seen = followed(model, 0.9, 9)
    with average.applied():
        norm = model.layers[-1]
        assert not np.allclose(norm.moving_mean, seen[-1][-2])
    np.testing.assert_array_equal(norm.moving_mean, seen[-1][-2])


def test_the_network_gets_its_own_weights_back_to_the_bit(model):
    """Also where what ran in between failed."""
    average, seen = followed(model, 0.9, 9)
    with pytest.raises(RuntimeError, match="in between"), average.applied():
        raise RuntimeError("in between")
    for own, expected in zip(model.get_weights(), seen[-1], strict=True):
        np.testing.assert_array_equal(own, expected)


def test_no_average_changes_nothing(model):
    before = model.get_weights()
    with averaged(None):
        for own, expected in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(own, expected)


def test_the_beginning_does_not_weigh_on_a_short_training():
    assert momentum_at(0, 0.999) == pytest.approx(0.1)
    keeps = [momentum_at(step, 0.9999) for step in range(300)]
    assert np.prod(keeps) < 1e-12
    assert keeps == sorted(keeps)


def test_saved_and_loaded_it_goes_on_as_if_it_had_not_been(model, tmp_path):
    path = tmp_path / "last.weights.h5"
    average, _ = followed(model, 0.9, 6)
    model.save_weights(path)
    average.save(path)
    again = WeightAverage(0.9)
    again.set_model(model)
    again.load(path, model)
    again.on_train_begin()  # does not begin anew
    assert again.steps == 6
    rng = np.random.default_rng(1)
    for step in range(6, 9):
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        for one in (average, again):
            one.on_train_batch_end(step)
    with average.applied():
        expected = model.get_weights()
    with again.applied():
        for values, wanted in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(values, wanted)


def test_a_file_without_average_or_of_another_network_is_one_line(model, tmp_path):
    path = tmp_path / "last.weights.h5"
    model.save_weights(path)
    with pytest.raises(ModelFileError, match="contains no averaged weights") as caught:
        WeightAverage(0.9).load(path, model)
    assert "\n" not in str(caught.value)
    average, _ = followed(model, 0.9, 4)
    average.save(path)
    other = keras.Sequential([keras.Input((4,)), *[keras.layers.Dense(2) for _ in range(3)]])
    with pytest.raises(ModelFileError, match="another network"):
        WeightAverage(0.9).load(path, other)
