/* Kernels in the form for some processor against their portable twins, on generated cases: a program without any
 * library, for Linux. It ends with 0 where nothing differs, with 1 for convolutions, 2 for depthwise filters, 3 for
 * those on planar rows, 4 for sums. */
#include "td_kernels.h"

#define PORTABLE(name, ...) void name##_portable(__VA_ARGS__)
PORTABLE(td_conv_s8, const td_conv_params *, const int8_t *, int8_t *, void *, int32_t, int32_t);
PORTABLE(td_conv_u8, const td_conv_params *, const uint8_t *, int8_t *, void *, int32_t, int32_t);
PORTABLE(td_depthwise_s8, const td_depthwise_params *, const int8_t *, int8_t *, int32_t, int32_t);
PORTABLE(td_depthwise_planar_s8, const td_depthwise_planar_params *, const int8_t *, int8_t *, int32_t, int32_t);
PORTABLE(td_add_s8, const td_add_params *, const int8_t *, const int8_t *, int8_t *, int32_t, int32_t);

enum { CASES = 60, BYTES = 65536, MAX_CHANNELS = 64 };

static int8_t input[BYTES], second_input[BYTES], weights[BYTES], expected[BYTES], got[BYTES];
static int8_t scratch[BYTES] __attribute__((aligned(64)));
static uint8_t outside[BYTES];
static td_conv_channels conv_channels[MAX_CHANNELS];
static td_depthwise_factor factors[MAX_CHANNELS];
static td_depthwise_channel planar_channels[MAX_CHANNELS];
static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (uint32_t)(((uint64_t)state * below) >> 32);
}

static int32_t between(int32_t low, int32_t high)
{
    return low + (int32_t)draw((uint32_t)(high - low + 1));
}

static int16_t short_between(int32_t low, int32_t high)
{
    return (int16_t)between(low, high);
}

static void fill(int8_t *to, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < BYTES; i++) {
        to[i] = (int8_t)between(low, high);
    }
}

static void begin_case(void)
{
    const int32_t lowest = draw(2) ? -128 : -127;
    fill(input, -128, 127);
    fill(second_input, -128, 127);
    fill(weights, lowest, draw(4) ? 126 : lowest + 1);
    for (int32_t i = 0; i < BYTES; i++) {
        expected[i] = got[i] = 0x5B;
    }
}

static int differs(void)
{
    int count = 0;
    for (int32_t i = 0; i < BYTES; i++) {
        count += expected[i] != got[i];
    }
    return count;
}

static int32_t twice_multiplier(void)
{
    return (int32_t)(0x80000000u + draw(0x7FFFFFFFu) / 2u * 2u);
}

/* A right shift for sums of any size, now and then one so far that nothing is left. */
static int32_t any_shift(int32_t least)
{
    return draw(8) ? between(least, 12) : between(20, 30);
}

/* A bias; of a channel that is rescaled far down also one as large as those of constant channels. */
static int32_t bias_for(int32_t shift)
{
    return shift > 18 && draw(2) ? between(-(1 << 30), 1 << 30) : between(-99999, 99999);
}

/* A run of an odd number of values is filled up by weights of 0. */
static void clear_gaps(const td_conv_params *p)
{
    const int is_dense = p->dilation_width == 1;
    const int32_t runs = p->filter_height * (is_dense ? 1 : p->filter_width);
    const int32_t length = p->input_channels * (is_dense ? p->filter_width : 1), run_bytes = (length + 1) / 2 * 4;
    for (int32_t end = run_bytes; length % 2 && end <= (p->output_channels + 1) / 2 * runs * run_bytes;
         end += run_bytes) {
        weights[end - 2] = weights[end - 1] = 0;
    }
}

