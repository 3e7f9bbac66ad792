/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a leg does to sound and pauses, digits and tones: from C, heard or seen on the wire. */
#include "wiring.h"

static call c;
static unsigned sound_packets, noise_packets, digit_packets;

static int counts(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)call;
    (void)length;
    if (from_a && !is_rtcp(bytes)) {
        sound_packets += payload_type(bytes) == 96;
        noise_packets += payload_type(bytes) == 13;
        digit_packets += payload_type(bytes) == 101;
    }
    return 1;
}

static void configs(ale_leg_config *a, ale_leg_config *b)
{
    *a = plain(1, "PCMA/8000");
    *b = plain(2, "PCMA/8000");
    a->rtcp_interval_ms = b->rtcp_interval_ms = 0;
}

static void start(const ale_leg_config *a, const ale_leg_config *b)
{
    begin(&c, a, b);
    c.wire = counts;
    sound_packets = noise_packets = digit_packets = 0;
}

static void mute(void)
{
    ale_leg_config a, b;
    configs(&a, &b);
    start(&a, &b);
    run(&c, 100);
    run(&c, 50);
    EXPECT(is_heard(&c));
    OK(ale_leg_set_muted(c.a.control, 1));
    run(&c, 30);
    run(&c, 50);
    EXPECT(loudness(c.heard, c.heard_samples) < 10 && counters(c.a).pushed_level_dbov > 90);
    OK(ale_leg_set_muted(c.a.control, 0));
    run(&c, 30);
    run(&c, 50);
    EXPECT(is_heard(&c));
    EXPECT(sound_packets == 310 / 2);
    end(&c);
}

/* Some noise in the background, which comfort noise imitates. */
static void background(unsigned ticks)
{
    static uint32_t random = 1;
    static int16_t pcm[80];
    for (; ticks > 0; ticks--, c.tick++) {
        int n;
        for (n = 0; n < 80; n++) {
            random = random * 1103515245u + 12345u;
            pcm[n] = (int16_t)((int)(random >> 24) - 128);
        }
        OK(ale_leg_push(c.a.media, pcm, 80));
        send_all(&c, 1);
        arrive(&c, c.tick * TICK_NS);
        OK(ale_leg_pull(c.b.media, c.tick * TICK_NS, c.heard, 80, &c.info));
        c.heard_samples = 80;
        c.operations[c.info.operation]++;
    }
}

/* RFC 3389: in a pause there are few packets, and noise as loud as what is there. */
static void pauses(void)
{
    int suppressed;
    for (suppressed = 0; suppressed < 2; suppressed++) {
        ale_leg_config a, b;
        configs(&a, &b);
        a.silence_suppression = (uint32_t)suppressed;
        start(&a, &b);
        run(&c, 100);
        EXPECT(sound_packets == 50 && noise_packets == 0);
        background(300);
        if (suppressed) {
            double loud = loudness(c.heard, c.heard_samples);
            EXPECT(sound_packets < 100 && noise_packets >= 1 && noise_packets < 60);
            EXPECT(counters(c.b).jitter.comfort_noise_samples > 8000);
            EXPECT(c.info.operation == ALE_JITTER_COMFORT_NOISE);
            EXPECT(loud > 74.0 / 3 && loud < 74.0 * 3); /* of 256 / sqrt(12) */
            EXPECT(counters(c.b).jitter.missing == 0);
        } else {
            EXPECT(sound_packets == 200 && noise_packets == 0);
        }
        c.tick += c.tick & 1;
        run(&c, 50);
        run(&c, 50);
        EXPECT(is_heard(&c));
        end(&c);
    }
}

/* Who takes no comfort noise does not know the payload type. */
static void no_comfort_noise(void)
{
    ale_leg_config a, b;
    configs(&a, &b);
    a.silence_suppression = 1;
    b.comfort_noise_payload_type = -1;
    start(&a, &b);
    run(&c, 50);
    background(200);
    EXPECT(noise_packets >= 1 && counters(c.b).unknown_payload_type == noise_packets);
    end(&c);
}

/* RFC 4733: in place of the sound, and told at the other end, not heard. */
static void digits(void)
{
    ale_leg_config a, b;
    ale_leg_event event;
    configs(&a, &b);
    a.telephone_event_payload_type = b.telephone_event_payload_type = 101;
    start(&a, &b);
    c.amplitude = 0;
    run(&c, 50);
    OK(ale_leg_send_dtmf(c.a.control, "5", 200, 10));
    run(&c, 60);
    EXPECT(digit_packets >= 10 && loudness(c.heard, c.heard_samples) < 10);
    EXPECT(events(c.b, ALE_LEG_DIGIT_ENDED, &event) == 1);
    EXPECT(event.digit == '5' && event.event == 5 && event.duration_ms == 200);
    EXPECT(counters(c.b).unknown_payload_type == 0);
    end(&c);
}

