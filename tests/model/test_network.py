"""The network keeps its output contract at every size, width and layout."""

from dataclasses import asdict
from functools import cache

import keras
import numpy as np
import pytest

from tinydet.anchors import make_anchors
from tinydet.config.detector_spec import ALPHAS, SIDES_PX
from tinydet.config.schema.training import SIZES
from tinydet.errors import ModelFileError
from tinydet.model import build_detector
from tinydet.model.backbone import DEEPEST_TAP, FINER_TAPS
from tinydet.model.network import split_outputs

# Parameters of the whole network with one class, so that a change of the layout shows.
PARAMETERS = {0.35: 1_063_158, 0.5: 1_361_222, 0.75: 2_041_158, 1.0: 2_921_174}
SMALL_PARAMETERS = 220_840  # three classes


@pytest.fixture(scope="module")
def small():
    """Height is not width; three classes; with dropout."""
    keras.utils.set_random_seed(4)
    return build_detector(64, 96, 3, dropout=0.25, batch_norm_momentum=0.93)


@cache  # to build one takes a second
def built(*size, **options):
    """A network that is only looked at."""
    return build_detector(*size, **options)


def outputs(model, batch):
    """Step by step: to make a graph takes longer than the few images."""
    return np.asarray(model(batch, training=False))


def batch_norms(model):
    return [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization)]


def images(count=2, height=64, width=96):
    return np.random.default_rng(3).uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


def test_one_row_per_anchor_and_one_column_per_score_and_corner(small):
    assert small.output_shape == (None, len(make_anchors(64, 96, (0.2, 0.3))), 1 + 3 + 4)


def test_rows_are_in_the_order_of_the_anchors(small):
    """Brightening one corner of the image changes most what the anchors of that corner say."""
    anchors = make_anchors(64, 96, (0.2, 0.3))[: 8 * 12 * 5]  # of the finest level
    dark = np.zeros((1, 64, 96, 3), np.float32)
    bright = dark.copy()
    bright[:, :16, -16:] = 1.0
    change = np.abs(outputs(small, bright) - outputs(small, dark))[0]
    strength = change[: len(anchors), :4].sum(axis=1)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    x, y = (centres * strength[:, None]).sum(axis=0) / strength.sum()
    assert x > 0.55
    assert y < 0.45


def test_taps_have_strides_8_16_32(small):
    sizes = [small.get_layer(name).output.shape[1:3] for name in (*FINER_TAPS, DEEPEST_TAP)]
    assert sizes == [(8, 12), (4, 6), (2, 3)]


def test_every_batch_norm_has_the_given_momentum(small):
    assert {layer.momentum for layer in batch_norms(small)} == {0.93}


def test_scores_start_at_the_prior(small):
    """An untrained network sees background nearly everywhere: 1 % for all objects together."""
    exponentials = np.exp(outputs(small, images())[..., :4])
    scores = exponentials / exponentials.sum(axis=-1, keepdims=True)
    assert np.median(scores[..., 1:].sum(axis=-1)) == pytest.approx(0.01, rel=0.2)


def test_dropout_acts_in_training_only(small):
    dropouts = [la for la in small.layers if isinstance(la, keras.layers.Dropout)]
    assert len(dropouts) == 5
    assert {layer.rate for layer in dropouts} == {0.25}
    np.testing.assert_array_equal(small(images()), small(images()))


def test_split_outputs_are_the_columns_of_the_joined_one_and_share_its_weights(small):
    split = split_outputs(small)
    logits, deltas = split([images()], training=False)
    np.testing.assert_array_equal(
        np.concatenate([logits, deltas], axis=2), outputs(small, images())
    )
    assert {id(w) for w in split.weights} == {id(w) for w in small.weights}


def test_plain_keras_saves_and_loads_it(small, tmp_path):
    small.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = outputs(small, images())
    np.testing.assert_array_equal(outputs(loaded, images()), expected)
    logits, _ = split_outputs(loaded)([images()], training=False)
    np.testing.assert_array_equal(logits, expected[..., :4])


