/* A V4L2 camera: its newest frame, in a format that the model's preprocessing reads. */
#ifndef TD_CAMERA_H
#define TD_CAMERA_H

#include "board_detector.h"

/* Detect on the frames of a camera until it fails or enough are done.
 *
 * device:     as "/dev/video0"
 * height:     wanted, pixels; the driver may choose a size near it
 * width:      likewise
 * max_frames: < 0: no limit
 *
 * Returns 0, or -1 after a message on stderr. */
int td_report_camera(td_detector *detector, const char *device, int32_t height, int32_t width,
                     int64_t max_frames);

#endif
