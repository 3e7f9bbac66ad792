/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a host needs beside calls and conferences: codecs in session descriptions, tones and
   digits in the sound, other rates. */
#include "wiring.h"

/* What stands in a description, and what is written of what was read. */
static void descriptions(void)
{
    static const struct {
        unsigned payload_type;
        const char *rtpmap, *written;
    } known[] = {
        {0, NULL, "PCMU/8000"},        {8, NULL, "PCMA/8000"},
        {9, NULL, "G722/8000"},        {11, NULL, "L16/44100"},
        {96, "pcma/8000/1", "PCMA/8000"}, {97, "l16/16000", "L16/16000"},
        {10, NULL, "L16/44100/2"},
    };
    static const char *const unknown[] = {"PCMU", "PCMU/16000", "PCMU/8000/2", "telephone-event/8000", ""};
    ale_codec codec;
    char rtpmap[64], fmtp[192], before[sizeof codec];
    size_t n;
    for (n = 0; n < sizeof known / sizeof *known; n++) {
        OK(ale_codec_parse(known[n].payload_type, known[n].rtpmap, NULL, &codec));
        EXPECT(codec.payload_type == known[n].payload_type && codec.host == NULL);
        OK(ale_codec_print(&codec, rtpmap, sizeof rtpmap, fmtp, sizeof fmtp));
        EXPECT(strcmp(rtpmap, known[n].written) == 0 && fmtp[0] == 0);
    }
    memset(&codec, 0x5A, sizeof codec);
    memcpy(before, &codec, sizeof codec);
    for (n = 0; n < sizeof unknown / sizeof *unknown; n++)
        REFUSED(ALE_ERR_UNSUPPORTED, ale_codec_parse(96, unknown[n], NULL, &codec));
    REFUSED(ALE_ERR_UNSUPPORTED, ale_codec_parse(13, NULL, NULL, &codec));
    REFUSED(ALE_ERR_PAYLOAD_TYPE, ale_codec_parse(64, "PCMU/8000", NULL, &codec));
    REFUSED(ALE_ERR_PAYLOAD_TYPE, ale_codec_parse(95, "PCMU/8000", NULL, &codec));
    REFUSED(ALE_ERR_PAYLOAD_TYPE, ale_codec_parse(128, "PCMU/8000", NULL, &codec));
    REFUSED(ALE_ERR_PAYLOAD_TYPE, ale_codec_parse(256, "PCMU/8000", NULL, &codec));
    EXPECT(memcmp(before, &codec, sizeof codec) == 0);

    /* Room to the byte, and neither is written where the other has none. */
    OK(ale_codec_parse(0, NULL, NULL, &codec));
    OK(ale_codec_print(&codec, rtpmap, 10, fmtp, 1));
    memset(rtpmap, 'x', sizeof rtpmap);
    memset(fmtp, 'x', sizeof fmtp);
    REFUSED(ALE_ERR_CAPACITY, ale_codec_print(&codec, rtpmap, 9, fmtp, sizeof fmtp));
    REFUSED(ALE_ERR_CAPACITY, ale_codec_print(&codec, rtpmap, sizeof rtpmap, fmtp, 0));
    EXPECT(rtpmap[0] == 'x' && fmtp[0] == 'x');
    codec.encoding = NULL;
    REFUSED(ALE_ERR_ENCODING, ale_codec_print(&codec, rtpmap, sizeof rtpmap, fmtp, sizeof fmtp));
}

#ifndef ALE_WITHOUT_OPUS
static int count_bytes(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (from_a && !is_rtcp(bytes))
        call->counted += (unsigned)*length - 12;
    return 1;
}

