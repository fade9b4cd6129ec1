/* From int8 scores and box deltas to detections: decode, clip, class-wise non-maximum suppression.
 *
 * Gives exactly what tinydet/boxes.py (select_detections) gives on the dequantized values: the
 * same boxes and scores, bit for bit, in the same order. That needs IEEE float32 arithmetic,
 * rounding to nearest, denormals kept (the reset state of the Cortex-M FPU) and no contraction
 * into fused multiply-adds. There is no double arithmetic. A core without an FPU calls the
 * compiler's own float routines (__aeabi_fadd and the like), one with an FPU calls nothing.
 *
 * Method. All (score, class, anchor) above the threshold have a rank: highest score first, then
 * the lower class, then the lower anchor. Each pass over the scores collects the next
 * `max_candidates` of that rank in a bounded heap, sorts them and lets them through suppression
 * against the boxes kept so far, which are those in `out`. The passes end when enough boxes are
 * kept or no candidate is left. As the rank is a total order, the number of candidates per pass
 * changes the time, never the result. N candidates above the threshold take at most
 * N / max_candidates + 1 passes.
 *
 * Memory: TD_BOXES_SCRATCH_BYTES(max_candidates) of the arena while td_find_boxes runs.
 */
#ifndef TD_BOXES_H
#define TD_BOXES_H

#include <stdint.h>

#include "td_arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch for td_find_boxes, in bytes; must be aligned to 4. */
#define TD_BOXES_SCRATCH_BYTES(max_candidates) (4 * (max_candidates))

/* A threshold code that no score reaches. */
#define TD_NO_SCORE_PASSES 128

/* One object found. */
typedef struct {
    float x_min, y_min, x_max, y_max; /* fractions of the network input, 0..1 */
    float score;                      /* 0..1 */
    int32_t class_id;                 /* 0-based, without the background */
} td_detection;

/* One level of the anchor grid. */
typedef struct {
    int32_t rows, columns;
} td_anchor_level;

/* All anchors, as one of three; the pointers of the other two are NULL (0).
 *
 * Grid: anchors are ordered by level, row, column, kind. Horizontally an anchor depends on its
 * column and kind only, vertically on its row and kind only; so small tables of (min, max) pairs
 * hold every corner exactly. The pair of level l, kind k starts at
 *     x: edges[2 * (edge_starts[2 * (l * per_cell + k)] + column)]
 *     y: edges[2 * (edge_starts[2 * (l * per_cell + k) + 1] + row)]
 * Equal tables are stored once.
 */
typedef struct {
    int32_t num_levels;            /* grid: number of levels */
    int32_t per_cell;              /* grid: kinds of anchors */
    const td_anchor_level *levels; /* grid: [num_levels] */
    const uint16_t *edge_starts;   /* grid: [num_levels][per_cell][2 (x, y)], counted in pairs */
    const float *edges;            /* grid: [pairs][2 (min, max)] */
    const float *corners;          /* table: [num_anchors][4] x_min, y_min, x_max, y_max */
    const int8_t *corner_codes;    /* quantized table: [num_anchors][4], same order */
    int32_t corner_zero_point;     /* quantized table: corner = corner_scale * (code - this) */
    float corner_scale;            /* quantized table */
} td_anchors;

/* What td_find_boxes needs to know; written by the generator. */
typedef struct {
    int32_t num_anchors;
    int32_t num_classes;         /* without the background */
    int32_t anchor_bits;         /* smallest b with num_anchors <= 1 << b; and
                                    num_classes <= 1 << (24 - b), else not supported */
    int32_t max_candidates;      /* per pass, >= 1; see TD_BOXES_SCRATCH_BYTES */
    int32_t max_detections;      /* >= 1 */
    int32_t score_threshold_code; /* smallest int8 code whose score passes, or TD_NO_SCORE_PASSES */
    int32_t score_zero_point;    /* score = score_scale * (code - score_zero_point) */
    float score_scale;           /* > 0 */
    int32_t delta_zero_point;    /* delta = delta_scale * (code - delta_zero_point) */
    float delta_scale;           /* > 0 */
    float nms_iou_threshold;     /* a box with IoU > this to a kept one of its class is dropped */
    td_anchors anchors;
} td_boxes_params;

/* Find the objects of one image.
 *
 * scores:   [num_anchors][1 + num_classes], background first
 * deltas:   [num_anchors][4] dx_min, dy_min, dx_max, dy_max in units of the anchor's sides
 * scratch:  TD_BOXES_SCRATCH_BYTES(max_candidates) bytes
 * out:      [capacity]; also holds the kept boxes on the way
 * capacity: at most this many are written, the ones with the highest scores; <= 0: none
 *
 * Returns the number of detections, at most min(capacity, max_detections). Boxes without area
 * are never among them.
 */
int32_t td_find_boxes(const td_boxes_params *params, const int8_t *scores, const int8_t *deltas,
                      td_arena_u32 *scratch, td_detection *out, int32_t capacity);

/* Parts of it, for other ways to select boxes (td_ssd_boxes.h), and to move them (td_box_voting.h). */

/* Restore "a parent ranks after its children" below `parent` in a heap of `count` ranks. */
void td_sift_down(td_arena_u32 *heap, int32_t parent, int32_t count);
void td_make_heap(td_arena_u32 *ranks, int32_t count);

/* From a heap to ascending order. */
void td_sort_heap(td_arena_u32 *heap, int32_t count);

/* The first max_candidates ranks from `from` on, in order; returns how many there are. */
int32_t td_next_candidates(const td_boxes_params *params, const int8_t *scores, uint32_t from, td_arena_u32 *ranks);

/* The box of a rank, clipped to the image, its score and class; returns its area. */
float td_decode_candidate(const td_boxes_params *params, const int8_t *deltas, uint32_t rank, td_detection *box);

/* The four numbers of an anchor: x_min, y_min, x_max, y_max where they are corners. */
void td_anchor_corners(const td_anchors *anchors, int32_t anchor, float corners[4]);

/* 0 where the box is empty. */
float td_box_area(const td_detection *box);

/* Intersection over union; 0 where both boxes are empty. area_b: that of b. */
float td_box_overlap(const td_detection *a, const td_detection *b, float area_b);

#ifdef __cplusplus
}
#endif

#endif
