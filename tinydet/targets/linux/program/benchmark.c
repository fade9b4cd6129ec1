#include "benchmark.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "image_file.h"
#include "threads.h"

#define NOISE_HEIGHT 480
#define NOISE_WIDTH 640
#define RGB 3

static const char *noise(td_pixels *pixels)
{
    const size_t bytes = (size_t)NOISE_HEIGHT * NOISE_WIDTH * RGB;
    *pixels = (td_pixels){malloc(bytes), NOISE_HEIGHT, NOISE_WIDTH};
    if (pixels->rgb == NULL) {
        return "does not fit into the memory";
    }
    uint32_t state = 1; /* xorshift */
    for (size_t i = 0; i < bytes; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        pixels->rgb[i] = (uint8_t)(state >> 24);
    }
    return NULL;
}

static const char *load(const char *path, td_pixels *pixels)
{
    uint8_t *content = NULL;
    size_t bytes = 0;
    const char *fault = td_read_file(path, &content, &bytes);
    if (fault == NULL) {
        fault = td_decode_image(content, bytes, pixels);
        free(content);
    }
    return fault;
}

static int measure(td_detector *detector, const td_image *image, int64_t warmup, int64_t runs)
{
    for (int64_t run = -warmup; run < runs; run++) {
        td_threads_wake();
        if (detector->kernels->preprocess(image, detector->arena) < 0) {
            return -1;
        }
        const double start = td_clock_ms();
        detector->kernels->run(detector->arena);
        const double middle = td_clock_ms();
        if (detector->kernels->detect_image(image, detector->arena, detector->found,
                                            TD_MODEL_MACRO(MAX_DETECTIONS)) < 0) {
            return -1;
        }
        const double end = td_clock_ms();
        if (run >= 0) {
            printf("{\"run\": %lld, \"network_ms\": %.4f, \"image_ms\": %.4f}\n", (long long)run,
                   middle - start, end - middle);
            (void)fflush(stdout); /* who listens may go away, then this ends */
        }
    }
    return 0;
}

int td_benchmark(td_detector *detector, const char *path, int64_t warmup, int64_t runs)
{
    td_pixels pixels;
    const char *fault = path == NULL ? noise(&pixels) : load(path, &pixels);
    if (fault != NULL) {
        (void)fprintf(stderr, "%s: %s\n", path == NULL ? "noise" : path, fault);
        return -1;
    }
    const td_image image = {pixels.rgb, pixels.height, pixels.width, pixels.width * RGB,
                            TD_RGB888};
    const int status = measure(detector, &image, warmup, runs);
    free(pixels.rgb);
    if (status != 0) {
        (void)fprintf(stderr, "%s: cannot be scaled\n", path == NULL ? "noise" : path);
        return -1;
    }
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    printf("{\"peak_memory_kib\": %ld, \"threads\": %d, \"kernels\": \"%s\"}\n", use.ru_maxrss,
           td_threads_count(), detector->kernels->name);
    return 0;
}
