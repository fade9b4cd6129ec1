/* Included in front of the generated network: its large steps go to several threads. */
#ifndef TD_PARALLEL_CALLS_H
#define TD_PARALLEL_CALLS_H

#include "td_kernels.h"

void td_parallel_conv_s8(const td_conv_params *p, const int8_t *input, int8_t *output, void *scratch, int32_t y_begin,
                         int32_t y_end);
void td_parallel_conv_u8(const td_conv_params *p, const uint8_t *input, int8_t *output, void *scratch,
                         int32_t y_begin, int32_t y_end);
void td_parallel_depthwise_s8(const td_depthwise_params *p, const int8_t *input, int8_t *output, int32_t y_begin,
                              int32_t y_end);
void td_parallel_depthwise_planar_s8(const td_depthwise_planar_params *p, const int8_t *input, int8_t *output,
                                     int32_t y_begin, int32_t y_end);
void td_parallel_resize_bilinear_s8(const td_resize_bilinear_params *p, const int8_t *input, int8_t *output,
                                    int32_t y_begin, int32_t y_end);
void td_parallel_add_s8(const td_add_params *p, const int8_t *a, const int8_t *b, int8_t *output, int32_t y_begin,
                        int32_t y_end);

#ifndef TD_SERIAL_CALLS
#undef td_conv_s8
#undef td_conv_u8
#undef td_depthwise_s8
#undef td_depthwise_planar_s8
#undef td_add_s8
#undef td_resize_bilinear_s8
#define td_conv_s8 td_parallel_conv_s8
#define td_conv_u8 td_parallel_conv_u8
#define td_depthwise_s8 td_parallel_depthwise_s8
#define td_depthwise_planar_s8 td_parallel_depthwise_planar_s8
#define td_add_s8 td_parallel_add_s8
#define td_resize_bilinear_s8 td_parallel_resize_bilinear_s8
#endif

#endif
