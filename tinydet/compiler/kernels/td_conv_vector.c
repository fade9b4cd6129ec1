/* CONV_2D for vectors of sixteen values: gathers what four output pixels see, then computes all their channels. */
#include "td_conv_vector_mve.h"

TD_INLINE void vector_rows(const td_conv_vector_params *p, const uint8_t *input, uint8_t flip, int8_t *output,
                           int8_t *gathered, int32_t y_begin, int32_t y_end) {
    vector_pixels pixels = {y_begin, 0, PIXELS};
#ifdef TD_MVE
    if (vector_is_for_mve(p)) {
        vector_rows_mve(p, input, flip, output, gathered, y_begin, y_end);
        return;
    }
#endif
    for (int32_t left = (y_end - y_begin) * p->output_width; left > 0; left -= PIXELS) {
        pixels.count = left < PIXELS ? left : PIXELS;
        vector_gather(p, input, &pixels, flip, gathered);
        /* All that these pixels see has been read: from here on, its rows may be written to. */
        const vector_places places = vector_place_output(p, output, &pixels);
        vector_block(p, gathered, &places);
        pixels.x += pixels.count;
        pixels = vector_pixel(p, &pixels, 0);
    }
}

void td_conv_vector_s8(const td_conv_vector_params *p, const int8_t *input, int8_t *output, void *scratch,
                       int32_t y_begin, int32_t y_end) {
    vector_rows(p, (const uint8_t *)input, 0, output, (int8_t *)scratch, y_begin, y_end);
}

void td_conv_vector_u8(const td_conv_vector_params *p, const uint8_t *input, int8_t *output, void *scratch,
                       int32_t y_begin, int32_t y_end) {
    vector_rows(p, input, 0x80, output, (int8_t *)scratch, y_begin, y_end);
}
