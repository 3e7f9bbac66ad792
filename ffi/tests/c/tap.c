/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A member's voice in a tap: only while it has agreed, and nothing from before it took that back. */
#include "check.h"

static ale_conference *conference;
static ale_link_end *voice, *inside;
static ale_tap *tap;
static uint64_t member, tap_id, now;
static ale_grant grant;

static void tick(int16_t says)
{
    int16_t pcm[80];
    int n;
    for (n = 0; n < 80; n++)
        pcm[n] = says;
    OK(ale_link_end_push(voice, pcm, 80));
    OK(ale_conference_tick(conference, now));
    (void)ale_link_end_pull(voice, pcm, 80);
    now += 10000000;
}

static void told(uint32_t state, uint32_t refusal)
{
    ale_tap_event event;
    OK(ale_tap_next_event(conference, &event));
    EXPECT(event.tap == tap_id && event.tag == 5 && event.state == state && event.refusal == refusal);
    EXPECT(event.voices == (state == ALE_TAP_STATE_TAKING) && event.reserved == 0);
    EXPECT(event.at_ns < now && event.taken_ms < 100);
}

static void consent(void)
{
    int16_t pcm[80];
    ale_tap_frame frame;
    tick(1000);
    told(ALE_TAP_STATE_WAITING, ALE_TAP_REFUSED_UNKNOWN);
    REFUSED(ALE_ERR_NOTHING, ale_tap_read(tap, pcm, 80, &frame));
    grant.sink = 8;
    OK(ale_member_grant(conference, member, &grant));
    tick(1000);
    told(ALE_TAP_STATE_WAITING, ALE_TAP_REFUSED_OTHER_SINK);
    grant.sink = 7;
    OK(ale_member_grant(conference, member, &grant));
    tick(1001);
    told(ALE_TAP_STATE_TAKING, 0);
    REFUSED(ALE_ERR_CAPACITY, ale_tap_read(tap, pcm, 79, &frame));
    OK(ale_tap_read(tap, pcm, 80, &frame));
    EXPECT(pcm[0] == 1001 && pcm[79] == 1001 && frame.member == member && frame.voices == 1);
    EXPECT(frame.time_ns == now - 10000000 && frame.lost_frames == 0 && frame.ssrc == 0);
    EXPECT(frame.level_dbov == 30 && (frame.flags & ~(uint32_t)ALE_TAP_SPEECH) == 0);
    tick(1002);
    OK(ale_member_withdraw(conference, member, ALE_PURPOSE_RECORD | ALE_PURPOSE_TRANSCRIBE));
    REFUSED(ALE_ERR_NOTHING, ale_tap_read(tap, pcm, 80, &frame));
    tick(1003);
    told(ALE_TAP_STATE_WAITING, ALE_TAP_REFUSED_WITHDRAWN);
    grant.until_ns = now + 10000000;
    OK(ale_member_grant(conference, member, &grant));
    tick(1004);
    told(ALE_TAP_STATE_TAKING, 0);
    tick(1005);
    told(ALE_TAP_STATE_WAITING, ALE_TAP_REFUSED_EXPIRED);
    OK(ale_tap_read(tap, pcm, 80, &frame));
    EXPECT(pcm[0] == 1004);
    REFUSED(ALE_ERR_NOTHING, ale_tap_read(tap, pcm, 80, &frame));
    grant.until_ns = 0;
}

static void pauses(void)
{
    int16_t pcm[80];
    ale_tap_frame frame;
    OK(ale_member_grant(conference, member, &grant));
    OK(ale_tap_pause(conference, tap_id, 1));
    tick(2000);
    told(ALE_TAP_STATE_PAUSED, 0);
    OK(ale_tap_read(tap, pcm, 80, &frame));
    EXPECT(pcm[40] == 0 && frame.flags == ALE_TAP_PAUSED);
    OK(ale_tap_pause(conference, tap_id, 0));
    OK(ale_conference_set_muted(conference, member, 1));
    tick(2001);
    told(ALE_TAP_STATE_TAKING, 0);
    OK(ale_tap_read(tap, pcm, 80, &frame));
    EXPECT(pcm[40] == 0 && (frame.flags & ALE_TAP_MUTED));
    OK(ale_tap_end(conference, tap_id));
    tick(2002);
    told(ALE_TAP_STATE_ENDED, 0);
    REFUSED(ALE_ERR_NOT_FOUND, ale_tap_read(tap, pcm, 80, &frame));
    REFUSED(ALE_ERR_NOT_FOUND, ale_tap_end(conference, tap_id));
    REFUSED(ALE_ERR_NOT_FOUND, ale_tap_pause(conference, tap_id, 1));
}

