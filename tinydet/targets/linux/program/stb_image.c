/* The decoder of image files. Only formats that photos and test images have, and no SIMD: every
 * board decodes a JPEG to the same pixels. */
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_SIMD
#define STBI_NO_THREAD_LOCALS
#define STBI_MAX_DIMENSIONS 16383 /* TD_MAX_SOURCE_SIDE */
#include <stb_image.h>