def test_the_published_layout_has_batch_norm_after_the_predictors(small):
    published = build_detector(64, 96, 3, predictor_batch_norm=True)
    assert len(batch_norms(published)) == len(batch_norms(small)) + 10
    assert published.output_shape == small.output_shape
    assert not [la for la in published.layers if isinstance(la, keras.layers.Dropout)]
    assert published.get_layer("head_p3_class_project").use_bias is False
    assert published.name == "ssd_mobilenetv2_fpnlite_64x96_a035"


def test_the_small_size_keeps_the_contract_and_begins_as_the_standard_one(small):
    """Its layers are the first ones of the standard network, which slices of frozen ones rely on,
    as far as the deepest tap; one row per anchor; what is learnt is behind no wider layer."""
    size = SIZES["small"]
    model = build_detector(64, 96, 3, **asdict(size))
    assert model.output_shape == (None, len(make_anchors(64, 96, (0.2, 0.3))), 1 + 3 + 4)
    assert model.name == "ssd_mobilenetv2_fpnlite_small_64x96_a035"
    names = [layer.name for layer in model.layers]
    standard = [layer.name for layer in small.layers]
    depth = names.index(size.deepest_tap) + 1
    assert names[:depth] == standard[:depth]
    assert all(name.startswith(("fpn_", "head_", "class_", "box_")) for name in names[depth:])
    assert model.get_layer(size.deepest_tap).output.shape == (None, 2, 3, 56)
    widths = {la.filters for la in model.layers[depth:] if isinstance(la, keras.layers.Conv2D)}
    assert widths == {size.fpn_channels, 5 * (1 + 3), 5 * 4}
    assert model.count_params() == SMALL_PARAMETERS


@pytest.mark.parametrize(
    "content", [None, b"", b"not a weights file"], ids=["missing", "empty", "text"]
)
@pytest.mark.parametrize("name", ["weights.h5", "model.weights.h5", "weights.bin"])
def test_bad_pretrained_weights_are_one_line(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        build_detector(64, 64, 1, pretrained_weights=str(path))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_width_are_refused(tmp_path):
    donor = keras.applications.MobileNetV2((64, 64, 3), alpha=0.5, include_top=False, weights=None)
    donor.save_weights(tmp_path / "wide.weights.h5")
    with pytest.raises(ModelFileError, match=r"alpha 0\.35"):
        build_detector(64, 64, 1, pretrained_weights=str(tmp_path / "wide.weights.h5"))


@pytest.mark.slow
def test_pretrained_weights_become_those_of_the_backbone(tmp_path):
    donor = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, include_top=False, weights=None)
    donor.save_weights(tmp_path / "backbone.weights.h5")
    model = build_detector(64, 96, 1, pretrained_weights=str(tmp_path / "backbone.weights.h5"))
    for name in ("Conv1", "block_5_depthwise", "Conv_1"):
        np.testing.assert_array_equal(
            model.get_layer(name).get_weights()[0], donor.get_layer(name).get_weights()[0]
        )


@pytest.mark.slow
@pytest.mark.parametrize("height", SIDES_PX)
def test_rows_at_every_side(height):
    """As height and as width, with another side: their order must not matter to the levels.

    Rows do not depend on how deep the heads are. Those of squares, with whole heads:
    ``test_multiplications_are_those_of_the_published_network``.
    """
    size = height, SIDES_PX[(SIDES_PX.index(height) + 3) % len(SIDES_PX)]
    network = build_detector(*size, 1, head_depth=1)
    assert network.output_shape == (None, len(make_anchors(*size)), 6)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", ALPHAS)
def test_parameters_at_every_width(alpha):
    assert built(192, 192, 1, alpha=alpha).count_params() == PARAMETERS[alpha]


@pytest.mark.slow
def test_multiplications_are_those_of_the_published_network():
    """121.8 million for alpha 0.35 at 192 and one class."""
    macs, network = 0, built(192, 192, 1, alpha=0.35)
    assert network.output_shape == (None, len(make_anchors(192, 192)), 6)
    for layer in network.layers:
        if isinstance(layer, (keras.layers.DepthwiseConv2D, keras.layers.Conv2D)):
            rows, columns, channels = layer.output.shape[1:]
            inputs = 1 if isinstance(layer, keras.layers.DepthwiseConv2D) else layer.input.shape[-1]
            macs += rows * columns * channels * inputs * layer.kernel_size[0] ** 2
    assert macs == 121_803_584