/* A description that asks for no recording is obeyed, whatever was granted; another word changes nothing. */
static void recordpref(void)
{
    ale_tap_config config;
    OK(ale_tap_config_init(&config));
    config.member = member;
    config.purpose = ALE_PURPOSE_RECORD;
    config.sink = 7;
    config.tag = 5;
    tick(0);
    OK(ale_tap_create(conference, &config, &tap));
    OK(ale_tap_id(tap, &tap_id));
    OK(ale_member_recordpref(conference, member, "off"));
    INVALID(ale_member_recordpref(conference, member, "never"));
    REFUSED(ALE_ERR_NOT_FOUND, ale_member_recordpref(conference, member + 1, "off"));
    tick(3000);
    told(ALE_TAP_STATE_WAITING, ALE_TAP_REFUSED_PREFERENCE);
    OK(ale_member_recordpref(conference, member, "on"));
    tick(3001);
    told(ALE_TAP_STATE_TAKING, 0);
    ale_tap_destroy(tap);
    tick(0);
    told(ALE_TAP_STATE_ENDED, 0);
}

/* One more than there may be, and what a config may not say. */
static void limits(void)
{
    ale_tap_config config;
    ale_tap *one, *more;
    OK(ale_tap_config_init(&config));
    EXPECT(config.sample_rate_hz == 16000 && config.buffer_ms == 1000 && !config.paused);
    OK(ale_tap_config_init_sized(&config, sizeof config));
    INVALID(ale_tap_create(conference, &config, &one)); /* for nothing */
    config.purpose = ALE_PURPOSE_ANALYSE | ALE_PURPOSE_ASSIST;
    INVALID(ale_tap_create(conference, &config, &one));
    config.purpose = ALE_PURPOSE_ANALYSE;
    config.member = member + 1;
    REFUSED(ALE_ERR_NOT_FOUND, ale_tap_create(conference, &config, &one));
    config.is_mix = 1;
    config.buffer_ms = 2001;
    INVALID(ale_tap_create(conference, &config, &one));
    config.buffer_ms = 2000;
    OK(ale_tap_create(conference, &config, &one));
    REFUSED(ALE_ERR_FULL, ale_tap_create(conference, &config, &more));
    ale_tap_destroy(one);
    OK(ale_grant_init(&grant));
    EXPECT(grant.purposes == 0 && grant.until_ns == 0);
    grant.purposes = 16;
    INVALID(ale_member_grant(conference, member, &grant));
    grant.purposes = ALE_PURPOSE_TRANSCRIBE;
    grant.basis = 6;
    INVALID(ale_member_grant(conference, member, &grant));
    INVALID(ale_member_withdraw(conference, member, 16));
    REFUSED(ALE_ERR_NOT_FOUND, ale_member_withdraw(conference, member + 1, 1));
}

int main(void)
{
    ale_conference_config config;
    ale_tap_config tapped;
    OK(ale_conference_config_init_sized(&config, sizeof config));
    EXPECT(config.max_taps == 8);
    config.max_taps = 1;
    OK(ale_conference_create(&config, &conference));
    OK(ale_link_create(8000, &voice, &inside));
    OK(ale_conference_join_link(conference, inside, NULL, &member));
    OK(ale_tap_config_init_sized(&tapped, sizeof tapped));
    tapped.member = member;
    tapped.purpose = ALE_PURPOSE_TRANSCRIBE;
    tapped.sink = 7;
    tapped.sample_rate_hz = 8000;
    tapped.buffer_ms = 500;
    tapped.tag = 5;
    OK(ale_tap_create(conference, &tapped, &tap));
    OK(ale_tap_id(tap, &tap_id));
    OK(ale_grant_init_sized(&grant, sizeof grant));
    grant.purposes = ALE_PURPOSE_TRANSCRIBE | ALE_PURPOSE_RECORD;
    grant.notice_version = 3;
    consent();
    pauses();
    ale_tap_destroy(tap);
    recordpref();
    limits();
    ale_conference_destroy(conference);
    ale_link_end_destroy(voice);
    return 0;
}
