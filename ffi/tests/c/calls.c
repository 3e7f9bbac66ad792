/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every object from C: what it does when used as the header says, and when not. */
#include "check.h"

#define LINE_A "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define LINE_SHORT_TAG "1 AES_CM_128_HMAC_SHA1_32 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define LINE_B "1 AES_CM_128_HMAC_SHA1_80 inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
#define LINE_GCM "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="

#define TICK UINT64_C(10000000)

static void library(void)
{
    EXPECT(strlen(ale_version()) >= 5);
    EXPECT(strcmp(ale_status_message(ALE_OK), "done") == 0);
    EXPECT(strcmp(ale_status_message(12345), "unknown status") == 0);
    EXPECT(strlen(ale_status_message(ALE_ERR_SRTP_REPLAYED)) > 10);
}

/* A plain RTP packet, PCMU, 20 ms after the one before. */
static size_t rtp(uint8_t *packet, unsigned sequence, size_t payload)
{
    unsigned timestamp = sequence * 160;
    memset(packet, 0x55, 12 + payload);
    memset(packet, 0, 8);
    packet[0] = 0x80;
    packet[3] = (uint8_t)sequence;
    packet[6] = (uint8_t)(timestamp >> 8);
    packet[7] = (uint8_t)timestamp;
    return 12 + payload;
}

