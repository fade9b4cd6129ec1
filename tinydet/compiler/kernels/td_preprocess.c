#include "td_preprocess.h"

#include "td_arena.h"
#include "td_placement.h"

#if defined(__GNUC__) && !defined(__clang__)
/* GCC would turn loops that fill or copy into calls of the C library. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#define PADDING_VALUE 128
#define CHANNELS 3

static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

/* A sum in 1/256 as a byte; negative sums are 0 whichever way a shift would round them. */
static uint8_t to_byte(int32_t sum) {
    const int32_t value = sum < 0 ? 0 : sum >> 8;
    return (uint8_t)(value > 255 ? 255 : value);
}

static void from_yuv(int32_t y, int32_t u, int32_t v, uint8_t rgb[CHANNELS]) {
    const int32_t luma = 298 * (y - 16) + 128;
    u -= 128;
    v -= 128;
    rgb[0] = to_byte(luma + 409 * v);
    rgb[1] = to_byte(luma - 100 * u - 208 * v);
    rgb[2] = to_byte(luma + 516 * u);
}

static void from_rgb565(uint32_t word, uint8_t rgb[CHANNELS]) {
    const uint32_t red = word >> 11;
    const uint32_t green = word >> 5 & 63;
    const uint32_t blue = word & 31;
    rgb[0] = (uint8_t)(red << 3 | red >> 2);
    rgb[1] = (uint8_t)(green << 2 | green >> 4);
    rgb[2] = (uint8_t)(blue << 3 | blue >> 2);
}

/* The pixel of a column as RGB. */
static void read_pixel(const uint8_t *row, td_pixel_format format, int32_t column,
                       uint8_t rgb[CHANNELS]) {
    const uint8_t *pair = row + 4 * (column >> 1); /* of two YUV pixels */
    const uint8_t *word = row + 2 * column;
    const int32_t second = 2 * (column & 1);
    switch (format) {
    case TD_RGB888:
        row += CHANNELS * column;
        rgb[0] = row[0];
        rgb[1] = row[1];
        rgb[2] = row[2];
        break;
    case TD_RGB565:
        from_rgb565((uint32_t)word[1] << 8 | word[0], rgb);
        break;
    case TD_RGB565_BE:
        from_rgb565((uint32_t)word[0] << 8 | word[1], rgb);
        break;
    case TD_YUYV:
        from_yuv(pair[second], pair[1], pair[3], rgb);
        break;
    case TD_UYVY:
        from_yuv(pair[second + 1], pair[0], pair[2], rgb);
        break;
    case TD_GRAY8:
    default:
        rgb[0] = row[column];
        rgb[1] = row[column];
        rgb[2] = row[column];
        break;
    }
}

/* Apply the colour mode to a pixel of the output. */
static void write_pixel(td_color_mode mode, uint32_t red, uint32_t green, uint32_t blue,
                        uint8_t *output) {
    if (mode == TD_COLOR_GRAYSCALE) {
        red = (77 * red + 150 * green + 29 * blue + 128) >> 8;
        green = red;
        blue = red;
    }
    output[mode == TD_COLOR_BGR ? 2 : 0] = (uint8_t)red;
    output[1] = (uint8_t)green;
    output[mode == TD_COLOR_BGR ? 0 : 2] = (uint8_t)blue;
}

/* Where output o of m lies among n source pixels, in 1/256 pixel (bilinear). */
static int32_t bilinear_position(int32_t o, int32_t n, int32_t m) {
    const int32_t position = ((2 * o + 1) * n * 128 + m / 2) / m - 128;
    return position < 0 ? 0 : smaller(position, (n - 1) * 256);
}

static uint8_t *output_pixels(const td_preprocess_state *s) {
    const int32_t row = s->placement.top + s->output_row;
    return s->output + CHANNELS * (row * s->params.width + s->placement.left);
}

/* Each of the three takes one row of the placed part, `row` counted in it, and finishes the
 * output rows that need no later one. */

static void nearest_row(td_preprocess_state *s, const uint8_t *pixels, int32_t row) {
    const td_placement *placed = &s->placement;
    const int32_t n = placed->source_height;
    const int32_t m = placed->height;
    while (s->output_row < m && (2 * s->output_row + 1) * n / (2 * m) == row) {
        uint8_t *output = output_pixels(s);
        for (int32_t o = 0; o < placed->width; o++) {
            uint8_t rgb[CHANNELS];
            const int32_t column = (2 * o + 1) * placed->source_width / (2 * placed->width);
            read_pixel(pixels, s->format, placed->source_left + column, rgb);
            write_pixel(s->params.color_mode, rgb[0], rgb[1], rgb[2], output);
            output += CHANNELS;
        }
        s->output_row++;
    }
}

