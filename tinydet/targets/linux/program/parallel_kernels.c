/* Steps of the network by several threads, each of which computes some rows. Rows of one step do not depend on each
 * other, but the memory plan may put an output over an input whose first rows are used up: such an input is copied
 * first. Small steps are left to one thread. */
#define TD_SERIAL_CALLS
#include "parallel_calls.h"
#include "td_fixed_point.h"
#include "threads.h"

#define SCRATCH_BYTES 65536       /* of each thread but the first */
#define LEAST_PRODUCTS 30000      /* of a step; less is done before others have begun */
#define COPY_BYTES (1 << 20)      /* of an input; larger ones are left where they are */
/* What a depthwise filter or an addition costs, in products of a convolution. */
#define DEPTHWISE_PRODUCT 4
#define ADDITION 16

typedef struct {
    const void *params;
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

/* An input, or a copy of it, that the output does not touch; NULL: it is too large. */
static const int8_t *apart(const int8_t *input, ptrdiff_t bytes, const int8_t *output, ptrdiff_t output_bytes, int which)
{
    if (are_apart(input, bytes, output, output_bytes)) {
        return input;
    }
    if (bytes > COPY_BYTES) {
        return NULL;
    }
    td_copy(input, copies[which], (int32_t)bytes);
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

static void conv_s8_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_conv_s8((const td_conv_params *)s->params, (const int8_t *)s->a, s->output,
               part == 0 ? s->scratch : scratches[part], row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

static void conv_u8_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_conv_u8((const td_conv_params *)s->params, (const uint8_t *)s->a, s->output,
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

static void add_part(const void *context, int part, int parts)
{
    const step *s = (const step *)context;
    td_add_s8((const td_add_params *)s->params, (const int8_t *)s->a, (const int8_t *)s->b, s->output,
              row_of_part(s, part, parts), row_of_part(s, part + 1, parts));
}

/* Without copies of the weights: a part that does not begin with row 0 would wait for those of another one. */
static td_conv_params without_copies(const td_conv_params *p)
{
    td_conv_params own = *p;
    own.kept_weight_bytes = 0;
    return own;
}

void td_parallel_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                         int32_t y_end)
{
    const td_conv_params own = without_copies(p);
    step s = {&own, input, NULL, output, scratch, y_begin, y_end};
    if (conv_is_divisible(&own, &s)) {
        td_in_parallel(conv_s8_part, &s);
    } else {
        td_conv_s8(&own, input, output, scratch, y_begin, y_end);
    }
}

void td_parallel_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch,
                         int32_t y_begin, int32_t y_end)
{
    const td_conv_params own = without_copies(p);
    step s = {&own, input, NULL, output, scratch, y_begin, y_end};
    if (conv_is_divisible(&own, &s)) {
        td_in_parallel(conv_u8_part, &s);
    } else {
        td_conv_u8(&own, input, output, scratch, y_begin, y_end);
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
