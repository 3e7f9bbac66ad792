/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Mixers and conferences with all that they offer: who hears whom, the limiter, lines. */

#include "check.h"

#include <math.h>

#define TICK_NS 10000000ull
#define SAMPLES 80

static void fill(int16_t *pcm, int16_t value)
{
    int n;
    for (n = 0; n < SAMPLES; n++) pcm[n] = value;
}

static void who_hears_whom(void)
{
    ale_mixer_config config;
    ale_mixer *mixer, *other;
    uint64_t coach, trainee, customer;
    int16_t pcm[SAMPLES], heard[SAMPLES];
    int32_t sum[SAMPLES];
    uint8_t level = 0;
    int run;

    OK(ale_mixer_config_init(&config));
    config.channels = 3;
    INVALID(ale_mixer_create(&config, &mixer));
    config.channels = 1;
    config.max_pair_gains = 1;
    OK(ale_mixer_create(&config, &mixer));
    OK(ale_mixer_create(&config, &other));
    OK(ale_mixer_add(mixer, &coach));
    OK(ale_mixer_add(mixer, &trainee));
    OK(ale_mixer_add(mixer, &customer));
    OK(ale_mixer_set_private(mixer, coach, 1));
    OK(ale_mixer_set_pair_gain(mixer, trainee, coach, 0.5f));
    EXPECT(ale_mixer_set_pair_gain(mixer, customer, coach, 1.0f) == ALE_ERR_FULL);
    INVALID(ale_mixer_set_pair_gain(mixer, trainee, coach, (float)NAN));
    INVALID(ale_mixer_set_pair_gain(mixer, trainee, trainee, 1.0f));
    EXPECT(ale_mixer_set_pair_gain(mixer, 99, coach, 1.0f) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_mixer_set_private(mixer, 99, 1) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_mixer_set_listening(mixer, 99, 1) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_mixer_set_muted(mixer, 99, 1) == ALE_ERR_NOT_FOUND);
    OK(ale_mixer_set_listening(mixer, customer, 0));
    for (run = 0; run < 2; run++) {
        fill(pcm, 1000);
        OK(ale_mixer_input(mixer, coach, pcm, SAMPLES));
        fill(pcm, 100);
        OK(ale_mixer_input(mixer, trainee, pcm, SAMPLES));
        fill(pcm, 10);
        OK(ale_mixer_input(mixer, customer, pcm, SAMPLES));
        OK(ale_mixer_run(mixer));
    }
    EXPECT(ale_mixer_output(mixer, coach, heard, SAMPLES) == ALE_OK && heard[79] == 110);
    EXPECT(ale_mixer_output(mixer, trainee, heard, SAMPLES) == ALE_OK && heard[79] == 510);
    EXPECT(ale_mixer_output(mixer, customer, heard, SAMPLES) == ALE_OK && heard[79] == 0);
    EXPECT(ale_mixer_level(mixer, coach, &level) == ALE_OK && level == 30);
    EXPECT(ale_mixer_level(mixer, 99, &level) == ALE_ERR_NOT_FOUND && level == 30);
    INVALID(ale_mixer_level(mixer, coach, NULL));

    /* Two mixers as one. */
    INVALID(ale_mixer_sum(mixer, sum, SAMPLES - 1));
    INVALID(ale_mixer_sum(NULL, sum, SAMPLES));
    EXPECT(ale_mixer_sum(mixer, sum, SAMPLES) == ALE_OK && sum[79] == 110);
    OK(ale_mixer_add(other, &customer));
    OK(ale_mixer_run(other));
    INVALID(ale_mixer_mix_in(other, sum, SAMPLES - 1));
    OK(ale_mixer_mix_in(other, sum, SAMPLES));
    EXPECT(ale_mixer_output(other, customer, heard, SAMPLES) == ALE_OK && heard[79] == 110);

    /* Back to what everybody hears, which of the coach is nothing; and a mute. */
    OK(ale_mixer_set_pair_gain(mixer, trainee, coach, -1.0f));
    OK(ale_mixer_set_muted(mixer, trainee, 1));
    for (run = 0; run < 2; run++) {
        fill(pcm, 1000);
        OK(ale_mixer_input(mixer, coach, pcm, SAMPLES));
        OK(ale_mixer_input(mixer, trainee, pcm, SAMPLES));
        OK(ale_mixer_run(mixer));
    }
    EXPECT(ale_mixer_output(mixer, trainee, heard, SAMPLES) == ALE_OK && heard[79] == 0);
    EXPECT(ale_mixer_output(mixer, coach, heard, SAMPLES) == ALE_OK && heard[79] == 0);
    ale_mixer_destroy(mixer);
    ale_mixer_destroy(other);
}

