/* One inference on each image of standard input, by one thread, between two calls of getppid(); the bytes that the
 * network leaves go to standard output. */
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include TD_MODEL_HEADER

#define JOIN(a, b) JOIN_EXPANDED(a, b)
#define JOIN_EXPANDED(a, b) a##_##b
#define DETECT JOIN(TD_MODEL(detect), TD_KERNELS)
#define SCORES JOIN(TD_MODEL(scores), TD_KERNELS)
#define DELTAS JOIN(TD_MODEL(deltas), TD_KERNELS)

int DETECT(const uint8_t *rgb, void *arena, td_detection *out, int capacity);
const int8_t *SCORES(const void *arena);
const int8_t *DELTAS(const void *arena);

static unsigned char arena[TD_MODEL_MACRO(ARENA_BYTES)] __attribute__((aligned(64)));
static uint8_t image[IMAGE_BYTES];
static td_detection found[TD_MODEL_MACRO(MAX_DETECTIONS)];

int main(void)
{
    while (fread(image, 1, IMAGE_BYTES, stdin) == IMAGE_BYTES) {
        (void)syscall(SYS_getppid);
        (void)DETECT(image, arena, found, TD_MODEL_MACRO(MAX_DETECTIONS));
        (void)syscall(SYS_getppid);
        (void)fwrite(SCORES(arena), 1, SCORE_BYTES, stdout);
        (void)fwrite(DELTAS(arena), 1, DELTA_BYTES, stdout);
    }
    return 0;
}
