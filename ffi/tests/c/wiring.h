/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A call of two legs over a wire that a test looks into, for tests that see a feature in what comes
   out: what is heard, what is on the wire, what is counted. */

#ifndef WIRING_H
#define WIRING_H

#include "check.h"

#include <math.h>

#define TICK_NS UINT64_C(10000000)
#define TURN 6.283185307179586

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define KEY_B "HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
#define SHA1_A "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A
#define SHA1_B "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B
#define GCM_A "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define GCM_B "1 AEAD_AES_128_GCM inline:GxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAA=="

typedef struct leg {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
} leg;

/* One direction's part in a call: b listens to a, and a to b. */
typedef struct call call;
struct call {
    leg a, b;
    /* Of 10 ms, so far. */
    unsigned tick;
    /* The tone that a says and its amplitude; b is silent. */
    double hz;
    int amplitude;
    /* Not 0: a buzz whose strength and pitch change as a voice's, instead of a tone. */
    int voice;
    /* Sees each datagram and may change it; 0 loses it. NULL: all go through. */
    int (*wire)(call *call, int from_a, uint8_t *bytes, size_t *length);
    /* What the wire keeps. */
    unsigned seen, counted;
    /* How long the wire takes. */
    uint64_t delay_ns;
    /* What b heard in the last run, at most a second of it. */
    int16_t heard[48000];
    size_t heard_samples;
    /* Sums of what pulls said in the last run, and the last one's words. */
    ale_pull_info info;
    unsigned operations[7];
    /* Datagrams that are under way. */
    struct {
        uint8_t bytes[1600];
        size_t length;
        uint64_t due_ns;
        int from_a;
    } under_way[32];
    size_t travellers;
};

static inline ale_leg_config plain(uint32_t ssrc, const char *encoding)
{
    ale_leg_config config;
    OK(ale_leg_config_init(&config));
    config.local_ssrc = ssrc;
    config.send.payload_type = 96;
    config.send.encoding = encoding;
    return config;
}

static inline leg make(const ale_leg_config *config)
{
    leg leg = {NULL, NULL, NULL};
    OK(ale_leg_create(config, &leg.receiver, &leg.media, &leg.control));
    return leg;
}

static inline void refused(const ale_leg_config *config, ale_status status)
{
    leg leg;
    EXPECT(ale_leg_create(config, &leg.receiver, &leg.media, &leg.control) == status);
}

static inline void destroy(leg leg)
{
    ale_leg_receiver_destroy(leg.receiver);
    ale_leg_media_destroy(leg.media);
    ale_leg_control_destroy(leg.control);
}

/* A call in which a says a tone. The struct is large: tests keep it static. */
static inline void begin(call *call, const ale_leg_config *a, const ale_leg_config *b)
{
    memset(call, 0, sizeof *call);
    call->a = make(a);
    call->b = make(b);
    call->hz = 440;
    call->amplitude = 8000;
}

static inline void end(call *call)
{
    destroy(call->a);
    destroy(call->b);
}

static inline void say(int16_t *pcm, size_t samples, uint32_t rate_hz, uint64_t first, double hz,
                       int amplitude)
{
    size_t n;
    for (n = 0; n < samples; n++)
        pcm[n] = (int16_t)(amplitude * sin(TURN * hz * (double)(first + n) / rate_hz));
}

/* Pulses of 80 to 120 Hz through a resonance, four syllables a second. */
static inline void speak(int16_t *pcm, size_t samples, uint32_t rate_hz, uint64_t first,
                         int amplitude)
{
    size_t n;
    for (n = 0; n < samples; n++) {
        double at = (double)(first + n) / rate_hz;
        double turns = 100 * at + 3 * sin(TURN * 0.7 * at), since = fmod(turns, 1) / 100;
        pcm[n] = (int16_t)(amplitude * (0.55 - 0.45 * cos(TURN * 4 * at)) * exp(-300 * since)
                           * sin(TURN * 650 * since));
    }
}

static inline void arrive(call *call, uint64_t now_ns)
{
    size_t n = 0, kept = 0;
    for (n = 0; n < call->travellers; n++) {
        if (call->under_way[n].due_ns > now_ns) {
            call->under_way[kept++] = call->under_way[n];
            continue;
        }
        (void)ale_leg_receive(call->under_way[n].from_a ? call->b.receiver : call->a.receiver,
                              call->under_way[n].bytes, call->under_way[n].length, now_ns, NULL);
    }
    call->travellers = kept;
}

static inline void put_on_wire(call *call, int from_a, const uint8_t *bytes, size_t length)
{
    size_t n = call->travellers;
    EXPECT(n < 32 && length <= sizeof call->under_way[n].bytes);
    memcpy(call->under_way[n].bytes, bytes, length);
    if (call->wire != NULL && !call->wire(call, from_a, call->under_way[n].bytes, &length))
        return;
    call->under_way[n].length = length;
    call->under_way[n].due_ns = call->tick * TICK_NS + call->delay_ns;
    call->under_way[n].from_a = from_a;
    call->travellers++;
}

