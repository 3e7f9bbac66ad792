/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A hands-free telephone in one program: two phones in a call, one with a loudspeaker beside its
   microphone. Its canceller is what a DSP would bring: here a normalised least-mean-squares filter in a
   table of functions. After five seconds the sound card loses 20 ms and says so. Exit 0 if the far end
   hears hardly anything of itself, before and after. */
#include <ale_media.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 8000
#define FRAME 80
#define SECONDS 10
#define TAPS 256
#define DELAY 200 /* samples from loudspeaker to microphone */

/* What stands for the phone's DSP. */
typedef struct canceller {
    float weights[TAPS];
    float past[TAPS + FRAME]; /* the newest last */
} canceller;

static void on_render(void *context, const float *frame, size_t samples)
{
    canceller *c = context;
    memmove(c->past, c->past + samples, TAPS * sizeof *c->past);
    memcpy(c->past + TAPS, frame, samples * sizeof *frame);
}

static void on_capture(void *context, float *frame, size_t samples)
{
    canceller *c = context;
    size_t n, k;
    for (n = 0; n < samples; n++) {
        const float *newest = c->past + TAPS + n;
        float predicted = 0, power = 1e-3f, step;
        for (k = 0; k < TAPS; k++) {
            predicted += c->weights[k] * newest[-(long)k];
            power += newest[-(long)k] * newest[-(long)k];
        }
        frame[n] -= predicted;
        step = 0.5f * frame[n] / power;
        for (k = 0; k < TAPS; k++)
            c->weights[k] += step * newest[-(long)k];
    }
}

static void on_restart(void *context)
{
    memset(context, 0, sizeof(canceller));
}

typedef struct phone {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
} phone;

static void check(ale_status status, const char *what)
{
    if (status != ALE_OK) {
        fprintf(stderr, "%s: %s\n", what, ale_status_message(status));
        exit(1);
    }
}

static void make(phone *p, uint32_t ssrc)
{
    ale_leg_config config;
    check(ale_leg_config_init_sized(&config, sizeof config), "config");
    config.local_ssrc = ssrc; /* at random in a real phone */
    config.send.encoding = "L16/8000";
    config.send.payload_type = 96;
    check(ale_leg_create(&config, &p->receiver, &p->media, &p->control), "leg");
}

static void deliver(phone *from, phone *to, uint64_t now_ns)
{
    const uint8_t *datagram;
    size_t length;
    while (ale_leg_poll_transmit(from->media, now_ns, &datagram, &length) == ALE_OK) {
        uint8_t network[1500];
        memcpy(network, datagram, length);
        ale_leg_receive(to->receiver, network, length, now_ns, NULL);
    }
}

static double energy(const int16_t *pcm)
{
    double sum = 0;
    int n;
    for (n = 0; n < FRAME; n++)
        sum += (double)pcm[n] * pcm[n];
    return sum;
}

int main(void)
{
    static int16_t air[RATE * SECONDS + RATE]; /* what the loudspeaker has played */
    static canceller dsp;
    phone near_end, far_end;
    ale_voice_config config;
    ale_voice_render *render;
    ale_voice_capture *capture;
    double echo[2] = {0, 0}, left[2] = {0, 0}, low = 0;
    uint32_t seed = 1;
    int tick, n, enough = 1;
    size_t moved = 0;

    make(&near_end, 0x21f093a7);
    make(&far_end, 0x8d1b4c5e);
    check(ale_voice_config_init_sized(&config, sizeof config), "config");
    config.sample_rate_hz = RATE;
    config.lead_ms = 0;
    config.follow_jumps = 0; /* the sound card tells */
    config.engine.context = &dsp;
    config.engine.render = on_render;
    config.engine.capture = on_capture;
    config.engine.restart = on_restart;
    check(ale_voice_create(&config, &render, &capture), "voice");

    for (tick = 0; tick < SECONDS * 100; tick++) {
        uint64_t now_ns = tick * UINT64_C(10000000);
        int16_t talk[FRAME], loudspeaker[FRAME], microphone[FRAME];
        int second = tick / 100, half = second >= 5;
        /* The far end talks: noise in syllables. */
        for (n = 0; n < FRAME; n++) {
            seed = seed * 1664525 + 1013904223;
            low = 0.6 * low + 0.4 * ((int32_t)seed / 2147483648.0);
            talk[n] = (int16_t)(12000 * low * fabs(sin((tick * FRAME + n) * 0.0014)));
        }
        check(ale_leg_push(far_end.media, talk, FRAME), "push");
        deliver(&far_end, &near_end, now_ns);

        /* The playing callback. */
        check(ale_leg_pull(near_end.media, now_ns, loudspeaker, FRAME, NULL), "pull");
        check(ale_voice_render_push(render, loudspeaker, FRAME), "render");
        memcpy(air + tick * FRAME, loudspeaker, sizeof loudspeaker);

        /* The capturing one: after five seconds 20 ms of the loudspeaker's come late. */
        if (tick == 500) {
            moved = 160;
            check(ale_voice_capture_echo_moved(capture, (int64_t)moved), "moved");
        }
        for (n = 0; n < FRAME; n++) {
            long at = (long)tick * FRAME + n - DELAY - (long)moved;
            double heard = at < 0 ? 0 : 0.5 * air[at];
            if (at >= 30)
                heard -= 0.2 * air[at - 30];
            microphone[n] = (int16_t)heard;
        }
        if (second % 5 >= 3)
            echo[half] += energy(microphone);
        check(ale_voice_capture_process(capture, microphone, FRAME), "capture");
        if (second % 5 >= 3)
            left[half] += energy(microphone);
        check(ale_leg_push(near_end.media, microphone, FRAME), "push");
        deliver(&near_end, &far_end, now_ns);
        check(ale_leg_pull(far_end.media, now_ns, talk, FRAME, NULL), "pull");
    }
    for (n = 0; n < 2; n++) {
        double db = 10 * log10(echo[n] / (left[n] + 1));
        printf("%s the sound card lost 20 ms: the echo comes back %.1f dB softer\n", n ? "after" : "before", db);
        enough = enough && db > 20;
    }
    ale_voice_render_destroy(render);
    ale_voice_capture_destroy(capture);
    for (n = 0; n < 2; n++) {
        phone *p = n ? &far_end : &near_end;
        ale_leg_receiver_destroy(p->receiver);
        ale_leg_media_destroy(p->media);
        ale_leg_control_destroy(p->control);
    }
    return !enough;
}
