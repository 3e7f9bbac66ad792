/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A voice menu: dial tone until the caller dials, a number that is taken to its "#", a recording for the
 * right one and a busy tone for a wrong one. The caller is in this program, too, so that it needs nobody.
 *
 *   ivr [NUMBER]
 *
 * Without a number it calls itself with the right one and a wrong one, and fails unless it hears what it
 * should.
 */
#include "in_memory.h"

#define RIGHT "4711"
/* What the recording says, as a tone; the dial tone and the busy tone of Europe are of 425 Hz. */
enum { RECORDING_HZ = 1000, TONE_HZ = 425, CALLER_HZ = 2000 };

enum state { DIALLING, PLAYING, REFUSED };

struct menu {
    struct end line;
    ale_tones *tones;
    enum state state;
    char number[16];
    size_t digits;
};

static void menu_create(struct menu *menu, const ale_leg_config *leg)
{
    ale_tones_config config;
    memset(menu, 0, sizeof *menu);
    end_create(&menu->line, leg);
    check(ale_tones_config_init_sized(&config, sizeof config), "tones config");
    check(ale_tones_create(&config, &menu->tones), "tones");
    check(ale_tones_play(menu->tones, ALE_TONE_DIAL), "dial tone");
}

static void menu_digit(struct menu *menu, char digit)
{
    if (menu->state != DIALLING)
        return;
    /* Who dials need not hear the dial tone to its end. */
    check(ale_tones_stop(menu->tones), "silence");
    if (digit != '#') {
        if (menu->digits < sizeof menu->number - 1)
            menu->number[menu->digits++] = digit;
        return;
    }
    printf("dialled: %s\n", menu->number);
    menu->state = strcmp(menu->number, RIGHT) == 0 ? PLAYING : REFUSED;
    if (menu->state == REFUSED)
        check(ale_tones_play(menu->tones, ALE_TONE_BUSY), "busy tone");
}

/* Every 10 ms. */
static void menu_tick(struct menu *menu, struct end *caller, uint64_t tick)
{
    ale_leg_event event;
    int16_t pcm[FRAME];
    while (ale_leg_next_event(menu->line.control, &event) == ALE_OK)
        if (event.kind == ALE_LEG_DIGIT_ENDED)
            menu_digit(menu, event.digit);
    say(pcm, menu->state == PLAYING ? RECORDING_HZ : 0, tick);
    check(ale_tones_next(menu->tones, pcm, FRAME, 1, NULL), "tones");
    talk(&menu->line, caller, pcm, tick * TICK_NS);
}

/* A call of six seconds: listens for one, dials, listens. Whether the recording was heard. */
static int call(const char *number)
{
    struct menu menu;
    struct end caller;
    ale_leg_config config;
    int16_t pcm[FRAME];
    uint64_t tick;
    int dial_tone = 0, recording = 0, busy = 0;

    end_config(&config, 1, "PCMA/8000", 8, CRYPTO);
    menu_create(&menu, &config);
    config.local_ssrc = 2;
    end_create(&caller, &config);
    for (tick = 0; tick < 600; tick++) {
        if (tick == 100) {
            dial_tone = hears(caller.window, TONE_HZ);
            check(ale_leg_send_dtmf(caller.control, number, 80, 8), "digits");
            check(ale_leg_send_dtmf(caller.control, "#", 80, 8), "digits");
        }
        say(pcm, CALLER_HZ, tick);
        talk(&caller, &menu.line, pcm, tick * TICK_NS);
        menu_tick(&menu, &caller, tick);
        /* A busy tone pauses: it was there if it was there once. */
        if (tick >= 300 && tick % 10 == 0) {
            recording |= hears(caller.window, RECORDING_HZ);
            busy |= hears(caller.window, TONE_HZ);
        }
    }
    expect(dial_tone, "the dial tone is heard");
    expect(recording != busy, "either the recording or the busy tone is heard");
    expect(strcmp(menu.number, number) == 0, "the number is taken as it was dialled");
    ale_tones_destroy(menu.tones);
    end_destroy(&menu.line);
    end_destroy(&caller);
    return recording;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("%s\n", call(argv[1]) ? "the recording" : "busy");
        return EXIT_SUCCESS;
    }
    expect(call(RIGHT), "the right number is let in");
    expect(!call("4712"), "a wrong one is not");
    printf("ivr: the right number hears the recording, a wrong one is busy\n");
    return EXIT_SUCCESS;
}
