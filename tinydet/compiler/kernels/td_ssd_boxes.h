/* From int8 scores and SSD box codes to detections, as TFLite_Detection_PostProcess finds them.
 *
 * Gives exactly what tinydet/inference/post_processing.py gives on the dequantized values, with its
 * boxes clipped to 0..1 in the end: the same boxes and scores, bit for bit, in the same order. What
 * td_boxes.h says of arithmetic, ranks, passes and memory holds here as well.
 *
 * Box code (y, x, h, w): the centre lies at anchor + code * side, a side is side * exp(code); both
 * depend on 256 codes, so the generator has computed them, and the device has no exponential.
 */
#ifndef TD_SSD_BOXES_H
#define TD_SSD_BOXES_H

#include <stdint.h>

#include "td_boxes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What td_find_ssd_boxes needs to know; written by the generator. */
typedef struct {
    int32_t num_anchors;
    int32_t num_classes;          /* without the background */
    int32_t background;           /* scores of an anchor before that of the first class: 0 or 1 */
    int32_t anchor_bits;          /* as in td_boxes_params */
    int32_t max_candidates;       /* per pass, >= 1; see TD_BOXES_SCRATCH_BYTES */
    int32_t max_detections;       /* >= 1 */
    int32_t max_per_class;        /* most boxes of a class, each class suppressed by itself; 0: a
                                     box has its best class only, and suppresses those of all */
    int32_t score_threshold_code; /* smallest int8 code whose score passes, or TD_NO_SCORE_PASSES */
    int32_t score_zero_point;     /* score = score_scale * (code - score_zero_point) */
    float score_scale;            /* > 0 */
    float nms_iou_threshold;      /* a box with IoU > this to a kept one is dropped */
    const float *shifts;     /* [2 (y, x)][256 (code + 128)]: of the centre, in anchor's sides */
    const float *half_sides; /* [2 (h, w)][256 (code + 128)]: in anchor's sides */
    td_anchors anchors;      /* centre x, centre y, width, height in place of the corners */
} td_ssd_params;

/* Find the objects of one image.
 *
 * scores:   [num_anchors][background + num_classes]
 * codes:    [num_anchors][4] y, x, h, w
 * scratch:  TD_BOXES_SCRATCH_BYTES(max_candidates) bytes
 * out:      [capacity]; also holds the kept boxes on the way
 * capacity: at most this many are written, the ones with the highest scores; <= 0: none
 *
 * Returns the number of detections, at most min(capacity, max_detections). Boxes without area in
 * the image are never among them.
 */
int32_t td_find_ssd_boxes(const td_ssd_params *params, const int8_t *scores, const int8_t *codes,
                          td_arena_u32 *scratch, td_detection *out, int32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
