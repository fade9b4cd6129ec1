/* td_kernels.h: integer kernels of the generated detectors.
 *
 * Freestanding C11; GCC and clang take attributes, assembler and vectors as GNU C11. <stddef.h> and <stdint.h> only;
 * no libc call, allocation, recursion, variable-length array, mutable global, 64-bit division or floating point
 * (td_quantize.c and td_dequantize.c alone have the last). Every kernel gives the numbers of LiteRT's reference kernels (BUILTIN_REF), bit for bit.
 * td_NAME_TYPES is defined in td_NAME.c, which includes this header and td_fixed_point.h.
 *
 * Layout. Batch is 1. Images are [height][width][channels], convolution weights
 * [output channel][filter row][filter column][input channel] (OHWI), depthwise weights
 * [filter row][filter column][input channel * depth_multiplier] (HWC), all dense.
 *
 * Quantization. real = scale * (value - zero_point). An `offset` of an input is minus its zero point (it is
 * added to each value); an `offset` of an output is its zero point. `output_min`, `output_max` clamp the
 * output (the fused activation, or -128 and 127). Fixed-point factors come from tinydet/compiler/requant.py,
 * tables from lookup.py.
 *
 * Ranges. Kernels over images take rows [y_begin, y_end) of the OUTPUT, 0 <= y_begin <= y_end <= output
 * height, and compute them in ascending order. Kernels over single values take elements [begin, end). A whole
 * tensor is (0, output_height) or (0, number of elements). What is outside the range is not touched.
 *
 * Rings. A buffer need not hold all rows of an image: row y lies at buffer + (y % ring) * bytes of a row, where
 * ring is the number of rows that the buffer holds (the height, for a whole tensor). Pointers are those of the
 * buffers. Rows outside the image are never read. A row may be written over rows of the input that lie before
 * the first one which it needs.
 *
 * Aliasing. Input and output may be the same buffer only where a kernel says "in place". Words in an arena are
 * accessed through the types of td_arena.h, so that strict aliasing may stay on.
 *
 * Right shifts of negative numbers are arithmetic, and conversions to a narrower signed type wrap, as GCC
 * and clang define them.
 */
#ifndef TD_KERNELS_H
#define TD_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "td_arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A real factor, about multiplier * 2**-31 * 2**shift. multiplier is 0 or in [2**30, 2**31);
 * shift is in [-31, 30], positive = left. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
} td_requant;

/* What a convolution does with the sums of two output channels; of the last one, second, with nothing before it,
 * where their number is odd. The factors `multiplier, shift` (td_requant) are in the form in which they are used:
 * 2 * multiplier as the bits of a uint32, and -1 - shift, the right shift less the last bit, in [-31, 30]. */
typedef struct {
    int32_t first_bias, second_bias; /* the zero point of the input folded in: minus zero point * sum of weights */
    int32_t first_multiplier, first_shift, second_multiplier, second_shift;
} td_conv_channels;

#define TD_CONV_MAX_GROUPS 8

/* CONV_2D. Filter tap (i, j) of output pixel (y, x) reads input pixel
 * (y * stride_height - pad_top + i * dilation_height, x * stride_width - pad_left + j * dilation_width); a pixel
 * outside counts as real 0. What is missing at the bottom and right needs no number.
 * The sum must fit in int32 (|input + offset| <= 255, so up to 65536 weights per output channel are safe). */
