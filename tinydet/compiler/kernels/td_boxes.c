#include "td_ranks.h"

/* float32 tiny: the smallest normal number; the union of two empty boxes is set to it. */
#define SMALLEST_NORMAL 1.17549435e-38f

/* Programs around the generated C read detections by these offsets. */
_Static_assert(sizeof(td_detection) == 24, "a detection is six words of four bytes");

TD_SMALL void td_sift_down(td_arena_u32 *heap, int32_t parent, int32_t count) {
    const uint32_t rank = heap[parent];
    for (;;) {
        int32_t child = 2 * parent + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && heap[child + 1] > heap[child]) {
            child++;
        }
        if (heap[child] <= rank) {
            break;
        }
        heap[parent] = heap[child];
        parent = child;
    }
    heap[parent] = rank;
}

TD_SMALL void td_make_heap(td_arena_u32 *ranks, int32_t count) {
    for (int32_t parent = count / 2 - 1; parent >= 0; parent--) {
        td_sift_down(ranks, parent, count);
    }
}

TD_SMALL void td_sort_heap(td_arena_u32 *heap, int32_t count) {
    for (int32_t last = count - 1; last > 0; last--) {
        const uint32_t rank = heap[last];
        heap[last] = heap[0];
        heap[0] = rank;
        td_sift_down(heap, 0, last);
    }
}

/* The corners of an anchor of a grid: x_min, y_min, x_max, y_max. */
static void grid_anchor(const td_anchors *grid, int32_t anchor, float corners[4]) {
    const uint16_t *starts = grid->edge_starts;
    const td_anchor_level *level = grid->levels;
    int32_t in_level = level->rows * level->columns * grid->per_cell;
    while (anchor >= in_level) {
        anchor -= in_level;
        level++;
        starts += 2 * grid->per_cell;
        in_level = level->rows * level->columns * grid->per_cell;
    }
    const int32_t cell = anchor / grid->per_cell;
    const int32_t kind = anchor - cell * grid->per_cell;
    const int32_t row = cell / level->columns;
    const int32_t column = cell - row * level->columns;
    const float *x_edges = grid->edges + 2 * (starts[2 * kind] + column);
    const float *y_edges = grid->edges + 2 * (starts[2 * kind + 1] + row);
    corners[0] = x_edges[0];
    corners[1] = y_edges[0];
    corners[2] = x_edges[1];
    corners[3] = y_edges[1];
}

TD_SMALL void td_anchor_corners(const td_anchors *anchors, int32_t anchor, float corners[4]) {
    if (anchors->edges) {
        grid_anchor(anchors, anchor, corners);
        return;
    }
    for (int32_t i = 0; i < 4; i++) {
        if (anchors->corners) {
            corners[i] = anchors->corners[4 * anchor + i];
        } else {
            const int32_t code = anchors->corner_codes[4 * anchor + i];
            corners[i] = (float)(code - anchors->corner_zero_point) * anchors->corner_scale;
        }
    }
}

TD_SMALL int32_t td_next_candidates(const td_boxes_params *p, const int8_t *scores, uint32_t from,
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

static float smaller(float a, float b) { return a < b ? a : b; }

static float larger(float a, float b) { return a > b ? a : b; }

TD_SMALL float td_box_area(const td_detection *box) {
    const float width = larger(box->x_max - box->x_min, 0.0f);
    const float height = larger(box->y_max - box->y_min, 0.0f);
    return width * height;
}

TD_SMALL float td_decode_candidate(const td_boxes_params *p, const int8_t *deltas, uint32_t rank,
                                      td_detection *box) {
    const uint32_t place = rank & (((uint32_t)1 << CODE_SHIFT) - 1);
    const int32_t anchor = (int32_t)(place & (((uint32_t)1 << p->anchor_bits) - 1));
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
    box->score = (float)(code_of(rank) - p->score_zero_point) * p->score_scale;
    box->class_id = (int32_t)(place >> p->anchor_bits);
    return td_box_area(box);
}

TD_SMALL float td_box_overlap(const td_detection *a, const td_detection *b, float area_b) {
    const float width = larger(smaller(a->x_max, b->x_max) - larger(a->x_min, b->x_min), 0.0f);
    const float height = larger(smaller(a->y_max, b->y_max) - larger(a->y_min, b->y_min), 0.0f);
    const float shared = width * height;
    const float both = td_box_area(a) + area_b;
    return shared / larger(both - shared, SMALLEST_NORMAL);
}

/* Whether a candidate has an area and no kept box of its class overlaps it too much. */
static int32_t survives(const td_detection *candidate, float area, const td_detection *kept, int32_t num_kept,
                        float iou_threshold) {
    if (!(area > 0.0f)) {
        return 0;
    }
    for (int32_t i = 0; i < num_kept; i++) {
        if (kept[i].class_id == candidate->class_id && td_box_overlap(&kept[i], candidate, area) > iou_threshold) {
            return 0;
        }
    }
    return 1;
}

TD_SMALL int32_t td_find_boxes(const td_boxes_params *params, const int8_t *scores, const int8_t *deltas,
                      td_arena_u32 *scratch, td_detection *out, int32_t capacity) {
    const td_boxes_params *p = params;
    const int32_t limit = capacity < p->max_detections ? capacity : p->max_detections;
    int32_t num_kept = 0;
    int32_t count = p->max_candidates;
    uint32_t from = 0;
    while (num_kept < limit && count == p->max_candidates) {
        count = td_next_candidates(p, scores, from, scratch);
        for (int32_t i = 0; i < count && num_kept < limit; i++) {
            /* Written where it goes if it stays. */
            td_detection *candidate = &out[num_kept];
            const float area = td_decode_candidate(p, deltas, scratch[i], candidate);
            num_kept += survives(candidate, area, out, num_kept, p->nms_iou_threshold);
        }
        if (count > 0 && scratch[count - 1] == UINT32_MAX) {
            break; /* nothing ranks after it */
        }
        from = count > 0 ? scratch[count - 1] + 1 : from;
    }
    return num_kept;
}
