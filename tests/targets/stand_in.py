"""A tiny hand-written model with the interface of the generated C, and what it computes.

Two steps: the mean brightness of each cell of the anchor grid's first level (an approximation by
shifting), then scores and deltas of every anchor by integer arithmetic on it. Box selection: the
anchors whose score passes, in order, without suppression.
"""

from types import SimpleNamespace

import numpy as np

from tinydet.boxes import Detections
from tinydet.compiler import CompiledDetector
from tinydet.compiler.ir import Graph, Tensor
from tinydet.config.detector_spec import (
    AnchorSpec,
    DetectorSpec,
    PostprocessSpec,
    PreprocessSpec,
)
from tinydet.inference.decoding import spec_anchors
from tinydet.tensor_code import TensorCode

HEIGHT, WIDTH = 32, 48
THRESHOLD_CODE = 60
CAPACITY = 20
SCORES = TensorCode(np.dtype(np.int8), 1 / 256, -128)
DELTAS = TensorCode(np.dtype(np.int8), 0.02, -28)
SPEC = DetectorSpec(
    class_names=("cat", "dog"),
    preprocess=PreprocessSpec(height=HEIGHT, width=WIDTH),
    anchors=AnchorSpec(smallest=(0.2, 0.3)),
    postprocess=PostprocessSpec(max_detections=CAPACITY),
)
NUM_ANCHORS = len(spec_anchors(SPEC))
GRAPH = Graph(  # what targets ask of the plan: the ends of the network
    (
        Tensor("image", (1, HEIGHT, WIDTH, 3), "uint8"),
        Tensor("scores", (1, NUM_ANCHORS, 3), "int8"),
        Tensor("deltas", (1, NUM_ANCHORS, 4), "int8"),
    ),
    ops=(),
    inputs=(0,),
    outputs=(1, 2),
)
NUM_CELLS = HEIGHT // 8 * (WIDTH // 8)
ARENA_BYTES = HEIGHT * WIDTH * 3 + NUM_CELLS + NUM_ANCHORS * 7

HEADER = f"""
#ifndef TINY_H
#define TINY_H
#include <stdint.h>
#define TINY_INPUT_HEIGHT {HEIGHT}
#define TINY_INPUT_WIDTH {WIDTH}
#define TINY_NUM_CLASSES 2
#define TINY_NUM_ANCHORS {NUM_ANCHORS}
#define TINY_MAX_DETECTIONS {CAPACITY}
#define TINY_ARENA_BYTES {ARENA_BYTES}
typedef struct {{ float x_min, y_min, x_max, y_max, score; int32_t class_id; }} td_detection;
uint8_t *tiny_input(void *arena);
void tiny_run(void *arena);
const int8_t *tiny_scores(const void *arena);
const int8_t *tiny_deltas(const void *arena);
int tiny_detect(const uint8_t *rgb, void *arena, td_detection *out, int capacity);
#endif
"""

KERNELS = """
#include "kernels.h"

void td_cells(const uint8_t *image, uint8_t *cells)
{
    for (int32_t cell = 0; cell < CELLS; cell++) {
        int32_t sum = 0;
        for (int32_t i = 0; i < 192; i++) {
            int32_t row = cell / (WIDTH / 8) * 8 + i / 24;
            int32_t column = cell % (WIDTH / 8) * 24 + i % 24;
            sum += image[row * WIDTH * 3 + column];
        }
        cells[cell] = (uint8_t)((sum * 341 + 32768) >> 16);
    }
}

void td_heads(const int8_t *weights, const uint8_t *cells, int8_t *scores, int8_t *deltas)
{
    for (int32_t anchor = 0; anchor < ANCHORS; anchor++) {
        int32_t value = cells[anchor % CELLS];
        for (int32_t i = 0; i < 3; i++) {
            scores[anchor * 3 + i] = (int8_t)(value * weights[i] / 64 - 100);
        }
        for (int32_t i = 0; i < 4; i++) {
            deltas[anchor * 4 + i] = (int8_t)((value + anchor) % 7 - 28 + i);
        }
    }
}
"""

KERNELS_HEADER = f"""
#include <stdint.h>
#define CELLS {NUM_CELLS}
#define ANCHORS {NUM_ANCHORS}
#define WIDTH {WIDTH}
void td_cells(const uint8_t *image, uint8_t *cells);
void td_heads(const int8_t *weights, const uint8_t *cells, int8_t *scores, int8_t *deltas);
"""

