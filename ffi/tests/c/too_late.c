/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Once memory has come from elsewhere, it is too late for an allocator. */
#include "check.h"

static void *allocate(void *context, size_t size, size_t alignment)
{
    (void)size;
    (void)alignment;
    return context;
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
    (void)context;
    (void)memory;
    (void)size;
    (void)alignment;
}

int main(void)
{
    ale_allocator allocator;
    ale_mixer_config config;
    ale_mixer *mixer;
    OK(ale_mixer_config_init(&config));
    OK(ale_mixer_create(&config, &mixer));
    OK(ale_allocator_init(&allocator));
    allocator.allocate = allocate;
    allocator.release = release;
    EXPECT(ale_set_allocator(&allocator) == ALE_ERR_TOO_LATE);
    ale_mixer_destroy(mixer);
    return 0;
}
