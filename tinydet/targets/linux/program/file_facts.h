/* What the decoder does not care for: how the camera was held, and whether the file is whole. */
#ifndef TD_FILE_FACTS_H
#define TD_FILE_FACTS_H

#include <stddef.h>
#include <stdint.h>

/* What a file's structure says. */
typedef struct {
    int orientation; /* EXIF, 1..8; 1: as stored. 5..8 swap height and width */
    int truncated;   /* a JPEG or BMP whose end is missing: the decoder would fill it with grey */
} td_file_facts;

/* Read the structure of an image file; nothing is believed, unknown formats give the defaults. */
td_file_facts td_read_file_facts(const uint8_t *content, size_t bytes);

/* Turn pixels as the orientation says.
 *
 * rgb:     [height][width][3]
 * upright: as many bytes, another memory; [width][height][3] for 5..8, else [height][width][3] */
void td_turn_upright(const uint8_t *rgb, int32_t height, int32_t width, int orientation,
                     uint8_t *upright);

#endif
