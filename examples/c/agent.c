/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A machine that takes part: it hears a member who has agreed to that by a tap, says back what it heard once the
 * member is silent, and is silent as soon as somebody speaks over it. The member is in this program, too, and says
 * tones instead of words, so that it needs nobody.
 *
 *   agent
 *
 * Fails unless it hears while it may and no longer, and is heard until it is interrupted.
 */
#include "in_memory.h"

#include <stdint.h>

/* Who may hear: in a real host the number of the company or program that people were asked for. */
enum { AGENT = 1, NOTICE = 3 };
enum { QUESTION_HZ = 1000, INTERRUPTION_HZ = 2000 };
/* A sentence of so many ticks at most; silence of so many ends it. */
enum { LONGEST = 200, PAUSE = 30 };

struct agent {
    ale_tap *tap;
    ale_talk *voice;
    uint64_t member; /* it is one itself */
    int16_t heard[LONGEST * FRAME];
    size_t samples;
    int silent;
    uint32_t turn;
    int interrupted;
};

static void agent_create(struct agent *agent, ale_conference *conference, uint64_t listened_to)
{
    ale_tap_config tap;
    ale_talk_config voice;
    memset(agent, 0, sizeof *agent);
    check(ale_tap_config_init_sized(&tap, sizeof tap), "tap config");
    tap.member = listened_to;
    tap.purpose = ALE_PURPOSE_ASSIST;
    tap.sink = AGENT;
    tap.sample_rate_hz = 8000;
    check(ale_tap_create(conference, &tap, &agent->tap), "tap");
    check(ale_talk_config_init_sized(&voice, sizeof voice), "voice config");
    voice.sample_rate_hz = voice.member_rate_hz = 8000;
    voice.backchannel_ms = 300;
    check(ale_talk_create(conference, &voice, NULL, &agent->voice, &agent->member), "voice");
}

/* All that the member said is said back: here stands the recogniser, what thinks, and the synthesis. */
static void agent_answer(struct agent *agent)
{
    agent->turn++;
    check(ale_talk_write(agent->voice, agent->turn, agent->heard, agent->samples), "answer");
    check(ale_talk_mark(agent->voice, agent->turn), "its end");
    agent->samples = 0;
}

/* Whenever it likes, on a thread of its own: nothing here can hold up the conference. */
static void agent_work(struct agent *agent)
{
    int16_t pcm[FRAME];
    ale_tap_frame frame;
    ale_talk_event event;
    while (ale_tap_read(agent->tap, pcm, FRAME, &frame) == ALE_OK) {
        agent->silent = frame.flags & ALE_TAP_SPEECH ? 0 : agent->silent + 1;
        if ((agent->silent == 0 || agent->samples > 0) && agent->silent < PAUSE && agent->samples + FRAME <= LONGEST * FRAME) {
            memcpy(agent->heard + agent->samples, pcm, sizeof pcm);
            agent->samples += FRAME;
        }
        if (agent->silent == PAUSE && agent->samples > 0)
            agent_answer(agent);
    }
    while (ale_talk_next_event(agent->voice, &event) == ALE_OK)
        if (event.kind == ALE_TALK_BARGE_IN) {
            /* What still comes of this turn from a synthesis that is slow is refused from now on. */
            check(ale_talk_cancel(agent->voice, agent->turn, 50), "silence");
            agent->interrupted = 1;
        }
}

/* 10 ms in which the member says a tone, or nothing (0); what it hears goes to window. */
static void tick(ale_conference *conference, ale_link_end *member, int hz, uint64_t at, int16_t *window)
{
    int16_t pcm[FRAME];
    say(pcm, hz, at);
    check(ale_link_end_push(member, pcm, FRAME), "what is said");
    check(ale_conference_tick(conference, at * TICK_NS), "tick");
    (void)ale_link_end_pull(member, pcm, FRAME);
    memmove(window, window + FRAME, (WINDOW - FRAME) * sizeof *window);
    memcpy(window + WINDOW - FRAME, pcm, sizeof pcm);
}

int main(void)
{
    ale_conference_config config;
    ale_conference *conference;
    ale_link_end *member, *inside;
    ale_grant grant;
    ale_tap_event event;
    struct agent agent;
    static int16_t window[WINDOW];
    uint64_t id, at;
    int answered = 0;

    check(ale_conference_config_init_sized(&config, sizeof config), "conference config");
    check(ale_conference_create(&config, &conference), "conference");
    check(ale_link_create(8000, &member, &inside), "line");
    check(ale_conference_join_link(conference, inside, NULL, &id), "member");
    agent_create(&agent, conference, id);
    check(ale_grant_init_sized(&grant, sizeof grant), "grant");
    grant.purposes = ALE_PURPOSE_ASSIST;
    grant.sink = AGENT;
    grant.notice_version = NOTICE;

    for (at = 0; at < 1000; at++) {
        int hz = 0;
        if (at < 100 || (at >= 200 && at < 350))
            hz = QUESTION_HZ; /* at first nobody has agreed, then it is heard */
        if (at == 150)
            check(ale_member_grant(conference, id, &grant), "consent");
        if (at >= 420 && at < 480)
            hz = INTERRUPTION_HZ;
        if (at == 700)
            check(ale_member_withdraw(conference, id, ALE_PURPOSE_ASSIST), "withdrawal");
        if (at >= 720 && at < 800)
            hz = QUESTION_HZ;
        tick(conference, member, hz, at, window);
        /* Nothing is taken while what is told of taps is not read: here goes what an audit keeps. */
        while (ale_tap_next_event(conference, &event) == ALE_OK)
            printf("%5.2f s: the tap %s\n", (double)event.at_ns / 1e9,
                   event.state == ALE_TAP_STATE_TAKING ? "takes" : "waits");
        agent_work(&agent);
        if (at == 190)
            expect(agent.turn == 0, "nothing is heard of who has not agreed");
        answered |= at < 420 && hears(window, QUESTION_HZ);
        if (at == 479)
            expect(agent.interrupted && !hears(window, QUESTION_HZ), "who is interrupted is silent");
        if (at == 699)
            agent.samples = 0;
        if (at > 720)
            expect(agent.samples == 0, "nothing is heard after a withdrawal");
    }
    expect(answered, "the answer is what was said");
    ale_tap_destroy(agent.tap);
    ale_talk_destroy(agent.voice);
    ale_conference_destroy(conference);
    ale_link_end_destroy(member);
    printf("agent: heard by consent, answers, and is silent when it is interrupted\n");
    return EXIT_SUCCESS;
}