/* A source row blended along x, in 1/256: at most 255 * 256. */
static void blend_columns(const td_preprocess_state *s, const uint8_t *pixels, td_arena_u16 *blended) {
    const td_placement *placed = &s->placement;
    const int32_t n = placed->source_width;
    for (int32_t o = 0; o < placed->width; o++) {
        uint8_t left[CHANNELS];
        uint8_t right[CHANNELS];
        const int32_t position = bilinear_position(o, n, placed->width);
        const int32_t column = position >> 8;
        const int32_t share = position & 255;
        read_pixel(pixels, s->format, placed->source_left + column, left);
        read_pixel(pixels, s->format, placed->source_left + smaller(column + 1, n - 1), right);
        for (int32_t c = 0; c < CHANNELS; c++) {
            *blended++ = (uint16_t)((256 - share) * left[c] + share * right[c]);
        }
    }
}

static void bilinear_row(td_preprocess_state *s, const uint8_t *pixels, int32_t row) {
    const td_placement *placed = &s->placement;
    const int32_t n = placed->source_height;
    const int32_t m = placed->height;
    td_arena_u16 *blended = (td_arena_u16 *)s->scratch; /* the last even row, then the last odd row */
    const int32_t step = CHANNELS * s->params.width;
    int32_t position = bilinear_position(s->output_row, n, m);
    if (row < position >> 8) {
        return; /* the next output row lies lower */
    }
    blend_columns(s, pixels, blended + (row & 1) * step);
    while (s->output_row < m && smaller((position >> 8) + 1, n - 1) == row) {
        const td_arena_u16 *upper = blended + (position >> 8 & 1) * step;
        const td_arena_u16 *lower = blended + (row & 1) * step;
        const uint32_t share = (uint32_t)(position & 255);
        uint8_t *output = output_pixels(s);
        for (int32_t o = 0; o < placed->width; o++) {
            uint32_t sums[CHANNELS];
            for (int32_t c = 0; c < CHANNELS; c++) {
                sums[c] = ((256 - share) * *upper++ + share * *lower++ + 32768) >> 16;
            }
            write_pixel(s->params.color_mode, sums[0], sums[1], sums[2], output);
            output += CHANNELS;
        }
        s->output_row++;
        position = bilinear_position(s->output_row, n, m);
    }
}

/* Sums of a source row under each output column, in 1 / (placed width) pixel. */
static void sum_columns(const td_preprocess_state *s, const uint8_t *pixels, td_arena_u32 *sums) {
    const td_placement *placed = &s->placement;
    uint8_t rgb[CHANNELS] = {0, 0, 0};
    int32_t column = placed->source_left;
    int32_t rest = 0; /* of the pixel read last, not summed yet */
    for (int32_t o = 0; o < placed->width; o++) {
        uint32_t red = 0;
        uint32_t green = 0;
        uint32_t blue = 0;
        for (int32_t need = placed->source_width; need > 0;) {
            if (rest == 0) {
                read_pixel(pixels, s->format, column++, rgb);
                rest = placed->width;
            }
            const uint32_t taken = (uint32_t)smaller(rest, need);
            red += taken * rgb[0];
            green += taken * rgb[1];
            blue += taken * rgb[2];
            rest -= (int32_t)taken;
            need -= (int32_t)taken;
        }
        *sums++ = red;
        *sums++ = green;
        *sums++ = blue;
    }
}

static void area_row(td_preprocess_state *s, const uint8_t *pixels, int32_t row) {
    const td_placement *placed = &s->placement;
    const uint32_t area = (uint32_t)(placed->source_height * placed->source_width);
    td_arena_u32 *totals = (td_arena_u32 *)s->scratch;
    td_arena_u32 *sums = totals + CHANNELS * s->params.width;
    int32_t rest = placed->height; /* of this row, in 1 / (placed height) row */
    int32_t need = (s->output_row + 1) * placed->source_height - row * placed->height;
    sum_columns(s, pixels, sums);
    while (rest > 0) {
        const int32_t taken = smaller(rest, need);
        /* The part of the output row that earlier rows have given. */
        const int32_t is_first = need == placed->source_height;
        for (int32_t i = 0; i < CHANNELS * placed->width; i++) {
            totals[i] = (is_first ? 0 : totals[i]) + (uint32_t)taken * sums[i];
        }
        rest -= taken;
        need -= taken;
        if (need > 0) {
            break;
        }
        uint8_t *output = output_pixels(s);
        const td_arena_u32 *total = totals;
        for (int32_t o = 0; o < placed->width; o++) {
            write_pixel(s->params.color_mode, (total[0] + area / 2) / area,
                        (total[1] + area / 2) / area, (total[2] + area / 2) / area, output);
            total += CHANNELS;
            output += CHANNELS;
        }
        s->output_row++;
        need = placed->source_height;
    }
}