static void srtp(void)
{
    ale_srtp_config config;
    ale_srtp *a = NULL, *b = NULL;
    ale_srtp_counters sent, received;
    ale_srtp_job jobs[3];
    uint8_t packets[3][400], plain[400];
    size_t length, result = 99;
    int i;

    INVALID(ale_srtp_config_init(NULL));
    EXPECT(ale_srtp_config_init(&config) == ALE_OK);
    INVALID(ale_srtp_create(&config, &a));
    INVALID(ale_srtp_create(NULL, &a));
    INVALID(ale_srtp_create(&config, NULL));
    config.send_crypto = "1 AES_CM_128_HMAC_SHA1_80 inline:tooshort";
    EXPECT(ale_srtp_create(&config, &a) == ALE_ERR_SRTP_CRYPTO_LINE);
    config.send_crypto = LINE_A;
    config.receive_crypto = LINE_B;
    config.struct_size = 0;
    REFUSED(ALE_ERR_STRUCT_SIZE, ale_srtp_create(&config, &a));
    config.struct_size = (uint32_t)sizeof config + 8;
    REFUSED(ALE_ERR_STRUCT_SIZE, ale_srtp_create(&config, &a));
    config.struct_size = (uint32_t)sizeof config;
    config.replay_window_packets = 100;
    INVALID(ale_srtp_create(&config, &a));
    config.replay_window_packets = 128;
    EXPECT(a == NULL);
    EXPECT(ale_srtp_create(&config, &a) == ALE_OK);
    config.send_crypto = LINE_B;
    config.receive_crypto = LINE_A;
    EXPECT(ale_srtp_create(&config, &b) == ALE_OK);

    length = rtp(packets[0], 1, 160);
    memcpy(plain, packets[0], length);
    INVALID(ale_srtp_protect(NULL, packets[0], length, 400, &result));
    INVALID(ale_srtp_protect(a, NULL, length, 400, &result));
    INVALID(ale_srtp_protect(a, packets[0], length, 400, NULL));
    INVALID(ale_srtp_protect(a, packets[0], 401, 400, &result));
    INVALID(ale_srtp_protect(a, packets[0], (size_t)-1, (size_t)-1, &result));
    EXPECT(ale_srtp_protect(a, packets[0], length, length + 9, &result) == ALE_ERR_CAPACITY);
    EXPECT(ale_srtp_protect(a, packets[0], 0, 400, &result) == ALE_ERR_MALFORMED);
    EXPECT(result == 99 && memcmp(plain, packets[0], length) == 0);
    EXPECT(ale_srtp_protect(a, packets[0], length, 400, &result) == ALE_OK);
    EXPECT(result == length + 10 && memcmp(plain + 12, packets[0] + 12, 160) != 0);
    memcpy(packets[1], packets[0], result);
    packets[1][20] ^= 1;
    INVALID(ale_srtp_unprotect(NULL, packets[1], result, &length));
    INVALID(ale_srtp_unprotect(b, NULL, result, &length));
    INVALID(ale_srtp_unprotect(b, packets[1], result, NULL));
    EXPECT(ale_srtp_unprotect(b, packets[1], result, &length) == ALE_ERR_SRTP_AUTHENTICATION);
    memcpy(packets[1], packets[0], result);
    EXPECT(ale_srtp_unprotect(b, packets[0], result, &length) == ALE_OK);
    EXPECT(length == 172 && memcmp(plain, packets[0], length) == 0);
    EXPECT(ale_srtp_unprotect(b, packets[1], result, &length) == ALE_ERR_SRTP_REPLAYED);

    /* The second job of three is wrong; the others go through. */
    memset(jobs, 0, sizeof jobs);
    for (i = 0; i < 3; i++) {
        jobs[i].srtp = i == 1 ? NULL : a;
        jobs[i].packet = packets[i];
        jobs[i].length = rtp(packets[i], (unsigned)(2 + i), 20);
        jobs[i].capacity = sizeof packets[i];
    }
    INVALID(ale_srtp_protect_batch(NULL, 1));
    EXPECT(ale_srtp_protect_batch(NULL, 0) == ALE_OK);
    EXPECT(ale_srtp_protect_batch(jobs, 3) == ALE_OK);
    EXPECT(jobs[0].status == ALE_OK && jobs[0].result_length == 42);
    INVALID(jobs[1].status);
    EXPECT(jobs[2].status == ALE_OK);
    for (i = 0; i < 3; i++) {
        jobs[i].srtp = b;
        jobs[i].length = 42;
    }
    INVALID(ale_srtp_unprotect_batch(NULL, 1));
    EXPECT(ale_srtp_unprotect_batch(jobs, 3) == ALE_OK);
    EXPECT(jobs[0].status == ALE_OK && jobs[0].result_length == 32);
    EXPECT(jobs[1].status == ALE_ERR_SRTP_AUTHENTICATION);
    EXPECT(jobs[2].status == ALE_OK);

    /* RTCP: a receiver report without blocks. */
    memset(plain, 0, 8);
    plain[0] = 0x80;
    plain[1] = 201;
    plain[3] = 1;
    INVALID(ale_srtp_protect_rtcp(a, plain, 8, 4, &result));
    EXPECT(ale_srtp_protect_rtcp(a, plain, 8, sizeof plain, &result) == ALE_OK);
    INVALID(ale_srtp_unprotect_rtcp(b, NULL, 8, &length));
    EXPECT(ale_srtp_unprotect_rtcp(b, plain, result, &length) == ALE_OK && length == 8);

    EXPECT(ale_srtp_rekey(a, LINE_B, NULL) == ALE_OK);
    EXPECT(ale_srtp_rekey(b, NULL, LINE_B) == ALE_OK);
    /* A suite that the session's policy excludes: neither direction changes. */
    EXPECT(ale_srtp_rekey(a, LINE_SHORT_TAG, LINE_A) == ALE_ERR_SRTP_NOT_PERMITTED);
    INVALID(ale_srtp_rekey(NULL, LINE_A, NULL));
    length = rtp(packets[0], 9, 160);
    EXPECT(ale_srtp_protect(a, packets[0], length, 400, &result) == ALE_OK);
    EXPECT(ale_srtp_unprotect(b, packets[0], result, &length) == ALE_OK);

    EXPECT(ale_srtp_stats(a, &sent, NULL) == ALE_OK && sent.rtp_packets == 4);
    EXPECT(ale_srtp_stats(b, NULL, &received) == ALE_OK && received.rtp_packets == 4);
    EXPECT(received.authentication_failed == 2 && received.replayed == 1);
    INVALID(ale_srtp_stats(NULL, &sent, NULL));
    ale_srtp_destroy(a);
    ale_srtp_destroy(b);
    ale_srtp_destroy(NULL);
}