static void a_frame_may_be_of_20_ms(void)
{
    ale_mixer_config config;
    ale_mixer *mixer;
    uint64_t talker, listener;
    int16_t pcm[2 * SAMPLES], heard[2 * SAMPLES];
    int n;

    OK(ale_mixer_config_init(&config));
    EXPECT(config.frame_ms == 10);
    config.frame_ms = 15;
    INVALID(ale_mixer_create(&config, &mixer));
    config.frame_ms = 276; /* 20, if cut to a byte */
    INVALID(ale_mixer_create(&config, &mixer));
    config.frame_ms = 20;
    config.sample_rate_hz = 44100;
    INVALID(ale_mixer_create(&config, &mixer));
    config.sample_rate_hz = 8000;
    OK(ale_mixer_create(&config, &mixer));
    OK(ale_mixer_add(mixer, &talker));
    OK(ale_mixer_add(mixer, &listener));
    for (n = 0; n < 2 * SAMPLES; n++) pcm[n] = (int16_t)(n - 70);
    INVALID(ale_mixer_input(mixer, talker, pcm, SAMPLES));
    OK(ale_mixer_input(mixer, talker, pcm, 2 * SAMPLES));
    OK(ale_mixer_run(mixer));
    INVALID(ale_mixer_output(mixer, listener, heard, SAMPLES));
    OK(ale_mixer_output(mixer, listener, heard, 2 * SAMPLES));
    for (n = 0; n < 2 * SAMPLES; n++) EXPECT(heard[n] == pcm[n]);
    ale_mixer_destroy(mixer);
}

static void a_limiter_keeps_sums_below_full_scale(void)
{
    ale_mixer_config config;
    ale_mixer *mixer;
    uint64_t talkers[3], listener;
    int16_t pcm[SAMPLES], heard[SAMPLES];
    int run, n;

    OK(ale_mixer_config_init(&config));
    config.limiter = 1;
    config.sample_rate_hz = 44100;
    INVALID(ale_mixer_create(&config, &mixer));
    config.sample_rate_hz = 8000;
    OK(ale_mixer_create(&config, &mixer));
    for (n = 0; n < 3; n++) OK(ale_mixer_add(mixer, &talkers[n]));
    OK(ale_mixer_add(mixer, &listener));
    for (run = 0; run < 4; run++) {
        fill(pcm, 30000);
        for (n = 0; n < 3; n++) {
            OK(ale_mixer_input(mixer, talkers[n], pcm, SAMPLES));
        }
        OK(ale_mixer_run(mixer));
        OK(ale_mixer_output(mixer, listener, heard, SAMPLES));
        for (n = 0; n < SAMPLES; n++) EXPECT(heard[n] <= 32001);
    }
    EXPECT(heard[79] >= 31900);
    ale_mixer_destroy(mixer);
}

/* The host speaks through one end of a line, and hears through another. */
/* A desk phone's three parties at one rate, and a number of rates that is none. */
static void few_rates(void)
{
    ale_conference_config config;
    ale_conference *conference = NULL;
    ale_link_end *end = NULL, *other = NULL;
    ale_join_options options;
    ale_memory all, one;
    uint64_t member;

    OK(ale_conference_config_init_sized(&config, sizeof config));
    EXPECT(config.rates_hz[0] == 8000 && config.rates_hz[3] == 48000);
    config.max_members = 3;
    config.encode_groups = 0;
    OK(ale_conference_memory_required(&config, &all));
    memset(config.rates_hz, 0, sizeof config.rates_hz);
    INVALID(ale_conference_create(&config, &conference));
    config.rates_hz[2] = 16000;
    OK(ale_conference_memory_required(&config, &one));
    EXPECT(one.kept_bytes * 2 < all.kept_bytes);
    OK(ale_conference_create(&config, &conference));
    OK(ale_link_create(8000, &end, &other));
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_conference_join_link(conference, end, NULL, &member));
    ale_link_end_destroy(end);
    ale_link_end_destroy(other);
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_link_memory_required(11025, &one));
    OK(ale_link_memory_required(8000, &one));
    OK(ale_link_memory_required(48000, &all));
    EXPECT(one.kept_bytes > 2 * 4 * 80 * 2 && one.kept_bytes <= all.kept_bytes);
    OK(ale_link_create(16000, &end, &other));
    OK(ale_join_options_init_sized(&options, sizeof options));
    options.reserved = 1;
    INVALID(ale_conference_join_link(conference, end, &options, &member));
    options.reserved = 0;
    OK(ale_conference_join_link(conference, end, &options, &member));
    ale_link_end_destroy(other);
    ale_conference_destroy(conference);
}

