/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: taps: members' voices for programs that they have agreed to.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 *
 * Contents
 *   - Consent
 *   - Taps
 */

#ifndef ALE_TAP_H
#define ALE_TAP_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of other headers. */
struct ale_conference;

/* ==== Consent ==== */

/* Sound that is kept. */
#define ALE_PURPOSE_RECORD 1

/* What somebody agrees to. */
typedef struct ale_grant {
  uint32_t struct_size;  /* Size of this struct, filled by ale_grant_init. */
  uint32_t purposes;  /* What for: ALE_PURPOSE_RECORD and the like, added up. Default 0. */
  uint32_t sink;  /* To whom, by the host's own number. Default 0. */
  /* Which text the person was shown, by the host's own number. Default 0. */
  uint32_t notice_version;
  /*
   * On what grounds: the letters of Article 6(1) of the GDPR, 0 for (a), consent, to 5 for (f). Default 0.
   */
  uint32_t basis;
  uint32_t reserved;  /* For what a later header asks; 0. */
  /* When it ends, by the clock of the ticks; 0 for with the membership. Default 0. */
  uint64_t until_ns;
} ale_grant;

/* Fills a grant with the defaults: for nothing. Any thread. Real-time. */
ale_status ale_grant_init(struct ale_grant *grant);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_grant_init_sized(struct ale_grant *grant,
                                size_t struct_size);

/*
 * A member has agreed to this, from the next tick on. For each of its purposes it takes the place of what was
 * granted before. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_member_grant(const struct ale_conference *conference,
                            uint64_t member,
                            const struct ale_grant *grant);

/*
 * A member has taken back what it had agreed to for these purposes, ALE_PURPOSE_RECORD and the like added up:
 * ale_tap_read gives nothing from before it once this has returned, the next tick takes nothing and overwrites
 * what waits. It is never refused to a member. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT for purposes that there are not.
 */
ale_status ale_member_withdraw(const struct ale_conference *conference,
                               uint64_t member,
                               uint32_t purposes);

/* ==== Taps ==== */

/* Speech that is turned into text. */
#define ALE_PURPOSE_TRANSCRIBE 2

/* What was said is looked into. */
#define ALE_PURPOSE_ANALYSE 4

/* A machine that takes part. */
#define ALE_PURPOSE_ASSIST 8

