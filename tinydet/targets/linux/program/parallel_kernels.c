/* Steps of the network by several threads, each of which computes some rows. Rows of one step do not depend on each
 * other, but the memory plan may put an output over an input whose first rows are used up: such an input is copied
 * first. Small steps are left to one thread. */
#define TD_SERIAL_CALLS
#include "parallel_calls.h"
#include "td_fixed_point.h"
#include "threads.h"

#define SCRATCH_BYTES 65536       /* of each thread but the first */
#define LINE 64                   /* bytes of a cache line */
#define LEAST_PRODUCTS 60000      /* of a step: with fewer, handing over costs what it saves */
#define COPY_BYTES (1 << 20)      /* of an input; larger ones are left where they are */
/* What a depthwise filter or an addition costs, in products of a convolution. */
#define DEPTHWISE_PRODUCT 4
#define ADDITION 16
#define RESIZED_VALUE 16

typedef struct {
    _Alignas(LINE) const void *params; /* all in one line, which goes from thread to thread */
    const void *a, *b;
    int8_t *output;
    void *scratch;
    int32_t begin, end;
} step;

static int8_t scratches[TD_MAX_THREADS][SCRATCH_BYTES] __attribute__((aligned(64)));
static int8_t copies[2][COPY_BYTES] __attribute__((aligned(64))); /* pages that are not used take no memory */

static int are_apart(const void *a, ptrdiff_t a_bytes, const void *b, ptrdiff_t b_bytes)
{
    const int8_t *a_begin = (const int8_t *)a, *b_begin = (const int8_t *)b;
    return a_begin + a_bytes <= b_begin || b_begin + b_bytes <= a_begin;
}

typedef struct {
    const int8_t *from;
    int8_t *to;
    int32_t bytes;
} copying;

static int32_t byte_of_part(const copying *c, int part, int parts)
{
    const int32_t lines = (c->bytes + LINE - 1) / LINE * part / parts;
    return lines * LINE < c->bytes ? lines * LINE : c->bytes;
}

static void copy_part(const void *context, int part, int parts)
{
    const copying *c = (const copying *)context;
    const int32_t begin = byte_of_part(c, part, parts);
    td_copy(c->from + begin, c->to + begin, byte_of_part(c, part + 1, parts) - begin);
}

/* An input, or a copy of it, that the output does not touch; NULL: it is too large. */
static const int8_t *apart(const int8_t *input, ptrdiff_t bytes, const int8_t *output, ptrdiff_t output_bytes, int which)
{
    if (are_apart(input, bytes, output, output_bytes)) {
        return input;
    }
    if (bytes > COPY_BYTES) {
        return NULL;
    }
    const copying all = {input, copies[which], (int32_t)bytes};
    td_in_parallel(copy_part, &all);
    return copies[which];
}

static int is_large(const step *s, int64_t products_of_row)
{
    return td_threads_count() > 1 && s->end - s->begin > 1 &&
           (s->end - s->begin) * products_of_row >= LEAST_PRODUCTS;
}

static int32_t row_of_part(const step *s, int part, int parts)
{
    return s->begin + (int32_t)((int64_t)(s->end - s->begin) * part / parts);
}

static ptrdiff_t conv_scratch_bytes(const td_conv_params *p)
{
    const int is_dense = p->dilation_width == 1;
    const ptrdiff_t runs = (ptrdiff_t)p->filter_height * (is_dense ? 1 : p->filter_width);
    const ptrdiff_t length = (ptrdiff_t)p->input_channels * (is_dense ? p->filter_width : 1);
    return 16 * runs * ((length + 1) / 2) * p->groups_at_once;
}

static int conv_is_divisible(const td_conv_params *p, step *s)
{
    const int64_t window = (int64_t)p->filter_height * p->filter_width * p->input_channels;
    const ptrdiff_t input_bytes = (ptrdiff_t)p->input_ring * p->input_width * p->input_channels;
    if (!is_large(s, window * p->output_width * p->output_channels) || p->output_ring != p->output_height ||
        conv_scratch_bytes(p) > SCRATCH_BYTES) {
        return 0;
    }
    s->a = apart((const int8_t *)s->a, input_bytes, s->output, (ptrdiff_t)p->output_ring * p->output_row_bytes, 0);
    return s->a != NULL;
}

/* Without copies of the weights: a part that does not begin with row 0 would wait for those of another one. */
static td_conv_params without_copies(const void *params)
{
    td_conv_params own = *(const td_conv_params *)params;
    own.kept_weight_bytes = 0;
    return own;
}

