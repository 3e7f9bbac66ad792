/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a leg's config says of its packets, seen on the wire: first numbers, codecs, packet times,
   header extensions. */
#include "wiring.h"

static call c;
/* The first and the last RTP packet of a. */
static uint8_t first[1600], last[1600];
static size_t first_length, last_length;
static uint64_t last_ns;

static int keep(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (!from_a || is_rtcp(bytes))
        return 1;
    if (call->counted++ == 0) {
        memcpy(first, bytes, *length);
        first_length = *length;
    }
    memcpy(last, bytes, *length);
    last_length = *length;
    last_ns = call->tick * TICK_NS;
    return 1;
}

static void talk(const ale_leg_config *a, const ale_leg_config *b)
{
    begin(&c, a, b);
    c.wire = keep;
    run(&c, 50);
    run(&c, 50);
}

static void first_numbers(void)
{
    ale_leg_config a = plain(0x01020304, "PCMA/8000"), b = plain(2, "PCMA/8000");
    a.initial_sequence = 65530;
    a.initial_timestamp = 0xfffffff0;
    a.send.payload_type = b.send.payload_type = 100;
    talk(&a, &b);
    EXPECT(is_heard(&c));
    EXPECT(payload_type(first) == 100 && half(first + 2) == 65530 - 32768); /* without its top bit */
    EXPECT(word(first + 4) == 0xfffffff0 && word(first + 8) == 0x01020304);
    /* 50 packets later the timestamp has wrapped. */
    EXPECT(c.counted == 50 && half(last + 2) == 65530 - 32768 + 49);
    EXPECT(word(last + 4) == (uint32_t)(0xfffffff0 + 49 * 160));
    /* The first packet of speech is marked, the others are not (RFC 3551 section 4.1). */
    EXPECT((first[1] & 0x80) != 0 && (last[1] & 0x80) == 0);
    end(&c);
}

static void one_source_alone(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    b.has_remote_ssrc = 1;
    b.remote_ssrc = 9;
    talk(&a, &b);
    EXPECT(loudness(c.heard, c.heard_samples) == 0 && counters(c.b).unknown_ssrc == 50);
    end(&c);
    b.remote_ssrc = 1;
    talk(&a, &b);
    EXPECT(is_heard(&c) && counters(c.b).unknown_ssrc == 0);
    end(&c);
}

static void every_codec_is_heard(void)
{
    static const struct {
        const char *encoding;
        uint32_t rate_hz;
        double hz;
        size_t bytes; /* of 20 ms, 0 for any */
        uint32_t ticks; /* of the RTP clock */
    } all[] = {
        {"PCMU/8000", 8000, 440, 160, 160},     {"PCMA/8000", 8000, 440, 160, 160},
        {"G722/8000", 16000, 5000, 160, 160},   {"L16/8000", 8000, 440, 320, 160},
        {"L16/16000", 16000, 5000, 640, 320},   {"L16/32000", 32000, 9000, 1280, 640},
#ifndef ALE_WITHOUT_OPUS
        {"opus/48000/2", 48000, 2000, 0, 960},
#endif
    };
    size_t n;
    for (n = 0; n < sizeof all / sizeof *all; n++) {
        ale_leg_config a = plain(1, all[n].encoding), b = plain(2, all[n].encoding);
        ale_leg_ticket ticket;
        begin(&c, &a, &b);
        EXPECT(ale_leg_sample_rate_hz(c.b.media) == all[n].rate_hz);
        c.wire = keep;
        c.hz = all[n].hz;
        run(&c, 50);
        run(&c, 50);
        EXPECT(is_heard(&c));
        EXPECT(all[n].bytes == 0 || last_length == 12 + all[n].bytes);
        EXPECT(word(last + 4) == 49 * all[n].ticks);
        OK(ale_leg_ticket_read(c.b.control, &ticket));
        EXPECT(strncmp(ticket.codec, all[n].encoding, strlen(ticket.codec)) == 0
               && strlen(ticket.codec) >= 3);
        end(&c);
    }
}

/* A leg sends one codec and takes others, each by its payload type; what is not named is refused. */
static void several_codecs_come_in(void)
{
    static const char *const names[] = {"PCMU/8000", "G722/8000", "L16/16000", "PCMA/8000"};
    ale_codec takes[3];
    int n;
    memset(takes, 0, sizeof takes);
    for (n = 0; n < 3; n++) {
        takes[n].encoding = names[n];
        takes[n].payload_type = (uint8_t)(100 + n);
    }
    for (n = 0; n < 4; n++) {
        ale_leg_config a = plain(1, names[n]), b = plain(2, "PCMA/8000");
        a.send.payload_type = (uint8_t)(100 + n);
        b.receive = takes;
        b.receive_count = 3;
        talk(&a, &b);
        EXPECT(is_heard(&c) == (n < 3));
        EXPECT(counters(c.b).unknown_payload_type == (n < 3 ? 0 : 50));
        end(&c);
    }
}

static void packet_times(void)
{
    static const uint32_t all[] = {10, 20, 30, 60, 120};
    size_t n;
    for (n = 0; n < 5; n++) {
        ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
        a.packet_ms = all[n];
        begin(&c, &a, &b);
        c.wire = keep;
        run(&c, 120);
        EXPECT(c.counted == 1200 / all[n] && last_length == 12 + 8 * all[n]);
        run(&c, 60);
        EXPECT(is_heard(&c));
        end(&c);
    }
}

