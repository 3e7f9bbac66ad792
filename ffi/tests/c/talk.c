/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A voice that a program makes: what is heard of it by another, and when its program is told what. */
#include "check.h"

static ale_conference *conference;
static ale_link_end *listener, *inside;
static ale_talk *talk;
static uint64_t listening, talking, now;

/* What the listener hears in 10 ms in which it says something. */
static int16_t tick(int16_t says)
{
    int16_t pcm[80];
    int n;
    for (n = 0; n < 80; n++)
        pcm[n] = n % 2 ? says : (int16_t)-says;
    OK(ale_link_end_push(listener, pcm, 80));
    OK(ale_conference_tick(conference, now));
    (void)ale_link_end_pull(listener, pcm, 80);
    now += 10000000;
    return pcm[79];
}

static void speak(uint32_t turn, int16_t says, size_t samples)
{
    static int16_t pcm[8000];
    size_t n;
    for (n = 0; n < samples; n++)
        pcm[n] = says;
    OK(ale_talk_write(talk, turn, pcm, samples));
}

static ale_talk_event told(uint32_t kind)
{
    ale_talk_event event;
    OK(ale_talk_next_event(talk, &event));
    EXPECT(event.kind == kind && event.reserved == 0);
    return event;
}

static void nothing_told(void)
{
    ale_talk_event event;
    REFUSED(ALE_ERR_NOTHING, ale_talk_next_event(talk, &event));
}

static ale_talk_progress position(void)
{
    ale_talk_progress progress;
    OK(ale_talk_position(talk, &progress));
    EXPECT(progress.reserved == 0);
    return progress;
}

/* A burst and odd tails are heard at their own pace, and a turn that is taken back leaves nothing. */
static void turns(void)
{
    int16_t pcm[8] = {0};
    speak(1, 1000, 8000);
    speak(1, 1000, 7);
    speak(2, 2000, 800);
    EXPECT(position().waiting_ms == 1100);
    EXPECT(tick(0) == 1000 && tick(0) == 1000);
    EXPECT(position().position_ms == 0); /* of the second */
    OK(ale_talk_cancel(talk, 1, 0));
    REFUSED(ALE_ERR_NOT_FOUND, ale_talk_write(talk, 1, pcm, 8));
    EXPECT(position().stale_samples == 8);
    EXPECT(tick(0) == 2000);
    EXPECT(position().position_ms == 10 && position().waiting_ms == 90);
    EXPECT(told(ALE_TALK_FLUSHED).samples == 8007 - 160);
    EXPECT(told(ALE_TALK_LOW).mark == 0);
    while (position().waiting_ms > 0)
        EXPECT(tick(0) == 2000);
    told(ALE_TALK_DRAINED);
    nothing_told();
    EXPECT(tick(0) == 0);
}

/* A mark is told when it is heard, and goes with what is flushed; more than there is room for is refused whole. */
static void marks(void)
{
    static int16_t pcm[16384];
    speak(3, 3000, 80);
    OK(ale_talk_mark(talk, UINT64_MAX));
    speak(3, 3000, 8000);
    OK(ale_talk_mark(talk, 8));
    EXPECT(position().is_high == 0);
    speak(3, 3000, 4000);
    EXPECT(position().is_high == 1);
    REFUSED(ALE_ERR_FULL, ale_talk_write(talk, 3, pcm, 16384));
    EXPECT(position().waiting_ms == 1510);
    EXPECT(tick(0) == 3000);
    EXPECT(told(ALE_TALK_MARK).mark == UINT64_MAX);
    OK(ale_talk_pause(talk, 1));
    EXPECT(tick(0) == 0 && position().waiting_ms == 1500);
    OK(ale_talk_pause(talk, 0));
    EXPECT(tick(0) == 3000 && position().position_ms == 20);
    OK(ale_talk_flush(talk, 20));
    EXPECT(tick(0) < 3000 && tick(0) < 100 && tick(0) == 0);
    EXPECT(position().position_ms == 0);
    EXPECT(told(ALE_TALK_FLUSHED).samples > 11000);
    told(ALE_TALK_LOW);
    told(ALE_TALK_DRAINED);
    nothing_told();
}

/* Somebody says "mhm", and then goes on. */
static void barging_in(void)
{
    int n;
    for (n = 0; n < 50; n++) /* so that what is speech is known */
        (void)tick((int16_t)(n % 2));
    speak(4, 4000, 8000);
    speak(4, 4000, 8000);
    for (n = 0; n < 20; n++)
        (void)tick(8000);
    EXPECT(told(ALE_TALK_OVERLAP).member == listening);
    nothing_told();
    for (n = 0; n < 40; n++)
        (void)tick(0);
    EXPECT(told(ALE_TALK_BACKCHANNEL).ms >= 150);
    for (n = 0; n < 50; n++)
        (void)tick(8000);
    EXPECT(told(ALE_TALK_OVERLAP).member == listening);
    EXPECT(told(ALE_TALK_BARGE_IN).member == listening);
    nothing_told();
}

int main(void)
{
    ale_conference_config room;
    ale_talk_config config;
    ale_talk *more;
    uint64_t member;
    OK(ale_conference_config_init_sized(&room, sizeof room));
    room.max_members = 2;
    OK(ale_conference_create(&room, &conference));
    OK(ale_link_create(8000, &listener, &inside));
    OK(ale_conference_join_link(conference, inside, NULL, &listening));
    OK(ale_talk_config_init(&config));
    EXPECT(config.sample_rate_hz == 24000 && config.member_rate_hz == 16000 && config.capacity_ms == 30000);
    EXPECT(config.low_water_ms == 200 && config.high_water_ms == 20000 && config.backchannel_ms == 700);
    OK(ale_talk_config_init_sized(&config, sizeof config));
    config.sample_rate_hz = 8000;
    config.member_rate_hz = 24000;
    REFUSED(ALE_ERR_SAMPLE_RATE, ale_talk_create(conference, &config, NULL, &more, &member));
    config.member_rate_hz = 8000;
    config.reserved = 1;
    INVALID(ale_talk_create(conference, &config, NULL, &more, &member));
    config.reserved = 0;
    config.capacity_ms = 2000;
    config.low_water_ms = 100;
    config.high_water_ms = 1500;
    config.backchannel_ms = 300;
    OK(ale_talk_create(conference, &config, NULL, &talk, &talking));
    REFUSED(ALE_ERR_FULL, ale_talk_create(conference, &config, NULL, &more, &member));
    EXPECT(tick(0) == 0);
    turns();
    marks();
    barging_in();
    OK(ale_conference_leave(conference, talking));
    ale_talk_destroy(talk);
    ale_conference_destroy(conference);
    ale_link_end_destroy(listener);
    return 0;
}