static int conv_case(void)
{
    const int is_plain = draw(3) != 0, is_planar = draw(2) != 0, is_unsigned = draw(4) == 0, filter = draw(2) ? 1 : 3;
    td_conv_params p = {0};
    begin_case();
    p.filter_height = p.filter_width = (int16_t)filter;
    p.input_channels = short_between(1, filter == 1 ? 70 : 20);
    p.output_channels = short_between(1, 40);
    p.input_height = p.input_ring = short_between(3, 7);
    p.input_width = short_between(3, 20);
    p.stride_height = p.stride_width = short_between(1, 2);
    p.dilation_height = p.dilation_width = short_between(1, 2);
    p.pad_top = p.pad_left = short_between(0, 1);
    p.output_height = p.output_ring = (int16_t)((p.input_height - 1) / p.stride_height + 1);
    p.output_width = (int16_t)((p.input_width - 1) / p.stride_width + 1);
    p.input_zero_point = is_unsigned ? short_between(0, 255) : short_between(-128, 127);
    p.output_offset = draw(2) ? -128 : short_between(-128, 127);
    const int is_clamped = !is_plain && draw(2);
    p.output_min = is_clamped ? short_between(-128, -100) : -128;
    p.output_max = is_clamped ? short_between(50, 127) : 127;
    p.is_plain = (int16_t)is_plain;
    p.is_joined = (int16_t)(is_plain && draw(2));
    p.groups_at_once = 1;
    p.pixel_stride = is_planar ? 1 : p.output_channels;
    p.channel_stride = 1;
    p.output_row_bytes = p.output_width * p.output_channels;
    if (is_planar) {
        p.output_pad_left = 1;
        p.output_pad_right = short_between(1, 3);
        p.channel_stride = (int16_t)(p.output_width + p.output_pad_left + p.output_pad_right);
        p.output_row_bytes = p.channel_stride * p.output_channels;
    }
    p.weights = weights;
    p.channels = conv_channels;
    clear_gaps(&p);
    for (int32_t c = 0; c < (p.output_channels + 1) / 2; c++) {
        const int32_t first = any_shift(is_plain ? 0 : -5), second = any_shift(is_plain ? 0 : -5);
        const td_conv_channels both = {is_plain ? between(-99999, 99999) : bias_for(first),
                                       is_plain ? between(-99999, 99999) : bias_for(second),
                                       twice_multiplier(), first, twice_multiplier(), second};
        conv_channels[c] = both;
    }
    if (is_unsigned) {
        td_conv_u8_portable(&p, (const uint8_t *)input, expected, scratch, 0, p.output_height);
        td_conv_u8(&p, (const uint8_t *)input, got, scratch, 0, p.output_height);
    } else {
        td_conv_s8_portable(&p, input, expected, scratch, 0, p.output_height);
        td_conv_s8(&p, input, got, scratch, 0, p.output_height);
    }
    return differs();
}

static int depthwise_case(void)
{
    td_depthwise_params p = {0};
    begin_case();
    p.filter_height = p.filter_width = 3;
    p.depth_multiplier = 1;
    p.input_channels = short_between(1, 40);
    p.input_height = p.input_ring = short_between(3, 7);
    p.input_width = short_between(3, 20);
    p.stride_height = p.stride_width = short_between(1, 2);
    p.dilation_height = p.dilation_width = short_between(1, 2);
    p.pad_top = p.pad_left = short_between(0, 1);
    p.output_height = p.output_ring = (int16_t)((p.input_height - 1) / p.stride_height + 1);
    p.output_width = (int16_t)((p.input_width - 1) / p.stride_width + 1);
    p.output_offset = short_between(-128, 127);
    p.output_min = -128;
    p.output_max = 127;
    p.rounding = TD_ROUND_SHIFTED;
    p.weights = weights;
    p.outside = outside;
    p.channel = factors;
    for (int32_t c = 0; c < p.input_channels; c++) {
        const td_depthwise_factor factor = {between(-99999, 99999), twice_multiplier(), between(0, 12)};
        factors[c] = factor;
        outside[c] = (uint8_t)p.output_offset;
    }
    td_depthwise_s8_portable(&p, input, expected, 0, p.output_height);
    td_depthwise_s8(&p, input, got, 0, p.output_height);
    return differs();
}

