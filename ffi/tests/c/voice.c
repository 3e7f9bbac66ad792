/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The near end's chain with an engine of the host's. */
#include "wiring.h"

#define FRAME 160
#define FRAMES 1000
#define DELAY 960

static float past[(FRAMES + 1) * FRAME];
static size_t pushed, restarts;
static int16_t played[FRAMES * FRAME], echo[FRAMES * FRAME];

/* An engine that expects half of what was played, so many samples ago, and takes it away. */
static void on_render(void *context, const float *frame, size_t samples)
{
    EXPECT(context == past && pushed + samples <= sizeof past / sizeof *past);
    memcpy(past + pushed, frame, samples * sizeof *frame);
    pushed += samples;
}

static void on_capture(void *context, float *frame, size_t samples)
{
    size_t n;
    EXPECT(context == past && samples == FRAME);
    for (n = 0; n < samples; n++)
        if (pushed - samples + n >= DELAY)
            frame[n] -= 0.5f * past[pushed - samples + n - DELAY];
}

static void on_restart(void *context)
{
    EXPECT(context == past);
    restarts++;
}

/* Noise in syllables, and its echo: half of it, later by DELAY and more from a frame on. */
static void room(size_t lead, size_t jump_frame, long by)
{
    uint32_t seed = 1;
    double low = 0;
    long n;
    for (n = 0; n < FRAMES * FRAME; n++) {
        seed = seed * 1664525 + 1013904223;
        low = 0.5 * low + 0.5 * (int32_t)seed / 2147483648.0;
        played[n] = (int16_t)(12000 * low * fabs(sin(n * 3.14159 / 2300)));
    }
    for (n = 0; n < FRAMES * FRAME; n++) {
        long from = n - (long)lead - DELAY - (n >= (long)(jump_frame * FRAME) ? by : 0);
        echo[n] = from < 0 ? 0 : (int16_t)(played[from] / 2);
    }
    pushed = 0;
}

static void chain(ale_voice_config *config, ale_voice_render **render, ale_voice_capture **capture)
{
    OK(ale_voice_create(config, render, capture));
    EXPECT(*render != NULL && *capture != NULL);
}

static int loudest(const int16_t *pcm)
{
    int most = 0, n;
    for (n = 0; n < FRAME; n++)
        if (abs(pcm[n]) > most)
            most = abs(pcm[n]);
    return most;
}

/* A loudspeaker has run dry for 37.5 ms and the device says so: the engine never notices. */
static void told(void)
{
    ale_voice_config config;
    ale_voice_render *render;
    ale_voice_capture *capture;
    ale_voice_counters counters;
    int16_t pcm[FRAME];
    size_t n;
    OK(ale_voice_config_init(&config));
    config.gain_control = config.follow_jumps = 0;
    config.lead_ms = 20;
    config.engine.context = past;
    config.engine.render = on_render;
    config.engine.capture = on_capture;
    config.engine.restart = on_restart;
    chain(&config, &render, &capture);
    room(320, 500, 600);
    for (n = 0; n < FRAMES; n++) {
        OK(ale_voice_render_push(render, played + n * FRAME, FRAME));
        if (n == 500)
            OK(ale_voice_capture_echo_moved(capture, 600));
        memcpy(pcm, echo + n * FRAME, sizeof pcm);
        OK(ale_voice_capture_process(capture, pcm, FRAME));
        /* Six frames after it the engine's own past is of before. */
        EXPECT(n < 20 || (n >= 500 && n < 508) || loudest(pcm) <= 2);
    }
    OK(ale_voice_capture_stats(capture, &counters));
    EXPECT(counters.frames == FRAMES && counters.jumps_told == 1 && counters.jumps_found == 0);
    EXPECT(counters.sought == 1 && counters.missing_reference_frames <= 3);
    OK(ale_voice_capture_restart(capture));
    EXPECT(restarts == 1);
    REFUSED(ALE_ERR_PCM_LENGTH, ale_voice_capture_process(capture, pcm, FRAME - 1));
    ale_voice_render_destroy(render);
    /* Without a reference it goes on. */
    OK(ale_voice_capture_process(capture, pcm, FRAME));
    ale_voice_capture_destroy(capture);
}

