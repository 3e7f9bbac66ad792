/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a leg and a conference can be asked, and told, beside their everyday calls. */
#include "check.h"

#define TICK_NS UINT64_C(10000000)
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define LINE "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY

struct leg {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
};

static ale_leg_config basic(uint32_t ssrc)
{
    ale_leg_config config;
    OK(ale_leg_config_init_sized(&config, sizeof config));
    config.local_ssrc = ssrc;
    config.send.encoding = "PCMA/8000";
    config.send.payload_type = 8;
    return config;
}

static struct leg make(const ale_leg_config *config)
{
    struct leg leg = {NULL, NULL, NULL};
    OK(ale_leg_create(config, &leg.receiver, &leg.media, &leg.control));
    return leg;
}

static void destroy(struct leg *leg)
{
    ale_leg_receiver_destroy(leg->receiver);
    ale_leg_media_destroy(leg->media);
    ale_leg_control_destroy(leg->control);
}

/* One second of a call, in which b is on hold for the middle half: both directions of it, as b has them. */
static void recording(void)
{
    static int16_t heard[12000], said[12000];
    ale_leg_config config = basic(2), plain = basic(1);
    struct leg a, b;
    int16_t pcm[80];
    uint8_t copy[1500];
    const uint8_t *datagram;
    size_t length, samples, lost, total = 0;
    int n, tick, loud = 0;
    a = make(&plain);
    b = make(&config);
    REFUSED(ALE_ERR_CAPACITY, ale_leg_record(b.control, 60001));
    EXPECT(ale_leg_read_recording(b.control, heard, said, 80, &samples, NULL) == ALE_ERR_NOTHING);
    OK(ale_leg_record(b.control, 1000));
    for (tick = 0; tick < 120; tick++) {
        uint64_t now_ns = (uint64_t)tick * TICK_NS;
        for (n = 0; n < 80; n++)
            pcm[n] = (int16_t)(n % 16 < 8 ? 3000 : -3000);
        OK(ale_leg_push(a.media, pcm, 80));
        while (ale_leg_poll_transmit(a.media, now_ns, &datagram, &length) == ALE_OK) {
            memcpy(copy, datagram, length);
            OK(ale_leg_receive(b.receiver, copy, length, now_ns, NULL));
        }
        OK(ale_leg_pull(b.media, now_ns, heard + tick * 80, 80, NULL));
        if (tick < 25 || tick >= 75) {
            for (n = 0; n < 80; n++)
                pcm[n] = (int16_t)(tick * 80 + n + 1);
            OK(ale_leg_push(b.media, pcm, 80));
        }
        while (ale_leg_poll_transmit(b.media, now_ns, &datagram, &length) == ALE_OK)
            ;
    }
    while (ale_leg_read_recording(b.control, pcm, said + total, 80, &samples, &lost) == ALE_OK) {
        for (n = 0; n < (int)samples; n++) {
            /* 200 ms more than there was room for. */
            if (lost == 0)
                EXPECT(pcm[n] == heard[total + (size_t)n]);
            loud += pcm[n] > 2000;
        }
        total += samples;
    }
    EXPECT(total >= 8000 && total <= 9600 && loud > 3000);
    for (n = 0; n < 8000; n++)
        EXPECT(said[n] == (n < 2000 || n >= 6000 ? n + 1 : 0));
    INVALID(ale_leg_read_recording(b.control, heard, said, 0, &samples, NULL));
    OK(ale_leg_record(b.control, 0));
    OK(ale_leg_pull(b.media, 0, pcm, 80, NULL));
    EXPECT(ale_leg_read_recording(b.control, heard, said, 80, &samples, NULL) == ALE_ERR_NOTHING);
    destroy(&a);
    destroy(&b);
}