static inline void send_all(call *call, int from_a)
{
    ale_leg_media *media = from_a ? call->a.media : call->b.media;
    const uint8_t *datagram;
    size_t length;
    while (ale_leg_poll_transmit(media, call->tick * TICK_NS, &datagram, &length) == ALE_OK)
        put_on_wire(call, from_a, datagram, length);
}

/* Goes on with the call for some ticks. */
static inline void run(call *call, unsigned ticks)
{
    static int16_t pcm[480];
    uint32_t rate_a = ale_leg_sample_rate_hz(call->a.media);
    uint32_t rate_b = ale_leg_sample_rate_hz(call->b.media);
    size_t a = rate_a / 100, b = rate_b / 100;
    call->heard_samples = 0;
    memset(call->operations, 0, sizeof call->operations);
    for (; ticks > 0; ticks--, call->tick++) {
        if (call->voice)
            speak(pcm, a, rate_a, (uint64_t)call->tick * a, call->amplitude);
        else
            say(pcm, a, rate_a, (uint64_t)call->tick * a, call->hz, call->amplitude);
        OK(ale_leg_push(call->a.media, pcm, a));
        memset(pcm, 0, sizeof pcm);
        OK(ale_leg_push(call->b.media, pcm, b));
        send_all(call, 1);
        send_all(call, 0);
        arrive(call, call->tick * TICK_NS);
        OK(ale_leg_pull(call->a.media, call->tick * TICK_NS, pcm, a, NULL));
        if (call->heard_samples + b > 48000)
            call->heard_samples = 0;
        OK(ale_leg_pull(call->b.media, call->tick * TICK_NS, call->heard + call->heard_samples, b,
                        &call->info));
        call->heard_samples += b;
        EXPECT((unsigned)call->info.operation < 7);
        call->operations[call->info.operation]++;
    }
}

/* Root of the mean square. */
static inline double loudness(const int16_t *pcm, size_t samples)
{
    double sum = 0;
    size_t n;
    for (n = 0; n < samples; n++)
        sum += (double)pcm[n] * pcm[n];
    return samples == 0 ? 0 : sqrt(sum / (double)samples);
}

/* The share of the energy that is at a frequency, 0 to 1. */
static inline double share_at(const int16_t *pcm, size_t samples, uint32_t rate_hz, double hz)
{
    double re = 0, im = 0, sum = 0;
    size_t n;
    for (n = 0; n < samples; n++) {
        double phase = TURN * hz * (double)n / rate_hz;
        re += pcm[n] * cos(phase);
        im += pcm[n] * sin(phase);
        sum += (double)pcm[n] * pcm[n];
    }
    return sum == 0 ? 0 : 2 * (re * re + im * im) / ((double)samples * sum);
}

/* Whether b hears what a says, as loud as it is said. */
static inline int is_heard(const call *call)
{
    uint32_t rate = ale_leg_sample_rate_hz(call->b.media);
    double ratio = loudness(call->heard, call->heard_samples) * sqrt(2) / call->amplitude;
    return share_at(call->heard, call->heard_samples, rate, call->hz) > 0.9 && ratio > 0.8
           && ratio < 1.25;
}

static inline ale_leg_counters counters(leg leg)
{
    ale_leg_counters counters;
    OK(ale_leg_stats(leg.control, &counters));
    return counters;
}

/* How many events of a kind wait; the last of them goes to *last, which may be NULL. All others are
   thrown away. */
static inline unsigned events(leg leg, ale_leg_event_kind kind, ale_leg_event *last)
{
    ale_leg_event event;
    unsigned count = 0;
    if (last != NULL)
        memset(last, 0, sizeof *last);
    while (ale_leg_next_event(leg.control, &event) == ALE_OK) {
        if (event.kind != kind)
            continue;
        count++;
        if (last != NULL)
            *last = event;
    }
    return count;
}

static inline int is_rtcp(const uint8_t *bytes)
{
    return bytes[1] >= 192 && bytes[1] <= 223;
}

static inline unsigned payload_type(const uint8_t *bytes)
{
    return bytes[1] & 0x7fu;
}

static inline uint32_t word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline unsigned half(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Where the packet of a type begins in compound RTCP, or NULL. */
static inline const uint8_t *find_rtcp(const uint8_t *bytes, size_t length, unsigned type)
{
    size_t at = 0;
    while (at + 4 <= length) {
        if (bytes[at + 1] == type)
            return bytes + at;
        at += 4 * (half(bytes + at + 2) + 1u);
    }
    return NULL;
}

/* Where the data of a header extension element of one byte (RFC 8285) begins, or NULL. */
static inline const uint8_t *find_element(const uint8_t *bytes, unsigned id, size_t *length)
{
    const uint8_t *at = bytes + 12 + 4 * (bytes[0] & 0x0f), *stop;
    if (!(bytes[0] & 0x10) || half(at) != 0xbede)
        return NULL;
    stop = at + 4 + 4 * half(at + 2);
    for (at += 4; at < stop;) {
        if (*at == 0) {
            at++;
            continue;
        }
        *length = (*at & 0x0fu) + 1;
        if (*at >> 4 == (int)id)
            return at + 1;
        at += 1 + *length;
    }
    return NULL;
}

#endif
