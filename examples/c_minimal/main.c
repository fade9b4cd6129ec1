/* Finds the objects in an image: ./find image.ppm */
#include <stdio.h>
#include <stdlib.h>

#include "detector.h"

static _Alignas(DETECTOR_ARENA_ALIGNMENT) uint8_t arena[DETECTOR_ARENA_BYTES];

static int fail(const char *reason) {
    fprintf(stderr, "find: %s (give a binary PPM file of 8 bits without comments)\n", reason);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    int width, height, largest;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) return fail("cannot open the image");
    if (fscanf(file, "P6 %d %d %d", &width, &height, &largest) != 3 || largest != 255 ||
        fgetc(file) == EOF || width < 1 || width > TD_MAX_SOURCE_SIDE || height < 1 ||
        height > TD_MAX_SOURCE_SIDE)
        return fail("the image has another format");
    const size_t size = (size_t)3 * (size_t)width * (size_t)height;
    uint8_t *pixels = malloc(size);
    if (pixels == NULL || fread(pixels, 1, size, file) != size) return fail("the image is truncated");

    const td_image image = {pixels, height, width, 3 * width, TD_RGB888};
    td_detection found[DETECTOR_MAX_DETECTIONS];
    const int count = detector_detect_image(&image, arena, found, DETECTOR_MAX_DETECTIONS);
    for (int i = 0; i < count; i++)
        printf("%s %.3f: %.1f %.1f %.1f %.1f\n", detector_class_names[found[i].class_id],
               (double)found[i].score, (double)found[i].x_min * width,
               (double)found[i].y_min * height, (double)found[i].x_max * width,
               (double)found[i].y_max * height);
    return count < 0 ? fail("the image is too large") : EXIT_SUCCESS;
}