/* What one side writes the other reads, and sends no more than that. */
static void opus_descriptions(void)
{
    static call c;
    ale_leg_config a = plain(1, "opus/48000/2"), b = plain(2, "opus/48000/2");
    ale_codec codec;
    char rtpmap[64], fmtp[192];
    unsigned bytes[2];
    int n;
    OK(ale_codec_parse(111, "OPUS/48000/2", "useinbandfec=0;stereo=1", &codec));
    OK(ale_codec_print(&codec, rtpmap, sizeof rtpmap, fmtp, sizeof fmtp));
    EXPECT(strcmp(rtpmap, "opus/48000/2") == 0);
    EXPECT(strcmp(fmtp, "stereo=0;sprop-stereo=0;useinbandfec=1;usedtx=0") == 0);
    codec.sample_rate_hz = 16000;
    codec.bit_rate_bps = 8000;
    OK(ale_codec_print(&codec, rtpmap, sizeof rtpmap, fmtp, sizeof fmtp));
    EXPECT(strcmp(fmtp, "maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=8000;"
                        "stereo=0;sprop-stereo=0;useinbandfec=1;usedtx=0") == 0);
    REFUSED(ALE_ERR_ENCODING, ale_codec_parse(111, "opus/48000/2", "maxaveragebitrate=5999", &codec));
    REFUSED(ALE_ERR_ENCODING, ale_codec_parse(111, "opus/48000/2", "usedtx=yes", &codec));
    for (n = 0; n < 2; n++) {
        OK(ale_codec_parse(96, rtpmap, n == 0 ? NULL : fmtp, &a.send));
        a.send.bit_rate_bps = 64000;
        a.send.sample_rate_hz = b.send.sample_rate_hz = 16000;
        begin(&c, &a, &b);
        c.voice = 1;
        c.wire = count_bytes;
        run(&c, 200);
        bytes[n] = c.counted;
        end(&c);
    }
    /* Two seconds at up to 64 and at 8 kbit/s, which are 2000 bytes; as much more as a variable rate may. */
    EXPECT(bytes[1] < 2400 && bytes[0] > 4 * bytes[1]);
}
#endif

/* From a nothing but headers of payload type 120, each of the tag of 16 bytes where there are keys. */
static int keepalive_only(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (!from_a)
        return 1;
    if (bytes[1] != 120 || (*length != 12 && *length != 28))
        call->seen++;
    call->counted++;
    return 1;
}

/* Milliseconds of a player, written over what is there. */
static size_t play(ale_tones *tones, int16_t *pcm, unsigned rate_hz, unsigned ms, int32_t *playing)
{
    size_t frame = rate_hz / 100, n;
    for (n = 0; n < ms / 10; n++)
        OK(ale_tones_next(tones, pcm + n * frame, frame, 0, playing));
    return n * frame;
}