/* RFC 6464: a square wave of 2067 is 24 dB below overload. */
static void levels_are_said(void)
{
    ale_leg_config a = plain(1, "L16/8000"), b = plain(2, "L16/8000");
    const uint8_t *level;
    size_t length = 0;
    a.audio_level_id = b.audio_level_id = 5;
    begin(&c, &a, &b);
    c.wire = keep;
    c.amplitude = 2923; /* a sine of that effective value */
    run(&c, 50);
    level = find_element(last, 5, &length);
    EXPECT(level != NULL && length == 1);
    EXPECT((level[0] & 0x7f) >= 23 && (level[0] & 0x7f) <= 25);
    EXPECT(counters(c.a).pushed_level_dbov == (level[0] & 0x7fu));
    c.amplitude = 0;
    run(&c, 10);
    level = find_element(last, 5, &length);
    EXPECT(level != NULL && level[0] == 127); /* silence, and no voice */
    end(&c);
}

/* 6.18 bits of seconds. */
static void send_times_are_said(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    const uint8_t *at;
    size_t length = 0;
    double said, meant;
    a.absolute_send_time_id = b.absolute_send_time_id = 7;
    talk(&a, &b);
    at = find_element(last, 7, &length);
    EXPECT(at != NULL && length == 3);
    said = (double)(word(at) >> 8) / (1 << 18);
    meant = fmod((double)last_ns / 1e9, 64);
    EXPECT(fabs(said - meant) < 0.001);
    end(&c);
}

static void the_media_is_named(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    const uint8_t *at;
    size_t length = 0;
    a.mid_id = 9;
    a.mid = "audio0";
    talk(&a, &b);
    at = find_element(last, 9, &length);
    EXPECT(at != NULL && length == 6 && memcmp(at, "audio0", 6) == 0);
    EXPECT(is_heard(&c));
    end(&c);
}

#ifndef ALE_WITHOUT_OPUS
/* The peer's in-band FEC fills gaps of single packets. */
static int loses_every_seventh(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)length;
    return !from_a || is_rtcp(bytes) || ++call->seen % 7 != 0;
}

static void opus_restores_lost_packets(void)
{
    uint64_t recovered[2], expected[2];
    int fec;
    for (fec = 0; fec < 2; fec++) {
        ale_leg_config a = plain(1, "opus/48000/2"), b = plain(2, "opus/48000/2");
        a.send.sample_rate_hz = b.send.sample_rate_hz = 16000;
        a.send.fmtp = fec ? "useinbandfec=1" : "useinbandfec=0";
        a.rtcp_interval_ms = b.rtcp_interval_ms = 200;
        begin(&c, &a, &b);
        c.wire = loses_every_seventh;
        c.voice = 1;
        run(&c, 300);
        recovered[fec] = counters(c.b).jitter.recovered;
        /* The peer's reports tell the encoder how much to prepare for. */
        expected[fec] = counters(c.a).expected_loss_percent;
        EXPECT(counters(c.b).jitter.missing >= 20);
        end(&c);
    }
    EXPECT(recovered[0] == 0 && recovered[1] >= 10);
    EXPECT(expected[1] >= 10);
}

static unsigned opus_bytes(uint32_t bit_rate_bps, uint32_t complexity)
{
    ale_leg_config a = plain(1, "opus/48000/2"), b = plain(2, "opus/48000/2");
    const uint8_t *datagram;
    size_t length;
    unsigned bytes = 0, tick;
    uint32_t hash = 0, noise = 1;
    int16_t pcm[480];
    a.send.bit_rate_bps = bit_rate_bps;
    a.send.complexity = complexity;
    a.send.fmtp = "useinbandfec=0;maxaveragebitrate=64000";
    a.rtcp_interval_ms = 0;
    begin(&c, &a, &b);
    for (tick = 0; tick < 100; tick++) {
        size_t n;
        for (n = 0; n < 480; n++) {
            noise = noise * 1103515245u + 12345u;
            pcm[n] = (int16_t)((int)(noise >> 20) - 2048 + (int)(n % 96) * 60);
        }
        OK(ale_leg_push(c.a.media, pcm, 480));
        while (ale_leg_poll_transmit(c.a.media, tick * TICK_NS, &datagram, &length) == ALE_OK) {
            bytes += (unsigned)length - 12;
            for (n = 12; n < length; n++)
                hash = hash * 31 + datagram[n];
        }
    }
    end(&c);
    return complexity == 0 ? bytes : hash;
}

static void opus_spends_what_it_may(void)
{
    unsigned low = opus_bytes(12000, 0), high = opus_bytes(48000, 0);
    EXPECT(low > 1000 && low < 1900);
    EXPECT(high > 4500 && high < 7000);
    EXPECT(opus_bytes(24000, 1) == opus_bytes(24000, 1));
    EXPECT(opus_bytes(24000, 1) != opus_bytes(24000, 10));
}

#endif

int main(void)
{
    first_numbers();
    one_source_alone();
    every_codec_is_heard();
    several_codecs_come_in();
    packet_times();
    levels_are_said();
    send_times_are_said();
    the_media_is_named();
#ifndef ALE_WITHOUT_OPUS
    opus_restores_lost_packets();
    opus_spends_what_it_may();
#endif
    puts("wiring of packets: ok");
    return 0;
}