/* 770 and 1336 Hz, which are a 5, then a fax's tones and a machine's beep. */
static void tone(double low, double high, unsigned ticks)
{
    static int16_t one[80], other[80];
    for (; ticks > 0; ticks--, c.tick++) {
        int n;
        say(one, 80, 8000, (uint64_t)c.tick * 80, low, low > 0 ? 4000 : 0);
        say(other, 80, 8000, (uint64_t)c.tick * 80, high, high > 0 ? 4000 : 0);
        for (n = 0; n < 80; n++)
            one[n] = (int16_t)(one[n] + other[n]);
        OK(ale_leg_push(c.a.media, one, 80));
        send_all(&c, 1);
        arrive(&c, c.tick * TICK_NS);
        if (c.heard_samples + 80 > 48000)
            c.heard_samples = 0;
        OK(ale_leg_pull(c.b.media, c.tick * TICK_NS, c.heard + c.heard_samples, 80, &c.info));
        c.heard_samples += 80;
    }
}

static void tones_in_the_sound(void)
{
    uint32_t wanted;
    for (wanted = 0; wanted <= 2; wanted++) {
        ale_leg_config a, b;
        ale_leg_event event;
        unsigned kinds[16] = {0};
        size_t n;
        int loudest = 0;
        configs(&a, &b);
        b.inband_tones = wanted;
        start(&a, &b);
        tone(0, 0, 100);
        c.heard_samples = 0;
        tone(770, 1336, 15);
        tone(0, 0, 60);
        for (n = 0; n < c.heard_samples; n++)
            loudest = abs(c.heard[n]) > loudest ? abs(c.heard[n]) : loudest;
        EXPECT((loudest < 500) == (wanted == 2));
        tone(1100, 0, 60);
        tone(0, 0, 100);
        tone(2100, 0, 60);
        tone(0, 0, 100);
        tone(950, 0, 60);
        tone(0, 0, 100);
        while (ale_leg_next_event(c.b.control, &event) == ALE_OK) {
            EXPECT((unsigned)event.kind < 16);
            kinds[event.kind]++;
            if (event.kind == ALE_LEG_INBAND_DIGIT)
                EXPECT(event.digit == '5');
            if (event.kind == ALE_LEG_BEEP)
                EXPECT(event.frequency_hz > 930 && event.frequency_hz < 970);
        }
        EXPECT(kinds[ALE_LEG_INBAND_DIGIT] == (wanted > 0));
        EXPECT(kinds[ALE_LEG_FAX_CALLING] == (wanted > 0));
        EXPECT(kinds[ALE_LEG_FAX_ANSWERING] == (wanted > 0));
        EXPECT(kinds[ALE_LEG_BEEP] == (wanted > 0));
        end(&c);
    }
}

static void rhythm(double low, double high, unsigned on, unsigned off, unsigned times)
{
    for (; times > 0; times--) {
        tone(low, high, on);
        tone(0, 0, off);
    }
}

/* Tones of Germany, of the United Kingdom and of North America (ITU-T E.180 supplement 2), and a digit,
   which is none of them. */
static void call_progress(void)
{
    uint32_t wanted;
    for (wanted = 0; wanted <= 1; wanted++) {
        ale_leg_config a, b;
        ale_leg_event event;
        unsigned kinds[32] = {0};
        configs(&a, &b);
        b.call_progress = wanted;
        start(&a, &b);
        tone(770, 1336, 15);
        tone(0, 0, 700);
        tone(425, 0, 300);
        tone(0, 0, 700);
        rhythm(440, 480, 200, 400, 2);
        tone(0, 0, 700);
        rhythm(480, 620, 50, 50, 4);
        tone(0, 0, 700);
        rhythm(425, 0, 25, 25, 4);
        tone(0, 0, 700);
        tone(950, 0, 33);
        tone(1400, 0, 33);
        tone(1800, 0, 33);
        while (ale_leg_next_event(c.b.control, &event) == ALE_OK) {
            EXPECT((unsigned)event.kind < 32);
            kinds[event.kind]++;
        }
        EXPECT(kinds[ALE_LEG_DIAL_TONE] == wanted);
        EXPECT(kinds[ALE_LEG_RINGING_TONE] == wanted);
        EXPECT(kinds[ALE_LEG_BUSY_TONE] == wanted);
        EXPECT(kinds[ALE_LEG_CONGESTION_TONE] == wanted);
        EXPECT(kinds[ALE_LEG_INFORMATION_TONE] == wanted);
        EXPECT(kinds[ALE_LEG_INBAND_DIGIT] == 0 && kinds[ALE_LEG_BEEP] == 0);
        end(&c);
    }
}

static int loses_a_late_one(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)length;
    return !from_a || is_rtcp(bytes) || ++call->seen != 120;
}

/* A frozen buffer makes nothing up for what is lost: 20 ms of nothing. */
static void modems_freeze_the_buffer(void)
{
    uint32_t freezes;
    for (freezes = 0; freezes < 2; freezes++) {
        ale_leg_config a, b;
        size_t n, zeros = 0, longest = 0;
        configs(&a, &b);
        b.freeze_for_modems = freezes;
        start(&a, &b);
        c.wire = loses_a_late_one;
        tone(2100, 0, 150);
        c.heard_samples = 0;
        tone(2100, 0, 150);
        for (n = 0; n < c.heard_samples; n++) {
            zeros = c.heard[n] == 0 ? zeros + 1 : 0;
            longest = zeros > longest ? zeros : longest;
        }
        EXPECT((longest > 150) == (freezes == 1));
        end(&c);
    }
}

int main(void)
{
    mute();
    pauses();
    no_comfort_noise();
    digits();
    tones_in_the_sound();
    call_progress();
    modems_freeze_the_buffer();
    puts("wiring of sound: ok");
    return 0;
}
