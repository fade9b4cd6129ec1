/* Where an image lies in the network input, and its boxes back from there. */
#ifndef TD_PLACEMENT_H
#define TD_PLACEMENT_H

#include <stdint.h>

#include "td_boxes.h"
#include "td_preprocess.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where an image goes in the network input: tinydet/data/preprocess.py (place). Sides as in the
 * limits of td_preprocess.h. */
td_placement td_place(int32_t source_height, int32_t source_width,
                      const td_preprocess_params *params);

/* Turn boxes in fractions of the network input into fractions of the image it was made from,
 * clipped to it; boxes that lie in the padding alone are dropped. Returns how many are left, in
 * the same order. Nothing changes with TD_FIT.
 *
 * This is boxes_to_image of tinydet/data/preprocess.py in float32 instead of float64: the two
 * differ by rounding, less than 1/1000 of an input pixel plus 1/1000000 of the image.
 */
int32_t td_boxes_to_image(const td_preprocess_params *params, int32_t source_height,
                          int32_t source_width, td_detection *detections, int32_t count);

#ifdef __cplusplus
}
#endif

#endif
