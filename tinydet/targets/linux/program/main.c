/* The detector as a program for Linux: images, folders, a camera or a stream in, JSON lines out.
 * Weights, class names and thresholds are part of it. */
#include <stdlib.h>
#include <string.h>

#include "benchmark.h"
#include "camera.h"
#include "image_file.h"
#include "threads.h"

#define USAGE                                                                                  \
    "usage: %s [--checksum] FILE|FOLDER ...            detect on JPEG, PNG, BMP, PNM files\n"  \
    "       %s [--checksum] --stream                   on images from standard input\n"        \
    "       %s --camera DEVICE [--size WIDTHxHEIGHT] [--frames N]\n"                           \
    "       %s --benchmark RUNS [--warmup N] [FILE]\n"                                        \
    "before all: --threads N (default: one for each processor, at most 4), --kernels NAME\n"

/* Steps have few rows: more threads than these wait for each other more than they save. */
#define MOST_BY_DEFAULT 4

/* Exit statuses */
enum { ALL_WELL = 0, SOME_FAILED = 1, BAD_USAGE = 2, STOPPED = 3 };

typedef struct {
    const char *camera;
    int64_t height, width, frames; /* of the camera */
    int64_t runs, warmup;          /* of the benchmark; runs 0: none */
    int64_t threads;               /* 0: one for each processor, at most 4 */
    const char *kernels;           /* NULL: the best that run here */
    int stream, checksum;
    int first_path; /* index of the first argument that is no option */
} td_options;

/* A number of at least `least`, up to what no user means; the text goes on at *end. */
static int number(const char *text, int64_t least, int64_t *value, char **end)
{
    *value = strtol(text, end, 10);
    return *end != text && *value >= least && *value <= 1000000000;
}

static int whole_number(const char *text, int64_t least, int64_t *value)
{
    char *end = NULL;
    return number(text, least, value, &end) && *end == '\0';
}

static int size(const char *text, td_options *options)
{
    char *end = NULL;
    return number(text, 1, &options->width, &end) && *end == 'x' &&
           whole_number(end + 1, 1, &options->height) && options->width <= TD_MAX_SOURCE_SIDE &&
           options->height <= TD_MAX_SOURCE_SIDE;
}

static int read_option(const char *name, const char *value, td_options *options)
{
    if (strcmp(name, "--camera") == 0) {
        options->camera = value;
        return 1;
    }
    if (strcmp(name, "--kernels") == 0) {
        options->kernels = value;
        return 1;
    }
    if (strcmp(name, "--size") == 0) {
        return size(value, options);
    }
    if (strcmp(name, "--threads") == 0) {
        return whole_number(value, 1, &options->threads) && options->threads <= TD_MAX_THREADS;
    }
    if (strcmp(name, "--frames") == 0) {
        return whole_number(value, 1, &options->frames);
    }
    if (strcmp(name, "--benchmark") == 0) {
        return whole_number(value, 1, &options->runs);
    }
    return strcmp(name, "--warmup") == 0 && whole_number(value, 0, &options->warmup);
}

static int read_options(int count, char **arguments, td_options *options)
{
    int i = 1;
    for (; i < count && strncmp(arguments[i], "--", 2) == 0; i++) {
        if (strcmp(arguments[i], "--") == 0) { /* what follows are paths */
            i++;
            break;
        }
        if (strcmp(arguments[i], "--stream") == 0) {
            options->stream = 1;
        } else if (strcmp(arguments[i], "--checksum") == 0) {
            options->checksum = 1;
        } else if (i + 1 < count && read_option(arguments[i], arguments[i + 1], options)) {
            i++;
        } else {
            return 0;
        }
    }
    options->first_path = i;
    const int paths = count - i;
    if (options->runs > 0) {
        return paths <= 1 && !options->stream && options->camera == NULL;
    }
    return (options->stream != 0) + (options->camera != NULL) + (paths > 0) == 1;
}

static int default_threads(void)
{
    const int processors = td_processors();
    return processors < MOST_BY_DEFAULT ? processors : MOST_BY_DEFAULT;
}

static int work(td_detector *detector, const td_options *options, int count, char **arguments)
{
    if (options->runs > 0) {
        const char *path = options->first_path < count ? arguments[options->first_path] : NULL;
        const int status = td_benchmark(detector, path, options->warmup, options->runs);
        return status == 0 ? ALL_WELL : STOPPED;
    }
    if (options->camera != NULL) {
        const int status = td_report_camera(detector, options->camera, (int32_t)options->height,
                                            (int32_t)options->width, options->frames);
        return status == 0 ? ALL_WELL : STOPPED;
    }
    int failed = 0;
    if (options->stream) {
        failed = td_report_stream(detector, stdin, options->checksum);
        if (failed < 0) {
            (void)fputs("standard input: is not a stream of images, or ended early\n", stderr);
            return STOPPED;
        }
    }
    for (int i = options->first_path; i < count; i++) {
        failed += td_report_path(detector, arguments[i], options->checksum);
    }
    return failed > 0 ? SOME_FAILED : ALL_WELL;
}

int main(int count, char **arguments)
{
    td_options options = {.height = 480, .width = 640, .frames = -1, .warmup = 5};
    const char *name = count > 0 ? arguments[0] : "detector";
    if (!read_options(count, arguments, &options)) {
        (void)fprintf(stderr, USAGE, name, name, name, name);
        return BAD_USAGE;
    }
    td_detector detector = {.kernels = td_choose_kernel_set(options.kernels)};
    if (detector.kernels == NULL) {
        (void)fprintf(stderr, "%s: there are no kernels %s for this processor\n", name, options.kernels);
        return STOPPED;
    }
    (void)td_threads_start(options.threads > 0 ? (int)options.threads : default_threads());
    if (td_detector_open(&detector) != 0) {
        (void)fprintf(stderr, "%s: not enough memory for the model\n", name);
        return STOPPED;
    }
    const int status = work(&detector, &options, count, arguments);
    td_detector_close(&detector);
    return status;
}