static void jitter(void)
{
    ale_codec codec = {0, NULL, 0, 0, 0, 0, 0, NULL, NULL};
    ale_jitter_config config;
    ale_jitter_writer *writer = NULL;
    ale_jitter_reader *reader = NULL;
    ale_jitter_counters stats;
    ale_pull_info info;
    uint8_t packet[400];
    int16_t pcm[160];
    uint64_t tick;
    int heard = 0;

    INVALID(ale_jitter_config_init(NULL));
    EXPECT(ale_jitter_config_init(&config) == ALE_OK);
    REFUSED(ALE_ERR_ENCODING, ale_jitter_create(&config, &writer, &reader));
    config.codecs = &codec;
    config.codec_count = 1;
    REFUSED(ALE_ERR_ENCODING, ale_jitter_create(&config, &writer, &reader));
    codec.encoding = "NOSUCH/8000";
    EXPECT(ale_jitter_create(&config, &writer, &reader) == ALE_ERR_UNSUPPORTED);
    codec.encoding = "PCMU/8000";
    INVALID(ale_jitter_create(&config, NULL, &reader));
    INVALID(ale_jitter_create(&config, &writer, NULL));
    config.delay_mode = 9;
    INVALID(ale_jitter_create(&config, &writer, &reader));
    config.delay_mode = ALE_DELAY_ADAPTIVE;
    config.codec_count = (size_t)-1;
    INVALID(ale_jitter_create(&config, &writer, &reader));
    config.codec_count = 1;
    EXPECT(ale_jitter_create(&config, &writer, &reader) == ALE_OK);

    for (tick = 0; tick < 100; tick++) {
        if (tick % 2 == 0) {
            size_t length = rtp(packet, (unsigned)(tick / 2), 160);
            EXPECT(ale_jitter_insert(writer, packet, length, tick * TICK) == ALE_OK);
        }
        EXPECT(ale_jitter_pull(reader, tick * TICK, pcm, 80, &info) == ALE_OK);
        heard += info.operation == ALE_JITTER_NORMAL && pcm[0] != 0;
    }
    EXPECT(heard > 80 && info.delay_ms > 0 && info.delay_ms < 200);
    EXPECT(ale_jitter_insert(writer, packet, 5, 0) == ALE_ERR_MALFORMED);
    INVALID(ale_jitter_insert(NULL, packet, 12, 0));
    INVALID(ale_jitter_insert(writer, NULL, 12, 0));
    REFUSED(ALE_ERR_PCM_LENGTH, ale_jitter_pull(reader, 0, pcm, 79, NULL));
    REFUSED(ALE_ERR_PCM_LENGTH, ale_jitter_pull(reader, 0, pcm, 0, NULL));
    INVALID(ale_jitter_pull(reader, 0, NULL, 80, NULL));
    INVALID(ale_jitter_pull(NULL, 0, pcm, 80, NULL));
    EXPECT(ale_jitter_set_delay_bounds(reader, 40, 200) == ALE_OK);
    REFUSED(ALE_ERR_DELAY, ale_jitter_set_delay_bounds(reader, 200, 40));
    INVALID(ale_jitter_set_delay_bounds(reader, 0, 100000));
    INVALID(ale_jitter_set_delay_bounds(NULL, 0, 100));
    EXPECT(ale_jitter_stats(reader, &stats) == ALE_OK);
    EXPECT(stats.samples == 8000 && stats.inserted == 51 && stats.malformed == 1);
    INVALID(ale_jitter_stats(reader, NULL));
    INVALID(ale_jitter_stats(NULL, &stats));
    ale_jitter_writer_destroy(writer);
    ale_jitter_reader_destroy(reader);
    ale_jitter_writer_destroy(NULL);
    ale_jitter_reader_destroy(NULL);
}