int32_t td_preprocess_row(td_preprocess_state *state, const uint8_t *row) {
    td_preprocess_state *s = state;
    const int32_t in_part = s->source_row - s->placement.source_top;
    if (in_part >= 0 && s->output_row < s->placement.height) {
        switch (s->params.interpolation) {
        case TD_NEAREST:
            nearest_row(s, row, in_part);
            break;
        case TD_BILINEAR:
            bilinear_row(s, row, in_part);
            break;
        case TD_AREA:
        default:
            area_row(s, row, in_part);
            break;
        }
    }
    s->source_row++;
    return s->output_row == s->placement.height;
}

static void fill_padding(const td_preprocess_params *params, const td_placement *placed,
                         uint8_t *output) {
    for (int32_t row = 0; row < params->height; row++) {
        const int32_t beside = row >= placed->top && row < placed->top + placed->height;
        for (int32_t column = 0; column < params->width; column++) {
            if (!beside || column < placed->left || column >= placed->left + placed->width) {
                output[0] = PADDING_VALUE;
                output[1] = PADDING_VALUE;
                output[2] = PADDING_VALUE;
            }
            output += CHANNELS;
        }
    }
}

static int32_t is_side(int32_t side, int32_t limit) { return side >= 1 && side <= limit; }

static int32_t check(const td_preprocess_params *params, const td_image *source) {
    if ((uint32_t)params->interpolation > TD_AREA || (uint32_t)params->aspect_ratio > TD_PADDING ||
        (uint32_t)params->color_mode > TD_COLOR_GRAYSCALE ||
        (uint32_t)source->format > TD_GRAY8) {
        return TD_PREPROCESS_BAD_PARAMS;
    }
    if (!is_side(params->height, TD_MAX_INPUT_SIDE) || !is_side(params->width, TD_MAX_INPUT_SIDE) ||
        !is_side(source->height, TD_MAX_SOURCE_SIDE) ||
        !is_side(source->width, TD_MAX_SOURCE_SIDE)) {
        return TD_PREPROCESS_BAD_SIZE;
    }
    if ((source->format == TD_YUYV || source->format == TD_UYVY) && source->width % 2 != 0) {
        return TD_PREPROCESS_BAD_SIZE;
    }
    return TD_PREPROCESS_OK;
}

int32_t td_preprocess_begin(td_preprocess_state *state, const td_preprocess_params *params,
                            const td_image *source, void *scratch, uint8_t *output) {
    const int32_t problem = check(params, source);
    if (problem != TD_PREPROCESS_OK) {
        return problem;
    }
    td_preprocess_state *s = state;
    s->params.height = params->height;
    s->params.width = params->width;
    s->params.interpolation = params->interpolation;
    s->params.aspect_ratio = params->aspect_ratio;
    s->params.color_mode = params->color_mode;
    s->placement = td_place(source->height, source->width, params);
    s->format = source->format;
    s->source_row = 0;
    s->output_row = 0;
    s->scratch = scratch;
    s->output = output;
    if (params->interpolation == TD_AREA &&
        s->placement.source_height * s->placement.source_width > TD_MAX_AREA_PIXELS) {
        return TD_PREPROCESS_BAD_SIZE;
    }
    if (params->aspect_ratio == TD_PADDING) {
        fill_padding(params, &s->placement, output);
    }
    return TD_PREPROCESS_OK;
}

int32_t td_preprocess(const td_preprocess_params *params, const td_image *source, void *scratch,
                      uint8_t *output) {
    td_preprocess_state state;
    const int32_t problem = td_preprocess_begin(&state, params, source, scratch, output);
    if (problem != TD_PREPROCESS_OK) {
        return problem;
    }
    const uint8_t *row = source->pixels;
    while (!td_preprocess_row(&state, row)) {
        row += source->row_step_bytes;
    }
    return TD_PREPROCESS_OK;
}
