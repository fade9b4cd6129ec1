#include "board_detector.h"

#include <stdlib.h>
#include <time.h>

#include "threads.h"

#define ALIGNMENT 64 /* bytes: a cache line, more than any arena asks for */

static void *allocate(size_t bytes)
{
    /* aligned_alloc wants a multiple of the alignment */
    return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

double td_clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int td_detector_open(td_detector *detector)
{
    detector->arena = allocate((size_t)TD_MODEL_MACRO(ARENA_BYTES));
    detector->found = allocate(sizeof(td_detection) * (size_t)TD_MODEL_MACRO(MAX_DETECTIONS));
    if (detector->arena == NULL || detector->found == NULL) {
        td_detector_close(detector);
        return -1;
    }
    return 0;
}

void td_detector_close(td_detector *detector)
{
    free(detector->arena);
    free(detector->found);
    detector->arena = NULL;
    detector->found = NULL;
}

void td_print_json_string(const char *text)
{
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            putchar('\\');
            putchar(*c);
        } else if ((unsigned char)*c < 0x20) {
            printf("\\u%04x", (unsigned)(unsigned char)*c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

void td_report_error(const char *file, const char *error)
{
    fputs("{\"file\": ", stdout);
    td_print_json_string(file);
    fputs(", \"error\": ", stdout);
    td_print_json_string(error);
    puts("}");
    (void)fflush(stdout);
}

static void print_detection(const char *const *class_names, const td_detection *found)
{
    printf("{\"class_id\": %ld, \"class_name\": ", (long)found->class_id);
    td_print_json_string(class_names[found->class_id]);
    printf(", \"score\": %.9g, \"box\": [%.9g, %.9g, %.9g, %.9g]}", (double)found->score,
           (double)found->x_min, (double)found->y_min, (double)found->x_max,
           (double)found->y_max);
}

static void print_head(const td_image *image, const td_origin *origin)
{
    fputs("{\"file\": ", stdout);
    td_print_json_string(origin->file);
    if (origin->frame < 0) {
        fputs(", \"frame\": null", stdout);
    } else {
        printf(", \"frame\": %lld", (long long)origin->frame);
    }
    printf(", \"width\": %ld, \"height\": %ld, \"detections\": [", (long)image->width,
           (long)image->height);
}

int td_detector_report(td_detector *detector, const td_image *image, const td_origin *origin)
{
    const double start = td_clock_ms();
    td_threads_wake();
    const int count = detector->kernels->detect_image(image, detector->arena, detector->found,
                                                      TD_MODEL_MACRO(MAX_DETECTIONS));
    const double ms = td_clock_ms() - start;
    if (count < 0) {
        td_report_error(origin->file, "its sides or its number of pixels cannot be scaled");
        return -1;
    }
    print_head(image, origin);
    for (int i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        print_detection(detector->kernels->class_names, &detector->found[i]);
    }
    printf("], \"ms\": %.3f", ms);
    if (origin->decode_ms >= 0) {
        printf(", \"decode_ms\": %.3f", origin->decode_ms);
    }
    if (origin->pixels_crc32 >= 0) {
        printf(", \"pixels_crc32\": %lld", (long long)origin->pixels_crc32);
    }
    puts("}");
    (void)fflush(stdout); /* a reader at the other end of a network waits for it */
    return 0;
}