static int planar_case(void)
{
    td_depthwise_planar_params p = {0};
    const int is_any = draw(3) == 0, is_clamped = is_any && draw(2);
    begin_case();
    p.channels = short_between(1, 40);
    p.output_height = p.output_ring = short_between(1, 6);
    p.output_width = short_between(1, draw(8) ? 30 : 140);
    p.stride_height = p.stride_width = short_between(1, 2);
    p.input_height = p.input_ring = (int16_t)((p.output_height - 1) * p.stride_height + 1);
    p.pad_top = 1;
    p.input_start = short_between(0, 2);
    p.channel_stride = (int16_t)(((p.output_width - 1) * p.stride_width + p.input_start + 4 + 3) / 4 * 4);
    p.output_offset = draw(2) ? -128 : short_between(-128, 127);
    p.output_min = is_clamped ? short_between(-128, -100) : -128;
    p.output_max = is_clamped ? short_between(50, 127) : 127;
    p.rounding = is_any ? TD_ROUND_ANY : p.output_offset == -128 ? TD_ROUND_POSITIVE : TD_ROUND_SHIFTED;
    p.outside = (const int8_t *)outside;
    p.channel = planar_channels;
    for (int32_t i = 0; i < p.channel_stride; i++) {
        outside[i] = (uint8_t)p.output_offset;
    }
    for (int32_t c = 0; c < p.channels; c++) {
        const int8_t *w = weights + 16 * c;
        const int32_t shift = is_any ? any_shift(-5) : between(1, 13);
        int32_t rows[3];
        for (int i = 0; i < 3; i++) {
            const uint32_t three = (uint8_t)w[3 * i] | (uint32_t)(uint8_t)w[3 * i + 1] << 8 |
                                   (uint32_t)(uint8_t)w[3 * i + 2] << 16;
            rows[i] = (int32_t)(three | (uint32_t)(i == 0 ? shift : between(0, 2)) << 24);
        }
        const td_depthwise_channel channel = {is_any ? bias_for(shift) : between(-99999, 99999),
                                              draw(16) ? between(1 << 30, 2147483647) : 0, rows[0], rows[1], rows[2]};
        planar_channels[c] = channel;
    }
    td_depthwise_planar_s8_portable(&p, input, expected, 0, p.output_height);
    td_depthwise_planar_s8(&p, input, got, 0, p.output_height);
    return differs();
}

static int add_case(void)
{
    td_add_params p = {0};
    const int32_t row = between(1, 70), height = between(1, 5);
    begin_case();
    const td_pair_walk walk = {{height, 1, row}, {row, 0, 1}, {row, 0, 1}, height, height, height};
    p.walk = walk;
    p.a_factor = between(1, 1 << 30);
    p.b_factor = between(1, 1 << 30);
    p.addend = between(-99999, 99999);
    p.output_min = short_between(-128, -100);
    p.output_max = short_between(50, 127);
    p.is_affine = 1;
    td_add_s8_portable(&p, input, second_input, expected, 0, height);
    td_add_s8(&p, input, second_input, got, 0, height);
    return differs();
}

static int all_cases(void)
{
    for (int i = 0; i < CASES; i++) {
        if (conv_case()) {
            return 1;
        }
        if (depthwise_case()) {
            return 2;
        }
        if (planar_case()) {
            return 3;
        }
        if (add_case()) {
            return 4;
        }
    }
    return 0;
}

/* What compilers call by themselves. */
void *memset(void *to, int value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ((volatile int8_t *)to)[i] = (int8_t)value;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ((volatile int8_t *)to)[i] = ((const int8_t *)from)[i];
    }
    return to;
}

static void leave(int status)
{
#if defined(__aarch64__)
    register long number __asm__("x8") = 93, argument __asm__("x0") = status;
    __asm__ volatile("svc 0" : : "r"(number), "r"(argument));
#elif defined(__arm__)
    register long number __asm__("r7") = 1, argument __asm__("r0") = status;
    __asm__ volatile("svc 0" : : "r"(number), "r"(argument));
#elif defined(__riscv)
    register long number __asm__("a7") = 93, argument __asm__("a0") = status;
    __asm__ volatile("ecall" : : "r"(number), "r"(argument));
#else
    __asm__ volatile("syscall" : : "a"(60L), "D"((long)status) : "rcx", "r11");
#endif
}

__attribute__((used)) void run_cases(void)
{
    leave(all_cases());
    for (;;) {
    }
}

/* The stack pointer as the system leaves it; x86 wants it as after a call. */
__attribute__((naked, used)) void _start(void)
{
#if defined(__x86_64__)
    __asm__ volatile("andq $-16, %rsp\n\tcall run_cases");
#elif defined(__aarch64__)
    __asm__ volatile("bl run_cases");
#elif defined(__arm__)
    __asm__ volatile("bl run_cases");
#else
    __asm__ volatile("call run_cases");
#endif
}
