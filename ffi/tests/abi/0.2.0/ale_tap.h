/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: taps: members' voices for programs that they have agreed to, and voices that programs
 * make.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 *
 * Contents
 *   - Consent
 *   - Taps
 *   - Talking back
 */

#ifndef ALE_TAP_H
#define ALE_TAP_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of other headers. */
struct ale_conference;
struct ale_join_options;

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

/*
 * What a member's description asks of recordings: what stands behind a=recordpref: (RFC 7866 section 6.2), from the
 * next tick on. None of it is a grant; "off" and "pause" refuse ALE_PURPOSE_RECORD, whatever has been granted, until
 * "on" or "nopreference" comes. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT for another word, which changes nothing.
 */
ale_status ale_member_recordpref(const struct ale_conference *conference,
                                 uint64_t member,
                                 const char *value);

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
  /*
   * Not 0: the member's packets as they come, decrypted and not decoded (ale_tap_read_packet), none while the
   * others don't hear it or the tap is paused; the rate has no meaning then, and buffer_ms is a packet for each
   * 10 ms. Default 0.
   */
  uint32_t is_packets;
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
 * 10 ms, ALE_ERR_UNSUPPORTED by a tap of packets, and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_tap_read(struct ale_tap *tap,
                        int16_t *pcm,
                        size_t capacity,
                        struct ale_tap_frame *frame);

/* The largest payload of a tap's packet. */
#define ALE_TAP_MAX_PAYLOAD_BYTES 1920

/* A packet of a tap's, as it came. */
typedef struct ale_tap_packet {
  uint64_t time_ns;  /* The tick in which it was taken, by the time of ale_tap_frame. */
  uint64_t arrival_ns;  /* When it arrived. */
  uint64_t member;  /* Whose. */
  uint64_t lost_packets;  /* Packets before this one that were lost because nobody read. */
  uint32_t ssrc;  /* RTP's source. */
  uint32_t timestamp;  /* RTP's timestamp. */
  uint32_t sequence;  /* RTP's sequence number. */
  /*
   * RTP's payload type; of redundant audio (RFC 2198) that of the primary block, which is its payload here.
   */
  uint32_t payload_type;
  uint32_t marker;  /* RTP's marker bit: 1 or 0. */
  uint32_t payload_bytes;  /* Bytes of payload. */
} ale_tap_packet;

/*
 * Reads the oldest packet of a tap of packets (is_packets), its payload to payload, which has room for
 * ALE_TAP_MAX_PAYLOAD_BYTES. What was taken before a withdrawal is not given after it. Real-time.
 *
 * Can return ALE_ERR_NOTHING, ALE_ERR_NOT_FOUND when nothing more will come, ALE_ERR_CAPACITY for less room,
 * ALE_ERR_UNSUPPORTED by a tap of sound, and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_tap_read_packet(struct ale_tap *tap,
                               uint8_t *payload,
                               size_t capacity,
                               struct ale_tap_packet *packet);

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

/* The member's description asks not to be recorded (ale_member_recordpref). */
#define ALE_TAP_REFUSED_PREFERENCE 5

