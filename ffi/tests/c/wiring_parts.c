/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Jitter buffer and mixer by themselves, and payloads that are handed on between encrypted legs. */
#include "wiring.h"

static call c;

static size_t rtp(uint8_t *packet, unsigned sequence, unsigned payload)
{
    unsigned timestamp = sequence * 160;
    memset(packet, 0, 12 + payload);
    packet[0] = 0x80;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    packet[4] = (uint8_t)(timestamp >> 24);
    packet[5] = (uint8_t)(timestamp >> 16);
    packet[6] = (uint8_t)(timestamp >> 8);
    packet[7] = (uint8_t)timestamp;
    return 12 + payload;
}

static ale_jitter_config buffer(ale_codec *codec)
{
    ale_jitter_config config;
    memset(codec, 0, sizeof *codec);
    codec->encoding = "PCMU/8000";
    OK(ale_jitter_config_init(&config));
    config.codecs = codec;
    config.codec_count = 1;
    return config;
}

/* As many packets can wait as there are slots. */
static void slots(void)
{
    uint32_t wanted;
    for (wanted = 8; wanted <= 32; wanted += 24) {
        ale_codec codec;
        ale_jitter_config config = buffer(&codec);
        ale_jitter_writer *writer;
        ale_jitter_reader *reader;
        uint8_t packet[172];
        unsigned n;
        config.slots = wanted;
        OK(ale_jitter_create(&config, &writer, &reader));
        for (n = 0; n < wanted; n++) OK(ale_jitter_insert(writer, packet, rtp(packet, n, 160), n));
        EXPECT(ale_jitter_insert(writer, packet, rtp(packet, n, 160), n) == ALE_ERR_NO_SLOT);
        ale_jitter_writer_destroy(writer);
        ale_jitter_reader_destroy(reader);
    }
}

/* A sender whose clock is 2000 ppm fast: followed by splices, or by resampling and none of them. */
static void drift(void)
{
    uint32_t resampled;
    for (resampled = 0; resampled < 2; resampled++) {
        ale_codec codec;
        ale_jitter_config config = buffer(&codec);
        ale_jitter_writer *writer;
        ale_jitter_reader *reader;
        ale_jitter_counters stats;
        ale_pull_info info;
        unsigned tick, sent = 0;
        config.resample_drift = resampled;
        OK(ale_jitter_create(&config, &writer, &reader));
        for (tick = 0; tick < 12000; tick++) {
            uint64_t now_ns = tick * TICK_NS;
            uint8_t packet[172];
            int16_t pcm[80];
            while (sent * UINT64_C(19960000) <= now_ns) {
                int n;
                size_t length = rtp(packet, sent++, 160);
                for (n = 0; n < 160; n++) packet[12 + n] = (uint8_t)(n / 10 % 2 ? 0x20 : 0xa0);
                OK(ale_jitter_insert(writer, packet, length, now_ns));
            }
            OK(ale_jitter_pull(reader, now_ns, pcm, 80, &info));
        }
        OK(ale_jitter_stats(reader, &stats));
        EXPECT(stats.drift_ppm > 1500 && stats.drift_ppm < 2500);
        EXPECT(stats.late == 0 && stats.dropped == 0);
        /* In two minutes it gains 240 ms. */
        EXPECT(info.delay_ms < 130);
        EXPECT((stats.accelerations == 0) == (resampled == 1));
        ale_jitter_writer_destroy(writer);
        ale_jitter_reader_destroy(reader);
    }
}

/* Left and right stay apart. */
static void stereo(void)
{
    ale_mixer_config config;
    ale_mixer *mixer;
    uint64_t talker, listener;
    int16_t pcm[160], heard[160];
    int n, runs;
    OK(ale_mixer_config_init(&config));
    config.channels = 2;
    OK(ale_mixer_create(&config, &mixer));
    OK(ale_mixer_add(mixer, &talker));
    OK(ale_mixer_add(mixer, &listener));
    for (runs = 0; runs < 2; runs++) {
        for (n = 0; n < 160; n++) pcm[n] = (int16_t)(n % 2 ? -300 : 1000 + n);
        OK(ale_mixer_input(mixer, talker, pcm, 160));
        OK(ale_mixer_run(mixer));
        OK(ale_mixer_output(mixer, listener, heard, 160));
    }
    EXPECT(memcmp(pcm, heard, sizeof pcm) == 0);
    ale_mixer_destroy(mixer);
}

