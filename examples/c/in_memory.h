/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the programs without sockets share: the host's side of a call, where a pointer stands in for the
 * network and a counter for the clock, so that minutes take seconds and every run is the same. Who talks
 * says a tone of a frequency of its own, by which it is known at the other end.
 */
#ifndef IN_MEMORY_H
#define IN_MEMORY_H

#include <ale_media.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_NS UINT64_C(10000000)
/* 10 ms at 8 kHz, and the 200 ms over which is listened. */
enum { FRAME = 80, WINDOW = 1600, DIGITS = 101 };
/* An a=crypto line (RFC 4568) without "a=crypto:". A real host makes one for each direction of each call. */
#define CRYPTO "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="

static inline void check(ale_status status, const char *what)
{
    if (status == ALE_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, ale_status_message(status));
    exit(EXIT_FAILURE);
}

/* One end of a call. */
struct end {
    ale_leg_receiver *receiver;
    ale_leg_media *media; /* NULL while a conference has it */
    ale_leg_control *control;
    uint64_t ticks;
    int16_t window[WINDOW]; /* what was heard last */
};

static inline void end_config(ale_leg_config *config, uint32_t ssrc, const char *encoding,
                              uint8_t payload_type, const char *crypto)
{
    check(ale_leg_config_init_sized(config, sizeof *config), "leg config");
    config->local_ssrc = ssrc; /* a real host's is random, and so is where it begins to count */
    config->send.encoding = encoding;
    config->send.payload_type = payload_type;
    config->sample_rate_hz = 8000;
    config->send_crypto = config->receive_crypto = crypto;
    config->telephone_event_payload_type = DIGITS;
}

static inline void end_create(struct end *end, const ale_leg_config *config)
{
    memset(end, 0, sizeof *end);
    check(ale_leg_create(config, &end->receiver, &end->media, &end->control), "leg");
}

static inline void end_destroy(struct end *end)
{
    ale_leg_receiver_destroy(end->receiver);
    ale_leg_media_destroy(end->media);
    ale_leg_control_destroy(end->control);
}

/* The network: a datagram arrives. What is wrong with one is counted, and ends nothing. */
static inline void deliver(struct end *to, const uint8_t *datagram, size_t length, uint64_t now_ns)
{
    uint8_t bytes[2048];
    memcpy(bytes, datagram, length);
    (void)ale_leg_receive(to->receiver, bytes, length, now_ns, NULL);
}

/* 10 ms of a tone, or of silence for 0 Hz; full of phase, since all frequencies are multiples of 5 Hz. */
static inline void say(int16_t *pcm, int hz, uint64_t tick)
{
    int i;
    for (i = 0; i < FRAME; i++) {
        double at = (double)((tick * FRAME + (uint64_t)i) % 8000);
        pcm[i] = hz == 0 ? 0 : (int16_t)(3000.0 * sin(6.283185307179586 * hz * at / 8000.0));
    }
}

/* An end's audio thread: 10 ms are heard and remembered, 10 ms are said, and what is due goes to the peer. */
static inline void talk(struct end *end, struct end *peer, const int16_t *pcm, uint64_t now_ns)
{
    const uint8_t *datagram;
    size_t length;
    check(ale_leg_pull(end->media, now_ns, end->window + end->ticks++ * FRAME % WINDOW, FRAME, NULL), "pull");
    check(ale_leg_push(end->media, pcm, FRAME), "push");
    while (ale_leg_poll_transmit(end->media, now_ns, &datagram, &length) == ALE_OK)
        deliver(peer, datagram, length, now_ns);
}

/* Whether the tone of this frequency was heard in the last 200 ms: its amplitude by Goertzel's filter. */
static inline int hears(const int16_t *window, int hz)
{
    double turn = 2.0 * cos(6.283185307179586 * hz / 8000.0), one = 0.0, two = 0.0;
    int i;
    for (i = 0; i < WINDOW; i++) {
        double next = (double)window[i] + turn * one - two;
        two = one;
        one = next;
    }
    return sqrt(one * one + two * two - turn * one * two) * 2.0 / WINDOW > 750.0;
}

static inline void expect(int is, const char *what)
{
    if (is)
        return;
    fprintf(stderr, "not so: %s\n", what);
    exit(EXIT_FAILURE);
}

#endif
