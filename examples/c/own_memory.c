/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A leg without a heap, as small devices have it: all memory is an array of the program's, sized by
 * what the library says that it takes, and none is asked for while the call runs.
 *
 *   own_memory
 */
#include <ale_media.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_BYTES = 96 * 1024, FRAME_SAMPLES = 80, TICKS = 500 };
#define TICK_NS UINT64_C(10000000)
#define LINE "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"

/* Memory is handed out from the front; it is all free again when the last block is back. */
static struct {
    union {
        uint8_t bytes[POOL_BYTES];
        uint64_t aligned;
        void *pointer;
    } memory;
    size_t used, most, blocks, asked;
} pool;

static void *allocate(void *context, size_t size, size_t alignment)
{
    uintptr_t start = (uintptr_t)pool.memory.bytes;
    size_t at = (size_t)(((start + pool.used + alignment - 1) & ~(uintptr_t)(alignment - 1)) - start);
    (void)context;
    pool.asked++;
    if (at > POOL_BYTES || size > POOL_BYTES - at)
        return NULL;
    pool.used = at + size;
    pool.most = pool.used > pool.most ? pool.used : pool.most;
    pool.blocks++;
    return pool.memory.bytes + at;
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
    size_t at = (size_t)((uint8_t *)memory - pool.memory.bytes);
    (void)context;
    (void)alignment;
    if (--pool.blocks == 0)
        pool.used = 0;
    else if (at + size == pool.used)
        pool.used = at;
}

static void check(ale_status status, const char *what)
{
    if (status == ALE_OK)
        return;
    fprintf(stderr, "own_memory: %s: %s\n", what, ale_status_message(status));
    exit(EXIT_FAILURE);
}

int main(void)
{
    ale_allocator allocator;
    ale_leg_config config;
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    ale_leg_counters stats;
    ale_memory memory;
    size_t asked, tick;

    check(ale_leg_config_init(&config), "leg config");
    config.local_ssrc = 0x5eed0001; /* a phone takes random numbers */
    config.send.encoding = "PCMA/8000";
    config.send.payload_type = 8;
    config.send_crypto = config.receive_crypto = LINE;
    check(ale_leg_memory_required(&config, &memory), "memory required");

    check(ale_allocator_init(&allocator), "allocator");
    allocator.allocate = allocate;
    allocator.release = release;
    check(ale_set_allocator(&allocator), "allocator");
    check(ale_leg_create(&config, &receiver, &media, &control), "leg");
    printf("a leg keeps %lu bytes in %lu blocks; the pool gave %lu at most\n",
           (unsigned long)memory.kept_bytes, (unsigned long)memory.kept_blocks, (unsigned long)pool.most);

    asked = pool.asked;
    for (tick = 0; tick < TICKS; tick++) {
        int16_t pcm[FRAME_SAMPLES];
        uint8_t bytes[2048];
        const uint8_t *datagram;
        size_t length, n;
        for (n = 0; n < FRAME_SAMPLES; n++)
            pcm[n] = (int16_t)((tick * FRAME_SAMPLES + n) % 40 < 20 ? 4000 : -4000);
        check(ale_leg_push(media, pcm, FRAME_SAMPLES), "push");
        while (ale_leg_poll_transmit(media, tick * TICK_NS, &datagram, &length) == ALE_OK) {
            /* It comes back as if from the peer; a leg takes no packets of its own source. */
            memcpy(bytes, datagram, length);
            (void)ale_leg_receive(receiver, bytes, length, tick * TICK_NS, NULL);
        }
        check(ale_leg_pull(media, tick * TICK_NS, pcm, FRAME_SAMPLES, NULL), "pull");
    }
    check(ale_leg_stats(control, &stats), "statistics");
    printf("%lu allocations in %d s of a call that sent %llu packets\n", (unsigned long)(pool.asked - asked),
           TICKS / 100, (unsigned long long)stats.packets_sent);
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
    printf("%lu blocks are left\n", (unsigned long)pool.blocks);
    return pool.asked == asked && pool.blocks == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
