/* Image files on the board: from names or bytes to JSON lines. */
#ifndef TD_IMAGE_FILE_H
#define TD_IMAGE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "board_detector.h"

/* An image as people see it. */
typedef struct {
    uint8_t *rgb; /* [height][width][3]; from malloc */
    int32_t height, width;
} td_pixels;

/* Decode a JPEG, PNG, BMP or PNM file: EXIF rotation applied, gray and palettes made RGB, alpha
 * dropped, the upper 8 of 16 bits kept.
 *
 * Returns NULL and the pixels, which the caller frees, or what is wrong. */
const char *td_decode_image(const uint8_t *content, size_t bytes, td_pixels *pixels);

/* Read a whole file. Returns NULL and its content, which the caller frees, or what is wrong. */
const char *td_read_file(const char *path, uint8_t **content, size_t *bytes);

/* Detect on one file or, in order of their names, on all image files of a folder (not of those
 * below it). Returns how many could not be used; each has a line that says why. */
int td_report_path(td_detector *detector, const char *path, int with_checksum);

/* Detect on images that come in one stream: for each a line `<bytes of name> <bytes of
 * content>`, then name and content. Returns as td_report_path; -1 if the stream is no such. */
int td_report_stream(td_detector *detector, FILE *stream, int with_checksum);

#endif