static void mixer(void)
{
    ale_mixer_config config;
    ale_mixer *mixer = NULL;
    ale_mixer_counters stats;
    uint64_t a, b, c;
    int16_t pcm[80];
    int i;

    INVALID(ale_mixer_config_init(NULL));
    EXPECT(ale_mixer_config_init(&config) == ALE_OK);
    config.max_participants = 2;
    config.sample_rate_hz = 0;
    INVALID(ale_mixer_create(&config, &mixer));
    config.sample_rate_hz = 8000;
    INVALID(ale_mixer_create(&config, NULL));
    INVALID(ale_mixer_create(NULL, &mixer));
    EXPECT(ale_mixer_create(&config, &mixer) == ALE_OK);
    EXPECT(ale_mixer_add(mixer, &a) == ALE_OK && ale_mixer_add(mixer, &b) == ALE_OK);
    EXPECT(ale_mixer_add(mixer, &c) == ALE_ERR_FULL);
    INVALID(ale_mixer_add(NULL, &c));
    INVALID(ale_mixer_add(mixer, NULL));
    for (i = 0; i < 80; i++)
        pcm[i] = 30000;
    EXPECT(ale_mixer_input(mixer, a, pcm, 80) == ALE_OK);
    EXPECT(ale_mixer_input(mixer, b, pcm, 80) == ALE_OK);
    INVALID(ale_mixer_input(mixer, a, pcm, 79));
    INVALID(ale_mixer_input(mixer, a, NULL, 80));
    INVALID(ale_mixer_input(NULL, a, pcm, 80));
    EXPECT(ale_mixer_input(mixer, 77, pcm, 80) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_mixer_run(mixer) == ALE_OK);
    INVALID(ale_mixer_run(NULL));
    EXPECT(ale_mixer_output(mixer, a, pcm, 80) == ALE_OK);
    EXPECT(pcm[0] == 30000 && pcm[79] == 30000);
    INVALID(ale_mixer_output(mixer, a, pcm, 81));
    INVALID(ale_mixer_output(mixer, a, NULL, 80));
    INVALID(ale_mixer_output(NULL, a, pcm, 80));
    EXPECT(ale_mixer_set_gain(mixer, a, 0.5f) == ALE_OK);
    INVALID(ale_mixer_set_gain(mixer, a, -1.0f));
    INVALID(ale_mixer_set_gain(NULL, a, 1.0f));
    EXPECT(ale_mixer_remove(mixer, a) == ALE_OK);
    EXPECT(ale_mixer_remove(mixer, a) == ALE_ERR_NOT_FOUND);
    INVALID(ale_mixer_remove(NULL, a));
    EXPECT(ale_mixer_set_gain(mixer, a, 1.0f) == ALE_ERR_NOT_FOUND);
    EXPECT(ale_mixer_stats(mixer, &stats) == ALE_OK && stats.participants == 1);
    INVALID(ale_mixer_stats(mixer, NULL));
    INVALID(ale_mixer_stats(NULL, &stats));
    ale_mixer_destroy(mixer);
    ale_mixer_destroy(NULL);
}

struct leg {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
};

static struct leg make_leg(uint32_t ssrc, const char *send, const char *receive)
{
    ale_leg_config config;
    struct leg leg;
    EXPECT(ale_leg_config_init(&config) == ALE_OK);
    config.local_ssrc = ssrc;
    config.send.encoding = "PCMA/8000";
    config.send.payload_type = 8;
    config.send_crypto = send;
    config.receive_crypto = receive;
    EXPECT(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control) == ALE_OK);
    return leg;
}

static void destroy_leg(struct leg leg)
{
    ale_leg_receiver_destroy(leg.receiver);
    ale_leg_media_destroy(leg.media);
    ale_leg_control_destroy(leg.control);
}

/* Gives a receiver a copy of a datagram, as a network would. */
static void deliver(ale_leg_receiver *to, const uint8_t *datagram, size_t length, uint64_t now)
{
    uint8_t copy[2048];
    ale_received received;
    memcpy(copy, datagram, length);
    EXPECT(ale_leg_receive(to, copy, length, now, &received) == ALE_OK);
}

static void carry(ale_leg_media *from, ale_leg_receiver *to, uint64_t now)
{
    const uint8_t *datagram;
    size_t length;
    while (ale_leg_poll_transmit(from, now, &datagram, &length) == ALE_OK)
        deliver(to, datagram, length, now);
}

/* A sawtooth of 400 Hz. */
static void sound(int16_t *pcm)
{
    int i;
    for (i = 0; i < 80; i++)
        pcm[i] = (int16_t)((i % 20 - 10) * 500);
}

