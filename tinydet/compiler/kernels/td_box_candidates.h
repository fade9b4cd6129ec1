/* What the passes over the candidates of an image share: suppression (td_boxes.c) and voting
 * (td_box_voting.c). Each has its own copy, so that a detector without voting has no byte of it. */
#ifndef TD_BOX_CANDIDATES_H
#define TD_BOX_CANDIDATES_H

#include "td_ranks.h"

/* float32 tiny: the smallest normal number; the union of two empty boxes is set to it. */
#define SMALLEST_NORMAL 1.17549435e-38f

static float smaller(float a, float b) { return a < b ? a : b; }

static float larger(float a, float b) { return a > b ? a : b; }

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
            const uint32_t rank = rank_of(code, class_id, p->anchor_bits, anchor);
            if (rank >= from) {
                count = keep_rank(ranks, count, p->max_candidates, rank, &lowest_code);
            }
        }
    }
    order_ranks(ranks, count, p->max_candidates);
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
