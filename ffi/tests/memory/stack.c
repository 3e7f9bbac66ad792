/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How much stack each function takes: below 16 KiB for all but what makes objects, so that a thread of a
 * small device can be given a small one. The test lives on a stack of its own; before each call all below
 * it is painted, and afterwards looked through from the far end. Run first are the rows of bad_input.c,
 * which are of every function; then what goes deep.
 */
#define _GNU_SOURCE
#define main bad_input
#include "../c/bad_input.c"
#undef main

#include <pthread.h>

enum { STACK_BYTES = 1 << 20, PAINT = 0xAA, APART = 256, LEGS = 24, JOBS = 64, ROOM = 1600 };

#define LIMIT 16384
/* libopus has what it works on there. */
#define LIMIT_OPUS 49152
#define LIMIT_CREATION 73728

static unsigned char *stack;
static unsigned char *painted_to;
static size_t deepest, failed;

/* Not inlined, so that both begin where a call would, and what they use themselves is left alone. */
static void __attribute__((noinline)) paint(void)
{
    volatile unsigned char *at = stack;
    unsigned char *here = __builtin_frame_address(0);
    painted_to = here - APART;
    while (at < painted_to)
        *at++ = PAINT;
}

static size_t __attribute__((noinline)) depth(void)
{
    const volatile unsigned char *at = stack;
    while (at < painted_to && *at == PAINT)
        at++;
    return at == painted_to ? 0 : (size_t)(painted_to + APART - at);
}

static void within(const char *name, size_t limit)
{
    size_t bytes = depth();
    if (limit == LIMIT && bytes > deepest)
        deepest = bytes;
    if (bytes >= limit)
        failed++;
    if (bytes >= limit || getenv("ALE_STACK_FIGURES") != NULL)
        fprintf(stderr, "%s takes %zu bytes of stack\n", name, bytes);
}

#define DEPTH(name, limit, call) \
    do {                         \
        paint();                 \
        call;                    \
        within(name, limit);     \
    } while (0)

static int ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), bytes = strlen(end);
    return length >= bytes && strcmp(name + length - bytes, end) == 0;
}

static int is_creation(const char *name)
{
    return ends_with(name, "_create") || ends_with(name, "_memory_required")
           || strcmp(name, "ale_srtp_restore") == 0 || strcmp(name, "ale_leg_renew") == 0
           || strcmp(name, "ale_leg_config_check") == 0; /* makes what it checks */
}

static void every_function(void)
{
    bad_pointer = bad_size = -1;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        /* Their rows name nothing that could be read, or everybody's memory. */
        if (ends_with(rows[row].name, "_batch") || strcmp(rows[row].name, "ale_set_allocator") == 0)
            continue;
        memset(out.bytes, 0, sizeof out.bytes);
        DEPTH(rows[row].name, is_creation(rows[row].name) ? LIMIT_CREATION : LIMIT, call(row));
    }
}

#define SHA1(n) "1 AES_CM_128_HMAC_SHA1_80 inline:" n "zB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
static const char *const lines[][2] = {
    {SHA1("N"), SHA1("M")},
    {"1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
     "1 AEAD_AES_128_GCM inline:ABECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="},
    {"1 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=",
     "1 AEAD_AES_256_GCM inline:ABECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis="},
    {SHA1("N") "|2^20|1:4;inline:M" "zB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^20|2:4",
     SHA1("L") "|2^20|1:4;inline:K" "zB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^20|2:4"},
};
enum { SUITES = sizeof lines / sizeof *lines };

static uint8_t datagrams[JOBS][ROOM];

