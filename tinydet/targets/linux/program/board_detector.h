/* The model with the memory that it needs, and what it finds as one JSON line. */
#ifndef TD_DETECTOR_H
#define TD_DETECTOR_H

#include <stdint.h>
#include <stdio.h>

#include "kernel_sets.h"

typedef struct {
    const td_kernel_set *kernels;
    void *arena;
    td_detection *found; /* [max detections] */
} td_detector;

/* What stands in a line beside the detections. */
typedef struct {
    const char *file;      /* path or camera device */
    int64_t frame;         /* number of the frame of a camera; < 0: not one of several */
    double decode_ms;      /* reading the pixels; < 0: none were decoded */
    int64_t pixels_crc32;  /* of the RGB pixels; < 0: not asked for */
} td_origin;

/* Milliseconds of a clock that only moves forward. */
double td_clock_ms(void);

/* Allocate, for the kernels that detector->kernels names. Returns 0, or -1 when there is no memory. */
int td_detector_open(td_detector *detector);
void td_detector_close(td_detector *detector);

/* Scale an image to the network, run it, find the boxes; print all as one JSON line.
 *
 * Keys: file, frame, width, height, detections [{class_id, class_name, score, box [x_min, y_min,
 * x_max, y_max], fractions of the image}], ms (scaling, network and boxes), decode_ms,
 * pixels_crc32; the last two only where they are known. Numbers have 9 digits, which name a
 * float exactly.
 *
 * Returns 0, or -1 when the image cannot be scaled; then the line has the key error. */
int td_detector_report(td_detector *detector, const td_image *image, const td_origin *origin);

/* Print a JSON line that says why there is no result for a file. */
void td_report_error(const char *file, const char *error);

/* Print text as a JSON string, quotes included. */
void td_print_json_string(const char *text);

#endif
