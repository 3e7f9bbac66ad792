/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The jitter buffer's control half, what one can see of it, and its black box. */

#include "check.h"

#define TICK_NS 10000000ull
#define TICKS 400
#define LOST 100

static size_t rtp(uint8_t *packet, unsigned n)
{
    size_t i;
    memset(packet, 0, 12);
    packet[0] = 0x80;
    packet[2] = (uint8_t)(n >> 8);
    packet[3] = (uint8_t)n;
    packet[5] = (uint8_t)(n * 160 >> 16);
    packet[6] = (uint8_t)(n * 160 >> 8);
    packet[7] = (uint8_t)(n * 160);
    for (i = 0; i < 160; i++)
        packet[12 + i] = (uint8_t)(n * 31 + i * 7);
    return 172;
}

static ale_codec codec = {0, "PCMU/8000", 0, 0, 0, 0, 0, NULL, NULL};

static ale_jitter_config with_log(uint32_t bytes, uint32_t audio)
{
    ale_jitter_config config;
    OK(ale_jitter_config_init(&config));
    EXPECT(config.black_box_bytes == 0 && config.black_box_audio == 0);
    config.codecs = &codec;
    config.codec_count = 1;
    config.black_box_bytes = bytes;
    config.black_box_audio = audio;
    EXPECT(config.resample_drift == 0);
    return config;
}

static void missing_packets(ale_jitter_reader *reader, uint64_t now_ns)
{
    ale_missing_packet missing[4];
    size_t count = 9;
    OK(ale_jitter_missing(reader, now_ns, missing, 4, &count));
    EXPECT(count == 1 && missing[0].sequence == LOST && missing[0].deadline_ns > now_ns);
    EXPECT(missing[0].deadline_ns < now_ns + 500000000ull);
    INVALID(ale_jitter_missing(reader, now_ns, missing, 4, NULL));
    INVALID(ale_jitter_missing(reader, now_ns, NULL, 4, &count));
    INVALID(ale_jitter_missing(NULL, now_ns, missing, 4, &count));
}

static void histogram(const ale_jitter_reader *reader)
{
    float shares[5], sum = 0;
    int i;
    OK(ale_jitter_arrival_histogram(reader, 20, shares, 5));
    for (i = 0; i < 5; i++)
        sum += shares[i];
    EXPECT(sum > 0.99f && sum < 1.01f && shares[0] > 0.9f);
    INVALID(ale_jitter_arrival_histogram(reader, 0, shares, 5));
    INVALID(ale_jitter_arrival_histogram(reader, 20, shares, 0));
    INVALID(ale_jitter_arrival_histogram(reader, 20, NULL, 5));
    INVALID(ale_jitter_arrival_histogram(NULL, 20, shares, 5));
}

static void settings(ale_jitter_control *control)
{
    OK(ale_jitter_control_set_delay_bounds(control, 100, 400));
    REFUSED(ALE_ERR_DELAY, ale_jitter_control_set_delay_bounds(control, 400, 100));
    INVALID(ale_jitter_control_set_delay_bounds(NULL, 0, 100));
    OK(ale_jitter_control_set_mode(control, ALE_DELAY_FROZEN, 120));
    INVALID(ale_jitter_control_set_mode(control, 77, 120));
    REFUSED(ALE_ERR_DELAY, ale_jitter_control_set_mode(control, ALE_DELAY_FIXED, 100000));
    INVALID(ale_jitter_control_set_mode(NULL, ALE_DELAY_FIXED, 100));
}