/* Both talk for so many ticks; what `from` sends is kept, the last packet first. */
static int talk(struct leg *from, struct leg *to, int first, int ticks, int16_t *heard)
{
    static uint8_t copy[1500];
    const uint8_t *datagram;
    size_t length;
    int16_t pcm[80];
    int tick, n, taken = 0;
    for (tick = first; tick < first + ticks; tick++) {
        uint64_t now_ns = (uint64_t)tick * TICK_NS;
        for (n = 0; n < 80; n++)
            pcm[n] = (int16_t)(((tick * 80 + n) % 16 - 8) * 1000);
        OK(ale_leg_push(from->media, pcm, 80));
        while (ale_leg_poll_transmit(from->media, now_ns, &datagram, &length) == ALE_OK) {
            memcpy(copy, datagram, length);
            /* Reports look the same from outside, protected or not. */
            EXPECT(ale_is_rtcp(datagram, length) == (datagram[1] >= 200 && datagram[1] <= 207));
            taken += ale_leg_receive(to->receiver, copy, length, now_ns, NULL) == ALE_OK;
        }
        OK(ale_leg_pull(to->media, now_ns, pcm, 80, NULL));
        if (heard != NULL)
            memcpy(heard + (tick - first) * 80, pcm, sizeof pcm);
    }
    return taken;
}

