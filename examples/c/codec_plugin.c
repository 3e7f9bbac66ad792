/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A codec of one's own: DVI4 (RFC 3551 section 4.5.1), 32 kbit/s, plugged into two legs that talk to
 * each other, one packet in a hundred lost. Prints how much of the sound comes through; exits with 1
 * if that is too little.
 *
 *   cc codec_plugin.c -lale_media && ./a.out
 */

#include <ale_media.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_HZ 8000
#define FRAME 80 /* samples of a pull, 10 ms */
#define PULLS 500
#define HEADER_BYTES 4

/* DVI4 needs no state beyond the packet, except that the encoder's step goes on. */
typedef struct adpcm {
    int predicted;
    int step_index;
} adpcm;

static const short steps[89] = {
    7,     8,     9,     10,    11,    12,    13,    14,    16,    17,    19,    21,    23,
    25,    28,    31,    34,    37,    41,    45,    50,    55,    60,    66,    73,    80,
    88,    97,    107,   118,   130,   143,   157,   173,   190,   209,   230,   253,   279,
    307,   337,   371,   408,   449,   494,   544,   598,   658,   724,   796,   876,   963,
    1060,  1166,  1282,  1411,  1552,  1707,  1878,  2066,  2272,  2499,  2749,  3024,  3327,
    3660,  4026,  4428,  4871,  5358,  5894,  6484,  7132,  7845,  8630,  9493,  10442, 11487,
    12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767};

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* What a code means: the decoder, and the encoder's idea of it. */
static void apply(adpcm *state, int code)
{
    static const int index_changes[8] = {-1, -1, -1, -1, 2, 4, 6, 8};
    int step = steps[state->step_index], change = step >> 3;
    if (code & 4) change += step;
    if (code & 2) change += step >> 1;
    if (code & 1) change += step >> 2;
    state->predicted = clamp(state->predicted + (code & 8 ? -change : change), -32768, 32767);
    state->step_index = clamp(state->step_index + index_changes[code & 7], 0, 88);
}

static int code_of(const adpcm *state, int sample)
{
    int step = steps[state->step_index], left = sample - state->predicted, code = 0;
    if (left < 0) {
        code = 8;
        left = -left;
    }
    if (left >= step) {
        code |= 4;
        left -= step;
    }
    if (left >= step >> 1) {
        code |= 2;
        left -= step >> 1;
    }
    return code | (left >= step >> 2);
}

static void *create(void *context)
{
    (void)context;
    return calloc(1, sizeof(adpcm));
}

static int32_t encode(void *state, const int16_t *pcm, size_t samples, uint8_t *payload,
                      size_t capacity)
{
    adpcm *self = state;
    size_t i;
    if (samples % 2 != 0 || capacity < HEADER_BYTES + samples / 2)
        return -1;
    payload[0] = (uint8_t)(self->predicted >> 8);
    payload[1] = (uint8_t)self->predicted;
    payload[2] = (uint8_t)self->step_index;
    payload[3] = 0;
    for (i = 0; i < samples; i += 2) {
        int first = code_of(self, pcm[i]), second;
        apply(self, first);
        second = code_of(self, pcm[i + 1]);
        apply(self, second);
        payload[HEADER_BYTES + i / 2] = (uint8_t)(first << 4 | second);
    }
    return (int32_t)(HEADER_BYTES + samples / 2);
}

static int32_t packet_samples(void *state, const uint8_t *payload, size_t length)
{
    (void)state;
    /* From the network: as long as it likes, and with any index. */
    if (length <= HEADER_BYTES || length > 1000 || payload[2] > 88)
        return -1;
    return (int32_t)(length - HEADER_BYTES) * 2;
}

