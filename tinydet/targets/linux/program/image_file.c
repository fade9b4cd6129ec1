#include "image_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "file_facts.h"
#include <stb_image.h>

#define RGB 3
#define MAX_FILE_BYTES (256u << 20) /* no photo is larger, and boards have little more memory */
#define MAX_NAME_BYTES 4096

static const char *const SUFFIXES[] = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".pnm"};

/* The decoder's reason, where it is text: it may contain bytes of the file. */
static const char *decode_fault(const char *reason)
{
    if (reason == NULL || strcmp(reason, "unknown image type") == 0) {
        return "is not a JPEG, PNG, BMP or PNM image";
    }
    for (const char *c = reason; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            return "is damaged";
        }
    }
    return reason;
}

const char *td_decode_image(const uint8_t *content, size_t bytes, td_pixels *pixels)
{
    const td_file_facts facts = td_read_file_facts(content, bytes);
    if (facts.truncated) {
        return "is truncated";
    }
    int width = 0, height = 0, channels = 0;
    uint8_t *rgb = stbi_load_from_memory(content, (int)bytes, &width, &height, &channels, RGB);
    if (rgb == NULL) {
        return decode_fault(stbi_failure_reason());
    }
    *pixels = (td_pixels){rgb, height, width};
    if (facts.orientation == 1) {
        return NULL;
    }
    uint8_t *upright = malloc((size_t)height * (size_t)width * RGB);
    if (upright != NULL) {
        td_turn_upright(rgb, height, width, facts.orientation, upright);
        *pixels = facts.orientation >= 5 ? (td_pixels){upright, width, height}
                                         : (td_pixels){upright, height, width};
    }
    stbi_image_free(rgb);
    return upright == NULL ? "does not fit into the memory" : NULL;
}

const char *td_read_file(const char *path, uint8_t **content, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    struct stat facts;
    if (file == NULL) {
        return strerror(errno);
    }
    const char *fault = NULL;
    *content = NULL;
    if (fstat(fileno(file), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        fault = "is not a file";
    } else if (facts.st_size <= 0) {
        fault = "is an empty file";
    } else if (facts.st_size > (off_t)MAX_FILE_BYTES) {
        fault = "is larger than 256 MiB";
    } else {
        *bytes = (size_t)facts.st_size;
        *content = malloc(*bytes);
        if (*content == NULL) {
            fault = "does not fit into the memory";
        } else if (fread(*content, 1, *bytes, file) != *bytes) {
            free(*content);
            fault = "cannot be read";
        }
    }
    (void)fclose(file);
    return fault;
}

/* CRC-32 as in zlib, four bits at a time. */
static int64_t crc32_of(const uint8_t *bytes, size_t count)
{
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 4; bit++) {
            value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
        }
        table[i] = value;
    }
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return (int64_t)(crc ^ 0xffffffffu);
}

static int report_content(td_detector *detector, const char *name, const uint8_t *content,
                          size_t bytes, int with_checksum)
{
    const double start = td_clock_ms();
    td_pixels pixels;
    const char *fault = td_decode_image(content, bytes, &pixels);
    if (fault != NULL) {
        td_report_error(name, fault);
        return 1;
    }
    const double decode_ms = td_clock_ms() - start;
    const size_t size = (size_t)pixels.height * (size_t)pixels.width * RGB;
    const td_image image = {pixels.rgb, pixels.height, pixels.width, pixels.width * RGB,
                            TD_RGB888};
    const td_origin origin = {name, -1, decode_ms, with_checksum ? crc32_of(pixels.rgb, size) : -1};
    const int failed = td_detector_report(detector, &image, &origin) != 0;
    free(pixels.rgb);
    return failed;
}

static int report_file(td_detector *detector, const char *path, int with_checksum)
{
    uint8_t *content = NULL;
    size_t bytes = 0;
    const char *fault = td_read_file(path, &content, &bytes);
    if (fault != NULL) {
        td_report_error(path, fault);
        return 1;
    }
    const int failed = report_content(detector, path, content, bytes, with_checksum);
    free(content);
    return failed;
}

static int is_image(const struct dirent *entry)
{
    const char *suffix = strrchr(entry->d_name, '.');
    if (suffix == NULL || entry->d_name[0] == '.') {
        return 0;
    }
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof SUFFIXES[0]; i++) {
        if (strcasecmp(suffix, SUFFIXES[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int report_folder(td_detector *detector, const char *path, int with_checksum)
{
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_image, by_name);
    if (count <= 0) {
        td_report_error(path, count < 0 ? strerror(errno) : "contains no image file");
        free(entries);
        return 1;
    }
    int failed = 0;
    for (int i = 0; i < count; i++) {
        char name[MAX_NAME_BYTES];
        if (snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name) < (int)sizeof name) {
            failed += report_file(detector, name, with_checksum);
        } else {
            td_report_error(entries[i]->d_name, "has a path that is too long");
            failed++;
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int td_report_path(td_detector *detector, const char *path, int with_checksum)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode)) {
        return report_folder(detector, path, with_checksum);
    }
    return report_file(detector, path, with_checksum);
}

int td_report_stream(td_detector *detector, FILE *stream, int with_checksum)
{
    char line[64];
    int failed = 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        char *end = NULL;
        const unsigned long name_bytes = strtoul(line, &end, 10);
        const unsigned long bytes = end == line ? 0 : strtoul(end, &end, 10);
        char name[MAX_NAME_BYTES];
        if (end == line || *end != '\n' || name_bytes >= sizeof name || bytes > MAX_FILE_BYTES) {
            return -1;
        }
        uint8_t *content = malloc(bytes + 1);
        if (content == NULL || fread(name, 1, name_bytes, stream) != name_bytes ||
            fread(content, 1, bytes, stream) != bytes) {
            free(content);
            return -1;
        }
        name[name_bytes] = '\0';
        failed += report_content(detector, name, content, bytes, with_checksum);
        free(content);
    }
    return failed;
}