/* Every signal of every plan has the frequencies of ITU-T E.180 supplement 2 in its first 300 ms. */
static void tones(void)
{
    static const struct {
        int32_t plan, signal;
        double hz[2];
        unsigned on_ms, off_ms; /* 0 for a tone without an end */
    } known[] = {
        {ALE_TONE_PLAN_EUROPE, ALE_TONE_DIAL, {425, 0}, 0, 0},
        {ALE_TONE_PLAN_EUROPE, ALE_TONE_RINGING, {425, 0}, 1000, 4000},
        {ALE_TONE_PLAN_EUROPE, ALE_TONE_BUSY, {425, 0}, 500, 500},
        {ALE_TONE_PLAN_EUROPE, ALE_TONE_CONGESTION, {425, 0}, 250, 250},
        {ALE_TONE_PLAN_EUROPE, ALE_TONE_CALL_WAITING, {425, 0}, 200, 600},
        {ALE_TONE_PLAN_EUROPE, ALE_TONE_INFORMATION, {950, 0}, 0, 0},
        {ALE_TONE_PLAN_FRANCE, ALE_TONE_DIAL, {440, 0}, 0, 0},
        {ALE_TONE_PLAN_SPAIN, ALE_TONE_BUSY, {425, 0}, 200, 200},
        {ALE_TONE_PLAN_UNITED_KINGDOM, ALE_TONE_DIAL, {350, 440}, 0, 0},
        {ALE_TONE_PLAN_NORTH_AMERICA, ALE_TONE_DIAL, {350, 440}, 0, 0},
        {ALE_TONE_PLAN_NORTH_AMERICA, ALE_TONE_RINGING, {440, 480}, 2000, 4000},
        {ALE_TONE_PLAN_NORTH_AMERICA, ALE_TONE_BUSY, {480, 620}, 500, 500},
        {ALE_TONE_PLAN_NORTH_AMERICA, ALE_TONE_CONGESTION, {480, 620}, 250, 250},
        {ALE_TONE_PLAN_NORTH_AMERICA, ALE_TONE_CALL_WAITING, {440, 0}, 300, 9700},
    };
    static int16_t pcm[16 * 12000];
    ale_tones_config config;
    ale_tones *tones;
    ale_memory memory;
    int32_t playing = 7;
    size_t n, i;
    OK(ale_tones_config_init_sized(&config, sizeof config));
    config.sample_rate_hz = 16000;
    for (n = 0; n < sizeof known / sizeof *known; n++) {
        unsigned on = known[n].on_ms, whole = on + known[n].off_ms;
        size_t heard = 16 * (on == 0 || on > 300 ? 300 : on);
        double share = 0;
        config.plan = known[n].plan;
        OK(ale_tones_create(&config, &tones));
        OK(ale_tones_play(tones, known[n].signal));
        play(tones, pcm, 16000, 12000, &playing);
        EXPECT(playing == 1);
        for (i = 0; i < 2; i++)
            share += known[n].hz[i] == 0 ? 0 : share_at(pcm, heard, 16000, known[n].hz[i]);
        EXPECT(share > 0.9 && share < 1.1);
        if (on != 0) {
            EXPECT(loudness(pcm + 16 * (on - 20), 160) > 1000);
            EXPECT(loudness(pcm + 16 * on, 16 * known[n].off_ms) == 0);
            EXPECT(loudness(pcm + 16 * whole, 1600) > 1000);
        }
        /* It falls within 4 ms. */
        OK(ale_tones_stop(tones));
        play(tones, pcm, 16000, 20, &playing);
        EXPECT(playing == 0 && loudness(pcm + 65, 255) == 0);
        ale_tones_destroy(tones);
    }
    config.plan = 5;
    INVALID(ale_tones_create(&config, &tones));
    config.plan = -1;
    INVALID(ale_tones_create(&config, &tones));
    config.plan = 0;
    config.sample_rate_hz = 96000;
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_tones_create(&config, &tones));
    config.sample_rate_hz = 8000;
    config.level_dbov = 9;
    INVALID(ale_tones_create(&config, &tones));
    config.level_dbov = 63;
    OK(ale_tones_memory_required(&config, &memory));
    EXPECT(memory.kept_blocks == 1 && memory.kept_bytes < 1024);
}

/* Digits that a player adds to a voice are heard by a leg that listens for them in the sound. */
static void digits(void)
{
    static const char sent[] = "0123456789*#ABCD";
    static int16_t pcm[80];
    ale_tones_config config;
    ale_tones *tones;
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    ale_leg_event event;
    leg from, to;
    char heard[40] = "";
    size_t length = 0, bytes;
    uint64_t now;
    unsigned tick;
    int32_t playing = 1;
    const uint8_t *datagram;
    b.inband_tones = 1;
    from = make(&a);
    to = make(&b);
    OK(ale_tones_config_init(&config));
    OK(ale_tones_create(&config, &tones));
    REFUSED(ALE_ERR_DIGIT, ale_tones_digits(tones, "12!", 70, 70, 13));
    REFUSED(ALE_ERR_DIGIT, ale_tones_digits(tones, "", 70, 70, 13));
    INVALID(ale_tones_digits(tones, "1", 19, 70, 13));
    INVALID(ale_tones_digits(tones, "1", 70, 65536 + 70, 13));
    INVALID(ale_tones_digits(tones, "1", 70, 70, 256 + 13));
    INVALID(ale_tones_play(tones, 6));
    INVALID(ale_tones_play(tones, -1));
    REFUSED(ALE_ERR_PCM_LENGTH, ale_tones_next(tones, pcm, 79, 0, NULL));
    REFUSED(ALE_ERR_PCM_LENGTH, ale_tones_next(tones, pcm, 0, 0, NULL));
    OK(ale_tones_digits(tones, sent, 70, 70, 13));
    OK(ale_tones_digits(tones, sent, 70, 70, 13));
    REFUSED(ALE_ERR_FULL, ale_tones_digits(tones, "1", 70, 70, 13));
    for (tick = 0; tick < 32 * 14 + 30; tick++) {
        now = tick * TICK_NS;
        say(pcm, 80, 8000, (uint64_t)tick * 80, 300, 30);
        OK(ale_tones_next(tones, pcm, 80, 1, &playing));
        EXPECT(playing == (tick < 32 * 14 - 1));
        OK(ale_leg_push(from.media, pcm, 80));
        while (ale_leg_poll_transmit(from.media, now, &datagram, &bytes) == ALE_OK) {
            uint8_t copy[400];
            memcpy(copy, datagram, bytes);
            OK(ale_leg_receive(to.receiver, copy, bytes, now, NULL));
        }
        OK(ale_leg_pull(to.media, now, pcm, 80, NULL));
        while (ale_leg_next_event(to.control, &event) == ALE_OK)
            if (event.kind == ALE_LEG_INBAND_DIGIT && length < sizeof heard - 1)
                heard[length++] = (char)event.digit;
    }
    EXPECT(length == 32 && memcmp(heard, sent, 16) == 0 && memcmp(heard + 16, sent, 16) == 0);
    ale_tones_destroy(tones);
    destroy(from);
    destroy(to);
}