static void replay(const uint8_t *log, size_t length, const int16_t *heard)
{
    ale_jitter_config config = with_log(0, 0);
    ale_jitter_replay *again = NULL;
    ale_pull_info info;
    int16_t pcm[80];
    size_t samples = 0, total = 0;
    int32_t agrees = 0, ended = 0;

    EXPECT(ale_jitter_replay_create(log, 20, &config, &again) == ALE_ERR_MALFORMED);
    INVALID(ale_jitter_replay_create(NULL, length, &config, &again));
    INVALID(ale_jitter_replay_create(log, length, NULL, &again));
    INVALID(ale_jitter_replay_create(log, length, &config, NULL));
    config.sample_rate_hz = 16000;
    INVALID(ale_jitter_replay_create(log, length, &config, &again));
    config.sample_rate_hz = 8000;
    OK(ale_jitter_replay_create(log, length, &config, &again));
    INVALID(ale_jitter_replay_pull(NULL, pcm, 80, &samples, &info, &agrees, &ended));
    INVALID(ale_jitter_replay_pull(again, NULL, 80, &samples, &info, &agrees, &ended));
    INVALID(ale_jitter_replay_pull(again, pcm, 80, NULL, &info, &agrees, &ended));
    for (;;) {
        OK(ale_jitter_replay_pull(again, pcm, 80, &samples, &info, &agrees, &ended));
        if (ended)
            break;
        EXPECT(agrees == 1 && samples == 80);
        EXPECT(memcmp(pcm, heard + total, sizeof pcm) == 0);
        total += samples;
    }
    EXPECT(total == TICKS * 80);
    ale_jitter_replay_destroy(again);
    ale_jitter_replay_destroy(NULL);
    OK(ale_jitter_replay_create(log, length, &config, &again));
    EXPECT(ale_jitter_replay_pull(again, pcm, 79, &samples, &info, &agrees, &ended)
           == ALE_ERR_CAPACITY);
    ale_jitter_replay_destroy(again);
}

int main(void)
{
    static int16_t heard[TICKS * 80];
    static uint8_t log[200000];
    ale_jitter_config config = with_log(150000, 1);
    ale_jitter_writer *writer = NULL;
    ale_jitter_reader *reader = NULL;
    ale_jitter_control *control = NULL;
    ale_jitter_counters stats;
    ale_pull_info info;
    uint8_t packet[172];
    size_t length = 0;
    uint64_t tick;

    EXPECT(config.packet_ms == 20);
    config.packet_ms = 0;
    REFUSED(ALE_ERR_PACKET_TIME, ale_jitter_create(&config, &writer, &reader));
    config.packet_ms = 5;
    OK(ale_jitter_create(&config, &writer, &reader));
    INVALID(ale_jitter_control_create(NULL, &control));
    INVALID(ale_jitter_control_create(reader, NULL));
    OK(ale_jitter_control_create(reader, &control));
    OK(ale_jitter_control_set_mode(control, ALE_DELAY_FIXED, 100));
    for (tick = 0; tick < TICKS; tick++) {
        unsigned n = (unsigned)(tick / 2);
        if (tick % 2 == 0 && n != LOST) {
            length = rtp(packet, n);
            OK(ale_jitter_insert(writer, packet, length, tick * TICK_NS));
        }
        OK(ale_jitter_pull(reader, tick * TICK_NS, heard + tick * 80, 80, &info));
        if (tick == 2 * LOST + 2)
            missing_packets(reader, (tick + 1) * TICK_NS);
        if (tick == 300)
            settings(control);
    }
    histogram(reader);
    OK(ale_jitter_stats(reader, &stats));
    EXPECT(stats.concealments == 1 && stats.missing == 1 && stats.restarts == 0);
    EXPECT(stats.drift_ppm > -50 && stats.drift_ppm < 50 && stats.delay_p95_us > 90000);
    EXPECT(info.delay_ms >= 110 && info.delay_ms <= 130);

    EXPECT(ale_jitter_black_box(reader, log, 10, &length) == ALE_ERR_CAPACITY && length > 10);
    OK(ale_jitter_black_box(reader, log, sizeof log, &length));
    INVALID(ale_jitter_black_box(NULL, log, sizeof log, &length));
    INVALID(ale_jitter_black_box(reader, NULL, sizeof log, &length));
    INVALID(ale_jitter_black_box(reader, log, sizeof log, NULL));
    ale_jitter_writer_destroy(writer);
    ale_jitter_reader_destroy(reader);
    /* The control half outlives the others. */
    OK(ale_jitter_control_set_mode(control, ALE_DELAY_ADAPTIVE, 60));
    ale_jitter_control_destroy(control);
    ale_jitter_control_destroy(NULL);
    replay(log, length, heard);
    puts("jitter: ok");
    return 0;
}
