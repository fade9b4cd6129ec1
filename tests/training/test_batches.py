"""Batches are a function of (seed, epoch, step) alone, and errors come out of the threads."""

import dataclasses
import threading
from collections import Counter

import cv2
import numpy as np
import pytest

from tinydet.data.augment import make_augmentation
from tinydet.data.decoded_images import DecodedImages
from tinydet.data.opencv_threads import single_threaded_opencv
from tinydet.errors import DataError
from tinydet.training.batches import MOST_THREADS, TrainingBatches, ground_truth_rows
from tinydet.training.matcher import IGNORED, OBJECT, PADDING


@pytest.fixture
def make_batches(spec, augmentation):
    def make(samples, **changes):
        arguments = {"batch_size": 3, "seed": 11, "num_workers": 2, **changes}
        chain = arguments.pop("augmentation", augmentation)
        return TrainingBatches(samples, chain, spec.preprocess, **arguments)

    return make


def content(batches):
    return [images.tobytes() + rows.tobytes() for images, rows in batches]


def test_same_bytes_whatever_the_threads_and_the_cache(make_samples, make_batches):
    samples = make_samples(8)
    expected = content(make_batches(samples).epochs(0, 3))
    assert len(expected) == 6
    for changes in ({"num_workers": 1}, {"num_workers": 3}, {"images": DecodedImages(1 << 20)}):
        assert content(make_batches(samples, **changes).epochs(0, 3)) == expected


def test_a_run_that_goes_on_sees_the_batches_of_the_unbroken_one(make_samples, make_batches):
    samples = make_samples(7)
    unbroken = content(make_batches(samples).epochs(0, 4))
    assert content(make_batches(samples).epochs(2, 4)) == unbroken[4:]


def test_more_workers_are_processes_and_give_the_same_bytes(make_samples, make_batches):
    """Their results come in order; they end with the epoch, also where its consumer stops early."""
    samples = make_samples(9)
    expected = content(make_batches(samples).epochs(0, 2))
    batches = make_batches(samples, num_workers=MOST_THREADS + 1)
    epochs = batches.epochs(0, 1000)
    assert content(next(epochs) for _ in range(6)) == expected
    started = batches._processes._processes
    assert len(started) == MOST_THREADS + 1
    epochs.close()
    assert all(process.poll() is not None for process in started)


def test_kept_images_are_for_threads(make_samples, make_batches):
    batches = make_batches(make_samples(3), num_workers=5, images=DecodedImages(1 << 20))
    epochs = batches.epochs(0, 2)
    next(epochs)
    assert batches._processes is None
    epochs.close()


def test_another_epoch_and_another_seed_give_other_batches(make_samples, make_batches):
    samples = make_samples(6)
    batches = make_batches(samples)
    assert not set(content(batches.epochs(0, 1))) & set(content(batches.epochs(1, 2)))
    assert content(make_batches(samples, seed=12).epochs(0, 1)) != content(batches.epochs(0, 1))


@pytest.mark.parametrize(("count", "batch_size", "steps"), [(10, 3, 3), (9, 3, 3), (4, 4, 1)])
def test_every_sample_at_most_once_per_epoch(make_samples, make_batches, count, batch_size, steps):
    """The few that fill no batch are others in another epoch."""
    batches = make_batches(make_samples(count), batch_size=batch_size)
    assert batches.steps_per_epoch == steps
    seen = [set(batches.order(epoch).tolist()) for epoch in range(12)]
    assert all(len(indices) == steps * batch_size for indices in seen)
    assert set.union(*seen) == set(range(count))


def test_a_set_smaller_than_a_batch_is_repeated_evenly(make_samples, make_batches):
    batches = make_batches(make_samples(3), batch_size=7)
    ((images, rows),) = batches.epochs(0, 1)
    assert images.shape == (7, 64, 96, 3)
    assert images.dtype == np.float32
    assert rows.shape == (7, 2, 6)
    assert sorted(Counter(batches.order(0).tolist()).values()) == [2, 2, 3]


def test_images_without_boxes_have_only_padding(make_samples, make_batches):
    ((images, rows),) = make_batches(make_samples(3, boxes_per_image=0)).epochs(0, 1)
    assert (rows[..., 5] == PADDING).all()
    assert -1 <= images.min() < images.max() <= 1


def test_rows_tell_objects_from_ignored_ones():
    boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]], np.float32)
    rows = ground_truth_rows(boxes, np.array([4, 2]), np.array([True, False]), 3)
    assert rows[0].tolist() == [*boxes[0].tolist(), 4, IGNORED]
    assert rows[1].tolist() == [*boxes[1].tolist(), 2, OBJECT]
    assert rows[2, 5] == PADDING