static void lines_and_speakers(void)
{
    ale_conference_config config;
    ale_conference_counters stats;
    ale_join_options options;
    ale_conference *conference;
    ale_link_end *music, *recorder, *host_music, *host_recorder, *same;
    uint64_t music_member, recorder_member, dominant = 0;
    int16_t pcm[SAMPLES], heard[SAMPLES];
    ale_datagram datagram;
    int tick;

    OK(ale_conference_config_init(&config));
    EXPECT(config.encode_groups > 0 && config.max_speakers == 0);
    config.max_speakers = 99;
    INVALID(ale_conference_create(&config, &conference));
    config.max_speakers = 1;
    config.max_pair_gains = 1;
    config.limiter = 1;
    OK(ale_conference_create(&config, &conference));
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_link_create(44100, &music, &host_music));
    INVALID(ale_link_create(8000, &same, &same));
    INVALID(ale_link_create(8000, NULL, &same));
    OK(ale_link_create(8000, &music, &host_music));
    OK(ale_link_create(8000, &recorder, &host_recorder));
    EXPECT(ale_join_options_init(&options) == ALE_OK && options.listening == 1);
    options.gain = (float)INFINITY;
    INVALID(ale_conference_join_link(conference, music, &options, &music_member));
    options.gain = 1.0f;
    options.listening = 0;
    OK(ale_conference_join_link(conference, music, &options, &music_member));
    OK(ale_conference_join_link(conference, recorder, NULL, &recorder_member));
    INVALID(ale_conference_join_link(conference, NULL, NULL, &recorder_member));
    INVALID(ale_conference_set_pair_gain(conference, music_member, music_member, 1.0f));
    INVALID(ale_conference_set_pair_gain(conference, recorder_member, music_member, 9.0f));
    EXPECT(ale_conference_set_pair_gain(conference, recorder_member, music_member, 0.5f)
           == ALE_OK);
    EXPECT(ale_conference_set_private(conference, 12345, 1) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_conference_set_listening(conference, 12345, 1) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_conference_next_dominant_speaker(conference, &dominant) == ALE_ERR_NOTHING);
    INVALID(ale_link_end_push(host_music, heard, SAMPLES - 1));
    INVALID(ale_link_end_pull(host_music, heard, SAMPLES + 1));
    EXPECT(ale_link_end_pull(host_music, heard, SAMPLES) == ALE_ERR_NOTHING && heard[0] == 0);
    fill(pcm, 8000);
    for (tick = 0; tick < 100; tick++) {
        OK(ale_link_end_push(host_music, pcm, SAMPLES));
        OK(ale_conference_tick(conference, (uint64_t)tick * TICK_NS));
        EXPECT(ale_conference_next_datagram(conference, &datagram) == ALE_ERR_NOTHING);
        OK(ale_link_end_pull(host_recorder, heard, SAMPLES));
    }
    EXPECT(heard[79] == 4000);
    OK(ale_conference_next_dominant_speaker(conference, &dominant));
    EXPECT(dominant == music_member);
    OK(ale_conference_set_private(conference, music_member, 1));
    EXPECT(ale_conference_set_pair_gain(conference, recorder_member, music_member, -1.0f)
           == ALE_OK);
    OK(ale_conference_set_listening(conference, music_member, 1));
    for (; tick < 110; tick++) {
        OK(ale_link_end_push(host_music, pcm, SAMPLES));
        OK(ale_conference_tick(conference, (uint64_t)tick * TICK_NS));
        OK(ale_link_end_pull(host_recorder, heard, SAMPLES));
    }
    EXPECT(heard[79] == 0);
    OK(ale_conference_stats(conference, &stats));
    EXPECT(stats.members == 2 && stats.speakers == 1 && stats.missed_ticks == 0);
    OK(ale_link_end_pull(host_music, heard, SAMPLES));
    for (tick = 0; tick < 4; tick++) (void)ale_link_end_push(host_recorder, pcm, SAMPLES);
    EXPECT(ale_link_end_push(host_recorder, pcm, SAMPLES) == ALE_ERR_FULL);
    INVALID(ale_link_end_push(NULL, pcm, SAMPLES));
    INVALID(ale_link_end_pull(NULL, heard, SAMPLES));
    ale_conference_destroy(conference);
    ale_link_end_destroy(host_music);
    ale_link_end_destroy(host_recorder);
    ale_link_end_destroy(NULL);
}