/* A tone is the same tone at another rate, whatever the pieces; nothing is taken where there is no room. */
static void resampler(void)
{
    static const uint32_t rates[] = {8000, 16000, 32000, 48000};
    static int16_t in[48000], out[48000], again[48000];
    size_t from, to, at, written, count;
    ale_resampler *resampler;
    ale_memory memory;
    for (from = 0; from < 4; from++) {
        say(in, rates[from], rates[from], 0, 1000, 10000);
        for (to = 0; to < 4; to++) {
            OK(ale_resampler_create(rates[from], rates[to], &resampler));
            written = 7;
            if (rates[to] > 8000)
                REFUSED(ALE_ERR_CAPACITY, ale_resampler_process(resampler, in, rates[from], out,
                                                                rates[to] - 1, &written));
            EXPECT(written == 7);
            for (at = 0, count = 0; at < rates[from]; at += rates[from] / 100, count += written) {
                OK(ale_resampler_process(resampler, in + at, rates[from] / 100, out + count,
                                         48000 - count, &written));
                EXPECT(written == rates[to] / 100);
            }
            EXPECT(share_at(out + count / 2, count / 4, rates[to], 1000) > 0.999);
            EXPECT(fabs(loudness(out + count / 2, count / 4) * sqrt(2) / 10000 - 1) < 0.02);
            OK(ale_resampler_reset(resampler));
            OK(ale_resampler_process(resampler, in, rates[from], again, 48000, &written));
            EXPECT(written == count && memcmp(out, again, count * sizeof *out) == 0);
            ale_resampler_destroy(resampler);
        }
    }
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_resampler_create(44100, 8000, &resampler));
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_resampler_create(8000, 0, &resampler));
    OK(ale_resampler_memory_required(8000, 48000, &memory));
    EXPECT(memory.kept_bytes > 1000 && memory.kept_bytes < 65536);
}

/* A leg on hold sends a packet without payload every so often, and the peer misses nothing. */
static void keepalives(void)
{
    static call c;
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    int encrypted;
    a.rtcp_interval_ms = b.rtcp_interval_ms = 0;
    a.keepalive_ms = 2000;
    a.keepalive_payload_type = 120;
    for (encrypted = 0; encrypted < 2; encrypted++) {
        if (encrypted) {
            a.send_crypto = b.receive_crypto = GCM_A;
            a.receive_crypto = b.send_crypto = GCM_B;
        }
        a.direction = 0;
        begin(&c, &a, &b);
        run(&c, 100);
        a.direction = 3;
        OK(ale_leg_update(c.a.control, &a));
        c.wire = keepalive_only;
        run(&c, 2000);
        EXPECT(c.seen == 0 && c.counted == 10);
        a.direction = 0;
        OK(ale_leg_update(c.a.control, &a));
        c.wire = NULL;
        run(&c, 200);
        run(&c, 100);
        EXPECT(is_heard(&c) && counters(c.b).jitter.missing == 0);
        end(&c);
    }
    a.keepalive_payload_type = 96;
    refused(&a, ALE_ERR_PAYLOAD_TYPE);
}

int main(void)
{
    keepalives();
    descriptions();
    tones();
    digits();
    resampler();
#ifndef ALE_WITHOUT_OPUS
    opus_descriptions();
#endif
    puts("parts: ok");
    return 0;
}