typedef struct {
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, output_channels;
    int16_t filter_height, filter_width;
    int16_t stride_height, stride_width;     /* >= 1 */
    int16_t dilation_height, dilation_width; /* >= 1 */
    int16_t pad_top, pad_left;               /* pixels, >= 0; a folded PAD adds its own */
    int16_t input_ring, output_ring;         /* rows that each buffer holds */
    int16_t input_zero_point;                /* real 0: [-128, 127] for int8, [0, 255] for uint8 */
    int16_t output_offset;                   /* [-128, 127] */
    int16_t output_min, output_max;          /* [-128, 127] */
    int16_t is_plain; /* 1: every shift >= 1 and multiplier > 0, every |sum| < 2**30, and a clamp to [-128, 127] */
    int16_t groups_at_once; /* [1, TD_CONV_MAX_GROUPS] groups of four pixels that `scratch` has room for */
    int16_t is_joined; /* 1: weights as in td_conv_block.h, is_plain, |sum| < 2**23 in every second channel */
    int16_t is_positive; /* 1: is_joined, output_offset = -128, so that negative results are clamped away, shifts < 15 */
    int16_t pixel_stride, channel_stride;       /* bytes of the output; see below */
    int16_t output_pad_left, output_pad_right;  /* zero points around each channel of a planar row, else 0 */
    int32_t output_row_bytes;
    int32_t kept_weight_bytes;        /* 0, or all of `weights`: they and `channels` are kept in scratch; see below */
    const int8_t *weights;            /* as codegen/packing.py lays them out, 4-byte aligned */
    const td_conv_channels *channels; /* [output_channels / 2, rounded up] */
} td_conv_params;

/* Output rows are [width][channels] (pixel_stride = output_channels, channel_stride = 1), or planar, for a
 * depthwise filter: [channels][pad_left + width + pad_right] (pixel_stride = 1), the pads filled with the zero
 * point. `scratch` holds 16 bytes for each two values of a window, groups_at_once times (kernel_scratch.py); it is
 * 16-byte aligned. With kept_weight_bytes it also holds, behind that, `weights` and `channels`, which the call for row 0
 * copies there: then nothing else may write to it until the last row is done. */

void td_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end);

/* The same on a uint8 input: a QUANTIZE from uint8 to int8 of equal scale is folded in. */
void td_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                int32_t y_end);

/* CONV_2D with weights for vectors of sixteen values: [pairs of channels][steps][2][16], steps = values of a window /
 * 16, rounded up; what is missing is zero. An odd last channel is both of its pair. For processors that sum sixteen
 * products at a time (Arm Helium). Pixels, rows of the output and `scratch` as for td_conv_s8, but that scratch holds
 * 64 bytes for each step, groups_at_once times. */
#define TD_CONV_VECTOR_PIXELS 4
#define TD_CONV_VECTOR_VALUES 16

typedef struct {
    int32_t first_bias, second_bias; /* the zero point of the input folded in, with 128 taken from uint8 */
    int32_t first_multiplier, second_multiplier, first_shift, second_shift; /* of td_requant */
} td_conv_vector_channels;

typedef struct {
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, output_channels;
    int16_t filter_height, filter_width;
    int16_t stride_height, stride_width;
    int16_t dilation_height, dilation_width;
    int16_t pad_top, pad_left;
    int16_t input_ring, output_ring;
    int16_t input_zero_point; /* [-128, 127]: of uint8, less 128 */
    int16_t output_offset, output_min, output_max;
    int16_t is_plain;    /* 1: every shift < 0, and a clamp to [-128, 127] */
    int16_t is_positive; /* 1: also output_offset = -128, so that negative results are clamped away */
    int16_t groups_at_once;
    int16_t pixel_stride, channel_stride;
    int16_t output_pad_left, output_pad_right;
    int32_t steps, output_row_bytes;
    const int8_t *weights;
    const td_conv_vector_channels *channels; /* [output_channels / 2, rounded up] */
} td_conv_vector_params;

void td_conv_vector_s8(const td_conv_vector_params *p, const int8_t *input, int8_t *output, void *scratch,
                       int32_t y_begin, int32_t y_end);
void td_conv_vector_u8(const td_conv_vector_params *p, const uint8_t *input, int8_t *output, void *scratch,
                       int32_t y_begin, int32_t y_end);

/* What is known of all channels of a depthwise convolution and makes rounding cheaper. */
typedef enum {
    TD_ROUND_ANY,     /* nothing */
    TD_ROUND_SHIFTED, /* shifts in [-22, -1], |sum| < 2**30, output_min = -128, output_max = 127 */
    TD_ROUND_POSITIVE /* the same, and output_offset = -128: negative results are clamped away */
} td_rounding;

