#include "file_facts.h"

#include <string.h>

#define ORIENTATION_TAG 0x0112
#define SHORT_TYPE 3
#define TIFF_HEADER_BYTES 8
#define IFD_ENTRY_BYTES 12
#define PNG_SIGNATURE_BYTES 8
#define PNG_CHUNK_BYTES 12 /* length, type, CRC */
#define BMP_HEADER_BYTES 34 /* up to the kind of compression */
#define BMP_BIT_FIELDS 3    /* not compressed either */
#define MAX_SIDE (1u << 20) /* beyond it, the decoder refuses */

/* JPEG markers, behind the byte 0xff */
enum { START_OF_IMAGE = 0xd8, END_OF_IMAGE = 0xd9, START_OF_SCAN = 0xda, APP1 = 0xe1 };

static uint32_t big_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static uint32_t little_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static uint32_t tiff_number(const uint8_t *bytes, int count, int is_big)
{
    return is_big ? big_endian(bytes, count) : little_endian(bytes, count);
}

/* The orientation in a TIFF structure, or 1. */
static int tiff_orientation(const uint8_t *tiff, size_t bytes)
{
    if (bytes < TIFF_HEADER_BYTES || (memcmp(tiff, "II*\0", 4) && memcmp(tiff, "MM\0*", 4))) {
        return 1;
    }
    const int is_big = tiff[0] == 'M';
    const size_t directory = tiff_number(tiff + 4, 4, is_big);
    if (directory > bytes - 2) {
        return 1;
    }
    const uint32_t entries = tiff_number(tiff + directory, 2, is_big);
    for (uint32_t i = 0; i < entries; i++) {
        const size_t at = directory + 2 + (size_t)i * IFD_ENTRY_BYTES;
        if (at > bytes || bytes - at < IFD_ENTRY_BYTES) {
            return 1;
        }
        if (tiff_number(tiff + at, 2, is_big) == ORIENTATION_TAG &&
            tiff_number(tiff + at + 2, 2, is_big) == SHORT_TYPE) {
            const uint32_t value = tiff_number(tiff + at + 8, 2, is_big);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

/* Whether the end marker comes behind the first scan; it cannot occur inside of one. */
static int has_end(const uint8_t *content, size_t at, size_t bytes)
{
    for (; at + 1 < bytes; at++) {
        if (content[at] == 0xff && content[at + 1] == END_OF_IMAGE) {
            return 1;
        }
    }
    return 0;
}

static td_file_facts jpeg_facts(const uint8_t *content, size_t bytes)
{
    td_file_facts facts = {1, 1};
    size_t at = 2;
    while (at + 4 <= bytes && content[at] == 0xff) {
        const uint8_t marker = content[at + 1];
        if (marker == 0xff) { /* fill byte */
            at++;
            continue;
        }
        const size_t length = big_endian(content + at + 2, 2);
        const uint8_t *segment = content + at + 4;
        if (marker == START_OF_SCAN) {
            facts.truncated = !has_end(content, at, bytes);
            break;
        }
        if (length < 2 || length > bytes - at - 2) {
            break;
        }
        if (marker == APP1 && length >= 8 && memcmp(segment, "Exif\0", 5) == 0) {
            facts.orientation = tiff_orientation(segment + 6, length - 8);
        }
        at += 2 + length;
    }
    return facts;
}

static td_file_facts png_facts(const uint8_t *content, size_t bytes)
{
    td_file_facts facts = {1, 0};
    size_t at = PNG_SIGNATURE_BYTES;
    while (at + PNG_CHUNK_BYTES <= bytes) {
        const size_t length = big_endian(content + at, 4);
        if (length > bytes - at - PNG_CHUNK_BYTES) {
            break;
        }
        if (memcmp(content + at + 4, "eXIf", 4) == 0) {
            facts.orientation = tiff_orientation(content + at + 8, length);
        }
        at += PNG_CHUNK_BYTES + length;
    }
    return facts;
}

/* Whether all rows of an uncompressed BMP are there. */
static td_file_facts bmp_facts(const uint8_t *content, size_t bytes)
{
    td_file_facts facts = {1, 0};
    const uint64_t offset = little_endian(content + 10, 4);
    const uint64_t width = little_endian(content + 18, 4);
    const int32_t height = (int32_t)little_endian(content + 22, 4); /* < 0: from the top */
    const uint64_t rows = (uint64_t)(height < 0 ? -(int64_t)height : height);
    const uint64_t bits = little_endian(content + 28, 2);
    const uint32_t compression = little_endian(content + 30, 4);
    const uint64_t row_bytes = (width * bits + 31) / 32 * 4;
    if ((compression == 0 || compression == BMP_BIT_FIELDS) && rows < MAX_SIDE &&
        width < MAX_SIDE) {
        facts.truncated = bytes < offset + rows * row_bytes;
    }
    return facts;
}

td_file_facts td_read_file_facts(const uint8_t *content, size_t bytes)
{
    const td_file_facts unknown = {1, 0};
    if (bytes >= 4 && content[0] == 0xff && content[1] == START_OF_IMAGE) {
        return jpeg_facts(content, bytes);
    }
    if (bytes >= PNG_SIGNATURE_BYTES && memcmp(content, "\x89PNG\r\n\x1a\n", 8) == 0) {
        return png_facts(content, bytes);
    }
    if (bytes >= BMP_HEADER_BYTES && memcmp(content, "BM", 2) == 0) {
        return bmp_facts(content, bytes);
    }
    return unknown;
}

void td_turn_upright(const uint8_t *rgb, int32_t height, int32_t width, int orientation,
                     uint8_t *upright)
{
    const int swaps = orientation >= 5;
    const int32_t rows = swaps ? width : height, columns = swaps ? height : width;
    /* Orientations by where the first stored row and column lie in the upright image: row at the
     * top (1, 2), bottom (3, 4), left (5, 8), right (6, 7); column left (1, 4), right (2, 3),
     * top (5, 6), bottom (7, 8). */
    const int row_flips = orientation == 3 || orientation == 4 || orientation == 6 ||
                          orientation == 7;
    const int column_flips = orientation == 2 || orientation == 3 || orientation == 7 ||
                             orientation == 8;
    for (int32_t y = 0; y < rows; y++) {
        for (int32_t x = 0; x < columns; x++) {
            const int32_t row = swaps ? x : y, column = swaps ? y : x;
            const int32_t from_row = row_flips ? height - 1 - row : row;
            const int32_t from_column = column_flips ? width - 1 - column : column;
            const uint8_t *from = rgb + ((size_t)from_row * (size_t)width + (size_t)from_column) * 3;
            uint8_t *to = upright + ((size_t)y * (size_t)columns + (size_t)x) * 3;
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
        }
    }
}
