/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A phone's own end over a device whose two clocks differ, in calls with others. */
#include "wiring.h"

#define RATE 16000
#define BLOCK 160
#define SECOND 100 /* callbacks */

/* The endpoint, and the peers of its lines. */
static ale_endpoint_microphone *microphone;
static ale_endpoint_speaker *speaker;
static ale_endpoint_control *control;
static leg near_end[ALE_ENDPOINT_LINES], peer[ALE_ENDPOINT_LINES];
static unsigned sent[ALE_ENDPOINT_LINES];
/* What has been played and what each peer has heard in the last run. */
static int16_t played[3 * RATE], heard[ALE_ENDPOINT_LINES][3 * RATE];
static size_t played_samples, heard_samples;
static uint64_t tick;
/* Frequencies of who speaks: at the microphone, and at each peer; 0 is silence. */
static double near_hz, peer_hz[ALE_ENDPOINT_LINES];

static void on_send(void *context, uint32_t line, const uint8_t *datagram, size_t length)
{
    uint8_t bytes[1600];
    EXPECT(context == &tick && line < ALE_ENDPOINT_LINES && length <= sizeof bytes);
    memcpy(bytes, datagram, length);
    (void)ale_leg_receive(peer[line].receiver, bytes, length, tick * TICK_NS, NULL);
    sent[line]++;
}

static leg leg_at(uint32_t ssrc)
{
    ale_leg_config config = plain(ssrc, "L16/16000");
    return make(&config);
}

static void talk(int16_t *pcm, uint64_t at, double hz)
{
    if (hz != 0)
        say(pcm, BLOCK, RATE, at * BLOCK, hz, 6000);
    else
        memset(pcm, 0, BLOCK * sizeof *pcm);
}

/* Goes on for so many callbacks of the microphone; the loudspeaker's ask for this many samples each. */
static void go_on(unsigned callbacks, size_t block)
{
    int16_t pcm[BLOCK];
    size_t n;
    played_samples = heard_samples = 0;
    for (; callbacks > 0; callbacks--, tick++) {
        for (n = 0; n < ALE_ENDPOINT_LINES; n++) {
            const uint8_t *datagram;
            size_t length;
            if (peer[n].media == NULL)
                continue;
            talk(pcm, tick, peer_hz[n]);
            OK(ale_leg_push(peer[n].media, pcm, BLOCK));
            while (ale_leg_poll_transmit(peer[n].media, tick * TICK_NS, &datagram, &length) == ALE_OK) {
                uint8_t bytes[1600];
                memcpy(bytes, datagram, length);
                (void)ale_leg_receive(near_end[n].receiver, bytes, length, tick * TICK_NS, NULL);
            }
        }
        talk(pcm, tick, near_hz);
        OK(ale_endpoint_capture(microphone, tick * TICK_NS, pcm, BLOCK, on_send, &tick));
        OK(ale_endpoint_render(speaker, tick * TICK_NS, played + played_samples, block));
        played_samples += block;
        for (n = 0; n < ALE_ENDPOINT_LINES; n++)
            if (peer[n].media != NULL)
                OK(ale_leg_pull(peer[n].media, tick * TICK_NS, heard[n] + heard_samples, BLOCK, NULL));
        heard_samples += BLOCK;
    }
}

static double plays(double hz)
{
    return share_at(played, played_samples, RATE, hz);
}

static double hears(unsigned line, double hz)
{
    return share_at(heard[line], heard_samples, RATE, hz);
}

static void begin_endpoint(int32_t profile)
{
    ale_endpoint_config config;
    unsigned n;
    OK(ale_endpoint_config_init(&config));
    config.profile = profile;
    OK(ale_endpoint_create(&config, &microphone, &speaker, &control));
    for (n = 0; n < ALE_ENDPOINT_LINES; n++) {
        sent[n] = 0;
        peer_hz[n] = 0;
        peer[n].media = NULL;
    }
    near_hz = 0;
}

static void end_endpoint(void)
{
    ale_endpoint_microphone_destroy(microphone);
    ale_endpoint_speaker_destroy(speaker);
    ale_endpoint_control_destroy(control);
}

static void call_on(unsigned line)
{
    near_end[line] = leg_at(0x1000 + line);
    peer[line] = leg_at(0x2000 + line);
    OK(ale_endpoint_add(control, line, near_end[line].media));
}

static void hang_up(unsigned line)
{
    ale_leg_receiver_destroy(near_end[line].receiver);
    ale_leg_control_destroy(near_end[line].control);
    destroy(peer[line]);
    peer[line].media = NULL;
}