/* What becomes of the sums of one channel. */
typedef struct {
    int32_t bias;             /* with minus the input's zero point * sum of weights folded in */
    int32_t twice_multiplier; /* of td_requant, as the bits of a uint32 */
    int32_t half_shift;       /* -1 - shift of td_requant */
} td_depthwise_factor;

/* DEPTHWISE_CONV_2D. Output channel = input channel * depth_multiplier + m. Pixels as for CONV_2D. */
typedef struct {
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, depth_multiplier; /* >= 1 */
    int16_t input_ring, output_ring;
    int16_t filter_height, filter_width;
    int16_t stride_height, stride_width;
    int16_t dilation_height, dilation_width;
    int16_t pad_top, pad_left;
    int16_t output_offset;
    int16_t output_min, output_max;
    int16_t rounding;                   /* td_rounding */
    const int8_t *weights;              /* [filter_height][filter_width][input_channels * depth_multiplier] */
    const uint8_t *outside;             /* [input_channels] zero points: a pixel outside the image */
    const td_depthwise_factor *channel; /* [input_channels * depth_multiplier] */
} td_depthwise_params;

void td_depthwise_s8(const td_depthwise_params *p, const int8_t *input, int8_t *output, int32_t y_begin, int32_t y_end);

/* The same on a uint8 input, as td_conv_u8. */
void td_depthwise_u8(const td_depthwise_params *p, const uint8_t *input, int8_t *output, int32_t y_begin,
                     int32_t y_end);

/* DEPTHWISE_CONV_2D by 3x3 filters without dilation or multiplier on planar input rows: a row holds its channels
 * one after the other, `channel_stride` bytes each, with zero points around the pixels of each
 * (tinydet/compiler/layouts.py). Window of output pixel x: 3 adjacent bytes from input_start + x * stride_width on.
 * The output is interleaved. Pixels are computed in pairs: one byte behind the last of an odd number of windows
 * must be part of the row. */
typedef struct {
    int32_t bias;                /* with minus the input's zero point * sum of weights folded in */
    int32_t multiplier;          /* of td_requant */
    int32_t row_0, row_1, row_2; /* three int8 weights from the lowest byte on; fourth of row 0: -shift of td_requant */
} td_depthwise_channel;

typedef struct {
    int16_t input_height, channels;
    int16_t output_height, output_width;
    int16_t input_ring, output_ring;
    int16_t stride_height, stride_width; /* width: 1 or 2 */
    int16_t pad_top, input_start, channel_stride;
    int16_t output_offset;
    int16_t output_min, output_max;
    int16_t rounding;                     /* td_rounding */
    const int8_t *outside;                /* [channel_stride] zero points: a channel of a row outside the image */
    const td_depthwise_channel *channel;  /* [channels] */
} td_depthwise_planar_params;

void td_depthwise_planar_s8(const td_depthwise_planar_params *p, const int8_t *input, int8_t *output,
                            int32_t y_begin, int32_t y_end);

/* FULLY_CONNECTED on rows [row_begin, row_end): output[row][o] = sum_i input[row][i] * weights[o][i]. */
typedef struct {
    int32_t input_count, output_count;
    int16_t input_offset, output_offset;
    int16_t output_min, output_max;
    const int8_t *weights;     /* [output_count][input_count] */
    const int32_t *bias;       /* [output_count], NULL = zeros */
    const td_requant *requant; /* [output_count] */
} td_fully_connected_params;

void td_fully_connected_s8(const td_fully_connected_params *p, const int8_t *input, int8_t *output,
                           int32_t row_begin, int32_t row_end);

/* How an element-wise operator of two inputs walks: index (y, x, c) reads a[y * a_stride[0] + x * a_stride[1] +
 * c * a_stride[2]], likewise b; the output is dense. A broadcast dimension has stride 0. Two tensors of one shape:
 * shape = {height, 1, width * channels}, strides {width * channels, 0, 1}. Rows y in [y_begin, y_end). */
typedef struct {
    int32_t shape[3];
    int32_t a_stride[3], b_stride[3]; /* elements */
    int32_t a_ring, b_ring, output_ring;
} td_pair_walk;