/* Whether levels from the peer are trusted: packets that say silence are not decoded in a conference. */
static void trust_in_levels(void)
{
    uint32_t trust;
    int encrypted;
    for (trust = 0; trust <= 2; trust++)
        for (encrypted = 0; encrypted < 2; encrypted++) {
            ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
            ale_conference_config config;
            ale_conference *conference;
            uint64_t member;
            unsigned tick;
            int believed = trust == 2 || (trust == 1 && encrypted);
            a.audio_level_id = b.audio_level_id = 1;
            b.level_trust = trust;
            if (encrypted) {
                a.send_crypto = b.receive_crypto = GCM_A;
                a.receive_crypto = b.send_crypto = GCM_B;
            }
            begin(&c, &a, &b);
            OK(ale_conference_config_init(&config));
            config.max_speakers = 1;
            OK(ale_conference_create(&config, &conference));
            OK(ale_conference_join(conference, c.b.media, NULL, &member));
            c.b.media = NULL;
            for (tick = 0; tick < 100; tick++, c.tick++) {
                ale_datagram datagram;
                int16_t pcm[80] = {0};
                OK(ale_leg_push(c.a.media, pcm, 80));
                send_all(&c, 1);
                arrive(&c, tick * TICK_NS);
                OK(ale_conference_tick(conference, tick * TICK_NS));
                while (ale_conference_next_datagram(conference, &datagram) == ALE_OK) {}
            }
            EXPECT((counters(c.b).jitter.skipped_decodes > 20) == believed);
            EXPECT((counters(c.b).jitter.skipped_decodes == 0) == !believed);
            EXPECT(counters(c.b).jitter.played > 40);
            ale_conference_destroy(conference);
            end(&c);
        }
}

static struct {
    leg out, far;
    uint64_t now_ns;
    ale_passed passed;
} relay;

static void relay_on(void *context, uint32_t timestamp, const uint8_t *payload, size_t length)
{
    unsigned *count = context;
    const uint8_t *datagram;
    uint8_t copy[1600];
    size_t bytes;
    relay.passed.timestamp = timestamp;
    relay.passed.sequence = ++*count & 0xffff;
    OK(ale_leg_relay(relay.out.media, &relay.passed, payload, length, &datagram, &bytes));
    memcpy(copy, datagram, bytes);
    EXPECT(bytes == 12 + 240 + 16 && half(copy + 2) == *count - 1);
    OK(ale_leg_receive(relay.far.receiver, copy, bytes, relay.now_ns, NULL));
}

