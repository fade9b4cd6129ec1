#include "td_box_candidates.h"

/* Programs around the generated C read detections by these offsets. */
_Static_assert(sizeof(td_detection) == 24, "a detection is six words of four bytes");

void td_sift_down(td_arena_u32 *heap, int32_t parent, int32_t count) {
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

void td_make_heap(td_arena_u32 *ranks, int32_t count) {
    for (int32_t parent = count / 2 - 1; parent >= 0; parent--) {
        td_sift_down(ranks, parent, count);
    }
}

void td_sort_heap(td_arena_u32 *heap, int32_t count) {
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

void td_anchor_corners(const td_anchors *anchors, int32_t anchor, float corners[4]) {
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

float td_box_overlap(const td_detection *a, const td_detection *b) {
    return overlap_of(a, b, area_of(b));
}

/* Whether a candidate has an area and no kept box of its class overlaps it too much. */
static int32_t survives(const td_detection *candidate, const td_detection *kept, int32_t num_kept,
                        float iou_threshold) {
    const float area = area_of(candidate);
    if (!(area > 0.0f)) {
        return 0;
    }
    for (int32_t i = 0; i < num_kept; i++) {
        if (kept[i].class_id == candidate->class_id &&
            overlap_of(&kept[i], candidate, area) > iou_threshold) {
            return 0;
        }
    }
    return 1;
}

int32_t td_find_boxes(const td_boxes_params *params, const int8_t *scores, const int8_t *deltas,
                      td_arena_u32 *scratch, td_detection *out, int32_t capacity) {
    const td_boxes_params *p = params;
    const int32_t limit = capacity < p->max_detections ? capacity : p->max_detections;
    const uint32_t anchor_mask = ((uint32_t)1 << p->anchor_bits) - 1;
    const uint32_t place_mask = ((uint32_t)1 << CODE_SHIFT) - 1;
    int32_t num_kept = 0;
    int32_t count = p->max_candidates;
    uint32_t from = 0;
    while (num_kept < limit && count == p->max_candidates) {
        count = next_candidates(p, scores, from, scratch);
        for (int32_t i = 0; i < count && num_kept < limit; i++) {
            /* Written where it goes if it stays. */
            td_detection *candidate = &out[num_kept];
            decode_box(p, deltas, (int32_t)(scratch[i] & anchor_mask), candidate);
            candidate->score =
                (float)(code_of(scratch[i]) - p->score_zero_point) * p->score_scale;
            candidate->class_id = (int32_t)((scratch[i] & place_mask) >> p->anchor_bits);
            num_kept += survives(candidate, out, num_kept, p->nms_iou_threshold);
        }
        if (count > 0 && scratch[count - 1] == UINT32_MAX) {
            break; /* nothing ranks after it */
        }
        from = count > 0 ? scratch[count - 1] + 1 : from;
    }
    return num_kept;
}