/* ADD: rescale(rescale((a + a_offset) << 20) + rescale((b + b_offset) << 20)) + output_offset, clamped.
 * All shifts <= 0. In place on an input that is not broadcast. With is_affine the factors below give the same, and
 * nothing overflows, for all values: (addend + (a_factor * a >> 8) + (b_factor * b >> 8)) >> TD_ADD_SHIFT, clamped. */
#define TD_ADD_SHIFT 22
typedef struct {
    td_pair_walk walk;
    td_requant a_requant, b_requant; /* scale / (2 * larger scale) */
    td_requant output_requant;       /* 2 * larger scale / (2**20 * output scale) */
    int32_t a_factor, b_factor, addend; /* anything where is_affine is 0 */
    int16_t a_offset, b_offset, output_offset;
    int16_t output_min, output_max;
    int16_t is_affine; /* 0 or 1 */
} td_add_params;

void td_add_s8(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t y_begin,
               int32_t y_end);

/* MUL: rescale((a + a_offset) * (b + b_offset)) + output_offset, clamped. In place as td_add_s8. */
typedef struct {
    td_pair_walk walk;
    td_requant output_requant; /* a scale * b scale / output scale */
    int16_t a_offset, b_offset, output_offset;
    int16_t output_min, output_max;
} td_mul_params;

void td_mul_s8(const td_mul_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t y_begin,
               int32_t y_end);

/* PAD and PADV2 in height, width and channels: `value` (as a rule the zero point) around the input. */
typedef struct {
    int16_t input_height, input_width, input_channels;
    int16_t input_ring, output_ring;
    int16_t before[3], after[3]; /* height, width, channels; >= 0 */
    int16_t value;               /* [-128, 127]; the quantized number, not the real one */
} td_pad_params;

void td_pad_s8(const td_pad_params *p, const int8_t *input, int8_t *output, int32_t y_begin, int32_t y_end);

/* RESIZE_BILINEAR. scale_10 = input size / output size in 1/1024 (requant.resize_scale_10). Both tensors share
 * one quantization. */
typedef struct {
    int16_t input_height, input_width, channels;
    int16_t output_height, output_width;
    int16_t input_ring, output_ring;
    int16_t half_pixel_centers; /* 0 or 1 */
    int32_t height_scale_10, width_scale_10;
} td_resize_bilinear_params;

void td_resize_bilinear_s8(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output, int32_t y_begin,
                           int32_t y_end);

/* RESIZE_NEAREST_NEIGHBOR by index tables (lookup.nearest_indices): output pixel (y, x) is input pixel
 * (row_of[y], column_of[x]). Both tensors share one quantization. */
typedef struct {
    int16_t input_width, channels;
    int16_t output_height, output_width;
    int16_t input_ring, output_ring;
    const int16_t *row_of;    /* [output_height], each in [0, input_height) */
    const int16_t *column_of; /* [output_width], each in [0, input_width) */
} td_resize_nearest_params;

void td_resize_nearest_s8(const td_resize_nearest_params *p, const int8_t *input, int8_t *output, int32_t y_begin,
                          int32_t y_end);

/* CONCATENATION, one call per input: [outer] runs of input_run bytes into runs of output_run bytes, at byte
 * output_start of each. outer = product of the dimensions before the axis, run = axis size * dimensions after it.
 * int8 inputs share the output's quantization (LiteRT refuses others; a uint8 or rescaled part needs a
 * td_requantize before). outer = 1 copies a tensor (RESHAPE that is not in place). */
typedef struct {
    int32_t outer, input_run, output_run, output_start; /* bytes, except outer */
} td_concat_params;

void td_concat_s8(const td_concat_params *p, const int8_t *input, int8_t *output);

/* AVERAGE_POOL_2D and MAX_POOL_2D. Pixels as for CONV_2D without dilation; pixels outside are not counted. Both
 * tensors share one quantization. Every window must hold at least one pixel of the input. */