/* Nobody says so: it is found in the signal within 60 ms, and little is let through until then. */
static void found(void)
{
    ale_voice_config config;
    ale_voice_render *render;
    ale_voice_capture *capture;
    ale_voice_counters counters;
    int16_t pcm[FRAME];
    size_t n, found_at = 0;
    OK(ale_voice_config_init(&config));
    config.gain_control = 0;
    config.lead_ms = 0;
    chain(&config, &render, &capture);
    room(0, 600, 3200);
    for (n = 0; n < FRAMES; n++) {
        OK(ale_voice_render_push(render, played + n * FRAME, FRAME));
        memcpy(pcm, echo + n * FRAME, sizeof pcm);
        OK(ale_voice_capture_process(capture, pcm, FRAME));
        OK(ale_voice_capture_stats(capture, &counters));
        if (counters.jumps_found > 0 && found_at == 0)
            found_at = n;
    }
    EXPECT(counters.jumps_found == 1 && found_at >= 600 && found_at <= 606);
    EXPECT(counters.hushed_frames >= 10 && counters.hushed_frames < 30);
    /* Without an engine nothing is taken away. */
    EXPECT(counters.echo_return_loss_enhancement_db_x10 < 20);
    ale_voice_render_destroy(render);
    ale_voice_capture_destroy(capture);
}

/* The same talker soft and far too loud comes out alike, and never clipped. */
static void levels(void)
{
    static const double loud[] = {0.15, 4};
    double level[2], sum;
    size_t which, n, k;
    for (which = 0; which < 2; which++) {
        ale_voice_config config;
        ale_voice_render *render;
        ale_voice_capture *capture;
        ale_voice_counters counters;
        int16_t pcm[FRAME];
        OK(ale_voice_config_init(&config));
        chain(&config, &render, &capture);
        room(0, 0, 0);
        for (n = 0, sum = 0; n < FRAMES; n++) {
            for (k = 0; k < FRAME; k++) {
                /* With pauses, by which speech is known. */
                double sample = loud[which] * played[n * FRAME + k] * (n % 50 < 36 ? 1 : 0.002);
                pcm[k] = (int16_t)fmax(-32768, fmin(32767, sample));
            }
            OK(ale_voice_capture_process(capture, pcm, FRAME));
            EXPECT(loudest(pcm) < 32767);
            for (k = 0; n >= 800 && k < FRAME; k++)
                sum += (double)pcm[k] * pcm[k];
        }
        level[which] = 10 * log10(sum / (200 * FRAME));
        OK(ale_voice_capture_stats(capture, &counters));
        EXPECT(which == 0 ? counters.gain_db_x10 > 30 : counters.gain_db_x10 < 0);
        ale_voice_render_destroy(render);
        ale_voice_capture_destroy(capture);
    }
    EXPECT(fabs(level[0] - level[1]) < 4);
}

static void refusals(void)
{
    ale_voice_config config;
    ale_voice_render *render = NULL;
    ale_voice_capture *capture = NULL;
    ale_memory memory;
    OK(ale_voice_config_init(&config));
    OK(ale_voice_memory_required(&config, &memory));
    EXPECT(memory.kept_bytes > 65536 && memory.kept_bytes < 524288);
    config.sample_rate_hz = 44100;
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_voice_create(&config, &render, &capture));
    config.sample_rate_hz = 8000;
    config.lead_ms = 251;
    REFUSED(ALE_ERR_DELAY, ale_voice_create(&config, &render, &capture));
    EXPECT(render == NULL && capture == NULL);
}

int main(void)
{
    told();
    found();
    levels();
    refusals();
    puts("voice: ok");
    return 0;
}