/* Both hear each other; on hold and muted not; the loudspeaker's clock is 1000 ppm slow and 1000 ppm fast. */
static void one_call(void)
{
    ale_endpoint_counters counters;
    unsigned n;
    begin_endpoint(ALE_PROFILE_HANDSET);
    OK(ale_endpoint_set_side_tone(control, 0));
    call_on(0);
    near_hz = 700;
    peer_hz[0] = 1100;
    go_on(SECOND, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(sent[0] > 90 && plays(1100) > 0.9 && hears(0, 700) > 0.6);
    OK(ale_endpoint_set_muted(control, 1));
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(loudness(heard[0], heard_samples) < 1 && plays(1100) > 0.9);
    OK(ale_endpoint_set_muted(control, 0));
    OK(ale_endpoint_set_held(control, 0, 1));
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(loudness(heard[0], heard_samples) < 1 && loudness(played, played_samples) < 1);
    OK(ale_endpoint_set_held(control, 0, 0));
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(plays(1100) > 0.9 && hears(0, 700) > 0.6);
    /* The loudspeaker takes a sample more in each sixth callback, 1042 ppm: it is followed. */
    for (tick = tick / 6 * 6; tick % (120 * SECOND) != 0 || played_samples == 0;) {
        go_on(5, BLOCK);
        go_on(1, BLOCK + 1);
    }
    OK(ale_endpoint_stats(control, &counters, sizeof counters));
    EXPECT(counters.correction_ppm < -950 && counters.correction_ppm > -1150);
    EXPECT(counters.underruns == 0 && counters.overruns == 0 && counters.dropped_frames == 0);
    EXPECT(counters.frames > 12000 && counters.rendered_samples > 12000 * BLOCK);
    EXPECT(counters.waiting_us > 25000 && counters.waiting_us < 35000);
    EXPECT(counters.captured_level_dbov > 10 && counters.captured_level_dbov < 30);
    EXPECT(counters.sent_level_dbov > 10 && counters.sent_level_dbov < 30);
    EXPECT(counters.heard_level_dbov > 10 && counters.heard_level_dbov < 30);
    /* Nobody captures for 100 ms: the loudspeaker fades, once. */
    for (tick += 10, n = 0; n < 10; n++)
        OK(ale_endpoint_render(speaker, tick * TICK_NS, played, BLOCK));
    OK(ale_endpoint_stats(control, &counters, sizeof counters));
    EXPECT(counters.underruns == 1 && counters.underrun_samples > 0);
    hang_up(0);
    end_endpoint();
}

/* A third is brought into a call of two: all hear each other, nobody hears himself. */
static void three(void)
{
    unsigned n, line;
    ale_leg_media *half = NULL;
    begin_endpoint(ALE_PROFILE_HANDS_FREE);
    for (n = 0; n < 2; n++)
        call_on(n);
    near_hz = 700;
    peer_hz[0] = 1100;
    peer_hz[1] = 1900;
    go_on(SECOND, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(plays(1100) > 0.3 && plays(1900) > 0.3 && plays(700) < 0.01);
    EXPECT(hears(0, 700) > 0.05 && hears(0, 1900) > 0.3 && hears(0, 1100) < 0.01);
    EXPECT(hears(1, 700) > 0.05 && hears(1, 1100) > 0.3 && hears(1, 1900) < 0.01);
    REFUSED(ALE_ERR_NOTHING, ale_endpoint_collect(control, &line, &half));
    OK(ale_endpoint_remove(control, 1));
    go_on(SECOND, BLOCK);
    go_on(SECOND, BLOCK); /* after which nothing stands in any more */
    go_on(SECOND, BLOCK);
    EXPECT(plays(1900) < 0.01 && hears(0, 1900) < 0.01 && loudness(heard[1], heard_samples) < 1);
    OK(ale_endpoint_collect(control, &line, &half));
    EXPECT(line == 1 && half != NULL);
    ale_leg_media_destroy(half);
    hang_up(1);
    hang_up(0);
    end_endpoint();
}

/* Tones of the phone's own, over voices that are softer meanwhile; volume; side tone; what a device loses. */
static void at_the_device(void)
{
    ale_endpoint_counters counters;
    double voice, softer;
    uint64_t frames;
    begin_endpoint(ALE_PROFILE_HEADSET);
    call_on(2);
    peer_hz[2] = 1100;
    go_on(2 * SECOND, BLOCK);
    voice = loudness(played, played_samples);
    OK(ale_endpoint_set_volume(control, 0.5f));
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    softer = loudness(played, played_samples);
    EXPECT(voice > 1000 && softer > 0.4 * voice && softer < 0.6 * voice);
    OK(ale_endpoint_set_volume(control, 1));
    OK(ale_endpoint_play(control, ALE_TONE_DIAL, 20));
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(plays(425) > 0.5 && plays(1100) > 0.03 && hears(2, 425) < 0.01);
    OK(ale_endpoint_stop_tone(control));
    peer_hz[2] = 0;
    near_hz = 700;
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(plays(700) > 0.9 && plays(425) < 0.01);
    OK(ale_endpoint_set_side_tone(control, 0));
    go_on(SECOND / 2, BLOCK);
    go_on(SECOND, BLOCK);
    EXPECT(loudness(played, played_samples) < 1);
    OK(ale_endpoint_stats(control, &counters, sizeof counters));
    frames = counters.frames;
    /* The device has lost 50 ms: silence stands in, and calls go on. */
    tick += 5;
    OK(ale_endpoint_lost(microphone, tick * TICK_NS, 5 * BLOCK, on_send, &tick));
    OK(ale_endpoint_restart(microphone));
    OK(ale_endpoint_stats(control, &counters, sizeof counters));
    EXPECT(counters.lost_samples == 5 * BLOCK && counters.frames == frames + 5);
    /* Half of the struct, as an older header's. */
    memset(&counters, 1, sizeof counters);
    OK(ale_endpoint_stats(control, &counters, 2 * sizeof counters.frames));
    EXPECT(counters.lost_samples == 5 * BLOCK && counters.dropped_frames == UINT64_C(0x0101010101010101));
    hang_up(2);
    end_endpoint();
}

static void refusals(void)
{
    ale_endpoint_config config;
    ale_memory memory;
    ale_leg_config narrow = plain(1, "PCMU/8000");
    leg leg = make(&narrow);
    unsigned n;
    OK(ale_endpoint_config_init_sized(&config, sizeof config));
    OK(ale_endpoint_memory_required(&config, &memory));
    EXPECT(memory.kept_bytes > 65536 && memory.kept_bytes < 1048576);
    config.sample_rate_hz = 44100;
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_endpoint_create(&config, &microphone, &speaker, &control));
    config.sample_rate_hz = 16000;
    config.playout_ms = 201;
    REFUSED(ALE_ERR_DELAY, ale_endpoint_create(&config, &microphone, &speaker, &control));
    config.playout_ms = 30;
    config.device_delay_ms = 251;
    REFUSED(ALE_ERR_DELAY, ale_endpoint_create(&config, &microphone, &speaker, &control));
    config.device_delay_ms = 10;
    config.profile = 3;
    INVALID(ale_endpoint_create(&config, &microphone, &speaker, &control));
    config.profile = ALE_PROFILE_HEADSET;
    config.tone_plan = -1;
    INVALID(ale_endpoint_create(&config, &microphone, &speaker, &control));
    config.tone_plan = ALE_TONE_PLAN_FRANCE;
    OK(ale_endpoint_create(&config, &microphone, &speaker, &control));
    /* The half stays the caller's. */
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_endpoint_add(control, 0, leg.media));
    INVALID(ale_endpoint_add(control, ALE_ENDPOINT_LINES, leg.media));
    INVALID(ale_endpoint_remove(control, ALE_ENDPOINT_LINES));
    INVALID(ale_endpoint_set_held(control, UINT32_MAX, 1));
    INVALID(ale_endpoint_set_volume(control, 4.5f));
    INVALID(ale_endpoint_set_volume(control, (float)NAN));
    INVALID(ale_endpoint_set_side_tone(control, -1));
    INVALID(ale_endpoint_play(control, ALE_TONE_DIAL, 9));
    INVALID(ale_endpoint_play(control, ALE_TONE_DIAL, 300));
    INVALID(ale_endpoint_play(control, 77, 20));
    INVALID(ale_endpoint_capture(microphone, 0, NULL, 0, NULL, NULL));
    for (n = 0; ale_endpoint_set_muted(control, 1) == ALE_OK; n++)
        EXPECT(n < 1000);
    REFUSED(ALE_ERR_BUSY, ale_endpoint_set_muted(control, 1));
    REFUSED(ALE_ERR_BUSY, ale_endpoint_remove(control, 0));
    destroy(leg);
    end_endpoint();
}

int main(void)
{
    one_call();
    three();
    at_the_device();
    refusals();
    puts("endpoint: ok");
    return 0;
}
