/* What the passes over the candidates of an image share: suppression (td_boxes.c) and voting
 * (td_box_voting.c). Each has its own copy, so that a detector without voting has no byte of it. */
#ifndef TD_BOX_CANDIDATES_H
#define TD_BOX_CANDIDATES_H

#include "td_boxes.h"

/* Every float operation below has its counterpart in NumPy and must be rounded like it. */
#if defined(__FAST_MATH__)
#error "selecting boxes needs IEEE arithmetic: compile it without -ffast-math"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

/* A rank is (127 - code) << 24 | class << anchor_bits | anchor: the smallest comes first. */
#define CODE_SHIFT 24
#define MAX_CODE 127

/* float32 tiny: the smallest normal number; the union of two empty boxes is set to it. */
#define SMALLEST_NORMAL 1.17549435e-38f

static float smaller(float a, float b) { return a < b ? a : b; }

static float larger(float a, float b) { return a > b ? a : b; }

static float clip(float value) { return value < 0.0f ? 0.0f : (value > 1.0f ? 1.0f : value); }

static int32_t code_of(uint32_t rank) { return MAX_CODE - (int32_t)(rank >> CODE_SHIFT); }

/* The first max_candidates ranks from `from` on, in order; returns how many there are. */
static int32_t next_candidates(const td_boxes_params *p, const int8_t *scores, uint32_t from,
                               td_arena_u32 *ranks) {
    const int32_t highest_code = code_of(from);
    int32_t lowest_code = p->score_threshold_code;
    int32_t count = 0;
    for (int32_t anchor = 0; anchor < p->num_anchors; anchor++) {
        scores++; /* background */
        for (int32_t class_id = 0; class_id < p->num_classes; class_id++) {
            const int32_t code = *scores++;
            if (code < lowest_code || code > highest_code) {
                continue;
            }
            const uint32_t rank = (uint32_t)(MAX_CODE - code) << CODE_SHIFT |
                                  (uint32_t)class_id << p->anchor_bits | (uint32_t)anchor;
            if (rank < from) {
                continue;
            }
            if (count < p->max_candidates) {
                ranks[count++] = rank;
                if (count < p->max_candidates) {
                    continue;
                }
                td_make_heap(ranks, count);
            } else if (rank < ranks[0]) {
                ranks[0] = rank;
                td_sift_down(ranks, 0, count);
            }
            lowest_code = code_of(ranks[0]); /* whatever has less is not among the first */
        }
    }
    if (count < p->max_candidates) {
        td_make_heap(ranks, count);
    }
    td_sort_heap(ranks, count);
    return count;
}

/* Decode and clip the box of an anchor. */
static void decode_box(const td_boxes_params *p, const int8_t *deltas, int32_t anchor,
                       td_detection *box) {
    float corners[4];
    float sides[2];
    td_anchor_corners(&p->anchors, anchor, corners);
    sides[0] = corners[2] - corners[0];
    sides[1] = corners[3] - corners[1];
    deltas += 4 * anchor;
    for (int32_t i = 0; i < 4; i++) {
        const float delta = (float)(deltas[i] - p->delta_zero_point) * p->delta_scale;
        const float moved = delta * sides[i & 1];
        corners[i] = clip(corners[i] + moved);
    }
    box->x_min = corners[0];
    box->y_min = corners[1];
    box->x_max = corners[2];
    box->y_max = corners[3];
}

static float area_of(const td_detection *box) {
    const float width = larger(box->x_max - box->x_min, 0.0f);
    const float height = larger(box->y_max - box->y_min, 0.0f);
    return width * height;
}

static float overlap_of(const td_detection *a, const td_detection *b, float area_b) {
    const float width = larger(smaller(a->x_max, b->x_max) - larger(a->x_min, b->x_min), 0.0f);
    const float height = larger(smaller(a->y_max, b->y_max) - larger(a->y_min, b->y_min), 0.0f);
    const float shared = width * height;
    const float both = area_of(a) + area_b;
    return shared / larger(both - shared, SMALLEST_NORMAL);
}

#endif