/* What a tap is made for. */
typedef struct ale_tap_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_tap_config_init. */
  /* Not 0: the voices of all who have agreed, added up, instead of a member's. Default 0. */
  uint32_t is_mix;
  uint64_t member;  /* Whose voice. */
  uint64_t tag;  /* The host's own mark, told with every event. Default 0. */
  /*
   * One of ALE_PURPOSE_RECORD, ALE_PURPOSE_TRANSCRIBE, ALE_PURPOSE_ANALYSE and ALE_PURPOSE_ASSIST. Default 0,
   * which is none of them.
   */
  uint32_t purpose;
  /*
   * Who receives it, by the host's own number: sound is taken while a grant for this and the purpose stands.
   */
  uint32_t sink;
  /* Samples a second of what is read: 8000, 12000, 16000, 24000, 32000 or 48000. Default 16000. */
  uint32_t sample_rate_hz;
  /* How much may wait to be read, 10 to 2000; beyond that the oldest is lost. Default 1000. */
  uint32_t buffer_ms;
  uint32_t paused;  /* Not 0: it begins paused. Default 0. */
  uint32_t reserved;  /* For what a later header asks; 0. */
} ale_tap_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_tap_config_init(struct ale_tap_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_tap_config_init_sized(struct ale_tap_config *config,
                                     size_t struct_size);

/* The end of a tap that is read. Exclusive; it may outlive its conference. */
typedef struct ale_tap ale_tap;

/*
 * Taps a conference from its next tick on, as far as members have agreed or will. It ends with ale_tap_destroy,
 * with ale_tap_end, and with the member whose voice it takes. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NOT_FOUND for a member that there is not, ALE_ERR_FULL where there are max_taps,
 * ALE_ERR_BUSY, ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_tap_create(const struct ale_conference *conference,
                          const struct ale_tap_config *config,
                          struct ale_tap **tap);

/* Ends and frees a tap. What still lies in it is overwritten. Any thread. Not real-time. */
void ale_tap_destroy(struct ale_tap *tap);

/* Writes a tap's number, by which events name it. Real-time. */
ale_status ale_tap_id(const struct ale_tap *tap, uint64_t *id);

/* Of a frame: somebody speaks. */
#define ALE_TAP_SPEECH 1

/* Some of it was made up for what was lost on the way. */
#define ALE_TAP_CONCEALED 2

/* Nothing came that could be played. */
#define ALE_TAP_GAP 4

/* Silence, because the tap was paused. */
#define ALE_TAP_PAUSED 8

/* Silence, because the others don't hear the member either. */
#define ALE_TAP_MUTED 16

/* The voice is a program's. */
#define ALE_TAP_SYNTHETIC 32

/* What is said about 10 ms of sound. */
typedef struct ale_tap_frame {
  /* When the first sample was due, by the clock of the ticks, the same for all members and taps. */
  uint64_t time_ns;
  uint64_t member;  /* Whose voice; 0 for a mix, which may be a member's number, too. */
  uint64_t lost_frames;  /* Frames before this one that were lost because nobody read. */
  uint32_t ssrc;  /* The source that was played; 0 for none. */
  uint32_t level_dbov;  /* How loud, in -dBov (RFC 6464). */
  /*
   * ALE_TAP_SPEECH, ALE_TAP_CONCEALED, ALE_TAP_GAP, ALE_TAP_PAUSED, ALE_TAP_MUTED and ALE_TAP_SYNTHETIC.
   */
  uint32_t flags;
  uint32_t voices;  /* Voices in it. */
} ale_tap_frame;

/*
 * Reads the oldest 10 ms, capacity samples at most, and what is said about them. What was taken before a
 * withdrawal is not given after it. Real-time.
 *
 * Can return ALE_ERR_NOTHING, ALE_ERR_NOT_FOUND when nothing more will come, ALE_ERR_CAPACITY for less than
 * 10 ms, and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_tap_read(struct ale_tap *tap,
                        int16_t *pcm,
                        size_t capacity,
                        struct ale_tap_frame *frame);

/*
 * Lets a tap leave silence of true length from the next tick on (not 0), or go on. tap is its number. Any
 * thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_tap_pause(const struct ale_conference *conference,
                         uint64_t tap,
                         int32_t paused);

/*
 * Ends a tap at the next tick; what waits in it can still be read. tap is its number. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_tap_end(const struct ale_conference *conference,
                       uint64_t tap);

/* It takes nothing: nobody has agreed. */
#define ALE_TAP_STATE_WAITING 0

/* It takes sound. */
#define ALE_TAP_STATE_TAKING 1

/* It leaves silence. */
#define ALE_TAP_STATE_PAUSED 2

/* It is over. */
#define ALE_TAP_STATE_ENDED 3

/* Why not: nobody has said anything. */
#define ALE_TAP_REFUSED_UNKNOWN 1

/* The grant is for another receiver. */
#define ALE_TAP_REFUSED_OTHER_SINK 2

/* The grant's time is over. */
#define ALE_TAP_REFUSED_EXPIRED 3

/* The grant was taken back. */
#define ALE_TAP_REFUSED_WITHDRAWN 4

/* A tap has changed its state. No sound is taken before the event that says so has found room. */
typedef struct ale_tap_event {
  uint64_t tap;  /* Which (ale_tap_id). */
  uint64_t tag;  /* The host's mark (ale_tap_config). */
  uint64_t at_ns;  /* Since when, by the clock of the ticks. */
  uint64_t taken_ms;  /* Sound that it had taken up to then, in ms. */
  /* ALE_TAP_STATE_WAITING, ALE_TAP_STATE_TAKING, ALE_TAP_STATE_PAUSED or ALE_TAP_STATE_ENDED. */
  uint32_t state;
  /*
   * Why it waits: ALE_TAP_REFUSED_UNKNOWN, ALE_TAP_REFUSED_OTHER_SINK, ALE_TAP_REFUSED_EXPIRED or
   * ALE_TAP_REFUSED_WITHDRAWN; 0 for a mix, and in other states.
   */
  uint32_t refusal;
  uint32_t voices;  /* Voices that it takes. */
  uint32_t reserved;  /* 0. */
} ale_tap_event;

/*
 * Writes the oldest event of a conference's taps that has not been read. They are to be read: a tap whose change
 * finds no room takes nothing meanwhile. Any thread. Not real-time: it frees what ended taps have held.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_tap_next_event(const struct ale_conference *conference,
                              struct ale_tap_event *event);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_TAP_H */