static void legs(void)
{
    struct leg a = make_leg(1, LINE_A, LINE_B), b = make_leg(2, LINE_B, LINE_A);
    struct leg none = {NULL, NULL, NULL}, c;
    ale_leg_config config;
    ale_leg_counters stats;
    const uint8_t *datagram;
    size_t length;
    int16_t pcm[80];
    uint8_t junk[20] = {0x80, 8};
    uint64_t tick;

    EXPECT(ale_leg_sample_rate_hz(a.media) == 8000 && ale_leg_sample_rate_hz(NULL) == 0);
    for (tick = 0; tick < 100; tick++) {
        sound(pcm);
        EXPECT(ale_leg_push(a.media, pcm, 80) == ALE_OK);
        carry(a.media, b.receiver, tick * TICK);
        EXPECT(ale_leg_pull(b.media, tick * TICK, pcm, 80, NULL) == ALE_OK);
        if (tick == 50) {
            EXPECT(ale_leg_rekey(b.control, NULL, LINE_B) == ALE_OK);
            EXPECT(ale_leg_rekey(a.control, LINE_B, NULL) == ALE_OK);
        }
    }
    EXPECT(pcm[0] != 0 || pcm[5] != 0);
    EXPECT(ale_leg_stats(b.control, &stats) == ALE_OK);
    EXPECT(stats.packets_received >= 48 && stats.authentication_failed == 0);
    EXPECT(stats.remote_ssrc == 1 && stats.mos > 4.0f);
    EXPECT(ale_leg_receive(b.receiver, junk, sizeof junk, 0, NULL) < 0);
    INVALID(ale_leg_receive(NULL, junk, sizeof junk, 0, NULL));
    INVALID(ale_leg_receive(b.receiver, NULL, 4, 0, NULL));
    EXPECT(ale_leg_set_muted(a.control, 1) == ALE_OK);
    INVALID(ale_leg_set_muted(NULL, 1));
    EXPECT(ale_leg_rekey(a.control, "nonsense", NULL) == ALE_ERR_SRTP_CRYPTO_LINE);
    EXPECT(ale_leg_rekey(a.control, LINE_SHORT_TAG, NULL) == ALE_ERR_SRTP_NOT_PERMITTED);
    INVALID(ale_leg_rekey(NULL, NULL, NULL));
    REFUSED(ALE_ERR_PCM_LENGTH, ale_leg_push(a.media, pcm, 79));
    INVALID(ale_leg_push(a.media, NULL, 80));
    INVALID(ale_leg_push(NULL, pcm, 80));
    REFUSED(ALE_ERR_PCM_LENGTH, ale_leg_pull(a.media, 0, pcm, 79, NULL));
    INVALID(ale_leg_pull(a.media, 0, NULL, 80, NULL));
    INVALID(ale_leg_pull(NULL, 0, pcm, 80, NULL));
    INVALID(ale_leg_poll_transmit(a.media, 0, NULL, &length));
    INVALID(ale_leg_poll_transmit(a.media, 0, &datagram, NULL));
    INVALID(ale_leg_poll_transmit(NULL, 0, &datagram, &length));
    INVALID(ale_leg_goodbye(a.media, 0, &datagram, NULL));
    INVALID(ale_leg_goodbye(NULL, 0, &datagram, &length));
    EXPECT(ale_leg_goodbye(a.media, 0, &datagram, &length) == ALE_OK && length > 30);
    INVALID(ale_leg_stats(a.control, NULL));
    INVALID(ale_leg_stats(NULL, &stats));
    destroy_leg(a);
    destroy_leg(b);
    destroy_leg(none);

    INVALID(ale_leg_config_init(NULL));
    EXPECT(ale_leg_config_init(&config) == ALE_OK);
    REFUSED(ALE_ERR_ENCODING, ale_leg_create(&config, &c.receiver, &c.media, &c.control));
    config.send.encoding = "PCMA/8000";
    config.send_crypto = LINE_A;
    REFUSED(ALE_ERR_ONE_DIRECTION, ale_leg_create(&config, &c.receiver, &c.media, &c.control));
    config.send_crypto = NULL;
    config.packet_ms = 7;
    REFUSED(ALE_ERR_PACKET_TIME, ale_leg_create(&config, &c.receiver, &c.media, &c.control));
    config.packet_ms = 20;
    INVALID(ale_leg_create(&config, NULL, &c.media, &c.control));
    INVALID(ale_leg_create(&config, &c.receiver, NULL, &c.control));
    INVALID(ale_leg_create(&config, &c.receiver, &c.media, NULL));
    INVALID(ale_leg_create(NULL, &c.receiver, &c.media, &c.control));
}