def test_ignored_and_truncated_boxes_reach_the_loss_as_ignored(make_samples, make_batches):
    """A crowd stays ignored; of a box that a crop leaves a sliver of, nothing is learned."""
    sample = make_samples(1, boxes_per_image=0)[0]
    boxes = np.array([[0.5, 0.3, 0.9, 0.7], [0.1, 0.1, 0.58, 0.9], [0.6, 0.4, 0.8, 0.6]])
    sample = dataclasses.replace(
        sample,
        boxes=boxes.astype(np.float32),
        class_ids=np.array([0, 1, 1]),
        ignored=np.array([True, False, False]),
    )
    right_half = make_augmentation(
        {
            "random_crop": {
                "crop_center_x": (0.75, 0.75),
                "crop_center_y": (0.5, 0.5),
                "crop_width": (0.5, 0.5),
                "crop_height": (1.0, 1.0),
                "change_rate": 1.0,
            }
        }
    )
    batches = make_batches((sample,), batch_size=1, augmentation=right_half)
    ((_, rows),) = batches.epochs(0, 1)
    assert rows[0, :, 4].tolist() == [0, 1, 1]
    assert rows[0, :, 5].tolist() == [IGNORED, IGNORED, OBJECT]
    np.testing.assert_allclose(rows[0, 2, :4], [0.2, 0.4, 0.6, 0.6], atol=1e-5)


def test_an_unreadable_image_reaches_the_caller_and_the_threads_end(make_samples, make_batches):
    samples = make_samples(30)
    samples[17].path.write_bytes(b"no image")
    batches = make_batches(samples, num_workers=3)
    with pytest.raises(DataError, match=r"17\.png"):
        list(batches.epochs(0, 1))
    assert isinstance(batches.failure, DataError)
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_a_consumer_that_stops_early_stops_the_threads(make_samples, make_batches):
    epochs = make_batches(make_samples(30)).epochs(0, 1000)
    next(epochs)
    epochs.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_stopping_ends_the_threads_of_an_abandoned_epoch(make_samples, make_batches):
    """Where the consumer keeps the iterator, as an interrupted training does."""
    batches = make_batches(make_samples(30))
    epochs = batches.epochs(0, 1000)
    next(epochs)
    batches.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("batches"):
            thread.join(300)
            assert not thread.is_alive()
    epochs.close()


def fail_with_one_opencv_thread():
    with single_threaded_opencv():
        assert cv2.getNumThreads() == 1
        raise KeyError


def test_opencv_gets_its_threads_back():
    """Also after an error."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with pytest.raises(KeyError):
            fail_with_one_opencv_thread()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


MOSAIC = {"random_mosaic": {"change_rate": 1}, "random_flip": {"mode": "horizontal"}}


def test_mosaics_are_repeatable_and_show_objects_of_other_images(make_samples, make_batches):
    """Rows of every class id that is in the tiles; the same whatever the threads."""
    samples = make_samples(9)
    chain = make_augmentation(MOSAIC)
    expected = content(make_batches(samples, augmentation=chain).epochs(0, 2))
    threads = make_batches(samples, augmentation=chain, num_workers=3, images=DecodedImages())
    assert content(threads.epochs(0, 2)) == expected
    assert content(make_batches(samples, augmentation=chain).epochs(1, 2)) == expected[3:]
    # Only the second image has objects, two of them: in a mosaic others show them, too.
    lonely = [
        dataclasses.replace(s, boxes=s.boxes[:0], class_ids=s.class_ids[:0], ignored=s.ignored[:0])
        if index != 2
        else s
        for index, s in enumerate(samples)
    ]
    batches = make_batches(tuple(lonely), augmentation=chain)
    rows = np.concatenate([rows for _, rows in batches.epochs(0, 4)])
    assert rows.shape[1:] == (4, 6)
    with_objects = (rows[..., 5] == OBJECT).any(axis=1)
    assert 4 < with_objects.sum() < len(rows)
    assert set(rows[rows[..., 5] == OBJECT][:, 4]) <= set(samples[2].class_ids.tolist())


def test_a_mosaic_of_too_many_objects_is_left_out(make_samples, make_batches):
    """Every image is full of objects: no label is lost for want of a row."""
    chain = make_augmentation({"random_mosaic": {"change_rate": 1, "scale": 0.71, "center": 0.5}})
    samples = tuple(
        dataclasses.replace(
            sample,
            boxes=np.tile(np.float32([[0.0, 0.0, 1.0, 1.0]]), (6, 1)),
            class_ids=np.arange(6),
            ignored=np.zeros(6, bool),
        )
        for sample in make_samples(4)
    )
    ((_, rows),) = make_batches(samples, augmentation=chain, batch_size=4).epochs(0, 1)
    assert rows.shape == (4, 12, 6)
    for image_rows in rows:
        found = image_rows[image_rows[:, 5] != PADDING]
        assert sorted(found[:, 4]) == list(range(6))
        np.testing.assert_array_equal(found[:, :4], [[0, 0, 1, 1]] * 6)