/* A tap has changed its state. No sound is taken before the event that says so has found room. */
typedef struct ale_tap_event {
  uint64_t tap;  /* Which (ale_tap_id). */
  uint64_t tag;  /* The host's mark (ale_tap_config). */
  uint64_t at_ns;  /* Since when, by the clock of the ticks. */
  uint64_t taken_ms;  /* Sound that it had taken up to then, in ms. */
  /* ALE_TAP_STATE_WAITING, ALE_TAP_STATE_TAKING, ALE_TAP_STATE_PAUSED or ALE_TAP_STATE_ENDED. */
  uint32_t state;
  /*
   * Why it waits: ALE_TAP_REFUSED_UNKNOWN, ALE_TAP_REFUSED_OTHER_SINK, ALE_TAP_REFUSED_EXPIRED,
   * ALE_TAP_REFUSED_WITHDRAWN or ALE_TAP_REFUSED_PREFERENCE; 0 for a mix, and in other states.
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

/* ==== Talking back ==== */

/* Less waits than low_water_ms. */
#define ALE_TALK_LOW 3

/* How far a voice is. */
typedef struct ale_talk_progress {
  uint64_t stale_samples;  /* Samples of turns that were over, as they came. */
  /* How much of the turn that was begun last has been heard; 0 after a flush. */
  uint32_t position_ms;
  uint32_t waiting_ms;  /* How much waits. */
  uint32_t is_high;  /* 1 when more waits than high_water_ms. */
  uint32_t reserved;  /* 0. */
} ale_talk_progress;

/* What a voice is made for. */
typedef struct ale_talk_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_talk_config_init. */
  /*
   * Samples a second of what is written: 8000, 12000, 16000, 24000, 32000 or 48000. Default 24000.
   */
  uint32_t sample_rate_hz;
  /* Of what it is heard at: one of the conference's rates. Default 16000. */
  uint32_t member_rate_hz;
  /*
   * How much may wait to be heard, 100 to 120000; what is out of range is taken for the nearest. Default 30000.
   */
  uint32_t capacity_ms;
  uint32_t low_water_ms;  /* ALE_TALK_LOW when less waits than this. Default 200. */
  /* is_high (ale_talk_progress) when more waits than this. Default 20000. */
  uint32_t high_water_ms;
  /*
   * Speech of others over this voice that is over after so long is a backchannel ("mhm"), and longer an
   * interruption. Default 700.
   */
  uint32_t backchannel_ms;
  uint32_t reserved;  /* For what a later header asks; 0. */
} ale_talk_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_talk_config_init(struct ale_talk_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_talk_config_init_sized(struct ale_talk_config *config,
                                      size_t struct_size);

/* The program's end of a voice that it makes. Exclusive; it may outlive its conference. */
typedef struct ale_talk ale_talk;

/*
 * Makes a voice and lets it in at the next tick: a member that a program speaks for, told as such in taps
 * (ALE_TAP_SYNTHETIC). It hears nothing but by taps, and leaves by ale_conference_leave. options may be NULL.
 * Writes the member's number to *member. Any thread. Not real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_FULL, ALE_ERR_BUSY, ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_talk_create(const struct ale_conference *conference,
                           const struct ale_talk_config *config,
                           const struct ale_join_options *options,
                           struct ale_talk **talk,
                           uint64_t *member);

/*
 * Frees the program's end. What waits is still heard; the member leaves by ale_conference_leave. Any thread. Not
 * real-time.
 */
void ale_talk_destroy(struct ale_talk *talk);

/*
 * Adds sound of a turn, any number of samples at any pace; it is heard behind what waits. Turns have numbers
 * that grow, and a turn that has begun ends the ones before it. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND for a turn that is over, whose sound is counted and thrown away; ALE_ERR_FULL where
 * there is no room for all of it, of which none is taken then; and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_talk_write(struct ale_talk *talk,
                          uint32_t turn,
                          const int16_t *pcm,
                          size_t samples);

/* All that was written before a mark has been heard. */
#define ALE_TALK_MARK 1

/*
 * A mark behind what has been written, told by ALE_TALK_MARK when all before it has been heard. It goes with what
 * is flushed. Real-time.
 *
 * Can return ALE_ERR_FULL where too many wait.
 */
ale_status ale_talk_mark(struct ale_talk *talk,
                         uint64_t mark);

/* Throws away what waits, fading over up to fade_ms, at most 250. The turn may go on. Real-time. */
ale_status ale_talk_flush(struct ale_talk *talk, uint32_t fade_ms);

/*
 * Takes a turn back, and those before it: what waits of them is thrown away as by ale_talk_flush, and what comes
 * of them later is refused. Later turns are heard at once. Real-time.
 */
ale_status ale_talk_cancel(struct ale_talk *talk,
                           uint32_t turn,
                           uint32_t fade_ms);

/* Holds the voice from the next tick on (not 0), or lets it go on where it was. Real-time. */
ale_status ale_talk_pause(struct ale_talk *talk, int32_t paused);

/* Writes how far a voice is. Real-time. */
ale_status ale_talk_position(const struct ale_talk *talk, struct ale_talk_progress *progress);

/* All that was written has been heard. */
#define ALE_TALK_DRAINED 2

/* What waited was thrown away. */
#define ALE_TALK_FLUSHED 4

/* A member has begun to speak while this voice does. */
#define ALE_TALK_OVERLAP 5

/* It has gone on for longer than a backchannel: it wants to speak. */
#define ALE_TALK_BARGE_IN 6

/* It was over before that. */
#define ALE_TALK_BACKCHANNEL 7

/* What a voice's program is told. */
typedef struct ale_talk_event {
  uint64_t mark;  /* ALE_TALK_MARK: which. */
  uint64_t member;  /* ALE_TALK_OVERLAP, ALE_TALK_BARGE_IN and ALE_TALK_BACKCHANNEL: who. */
  /*
   * ALE_TALK_MARK, ALE_TALK_DRAINED, ALE_TALK_LOW, ALE_TALK_FLUSHED, ALE_TALK_OVERLAP, ALE_TALK_BARGE_IN or
   * ALE_TALK_BACKCHANNEL.
   */
  uint32_t kind;
  uint32_t samples;  /* ALE_TALK_FLUSHED: samples of the member's rate that were not heard. */
  uint32_t ms;  /* ALE_TALK_BACKCHANNEL: how long. */
  uint32_t reserved;  /* 0. */
} ale_talk_event;

/*
 * Writes the oldest event of a voice that has not been read. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_talk_next_event(struct ale_talk *talk, struct ale_talk_event *event);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_TAP_H */