static void conferences(void)
{
    ale_conference_config config;
    ale_join_options options;
    ale_conference *conference = NULL;
    ale_conference_counters stats;
    ale_datagram datagram;
    struct leg phone[2], bridge[2], late;
    uint64_t member[2], who, tick;
    int16_t pcm[80];
    int i, k, heard = 0;

    INVALID(ale_conference_config_init(NULL));
    EXPECT(ale_conference_config_init(&config) == ALE_OK);
    config.max_members = 0;
    INVALID(ale_conference_create(&config, &conference));
    config.max_members = 2;
    INVALID(ale_conference_create(&config, NULL));
    INVALID(ale_conference_create(NULL, &conference));
    EXPECT(ale_conference_create(&config, &conference) == ALE_OK);
    INVALID(ale_join_options_init(NULL));
    EXPECT(ale_join_options_init(&options) == ALE_OK);
    for (i = 0; i < 2; i++) {
        phone[i] = make_leg((uint32_t)(10 + i), LINE_A, LINE_B);
        bridge[i] = make_leg((uint32_t)(20 + i), LINE_B, LINE_A);
        options.tag = (uint64_t)i;
        options.gain = -1;
        INVALID(ale_conference_join(conference, bridge[i].media, &options, &member[i]));
        options.gain = 1;
        EXPECT(ale_conference_join(conference, bridge[i].media, &options, &member[i]) == ALE_OK);
    }
    late = make_leg(30, NULL, NULL);
    EXPECT(ale_conference_join(conference, late.media, NULL, &who) == ALE_ERR_FULL);
    INVALID(ale_conference_join(NULL, late.media, NULL, &who));
    INVALID(ale_conference_join(conference, NULL, NULL, &who));
    INVALID(ale_conference_join(conference, late.media, NULL, NULL));
    destroy_leg(late);

    for (tick = 0; tick < 100; tick++) {
        for (i = 0; i < 2; i++) {
            EXPECT(ale_leg_pull(phone[i].media, tick * TICK, pcm, 80, NULL) == ALE_OK);
            for (k = 0; i == 1 && k < 80; k++)
                heard += pcm[k] > 3000;
            memset(pcm, 0, sizeof pcm);
            if (i == 0)
                sound(pcm);
            EXPECT(ale_leg_push(phone[i].media, pcm, 80) == ALE_OK);
            carry(phone[i].media, bridge[i].receiver, tick * TICK);
        }
        EXPECT(ale_conference_tick(conference, tick * TICK) == ALE_OK);
        while (ale_conference_next_datagram(conference, &datagram) == ALE_OK) {
            EXPECT(datagram.member == member[datagram.tag]);
            deliver(phone[datagram.tag].receiver, datagram.bytes, datagram.length, tick * TICK);
        }
    }
    EXPECT(heard > 500);
    EXPECT(ale_conference_next_datagram(conference, &datagram) == ALE_ERR_NOTHING);
    INVALID(ale_conference_next_datagram(conference, NULL));
    INVALID(ale_conference_next_datagram(NULL, &datagram));
    INVALID(ale_conference_tick(NULL, 0));
    EXPECT(ale_conference_set_muted(conference, member[0], 1) == ALE_OK);
    EXPECT(ale_conference_set_muted(conference, 77, 1) == ALE_ERR_NOT_FOUND);
    INVALID(ale_conference_set_muted(NULL, member[0], 1));
    EXPECT(ale_conference_set_gain(conference, member[0], 2.0f) == ALE_OK);
    INVALID(ale_conference_set_gain(conference, member[0], 100.0f));
    INVALID(ale_conference_set_gain(NULL, member[0], 1.0f));
    EXPECT(ale_conference_leave(conference, member[0]) == ALE_OK);
    EXPECT(ale_conference_leave(conference, member[0]) == ALE_ERR_NOT_FOUND);
    INVALID(ale_conference_leave(NULL, member[0]));
    EXPECT(ale_conference_reclaim(conference, &who, &bridge[0].media) == ALE_ERR_NOTHING);
    EXPECT(ale_conference_tick(conference, 200 * TICK) == ALE_OK);
    INVALID(ale_conference_reclaim(conference, NULL, &bridge[0].media));
    INVALID(ale_conference_reclaim(conference, &who, NULL));
    INVALID(ale_conference_reclaim(NULL, &who, &bridge[0].media));
    EXPECT(ale_conference_reclaim(conference, &who, &bridge[0].media) == ALE_OK);
    EXPECT(who == member[0]);
    EXPECT(ale_conference_stats(conference, &stats) == ALE_OK);
    EXPECT(stats.members == 1 && stats.joins == 2 && stats.leaves == 1 && stats.ticks == 101);
    INVALID(ale_conference_stats(conference, NULL));
    INVALID(ale_conference_stats(NULL, &stats));
    /* The other half belongs to the conference, and goes with it. */
    bridge[1].media = NULL;
    ale_conference_destroy(conference);
    ale_conference_destroy(NULL);
    for (i = 0; i < 2; i++) {
        destroy_leg(phone[i]);
        destroy_leg(bridge[i]);
    }
}

int main(void)
{
    library();
    srtp();
    jitter();
    mixer();
    legs();
    conferences();
    puts("ok");
    return EXIT_SUCCESS;
}