/* Packets of 20 ms under one key become packets of 30 ms under another, undecoded, and are heard. */
static void handed_on_between_keys(void)
{
    ale_pass_through pass = {96, 8000};
    ale_leg_config near = plain(1, "PCMA/8000"), in = plain(2, "PCMU/8000");
    ale_leg_config out = plain(3, "PCMU/8000"), far = plain(4, "PCMA/8000");
    ale_codec codec;
    ale_repacketizer *repacketizer;
    static int16_t heard[8000];
    unsigned tick, count = 0;
    leg from, to;
    memset(&codec, 0, sizeof codec);
    codec.encoding = "PCMA/8000";
    codec.payload_type = 96;
    in.send.payload_type = out.send.payload_type = 0;
    in.pass_through = out.pass_through = &pass;
    in.pass_through_count = out.pass_through_count = 1;
    near.send_crypto = in.receive_crypto = SHA1_A;
    near.receive_crypto = in.send_crypto = SHA1_B;
    out.send_crypto = far.receive_crypto = GCM_A;
    out.receive_crypto = far.send_crypto = GCM_B;
    near.rtcp_interval_ms = out.rtcp_interval_ms = 0;
    from = make(&near);
    to = make(&in);
    relay.out = make(&out);
    relay.far = make(&far);
    OK(ale_repacketizer_create(&codec, 30, &repacketizer));
    for (tick = 0; tick < 150; tick++) {
        const uint8_t *datagram;
        uint8_t copy[1600];
        size_t length;
        int16_t pcm[80];
        relay.now_ns = tick * TICK_NS;
        say(pcm, 80, 8000, tick * 80, 700, 8000);
        OK(ale_leg_push(from.media, pcm, 80));
        while (ale_leg_poll_transmit(from.media, relay.now_ns, &datagram, &length) == ALE_OK) {
            ale_received received;
            memcpy(copy, datagram, length);
            OK(ale_leg_receive(to.receiver, copy, length, relay.now_ns, &received));
            if (received != ALE_RECEIVED_PASS_THROUGH) continue;
            OK(ale_leg_passed(to.receiver, &relay.passed));
            OK(ale_repacketizer_push(repacketizer, relay.passed.timestamp,
                                     copy + relay.passed.payload_offset,
                                     relay.passed.payload_bytes, relay_on, &count));
        }
        OK(ale_leg_pull(relay.far.media, relay.now_ns, pcm, 80, NULL));
        if (tick >= 50) memcpy(heard + (tick - 50) * 80, pcm, sizeof pcm);
    }
    EXPECT(count == 49 && counters(to).passed_through == 74);
    EXPECT(counters(relay.out).packets_sent == count);
    EXPECT(share_at(heard, 8000, 8000, 700) > 0.95 && loudness(heard, 8000) > 5000);
    EXPECT(counters(relay.far).jitter.missing == 0);
    ale_repacketizer_destroy(repacketizer);
    destroy(from);
    destroy(to);
    destroy(relay.out);
    destroy(relay.far);
}

/* RFC 3711 vouches for a new address; without it only the signalling can. */
static void latches(void)
{
    static const ale_address home = {{192, 0, 2, 1}, 4, 5004}, away = {{198, 51, 100, 7}, 4, 6000};
    int encrypted;
    for (encrypted = 0; encrypted < 2; encrypted++) {
        ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
        ale_address where;
        unsigned tick, refused = 0;
        if (encrypted) {
            a.send_crypto = b.receive_crypto = GCM_A;
            a.receive_crypto = b.send_crypto = GCM_B;
        }
        a.rtcp_interval_ms = 0;
        b.learning_ms = 100;
        begin(&c, &a, &b);
        for (tick = 0; tick < 40; tick++) {
            const uint8_t *datagram;
            uint8_t copy[400];
            size_t length;
            int16_t pcm[80] = {0};
            OK(ale_leg_push(c.a.media, pcm, 80));
            while (ale_leg_poll_transmit(c.a.media, tick * TICK_NS, &datagram, &length) == ALE_OK) {
                memcpy(copy, datagram, length);
                refused += ale_leg_receive_from(c.b.receiver, copy, length,
                                                tick < 20 ? &home : &away, tick * TICK_NS, NULL)
                           == ALE_ERR_FOREIGN_ADDRESS;
            }
            OK(ale_leg_pull(c.b.media, tick * TICK_NS, pcm, 80, NULL));
        }
        OK(ale_leg_remote_address(c.b.receiver, &where));
        EXPECT(where.port == (encrypted ? 6000 : 5004));
        EXPECT(refused == (encrypted ? 0 : 10) && counters(c.b).foreign_address == refused);
        EXPECT(events(c.b, ALE_LEG_ADDRESS_CHANGED, NULL) == (encrypted ? 2 : 1));
        end(&c);
    }
}

int main(void)
{
    slots();
    drift();
    stereo();
    trust_in_levels();
    handed_on_between_keys();
    latches();
    puts("wiring of parts: ok");
    return 0;
}
