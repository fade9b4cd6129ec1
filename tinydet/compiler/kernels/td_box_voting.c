#include "td_box_voting.h"

#include "td_ranks.h"

#if defined(__GNUC__) && !defined(__clang__)
/* GCC would turn the loop that clears the sums into a call of the C library. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/* Of each box: what the weights of its voters add up to, then their corners times their weights. */
#define NUM_SUMS 5

_Static_assert(TD_BOX_VOTING_SCRATCH_BYTES(0, 1) == NUM_SUMS * sizeof(float),
               "the scratch memory holds the sums of each box");

static void add_vote(td_arena_f32 *sums, const td_detection *voter) {
    const float weight = voter->score;
    sums[0] += weight;
    sums[1] += weight * voter->x_min;
    sums[2] += weight * voter->y_min;
    sums[3] += weight * voter->x_max;
    sums[4] += weight * voter->y_max;
}

/* Only where others than the box itself have voted, and where it keeps an area. Corner by corner: for whole structures
 * some compilers call the C library. */
static void move_box(td_detection *kept, const td_arena_f32 *sums) {
    td_detection moved;
    if (!(sums[0] > kept->score)) {
        return;
    }
    moved.x_min = sums[1] / sums[0];
    moved.y_min = sums[2] / sums[0];
    moved.x_max = sums[3] / sums[0];
    moved.y_max = sums[4] / sums[0];
    if (td_box_area(&moved) > 0.0f) {
        kept->x_min = moved.x_min;
        kept->y_min = moved.y_min;
        kept->x_max = moved.x_max;
        kept->y_max = moved.y_max;
    }
}

TD_SMALL void td_vote_boxes(const td_boxes_params *params, float voting_iou, const int8_t *scores,
                   const int8_t *deltas, td_arena_u32 *scratch, td_detection *found,
                   int32_t num_found) {
    const td_boxes_params *p = params;
    td_arena_f32 *sums = (td_arena_f32 *)(void *)(scratch + p->max_candidates);
    int32_t count = num_found > 0 ? p->max_candidates : 0;
    uint32_t from = 0;
    for (int32_t i = 0; i < NUM_SUMS * num_found; i++) {
        sums[i] = 0.0f;
    }
    while (count == p->max_candidates) {
        count = td_next_candidates(p, scores, from, scratch);
        for (int32_t i = 0; i < count; i++) {
            td_detection voter;
            const float area = td_decode_candidate(p, deltas, scratch[i], &voter);
            if (!(area > 0.0f)) {
                continue;
            }
            for (int32_t k = 0; k < num_found; k++) {
                if (found[k].class_id == voter.class_id &&
                    td_box_overlap(&found[k], &voter, area) >= voting_iou) {
                    add_vote(sums + NUM_SUMS * k, &voter);
                }
            }
        }
        if (count == 0 || scratch[count - 1] == UINT32_MAX) {
            break; /* nothing ranks after it */
        }
        from = scratch[count - 1] + 1;
    }
    for (int32_t k = 0; k < num_found; k++) {
        move_box(&found[k], sums + NUM_SUMS * k);
    }
}