/* Keys as bytes are those of the line, and what SRTP is asked for reaches the leg's session. */
static void keys_and_settings(void)
{
    ale_leg_config by_line = basic(1), by_bytes = basic(2), wrong;
    ale_srtp_crypto crypto;
    ale_srtp_config settings;
    ale_mistake mistake;
    struct leg a, b;

    OK(ale_srtp_crypto_parse(LINE, &crypto));
    OK(ale_srtp_config_init_sized(&settings, sizeof settings));
    by_line.send_crypto = by_line.receive_crypto = LINE;
    by_bytes.send_keys = by_bytes.receive_keys = &crypto;
    by_bytes.srtp = &settings;
    a = make(&by_line);
    b = make(&by_bytes);
    EXPECT(talk(&a, &b, 0, 50, NULL) >= 25);
    EXPECT(talk(&b, &a, 50, 50, NULL) >= 25);
    destroy(&a);
    destroy(&b);

    /* A window of 100 packets is none, and a suite that a strict policy refuses is refused. */
    settings.replay_window_packets = 100;
    OK(ale_leg_config_check(NULL, &by_bytes, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_INVALID_ARGUMENT);
    settings.replay_window_packets = 64;
    OK(ale_leg_config_check(NULL, &by_bytes, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_OK);
    settings.policy = 77;
    OK(ale_leg_config_check(NULL, &by_bytes, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_INVALID_ARGUMENT && strcmp(mistake.member, "srtp") == 0);
    settings.policy = ALE_SRTP_INTEROP;
    settings.struct_size = 3;
    OK(ale_leg_config_check(NULL, &by_bytes, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_STRUCT_SIZE && strcmp(mistake.member, "srtp") == 0);
    settings.struct_size = sizeof settings;

    /* A line and bytes contradict each other; so do keys for one direction. */
    wrong = by_bytes;
    wrong.send_crypto = LINE;
    OK(ale_leg_config_check(NULL, &wrong, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_INVALID_ARGUMENT && strcmp(mistake.member, "send_keys") == 0);
    wrong = by_bytes;
    wrong.receive_keys = NULL;
    OK(ale_leg_config_check(NULL, &wrong, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_ONE_DIRECTION && strcmp(mistake.member, "receive_crypto") == 0);
    crypto.key_count = 0;
    OK(ale_leg_config_check(NULL, &by_bytes, &mistake, sizeof mistake));
    EXPECT(mistake.status != ALE_OK && strcmp(mistake.member, "send_keys") == 0);
}

/* The jitter buffer of a leg: its settings, what it saw, and its log played again. */
static void jitter(void)
{
    enum { TICKS = 60 };
    static uint8_t log[60000];
    static int16_t heard[TICKS * 80];
    ale_leg_config config = basic(2), plain = basic(1);
    ale_jitter_config replayed;
    ale_jitter_replay *again = NULL;
    ale_leg_counters counters;
    ale_pull_info info;
    struct leg a, b;
    int16_t pcm[80];
    size_t length = 0, samples, total = 0;
    float shares[8], sum = 0;
    int32_t agrees = 0, ended = 0;
    int n;

    config.jitter_slots = 64;
    config.black_box_bytes = 50000;
    config.black_box_audio = 1;
    config.resample_drift = 0;
    a = make(&plain);
    b = make(&config);
    OK(ale_leg_black_box(a.media, log, sizeof log, &length));
    EXPECT(length == 0);
    OK(ale_leg_set_delay_bounds(b.control, 80, 400));
    REFUSED(ALE_ERR_DELAY, ale_leg_set_delay_bounds(b.control, 400, 80));
    REFUSED(ALE_ERR_DELAY, ale_leg_set_delay_mode(b.control, ALE_DELAY_FIXED, 100000));
    INVALID(ale_leg_set_delay_mode(b.control, 77, 60));
    talk(&a, &b, 0, TICKS, heard);
    OK(ale_leg_stats(b.control, &counters));
    EXPECT(counters.jitter.target_delay_us >= 80000);
    OK(ale_leg_arrival_histogram(b.media, 20, shares, 8));
    for (n = 0; n < 8; n++)
        sum += shares[n];
    EXPECT(sum > 0.99f && sum < 1.01f && shares[0] > 0.9f);
    INVALID(ale_leg_arrival_histogram(b.media, 0, shares, 8));
    INVALID(ale_leg_arrival_histogram(b.media, 20, shares, 0));
    EXPECT(ale_leg_black_box(b.media, log, 10, &length) == ALE_ERR_CAPACITY);
    EXPECT(length > 10);
    OK(ale_leg_black_box(b.media, log, sizeof log, &length));

    OK(ale_jitter_config_init_sized(&replayed, sizeof replayed));
    replayed.codecs = &config.send;
    replayed.codec_count = 1;
    OK(ale_jitter_replay_create(log, length, &replayed, &again));
    for (;;) {
        OK(ale_jitter_replay_pull(again, pcm, 80, &samples, &info, &agrees, &ended));
        if (ended)
            break;
        EXPECT(agrees == 1 && memcmp(pcm, heard + total, sizeof pcm) == 0);
        total += samples;
    }
    EXPECT(total == TICKS * 80);
    ale_jitter_replay_destroy(again);
    OK(ale_leg_set_delay_mode(b.control, ALE_DELAY_FIXED, 200));
    talk(&a, &b, TICKS, 300, NULL);
    OK(ale_leg_stats(b.control, &counters));
    EXPECT(counters.jitter.target_delay_us == 200000);
    destroy(&b);

    config.resample_drift = 1;
    b = make(&config);
    destroy(&b);
    config.jitter_slots = 7;
    EXPECT(ale_leg_create(&config, &b.receiver, &b.media, &b.control) == ALE_ERR_INVALID_ARGUMENT);
    destroy(&a);
}

/* A member's mark can be asked for while it is there, and when it has been given back. */
static void marks(void)
{
    ale_conference_config config;
    ale_conference *conference = NULL;
    ale_join_options options;
    ale_leg_config first = basic(1), second = basic(2);
    ale_leg_media *back = NULL;
    struct leg a = make(&first), b = make(&second);
    uint64_t member, other, tag = 0;

    OK(ale_conference_config_init_sized(&config, sizeof config));
    config.max_members = 1;
    OK(ale_conference_create(&config, &conference));
    OK(ale_join_options_init_sized(&options, sizeof options));
    options.tag = UINT64_C(0x123456789abcdef0);
    OK(ale_conference_join(conference, a.media, &options, &member));
    OK(ale_conference_tag(conference, member, &tag));
    EXPECT(tag == options.tag);
    OK(ale_conference_leave(conference, member));
    OK(ale_conference_tag(conference, member, &tag));
    OK(ale_conference_tick(conference, TICK_NS));
    OK(ale_conference_tick(conference, 2 * TICK_NS));
    OK(ale_conference_reclaim(conference, &other, &back));
    tag = 0;
    OK(ale_conference_tag(conference, other, &tag));
    EXPECT(other == member && tag == options.tag);
    a.media = back;
    options.tag = 7;
    OK(ale_conference_join(conference, b.media, &options, &other));
    EXPECT(ale_conference_tag(conference, member, &tag) == ALE_ERR_NOT_FOUND);
    OK(ale_conference_tag(conference, other, &tag));
    EXPECT(tag == 7);
    EXPECT(ale_conference_tag(conference, 1000, &tag) == ALE_ERR_NOT_FOUND);
    b.media = NULL; /* the conference's */
    ale_conference_destroy(conference);
    destroy(&a);
    destroy(&b);
}

int main(void)
{
    uint8_t rtcp[8] = {0x80, 200, 0, 1};
    EXPECT(ale_is_rtcp(rtcp, sizeof rtcp) != 0 && ale_is_rtcp(NULL, 8) == 0);
    EXPECT(ale_is_rtcp(rtcp, 1) == 0);
    keys_and_settings();
    jitter();
    recording();
    marks();
    return 0;
}