MODEL = """
#include "tiny.h"
#include "kernels.h"
#define IMAGE (HEIGHT * WIDTH * 3)
#define HEIGHT 32

static const int8_t weights[3] = {10, 50, 55};
static const float anchors[ANCHORS * 4] = {@ANCHORS@};

#ifdef TD_TRACE
void td_trace(const char *op, const void *output, int32_t output_bytes);
#define TRACE(op, output, bytes) td_trace(op, output, bytes)
#else
#define TRACE(op, output, bytes) (void)0
#endif

uint8_t *tiny_input(void *arena) { return (uint8_t *)arena; }
const int8_t *tiny_deltas(const void *arena) { return (const int8_t *)arena + IMAGE + CELLS; }
const int8_t *tiny_scores(const void *arena) { return tiny_deltas(arena) + 4 * ANCHORS; }

void tiny_run(void *arena)
{
    uint8_t *cells = (uint8_t *)arena + IMAGE;
    int8_t *deltas = (int8_t *)cells + CELLS;
    td_cells((const uint8_t *)arena, cells);
    TRACE("mean/cells", cells, CELLS);
    td_heads(weights, cells, deltas + 4 * ANCHORS, deltas);
    TRACE("heads", deltas, ANCHORS * 7);
}

int tiny_detect(const uint8_t *rgb, void *arena, td_detection *out, int capacity)
{
    int count = 0;
    if (rgb) {
        for (int32_t i = 0; i < IMAGE; i++) ((uint8_t *)arena)[i] = rgb[i];
    }
    tiny_run(arena);
    const int8_t *scores = tiny_scores(arena), *deltas = tiny_deltas(arena);
    for (int32_t i = 0; i < ANCHORS * 2 && count < capacity; i++) {
        const float *anchor = anchors + i / 2 * 4;
        int8_t code = scores[i / 2 * 3 + 1 + i % 2];
        if (code < @THRESHOLD@) continue;
        float box[4];
        for (int32_t k = 0; k < 4; k++) {
            box[k] = anchor[k] + (float)(deltas[i / 2 * 4 + k] + 28) * 0.02f *
                     (anchor[2 + k % 2] - anchor[k % 2]);
        }
        out[count++] = (td_detection){box[0], box[1], box[2], box[3],
                                      (float)(code + 128) * (1.0f / 256.0f), i % 2};
    }
    return count;
}
"""


def model(body=MODEL, **files):
    """The stand-in as a compiled detector; other files or another body may be given."""
    anchors = ", ".join(f"{float(v).hex()}f" for v in spec_anchors(SPEC).reshape(-1))
    text = body.replace("@ANCHORS@", anchors).replace("@THRESHOLD@", str(THRESHOLD_CODE))
    sources = {
        "tiny.c": text,
        "tiny.h": HEADER,
        "kernels.c": KERNELS,
        "kernels.h": KERNELS_HEADER,
    }
    return CompiledDetector(
        name="tiny",
        sources=sources | files,
        spec=SPEC,
        plan=SimpleNamespace(
            arena_bytes=ARENA_BYTES, input_mode="image", schedule=SimpleNamespace(graph=GRAPH)
        ),
        scores=SCORES,
        deltas=DELTAS,
        anchors=spec_anchors(SPEC),
        max_candidates=CAPACITY,
        macs={},
        where="folder/tiny.tflite",
        model_sha256="",
    )


def expected(image_u8):
    """Scores and deltas (int8) and detections of the stand-in, in NumPy."""
    sums = image_u8.astype(np.int64).reshape(HEIGHT // 8, 8, WIDTH // 8, 8, 3).sum(axis=(1, 3, 4))
    cells = ((sums * 341 + 32768) >> 16).reshape(-1)
    index = np.arange(NUM_ANCHORS)
    values = cells[index % NUM_CELLS]
    scores = (values[:, None] * np.array([10, 50, 55]) // 64 - 100).astype(np.int8)
    deltas = ((values + index)[:, None] % 7 - 28 + np.arange(4)).astype(np.int8)
    anchors = spec_anchors(SPEC)
    sides = np.tile(anchors[:, 2:] - anchors[:, :2], 2)
    boxes = anchors + (deltas.astype(np.float32) + 28) * np.float32(0.02) * sides
    anchor_ids, class_ids = np.nonzero(scores[:, 1:] >= THRESHOLD_CODE)
    anchor_ids, class_ids = anchor_ids[:CAPACITY], class_ids[:CAPACITY]
    real = (scores[anchor_ids, class_ids + 1].astype(np.float32) + 128) / np.float32(256)
    return scores, deltas, Detections(boxes[anchor_ids], real, class_ids)


def random_images(count, seed=5):
    """Images whose cells differ in brightness, so that some anchors pass and some do not."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 236, (count, HEIGHT // 8, WIDTH // 8, 1))
    fine = rng.integers(0, 20, (count, HEIGHT, WIDTH, 3))
    return (coarse.repeat(8, axis=1).repeat(8, axis=2) + fine).astype(np.uint8)