static int32_t decode(void *state, const uint8_t *payload, size_t length, int16_t *pcm,
                      size_t capacity)
{
    adpcm *self = state;
    int32_t samples = packet_samples(state, payload, length);
    int32_t i;
    if (samples < 0 || (size_t)samples > capacity)
        return -1;
    self->predicted = (int16_t)(payload[0] << 8 | payload[1]);
    self->step_index = payload[2];
    for (i = 0; i < samples; i++) {
        int both = payload[HEADER_BYTES + i / 2];
        apply(self, i % 2 ? both & 15 : both >> 4);
        pcm[i] = (int16_t)self->predicted;
    }
    return samples;
}

static void check(ale_status status, const char *what)
{
    if (status != ALE_OK) {
        fprintf(stderr, "codec_plugin: %s: %s\n", what, ale_status_message(status));
        exit(EXIT_FAILURE);
    }
}

typedef struct leg {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
} leg;

static leg make_leg(uint32_t ssrc, const ale_host_codec *codec)
{
    ale_leg_config config;
    leg leg;
    check(ale_leg_config_init(&config), "ale_leg_config_init");
    config.local_ssrc = ssrc;
    config.send.payload_type = 5;
    config.send.host = codec;
    check(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control), "ale_leg_create");
    return leg;
}

static void destroy_leg(leg leg)
{
    ale_leg_receiver_destroy(leg.receiver);
    ale_leg_media_destroy(leg.media);
    ale_leg_control_destroy(leg.control);
}

int main(void)
{
    static int16_t said[PULLS * FRAME], heard[PULLS * FRAME];
    const double two_pi = 6.283185307179586;
    ale_host_codec_config config;
    ale_host_codec *codec = NULL;
    leg caller, callee;
    double best = 0;
    int pull, i, lag;

    check(ale_host_codec_config_init(&config), "ale_host_codec_config_init");
    config.encoding = "DVI4/8000";
    config.sample_rate_hz = RATE_HZ;
    config.impairment_x10 = 70;
    config.encoder_create = create;
    config.encode = encode;
    config.encoder_destroy = free;
    config.decoder_create = create;
    config.packet_samples = packet_samples;
    config.decode = decode;
    config.decoder_destroy = free;
    check(ale_host_codec_create(&config, &codec), "ale_host_codec_create");
    caller = make_leg(1, codec);
    callee = make_leg(2, codec);
    ale_host_codec_destroy(codec); /* its legs hold on to it */

    for (pull = 0; pull < PULLS; pull++) {
        uint64_t now_ns = (uint64_t)pull * 10000000u;
        int16_t *frame = &said[pull * FRAME];
        const uint8_t *datagram;
        size_t length;
        for (i = 0; i < FRAME; i++) { /* a tone that rises and falls, 200 to 2000 Hz */
            double t = (pull * FRAME + i) / (double)RATE_HZ;
            frame[i] = (int16_t)(8000 * sin(two_pi * (1100 * t - 900 * sin(t))));
        }
        check(ale_leg_push(caller.media, frame, FRAME), "ale_leg_push");
        while (ale_leg_poll_transmit(caller.media, now_ns, &datagram, &length) == ALE_OK) {
            uint8_t received[1500];
            if (length > sizeof received || pull % 200 == 199)
                continue; /* lost */
            memcpy(received, datagram, length);
            ale_leg_receive(callee.receiver, received, length, now_ns, NULL);
        }
        check(ale_leg_pull(callee.media, now_ns, &heard[pull * FRAME], FRAME, NULL), "ale_leg_pull");
    }

    for (lag = 0; lag < RATE_HZ / 2; lag++) { /* the delay that fits best */
        double product = 0, a = 0, b = 0, like;
        for (i = RATE_HZ; i + lag < PULLS * FRAME; i++) {
            product += (double)said[i] * heard[i + lag];
            a += (double)said[i] * said[i];
            b += (double)heard[i + lag] * heard[i + lag];
        }
        like = a > 0 && b > 0 ? product / sqrt(a * b) : 0;
        if (like > best)
            best = like;
    }
    destroy_leg(caller);
    destroy_leg(callee);
    printf("codec_plugin: what is heard is %.1f %% like what was said\n", 100 * best);
    return best > 0.95 ? EXIT_SUCCESS : EXIT_FAILURE;
}
