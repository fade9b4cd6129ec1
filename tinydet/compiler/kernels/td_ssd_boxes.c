#include "td_ssd_boxes.h"

#include "td_ranks.h"

#define NUM_CODES 256

/* The class with the highest score, the first of equal ones. */
static int32_t best_class(const int8_t *scores, int32_t num_classes) {
    int32_t best = 0;
    for (int32_t class_id = 1; class_id < num_classes; class_id++) {
        best = scores[class_id] > scores[best] ? class_id : best;
    }
    return best;
}

/* The first max_candidates ranks from `from` on, in order; returns how many there are. Where a box
 * has its best class only, the class in its rank is 0. */
static int32_t next_candidates(const td_ssd_params *p, const int8_t *scores, uint32_t from,
                               td_arena_u32 *ranks) {
    const int32_t highest_code = code_of(from);
    const int32_t ranked_classes = p->max_per_class ? p->num_classes : 1;
    int32_t lowest_code = p->score_threshold_code;
    int32_t count = 0;
    for (int32_t anchor = 0; anchor < p->num_anchors; anchor++) {
        scores += p->background;
        for (int32_t class_id = 0; class_id < ranked_classes; class_id++) {
            const int32_t code =
                scores[p->max_per_class ? class_id : best_class(scores, p->num_classes)];
            if (code < lowest_code || code > highest_code) {
                continue;
            }
            const uint32_t rank = rank_of(code, class_id, p->anchor_bits, anchor);
            if (rank >= from) {
                count = keep_rank(ranks, count, p->max_candidates, rank, &lowest_code);
            }
        }
        scores += p->num_classes;
    }
    order_ranks(ranks, count, p->max_candidates);
    return count;
}

static void decode_box(const td_ssd_params *p, const int8_t *codes, int32_t anchor,
                       td_detection *box) {
    float placed[4]; /* centre x, centre y, width, height */
    float low[2];
    float high[2];
    td_anchor_corners(&p->anchors, anchor, placed);
    codes += 4 * anchor;
    for (int32_t axis = 0; axis < 2; axis++) { /* x, y; in tables and codes y is first */
        const float *shifts = p->shifts + (1 - axis) * NUM_CODES + 128;
        const float *halves = p->half_sides + (1 - axis) * NUM_CODES + 128;
        const float moved = shifts[codes[1 - axis]] * placed[2 + axis];
        const float centre = moved + placed[axis];
        const float half = halves[codes[3 - axis]] * placed[2 + axis];
        low[axis] = centre - half;
        high[axis] = centre + half;
    }
    box->x_min = low[0];
    box->y_min = low[1];
    box->x_max = high[0];
    box->y_max = high[1];
}

/* Whether no kept box overlaps a candidate too much, and its class is not full. */
static int32_t survives(const td_ssd_params *p, const td_detection *candidate,
                        const td_detection *kept, int32_t num_kept) {
    const float area = td_box_area(candidate);
    int32_t of_class = 0;
    for (int32_t i = 0; i < num_kept; i++) {
        const int32_t same = kept[i].class_id == candidate->class_id;
        if ((same || !p->max_per_class) &&
            td_box_overlap(&kept[i], candidate, area) > p->nms_iou_threshold) {
            return 0;
        }
        of_class += same;
    }
    return !p->max_per_class || of_class < p->max_per_class;
}

/* Clip to the image; what has no area there goes. Returns how many are left. */
static int32_t clipped(td_detection *boxes, int32_t count) {
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        td_detection box = boxes[i];
        box.x_min = clip(box.x_min);
        box.y_min = clip(box.y_min);
        box.x_max = clip(box.x_max);
        box.y_max = clip(box.y_max);
        if ((box.x_max - box.x_min) * (box.y_max - box.y_min) > 0.0f) {
            boxes[kept++] = box;
        }
    }
    return kept;
}

TD_SMALL int32_t td_find_ssd_boxes(const td_ssd_params *params, const int8_t *scores, const int8_t *codes,
                          td_arena_u32 *scratch, td_detection *out, int32_t capacity) {
    const td_ssd_params *p = params;
    const int32_t limit = capacity < p->max_detections ? capacity : p->max_detections;
    const uint32_t anchor_mask = ((uint32_t)1 << p->anchor_bits) - 1;
    const uint32_t place_mask = ((uint32_t)1 << CODE_SHIFT) - 1;
    const int32_t columns = p->background + p->num_classes;
    int32_t num_kept = 0;
    int32_t count = p->max_candidates;
    uint32_t from = 0;
    while (num_kept < limit && count == p->max_candidates) {
        count = next_candidates(p, scores, from, scratch);
        for (int32_t i = 0; i < count && num_kept < limit; i++) {
            td_detection *candidate = &out[num_kept]; /* written where it goes if it stays */
            const int32_t anchor = (int32_t)(scratch[i] & anchor_mask);
            decode_box(p, codes, anchor, candidate);
            candidate->score =
                (float)(code_of(scratch[i]) - p->score_zero_point) * p->score_scale;
            candidate->class_id =
                p->max_per_class
                    ? (int32_t)((scratch[i] & place_mask) >> p->anchor_bits)
                    : best_class(scores + columns * anchor + p->background, p->num_classes);
            num_kept += survives(p, candidate, out, num_kept);
        }
        if (count > 0 && scratch[count - 1] == UINT32_MAX) {
            break; /* nothing ranks after it */
        }
        from = count > 0 ? scratch[count - 1] + 1 : from;
    }
    return clipped(out, num_kept);
}
