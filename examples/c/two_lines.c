/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A desk phone with two lines: a call, a second one that knocks, hold and back, three at once, and hung up
 * one after the other. The lines differ in codec and keys. Its two peers are in this program, too; it fails
 * unless everybody hears whom they should, and nobody else, at each step.
 */
#include "in_memory.h"

enum { USER_HZ = 500, FAR_HZ = 900, CALLER_HZ = 1700, KNOCK_HZ = 425 };

enum line_state { IDLE, KNOCKING, ACTIVE, HELD };

struct line {
    struct end here, peer;
    ale_leg_config config;
    uint64_t place; /* in the phone's mixer */
    enum line_state state;
    int peer_hz;
};

static struct line lines[2];
static ale_mixer *mixer;
static uint64_t user;
static ale_tones *tones;
static int16_t ear[WINDOW];
static uint64_t tick;

static void line_create(struct line *line, uint32_t ssrc, const char *encoding, uint8_t payload_type,
                        const char *crypto, int peer_hz)
{
    ale_leg_config peer;
    end_config(&line->config, ssrc, encoding, payload_type, crypto);
    end_create(&line->here, &line->config);
    peer = line->config;
    peer.local_ssrc = ssrc + 100;
    end_create(&line->peer, &peer);
    line->peer_hz = peer_hz;
    check(ale_mixer_add(mixer, &line->place), "a line's place");
}

/* What signalling has agreed on for a line (RFC 3264): in a hold the phone neither sends nor listens. */
static void line_set(struct line *line, enum line_state state)
{
    line->config.direction = state == ACTIVE ? 0 : 3;
    check(ale_leg_update(line->here.control, &line->config), "direction");
    line->state = state;
    if (state == KNOCKING)
        check(ale_tones_play(tones, ALE_TONE_CALL_WAITING), "call waiting");
    else
        check(ale_tones_stop(tones), "silence");
}

/* The phone's audio thread, every 10 ms, and its peers'. */
static void phone_tick(void)
{
    uint64_t now_ns = tick * TICK_NS;
    int16_t pcm[FRAME];
    int n;

    say(pcm, USER_HZ, tick); /* the microphone */
    check(ale_mixer_input(mixer, user, pcm, FRAME), "microphone");
    for (n = 0; n < 2; n++) {
        if (lines[n].state == IDLE)
            continue;
        check(ale_leg_pull(lines[n].here.media, now_ns, pcm, FRAME, NULL), "pull");
        if (lines[n].state == ACTIVE)
            check(ale_mixer_input(mixer, lines[n].place, pcm, FRAME), "line");
    }
    check(ale_mixer_run(mixer), "mix");
    for (n = 0; n < 2; n++) {
        const uint8_t *datagram;
        size_t length;
        if (lines[n].state == IDLE)
            continue;
        check(ale_mixer_output(mixer, lines[n].place, pcm, FRAME), "to a line");
        check(ale_leg_push(lines[n].here.media, pcm, FRAME), "push");
        while (ale_leg_poll_transmit(lines[n].here.media, now_ns, &datagram, &length) == ALE_OK)
            deliver(&lines[n].peer, datagram, length, now_ns);
        say(pcm, lines[n].peer_hz, tick);
        talk(&lines[n].peer, &lines[n].here, pcm, now_ns);
    }
    check(ale_mixer_output(mixer, user, pcm, FRAME), "loudspeaker");
    check(ale_tones_next(tones, pcm, FRAME, 1, NULL), "tones");
    memcpy(ear + tick * FRAME % WINDOW, pcm, sizeof pcm);
    tick++;
}

/* Lets two seconds pass; then each end hears the frequencies of its row, and none of the others. */
static void step(const char *name, const int user_hears[3], const int far_hears[3], const int caller_hears[3])
{
    static const int all[] = {USER_HZ, FAR_HZ, CALLER_HZ};
    const int16_t *windows[3] = {ear, lines[0].peer.window, lines[1].peer.window};
    const int *rows[3] = {user_hears, far_hears, caller_hears};
    int n, who, knocks = 0;
    for (n = 0; n < 200; n++) {
        phone_tick();
        knocks |= n > 20 && hears(ear, KNOCK_HZ);
    }
    for (who = 0; who < 3; who++)
        for (n = 0; n < 3; n++)
            expect((hears(windows[who], all[n]) != 0) == rows[who][n], name);
    expect(knocks == (lines[0].state == KNOCKING || lines[1].state == KNOCKING), "knocking is heard");
    printf("two_lines: %s\n", name);
}

int main(void)
{
    ale_mixer_config mixing;
    ale_tones_config toning;
    static const int none[3] = {0, 0, 0}, hears_user[3] = {1, 0, 0};
    int n;

    check(ale_mixer_config_init_sized(&mixing, sizeof mixing), "mixer config");
    mixing.max_participants = 3;
    check(ale_mixer_create(&mixing, &mixer), "mixer");
    check(ale_mixer_add(mixer, &user), "the user's place");
    check(ale_tones_config_init_sized(&toning, sizeof toning), "tones config");
    check(ale_tones_create(&toning, &tones), "tones");
    line_create(&lines[0], 1, "PCMA/8000", 8, CRYPTO, FAR_HZ);
    line_create(&lines[1], 2, "opus/48000/2", 96, NULL, CALLER_HZ);

    line_set(&lines[0], ACTIVE);
    step("a call on line 1", (const int[3]){0, 1, 0}, hears_user, none);
    line_set(&lines[1], KNOCKING);
    step("line 2 knocks", (const int[3]){0, 1, 0}, hears_user, none);
    line_set(&lines[0], HELD);
    line_set(&lines[1], ACTIVE);
    step("line 1 is held, line 2 taken", (const int[3]){0, 0, 1}, none, hears_user);
    line_set(&lines[0], ACTIVE);
    step("all three together", (const int[3]){0, 1, 1}, (const int[3]){1, 0, 1}, (const int[3]){1, 1, 0});
    line_set(&lines[1], IDLE);
    for (n = 0; n < WINDOW; n++)
        lines[1].peer.window[n] = 0;
    step("line 2 hung up", (const int[3]){0, 1, 0}, hears_user, none);

    for (n = 0; n < 2; n++) {
        end_destroy(&lines[n].here);
        end_destroy(&lines[n].peer);
    }
    ale_mixer_destroy(mixer);
    ale_tones_destroy(tones);
    return EXIT_SUCCESS;
}