typedef struct {
    int16_t input_height, input_width, channels;
    int16_t output_height, output_width;
    int16_t input_ring, output_ring;
    int16_t filter_height, filter_width;
    int16_t stride_height, stride_width;
    int16_t pad_top, pad_left;
    int16_t output_min, output_max;
} td_pool_params;

void td_average_pool_s8(const td_pool_params *p, const int8_t *input, int8_t *output, int32_t y_begin, int32_t y_end);
void td_max_pool_s8(const td_pool_params *p, const int8_t *input, int8_t *output, int32_t y_begin, int32_t y_end);

/* MEAN over adjacent axes: the input is [outer][reduced][inner], the output [outer][inner]. Over height and
 * width: outer 1, reduced height * width, inner channels. Outer rows [outer_begin, outer_end). */
typedef struct {
    int32_t reduced, inner; /* reduced * 255 must fit in int32 */
    td_requant requant;     /* requant.mean_multiplier: input scale / output scale / reduced */
    int16_t input_offset, output_offset;
} td_mean_params;

void td_mean_s8(const td_mean_params *p, const int8_t *input, int8_t *output, int32_t outer_begin, int32_t outer_end);

/* QUANTIZE between 8-bit types, and RELU, RELU6, RELU_N1_TO_1 as operators of their own:
 * rescale(input + input_offset) + output_offset, clamped. In place. */
typedef struct {
    td_requant requant; /* input scale / output scale */
    int16_t input_offset, output_offset;
    int16_t output_min, output_max; /* of the output type: [-128, 127] or [0, 255] */
} td_requantize_params;

void td_requantize_s8_s8(const td_requantize_params *p, const int8_t *input, int8_t *output, int32_t begin, int32_t end);
void td_requantize_s8_u8(const td_requantize_params *p, const int8_t *input, uint8_t *output, int32_t begin, int32_t end);
void td_requantize_u8_s8(const td_requantize_params *p, const uint8_t *input, int8_t *output, int32_t begin, int32_t end);
void td_requantize_u8_u8(const td_requantize_params *p, const uint8_t *input, uint8_t *output, int32_t begin,
                         int32_t end);

/* LOGISTIC by table: output = table[(uint8_t)input] (lookup.logistic_table). In place. */
void td_lookup_s8(const int8_t table[256], const int8_t *input, int8_t *output, int32_t begin, int32_t end);

/* SOFTMAX over the last axis, rows [row_begin, row_end). Output scale 1/256, zero point -128. In place. */
typedef struct {
    int32_t classes;          /* values per row, 1 to 4095 */
    const int32_t *exp_table; /* [256], Q0.31: exp(-beta * scale * d) (lookup.softmax_exp_table) */
} td_softmax_params;

void td_softmax_s8(const td_softmax_params *p, const int8_t *input, int8_t *output, int32_t row_begin,
                   int32_t row_end);

/* SOFTMAX over two values a row: table[2 * d] is the output of the larger one, table[2 * d + 1] that of the smaller,
 * d their distance (lookup.softmax_pair_table). In place. */
void td_softmax_pairs_s8(const int8_t table[512], const int8_t *input, int8_t *output, int32_t row_begin,
                         int32_t row_end);

/* DEQUANTIZE and QUANTIZE from float: the only floating point, in td_dequantize.c; a detector needs none of them. */
typedef struct {
    float scale;        /* > 0 */
    int32_t zero_point; /* of the 8-bit side */
} td_dequantize_params;

void td_dequantize_s8(const td_dequantize_params *p, const int8_t *input, td_arena_f32 *output, int32_t begin, int32_t end);
void td_dequantize_u8(const td_dequantize_params *p, const uint8_t *input, td_arena_f32 *output, int32_t begin, int32_t end);
void td_quantize_s8(const td_dequantize_params *p, const td_arena_f32 *input, int8_t *output, int32_t begin, int32_t end);
void td_quantize_u8(const td_dequantize_params *p, const td_arena_f32 *input, uint8_t *output, int32_t begin, int32_t end);

#ifdef __cplusplus
}
#endif

#endif /* TD_KERNELS_H */
