/* Box voting: every box that suppression kept becomes the mean of the candidates that agree with it.
 *
 * Dozens of anchors see one object, and the one with the highest score is not the best placed. After
 * td_find_boxes each box becomes the mean, weighted by score, of all candidates of its class whose
 * IoU with it is at least `voting_iou`, itself included (Gidaris and Komodakis, 2015, "Object
 * detection via a multi-region and semantic segmentation-aware CNN model", section 3.4). Scores,
 * classes and order stay; a box for which no other candidate votes stays as it is, bit for bit.
 *
 * Gives exactly what tinydet/boxes.py (vote_boxes) gives: candidates are summed in the order of
 * their ranks, in float32, under the conditions that td_boxes.h names.
 *
 * Method. The candidates are collected again, max_candidates at a time, and added to the sums of the
 * boxes that they vote for; the boxes move when all are counted.
 *
 * Memory: TD_BOX_VOTING_SCRATCH_BYTES of the arena while it runs.
 */
#ifndef TD_BOX_VOTING_H
#define TD_BOX_VOTING_H

#include "td_boxes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch for td_vote_boxes, in bytes; must be aligned to 4. */
#define TD_BOX_VOTING_SCRATCH_BYTES(max_candidates, num_found) \
    (TD_BOXES_SCRATCH_BYTES(max_candidates) + 20 * (num_found))

/* Move the boxes of one image.
 *
 * params, scores, deltas: as td_find_boxes had them
 * voting_iou: in (0, 1]
 * scratch:    TD_BOX_VOTING_SCRATCH_BYTES(max_candidates, num_found) bytes
 * found:      [num_found], what td_find_boxes gave
 */
void td_vote_boxes(const td_boxes_params *params, float voting_iou, const int8_t *scores,
                   const int8_t *deltas, td_arena_u32 *scratch, td_detection *found,
                   int32_t num_found);

#ifdef __cplusplus
}
#endif

#endif