struct end {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
};

static struct end make_end(uint32_t ssrc)
{
    ale_leg_config config;
    struct end end;
    OK(ale_leg_config_init(&config));
    EXPECT(config.level_trust == 1 && config.mixer_levels_id == 0);
    config.local_ssrc = ssrc;
    config.send.payload_type = 8;
    config.send.encoding = "PCMA/8000";
    config.audio_level_id = 1;
    config.mixer_levels_id = 15;
    REFUSED(ALE_ERR_EXTENSION_ID, ale_leg_create(&config, &end.receiver, &end.media, &end.control));
    config.mixer_levels_id = 2;
    config.level_trust = 3;
    INVALID(ale_leg_create(&config, &end.receiver, &end.media, &end.control));
    config.level_trust = 2;
    config.rtcp_interval_ms = 0;
    OK(ale_leg_create(&config, &end.receiver, &end.media, &end.control));
    return end;
}

/* Three phones of which one talks: the others' packets need not be decoded, and all are told who is
   heard, in the packets' bytes too. */
static void levels_both_ways(void)
{
    ale_conference_config config;
    ale_conference *conference;
    ale_leg_counters counters;
    ale_contributor heard[15];
    struct end phones[3], legs[3];
    uint64_t member;
    int16_t pcm[SAMPLES];
    size_t count = 99;
    int tick, n, sample, named = 0;

    OK(ale_conference_config_init(&config));
    config.max_speakers = 1;
    OK(ale_conference_create(&config, &conference));
    for (n = 0; n < 3; n++) {
        ale_join_options options;
        phones[n] = make_end(1 + (uint32_t)n);
        legs[n] = make_end(11 + (uint32_t)n);
        OK(ale_join_options_init(&options));
        options.tag = (uint64_t)n;
        OK(ale_conference_join(conference, legs[n].media, &options, &member));
    }
    for (tick = 0; tick < 60; tick++) {
        uint64_t now = (uint64_t)tick * TICK_NS;
        uint8_t copy[2048];
        ale_datagram datagram;
        uint8_t packets[4][2048];
        ale_arrival arrivals[4];
        size_t arrived = 0;
        memset(arrivals, 0, sizeof arrivals);
        for (n = 0; n < 3; n++) {
            const uint8_t *bytes;
            size_t length;
            for (sample = 0; sample < SAMPLES; sample++)
                pcm[sample] = (int16_t)(n == 0 ? (sample / 10 % 2 ? 2067 : -2067) : 0);
            OK(ale_leg_push(phones[n].media, pcm, SAMPLES));
            while (ale_leg_poll_transmit(phones[n].media, now, &bytes, &length) == ALE_OK) {
                memcpy(packets[arrived], bytes, length);
                arrivals[arrived].receiver = legs[n].receiver;
                arrivals[arrived].datagram = packets[arrived];
                arrivals[arrived].length = length;
                arrivals[arrived].arrival_ns = now;
                arrived++;
            }
        }
        /* All of them at once, and one for nobody. */
        OK(ale_leg_receive_batch(arrivals, arrived + 1));
        INVALID(arrivals[arrived].status);
        for (n = 0; n < (int)arrived; n++) {
            EXPECT(arrivals[n].status == ALE_OK);
            EXPECT(arrivals[n].received
                   == (tick < 2 ? ALE_RECEIVED_PROBATION : ALE_RECEIVED_MEDIA));
        }
        INVALID(ale_leg_receive_batch(NULL, 1));
        OK(ale_conference_tick(conference, now));
        while (ale_conference_next_datagram(conference, &datagram) == ALE_OK) {
            const uint8_t *b = datagram.bytes;
            /* One contributing source, then both elements, in the layout of RFC 8285. */
            if (datagram.tag == 2 && (b[0] & 0x0f) == 1) {
                EXPECT(b[0] == 0x91 && b[12] == 0 && b[15] == 1);
                EXPECT(b[16] == 0xbe && b[17] == 0xde && b[18] == 0 && b[19] == 1);
                EXPECT(b[20] == 0x10 && b[22] == 0x20 && b[23] == 24);
                named++;
            }
            memcpy(copy, b, datagram.length);
            (void)ale_leg_receive(phones[datagram.tag].receiver, copy, datagram.length, now, NULL);
        }
    }
    EXPECT(named > 10);
    EXPECT(ale_leg_contributors(phones[2].control, heard, 15, &count) == ALE_OK && count == 1);
    EXPECT(heard[0].ssrc == 1 && heard[0].level_dbov == 24);
    EXPECT(ale_leg_contributors(phones[2].control, NULL, 0, &count) == ALE_ERR_CAPACITY);
    EXPECT(ale_leg_contributors(phones[0].control, heard, 15, &count) == ALE_OK && count == 0);
    INVALID(ale_leg_contributors(NULL, heard, 15, &count));
    INVALID(ale_leg_contributors(phones[0].control, heard, 15, NULL));
    INVALID(ale_leg_contributors(phones[0].control, NULL, 15, &count));
    OK(ale_leg_stats(legs[0].control, &counters));
    EXPECT(counters.jitter.played > 20 && counters.jitter.skipped_decodes == 0);
    OK(ale_leg_stats(legs[1].control, &counters));
    EXPECT(counters.jitter.skipped_decodes > 15);
    EXPECT(counters.jitter.skipped_decodes <= counters.jitter.played);
    ale_conference_destroy(conference);
    for (n = 0; n < 3; n++) {
        ale_leg_receiver_destroy(phones[n].receiver);
        ale_leg_media_destroy(phones[n].media);
        ale_leg_control_destroy(phones[n].control);
        ale_leg_receiver_destroy(legs[n].receiver);
        ale_leg_control_destroy(legs[n].control);
    }
}

