/* The network, compiled once for each kind of processor: the best one that runs here is chosen at the start. */
#ifndef TD_KERNEL_SETS_H
#define TD_KERNEL_SETS_H

#include TD_MODEL_HEADER

/* What a program uses of the model's header. */
typedef struct {
    const char *name;
    int (*runs_here)(void);
    const char *const *class_names;
    void (*run)(void *arena);
    int32_t (*preprocess)(const td_image *source, void *arena);
    int (*detect_image)(const td_image *source, void *arena, td_detection *out, int capacity);
} td_kernel_set;

/* The best set that runs here, or that of a name; NULL where there is none of this name, or it does not run here. */
const td_kernel_set *td_choose_kernel_set(const char *name);

#endif