/* A packet of `payload` bytes of G.711, the `n`th of its stream. */
static void packet(uint8_t *bytes, unsigned ssrc, unsigned n, size_t payload)
{
    unsigned long timestamp = (unsigned long)(n * payload);
    memset(bytes, 0, 12);
    for (size_t i = 0; i < payload; i++)
        bytes[12 + i] = (uint8_t)(0x55 ^ (i * 7 + n));
    bytes[0] = 0x80;
    bytes[1] = 8;
    bytes[2] = (uint8_t)(n >> 8);
    bytes[3] = (uint8_t)n;
    for (int i = 0; i < 4; i++) {
        bytes[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
        bytes[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    }
}

/* Every other session's cryptography may be an outside backend's, which does nothing. */
static ale_srtp_backend *outside;

static int32_t any_key(void *context, const ale_srtp_backend_keys *keys, void **key)
{
    (void)keys;
    *key = context;
    return 0;
}

static int is_outside(size_t n)
{
    return outside != NULL && n % 2 == 1;
}

static void srtp(const char *const keys[2])
{
    static ale_srtp_job jobs[JOBS];
    ale_srtp *from[LEGS], *to[LEGS];
    ale_srtp_config config;
    ale_srtp_event event;
    ale_srtp_crypto crypto;
    uint8_t report[200] = {0x80, 200, 0, 6, 0, 0, 0, 1}, saved[4096];
    size_t length, n;
    uint64_t generation;
    OK(ale_srtp_config_init(&config));
    for (n = 0; n < LEGS; n++) {
        config.backend = is_outside(n) ? outside : NULL;
        config.send_crypto = keys[0];
        config.receive_crypto = NULL;
        OK(ale_srtp_create(&config, &from[n]));
        config.send_crypto = NULL;
        config.receive_crypto = keys[0];
        OK(ale_srtp_create(&config, &to[n]));
    }
    for (unsigned round = 0; round < 3; round++) {
        for (n = 0; n < JOBS; n++) {
            packet(datagrams[n], (unsigned)(n % LEGS), (unsigned)(round * JOBS + n), 40 + 13 * n);
            jobs[n].srtp = from[n % LEGS];
            jobs[n].packet = datagrams[n];
            jobs[n].length = 52 + 13 * n;
            jobs[n].capacity = ROOM;
        }
        DEPTH("ale_srtp_protect_batch", LIMIT, ale_srtp_protect_batch(jobs, JOBS));
        for (n = 0; n < JOBS; n++) {
            EXPECT(jobs[n].status == (is_outside(n % LEGS) ? ALE_ERR_SRTP_BACKEND : ALE_OK));
            jobs[n].srtp = to[n % LEGS];
            if (jobs[n].status == ALE_OK)
                jobs[n].length = jobs[n].result_length;
            datagrams[n][20] ^= n % 5 == 0;
        }
        DEPTH("ale_srtp_unprotect_batch", LIMIT, ale_srtp_unprotect_batch(jobs, JOBS));
        for (n = 0; n < JOBS; n++)
            EXPECT(is_outside(n % LEGS) || jobs[n].status == (n % 5 == 0 ? ALE_ERR_SRTP_AUTHENTICATION : ALE_OK));
    }
    packet(datagrams[0], 0, 1000, 1200);
    DEPTH("ale_srtp_protect", LIMIT, ale_srtp_protect(from[0], datagrams[0], 1212, ROOM, &length));
    DEPTH("ale_srtp_diagnose", LIMIT, ale_srtp_diagnose(keys[0], datagrams[0], length, &event));
    DEPTH("ale_srtp_unprotect", LIMIT, ale_srtp_unprotect(to[0], datagrams[0], length, &length));
    packet(datagrams[0], 0, 1001, 160);
    DEPTH("ale_srtp_unprotect, forged", LIMIT, ale_srtp_unprotect(to[0], datagrams[0], 172, &length));
    DEPTH("ale_srtp_protect_rtcp", LIMIT,
          ale_srtp_protect_rtcp(from[0], report, 28, sizeof report, &length));
    DEPTH("ale_srtp_unprotect_rtcp", LIMIT, ale_srtp_unprotect_rtcp(to[0], report, length, &length));
    DEPTH("ale_srtp_rekey", LIMIT, ale_srtp_rekey(from[0], keys[1], NULL));
    DEPTH("ale_srtp_rekey", LIMIT, ale_srtp_rekey(to[0], NULL, keys[1]));
    DEPTH("ale_srtp_retire_previous_keys", LIMIT, ale_srtp_retire_previous_keys(to[0]));
    DEPTH("ale_srtp_checkpoint", LIMIT,
          ale_srtp_checkpoint(from[0], ALE_SRTP_SENDING, in.key, in.nonce, 9, saved, sizeof saved,
                              &length, &generation));
    DEPTH("ale_srtp_checkpoint", LIMIT,
          ale_srtp_checkpoint(to[0], ALE_SRTP_RECEIVING, in.key, in.nonce, 9, saved, sizeof saved,
                              &length, &generation));
    OK(ale_srtp_crypto_init(&crypto));
    DEPTH("ale_srtp_crypto_parse", LIMIT, ale_srtp_crypto_parse(keys[0], &crypto));
    DEPTH("ale_srtp_crypto_print", LIMIT,
          ale_srtp_crypto_print(&crypto, (char *)saved, sizeof saved));
    for (n = 0; n < LEGS; n++) {
        DEPTH("ale_srtp_destroy", LIMIT, ale_srtp_destroy(from[n]));
        ale_srtp_destroy(to[n]);
    }
}

typedef struct {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    ale_leg_config config;
    int is_member;
} leg;

static leg make_leg(uint32_t ssrc, const char *encoding, const char *const keys[2])
{
    leg leg;
    memset(&leg, 0, sizeof leg);
    OK(ale_leg_config_init(&leg.config));
    leg.config.local_ssrc = ssrc;
    leg.config.send.encoding = encoding;
    leg.config.send.payload_type = 8;
    leg.config.rtcp_interval_ms = 100;
    leg.config.silence_suppression = 1;
    leg.config.inband_tones = 2;
    leg.config.call_progress = 1;
    leg.config.freeze_for_modems = 1;
    if (keys != NULL)
        leg.config.send_crypto = leg.config.receive_crypto = keys[0];
    DEPTH("ale_leg_create", LIMIT_CREATION,
          OK(ale_leg_create(&leg.config, &leg.receiver, &leg.media, &leg.control)));
    return leg;
}

/* What one leg says, another hears, with a loss and a burst now and then. */
static void call_of(const char *encoding, const char *const keys[2], const char *names[4], size_t limit)
{
    leg a = make_leg(1, encoding, keys), b = make_leg(2, encoding, keys);
    size_t samples = ale_leg_sample_rate_hz(a.media) / 100, length, waiting = 0, lengths[JOBS];
    const uint8_t *datagram;
    ale_leg_counters counters;
    int16_t pcm[480];
    for (unsigned tick = 1; tick < 300; tick++) {
        uint64_t now = tick * UINT64_C(10000000);
        for (size_t i = 0; i < samples; i++)
            pcm[i] = (int16_t)((i * 977 + tick * 31) % 8000);
        DEPTH(names[0], limit, ale_leg_push(a.media, pcm, samples));
        for (;;) {
            ale_status status;
            DEPTH(names[3], limit,
                  status = ale_leg_poll_transmit(a.media, now, &datagram, &length));
            if (status != ALE_OK)
                break;
            if (tick % 17 == 0 || waiting == JOBS)
                continue;
            memcpy(datagrams[waiting], datagram, length);
            lengths[waiting++] = length;
        }
        if (tick % 40 > 10) {
            for (size_t n = 0; n < waiting; n++)
                DEPTH(names[1], LIMIT,
                      ale_leg_receive(b.receiver, datagrams[n], lengths[n], now, NULL));
            waiting = 0;
        }
        DEPTH(names[2], limit, ale_leg_pull(b.media, now, pcm, samples, NULL));
    }
    OK(ale_leg_stats(b.control, &counters));
    EXPECT(counters.packets_received > 50);
    DEPTH("ale_leg_update", LIMIT, ale_leg_update(a.control, &a.config));
    if (keys != NULL) {
        DEPTH("ale_leg_rekey", LIMIT, OK(ale_leg_rekey(a.control, keys[1], keys[1])));
        DEPTH("ale_leg_receive", LIMIT, ale_leg_receive(a.receiver, datagrams[0], 20, 1, NULL));
    }
    DEPTH("ale_leg_renew", LIMIT_CREATION,
          ale_leg_renew(a.receiver, a.media, a.control, &a.config));
    DEPTH("ale_leg_goodbye", LIMIT, ale_leg_goodbye(a.media, 1, &datagram, &length));
    DEPTH("ale_leg_receiver_destroy", LIMIT, ale_leg_receiver_destroy(a.receiver));
    DEPTH("ale_leg_media_destroy", LIMIT, ale_leg_media_destroy(a.media));
    DEPTH("ale_leg_control_destroy", LIMIT, ale_leg_control_destroy(a.control));
    ale_leg_receiver_destroy(b.receiver);
    ale_leg_media_destroy(b.media);
    ale_leg_control_destroy(b.control);
}

static void conference(const char *const encodings[5], const char *const keys[2], const char *name,
                       size_t limit)
{
    static ale_arrival arrivals[JOBS];
    leg legs[LEGS];
    ale_conference_config config;
    ale_conference *conference;
    ale_datagram sent;
    uint64_t member;
    size_t n;
    OK(ale_conference_config_init(&config));
    config.max_members = LEGS;
    DEPTH("ale_conference_create", LIMIT_CREATION, OK(ale_conference_create(&config, &conference)));
    for (n = 0; n < LEGS; n++) {
        legs[n] = make_leg((uint32_t)n, encodings[n % 5], keys);
        DEPTH("ale_conference_join", LIMIT,
              OK(ale_conference_join(conference, legs[n].media, NULL, &member)));
        OK(ale_conference_tick(conference, 1));
    }
    for (unsigned tick = 1; tick < 60; tick++) {
        uint64_t now = tick * UINT64_C(10000000);
        size_t arrived = 0;
        DEPTH(name, limit, OK(ale_conference_tick(conference, now)));
        while (ale_conference_next_datagram(conference, &sent) == ALE_OK && arrived < JOBS) {
            ale_arrival *arrival = &arrivals[arrived];
            memcpy(datagrams[arrived], sent.bytes, sent.length);
            arrival->receiver = legs[(arrived + 5) % LEGS].receiver;
            arrival->datagram = datagrams[arrived];
            arrival->length = sent.length;
            arrival->arrival_ns = now;
            arrived++;
        }
        DEPTH("ale_leg_receive_batch", LIMIT, OK(ale_leg_receive_batch(arrivals, arrived)));
    }
    DEPTH("ale_conference_destroy", LIMIT, ale_conference_destroy(conference));
    for (n = 0; n < LEGS; n++) {
        ale_leg_receiver_destroy(legs[n].receiver);
        ale_leg_control_destroy(legs[n].control);
    }
}

static void *all(void *unused)
{
    const char *names[] = {"ale_leg_push", "ale_leg_receive", "ale_leg_pull", "ale_leg_poll_transmit"};
    const char *several[] = {"PCMA/8000", "PCMA/8000", "PCMA/8000", "G722/8000", "L16/16000"};
#ifndef ALE_WITHOUT_OPUS
    const char *opus[] = {"opus/48000/2", "PCMA/8000", "PCMA/8000", "opus/48000/2", "PCMA/8000"};
    const char *of_opus[] = {"ale_leg_push, Opus", "ale_leg_receive, Opus", "ale_leg_pull, Opus",
                             "ale_leg_poll_transmit, Opus"};
#endif
    make_all();
    every_function();
    for (size_t suite = 0; suite < SUITES; suite++) {
        srtp(lines[suite]);
        call_of("PCMA/8000", lines[suite], names, LIMIT);
        conference(several, lines[suite], "ale_conference_tick", LIMIT);
    }
    in.backend.schedule = any_key;
    OK(ale_srtp_backend_create(&in.backend, &outside));
    srtp(lines[0]);
    conference(several, NULL, "ale_conference_tick", LIMIT);
    call_of("G722/8000", NULL, names, LIMIT);
    call_of("L16/16000", NULL, names, LIMIT);
#ifndef ALE_WITHOUT_OPUS
    call_of("opus/48000/2", lines[0], of_opus, LIMIT_OPUS);
    conference(opus, lines[0], "ale_conference_tick, Opus", LIMIT_OPUS);
#endif
    return unused;
}

/* What the search has to find. */
static void __attribute__((noinline)) planted(void)
{
    volatile unsigned char large[LIMIT + 1];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (unsigned char)i;
}

static void *plant(void *unused)
{
    paint();
    planted();
    EXPECT(depth() > LIMIT && depth() < LIMIT + 1024);
    return unused;
}

static void on_painted_stack(void *(*work)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    EXPECT(pthread_attr_init(&attributes) == 0);
    EXPECT(pthread_attr_setstack(&attributes, stack, STACK_BYTES) == 0);
    EXPECT(pthread_create(&thread, &attributes, work, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
}

int main(void)
{
    void *block = NULL;
    EXPECT(posix_memalign(&block, 4096, STACK_BYTES) == 0);
    stack = block;
    on_painted_stack(plant);
    on_painted_stack(all);
    printf("at most %zu bytes of stack but for creation and Opus\n", deepest);
    return failed != 0;
}
