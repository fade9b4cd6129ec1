/* The built-in test image. */
#ifndef TD_TEST_IMAGE_H
#define TD_TEST_IMAGE_H

#include "td_preprocess.h"

extern const td_image td_test_image;

#endif