static void conv_s8_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    const td_conv_params own = without_copies(s->params);
    td_conv_s8(&own, (const int8_t *)s->a, s->output,
               part == 0 ? s->scratch : scratches[part], row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

static void conv_u8_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    const td_conv_params own = without_copies(s->params);
    td_conv_u8(&own, (const uint8_t *)s->a, s->output,
               part == 0 ? s->scratch : scratches[part], row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

static void depthwise_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_depthwise_s8((const td_depthwise_params *)s->params, (const int8_t *)s->a, s->output,
                    row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

static void planar_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_depthwise_planar_s8((const td_depthwise_planar_params *)s->params, (const int8_t *)s->a, s->output,
                           row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

static void resize_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_resize_bilinear_s8((const td_resize_bilinear_params *)s->params, (const int8_t *)s->a, s->output,
                          row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

static void add_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_add_s8((const td_add_params *)s->params, (const int8_t *)s->a, (const int8_t *)s->b, s->output,
              row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

void td_parallel_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                         int32_t y_end)
{
    step s = {p, input, NULL, output, scratch, y_begin, y_end};
    if (conv_is_divisible(p, &s)) {
        td_in_parallel(conv_s8_part, &s);
    } else {
        conv_s8_part(&s, 0, 1);
    }
}

void td_parallel_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch,
                         int32_t y_begin, int32_t y_end)
{
    step s = {p, input, NULL, output, scratch, y_begin, y_end};
    if (conv_is_divisible(p, &s)) {
        td_in_parallel(conv_u8_part, &s);
    } else {
        conv_u8_part(&s, 0, 1);
    }
}

void td_parallel_depthwise_s8(const td_depthwise_params *p, const int8_t *input, int8_t *output, int32_t y_begin,
                              int32_t y_end)
{
    step s = {p, input, NULL, output, NULL, y_begin, y_end};
    const ptrdiff_t output_row = (ptrdiff_t)p->output_width * p->input_channels * p->depth_multiplier;
    const ptrdiff_t input_bytes = (ptrdiff_t)p->input_ring * p->input_width * p->input_channels;
    if (is_large(&s, DEPTHWISE_PRODUCT * (int64_t)p->filter_height * p->filter_width * output_row) &&
        p->output_ring == p->output_height &&
        (s.a = apart(input, input_bytes, output, p->output_ring * output_row, 0)) != NULL) {
        td_in_parallel(depthwise_part, &s);
    } else {
        td_depthwise_s8(p, input, output, y_begin, y_end);
    }
}

void td_parallel_depthwise_planar_s8(const td_depthwise_planar_params *p, const int8_t *input, int8_t *output,
                                     int32_t y_begin, int32_t y_end)
{
    step s = {p, input, NULL, output, NULL, y_begin, y_end};
    const ptrdiff_t output_row = (ptrdiff_t)p->output_width * p->channels;
    const ptrdiff_t input_bytes = (ptrdiff_t)p->input_ring * p->channels * p->channel_stride;
    if (is_large(&s, DEPTHWISE_PRODUCT * 9 * (int64_t)output_row) && p->output_ring == p->output_height &&
        (s.a = apart(input, input_bytes, output, p->output_ring * output_row, 0)) != NULL) {
        td_in_parallel(planar_part, &s);
    } else {
        td_depthwise_planar_s8(p, input, output, y_begin, y_end);
    }
}

void td_parallel_resize_bilinear_s8(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output,
                                    int32_t y_begin, int32_t y_end)
{
    step s = {p, input, NULL, output, NULL, y_begin, y_end};
    const ptrdiff_t output_row = (ptrdiff_t)p->output_width * p->channels;
    const ptrdiff_t input_bytes = (ptrdiff_t)p->input_ring * p->input_width * p->channels;
    if (is_large(&s, RESIZED_VALUE * (int64_t)output_row) && p->output_ring == p->output_height &&
        (s.a = apart(input, input_bytes, output, p->output_ring * output_row, 0)) != NULL) {
        td_in_parallel(resize_part, &s);
    } else {
        td_resize_bilinear_s8(p, input, output, y_begin, y_end);
    }
}

/* Makes an input of an addition that lies neither exactly over the output nor apart from it lie apart; 0: it cannot. */
static int make_add_safe(const td_pair_walk *walk, const void **input, int32_t row, int32_t ring, const int8_t *output,
                         int which)
{
    const ptrdiff_t bytes = (ptrdiff_t)row * walk->shape[0];
    if (row != walk->shape[1] * walk->shape[2] || ring != walk->shape[0]) {
        return 0;
    }
    if (*input != output) {
        *input = apart((const int8_t *)*input, bytes, output, bytes, which);
    }
    return *input != NULL;
}

void td_parallel_add_s8(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t y_begin,
                        int32_t y_end)
{
    const td_pair_walk *walk = &p->walk;
    step s = {p, a, b, output, NULL, y_begin, y_end};
    if (is_large(&s, ADDITION * (int64_t)walk->shape[1] * walk->shape[2]) && walk->output_ring == walk->shape[0] &&
        make_add_safe(walk, &s.a, walk->a_stride[0], walk->a_ring, output, 0) &&
        make_add_safe(walk, &s.b, walk->b_stride[0], walk->b_ring, output, 1)) {
        td_in_parallel(add_part, &s);
    } else {
        td_add_s8(p, a, b, output, y_begin, y_end);
    }
}