/* Two shares of one conference: who is in one hears who is in the other. */
static void shares(void)
{
    ale_conference_config config;
    ale_conference *share[2];
    ale_link_end *member, *host[2];
    ale_partial_sums *sums[2];
    const ale_partial_sums *others[1], *nothing[1] = {NULL};
    uint64_t id;
    int16_t pcm[SAMPLES], heard[SAMPLES];
    int n, tick;

    OK(ale_conference_config_init(&config));
    INVALID(ale_partial_sums_create(NULL));
    for (n = 0; n < 2; n++) {
        OK(ale_conference_create(&config, &share[n]));
        OK(ale_partial_sums_create(&sums[n]));
        OK(ale_link_create(8000, &member, &host[n]));
        OK(ale_conference_join_link(share[n], member, NULL, &id));
    }
    for (tick = 0; tick < 5; tick++) {
        uint64_t now = (uint64_t)tick * TICK_NS;
        for (n = 0; n < 2; n++) {
            fill(pcm, (int16_t)(1000 * (n + 1)));
            OK(ale_link_end_push(host[n], pcm, SAMPLES));
            OK(ale_conference_gather(share[n], now, sums[n]));
        }
        for (n = 0; n < 2; n++) {
            others[0] = sums[1 - n];
            OK(ale_conference_deliver(share[n], now, others, 1));
            OK(ale_link_end_pull(host[n], heard, SAMPLES));
            EXPECT(heard[79] == 1000 * (2 - n));
        }
    }
    INVALID(ale_conference_gather(NULL, 0, sums[0]));
    INVALID(ale_conference_gather(share[0], 0, NULL));
    INVALID(ale_conference_deliver(share[0], 0, nothing, 1));
    INVALID(ale_conference_deliver(share[0], 0, NULL, 1));
    INVALID(ale_conference_deliver(NULL, 0, others, 1));
    for (n = 0; n < 2; n++) {
        ale_conference_destroy(share[n]);
        ale_partial_sums_destroy(sums[n]);
        ale_link_end_destroy(host[n]);
    }
    ale_partial_sums_destroy(NULL);
}

int main(void)
{
    shares();
    levels_both_ways();
    who_hears_whom();
    a_frame_may_be_of_20_ms();
    a_limiter_keeps_sums_below_full_scale();
    few_rates();
    lines_and_speakers();
    puts("conference: ok");
    return 0;
}
