/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: conferences of legs, links between them, and one over several threads.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 *
 * Contents
 *   - Conferences: made, ended
 *   - Conferences: any thread
 *   - Conferences: the audio thread
 *   - Links between conferences, and to the host
 *   - One conference over several threads
 */

#ifndef ALE_CONFERENCE_H
#define ALE_CONFERENCE_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Conferences: made, ended ==== */

/* What a conference is made for. */
typedef struct ale_conference_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_conference_config_init. */
  /* Members at a time, 1 to 8192; memory for all is taken at creation. Default 16. */
  uint32_t max_members;
  uint32_t max_datagrams;  /* Datagrams that one tick may leave, 0 for two a member. Default 0. */
  uint32_t max_speakers;  /* How many are heard at a time, the loudest; 0 for all. Default 0. */
  /* Gains of one member for another that there may be at a time. Default 0. */
  uint32_t max_pair_gains;
  uint32_t limiter;  /* Not 0: a look-ahead limiter instead of clamping, 2 ms later. Default 0. */
  uint32_t encode_groups;  /* Groups of members that share an encoder, 0 to 64. Default 4. */
  /*
   * Rates of its members' PCM, of 8000, 16000, 32000 and 48000; 0 in the place of one that is not used,
   * which spares its memory: one rate takes a third of that of all. Default all four.
   */
  uint32_t rates_hz[4];
  /* Taps that there may be at a time (ale_tap_create), up to 16384. Default 8. */
  uint32_t max_taps;
  /*
   * Not 0: the work of two ticks is done in the second of them while nobody can tell; 1 from the first tick on,
   * 2 from the second. What is sent is the same and costs less, most of all with many legs, but a tick has next
   * to nothing to do and the next twice as much: the conferences of a thread get 1 and 2 in turn. Members begin
   * with such a pair, up to 10 ms later. Default 0.
   */
  uint32_t joined_ticks;
} ale_conference_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_conference_config_init(struct ale_conference_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_conference_config_init_sized(struct ale_conference_config *config,
                                            size_t struct_size);

/*
 * A conference. ale_conference_tick, ale_conference_next_datagram and destroy are exclusive to
 * the audio thread; the other functions may be called from any thread meanwhile.
 */
typedef struct ale_conference ale_conference;

/*
 * Makes an empty conference. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_conference_create(const struct ale_conference_config *config,
                                 struct ale_conference **conference);

/*
 * What an empty conference of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_conference_create can.
 */
ale_status ale_conference_memory_required(const struct ale_conference_config *config,
                                          struct ale_memory *memory);

/* Frees a conference and the halves of its members. Exclusive. Not real-time. */
void ale_conference_destroy(struct ale_conference *conference);

/* ==== Conferences: any thread ==== */

/* How a member joins. */
typedef struct ale_join_options {
  uint32_t struct_size;  /* Size of this struct, filled by ale_join_options_init. */
  uint32_t muted;  /* Not 0: the others don't hear the member. Default 0. */
  /* The host's own mark, handed out with each of the member's datagrams. Default 0. */
  uint64_t tag;
  float gain;  /* How loud the others hear the member, as a factor from 0 to 8. Default 1. */
  uint32_t listening;  /* 0: the member only talks; nothing is sent to it. Default 1. */
  uint32_t is_private;  /* Not 0: those alone hear the member that have a gain for it. Default 0. */
  uint32_t reserved;  /* For what a later header asks; 0. */
} ale_join_options;

/* Fills options with the defaults. Any thread. Real-time. */
ale_status ale_join_options_init(struct ale_join_options *options);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_join_options_init_sized(struct ale_join_options *options,
                                       size_t struct_size);

/*
 * Lets a leg's media half in at the next tick; it belongs to the conference from then on. options
 * may be NULL. Writes the member's number to *member. Any thread. Not real-time.
 *
 * Can return ALE_ERR_FULL, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the half stays the caller's
 * then.
 */
ale_status ale_conference_join(const struct ale_conference *conference,
                               struct ale_leg_media *media,
                               const struct ale_join_options *options,
                               uint64_t *member);

/*
 * Lets a member go at the next tick, in which it fades; ale_conference_reclaim then gives its half back.
 * Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_leave(const struct ale_conference *conference,
                                uint64_t member);

/*
 * Gives back the half of a member that has left, now the caller's, and its number. Until then its
 * place stays taken. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_conference_reclaim(const struct ale_conference *conference,
                                  uint64_t *member,
                                  struct ale_leg_media **media);

/*
 * Writes the mark that a member joined with (ale_join_options), also of one that has left, as
 * ale_conference_reclaim and ale_conference_next_dominant_speaker name it, until another takes its place. Any
 * thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_conference_tag(const struct ale_conference *conference,
                              uint64_t member,
                              uint64_t *tag);

/*
 * Whether the others hear a member (muted 0) from the next tick on. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_set_muted(const struct ale_conference *conference,
                                    uint64_t member,
                                    int32_t muted);

/*
 * How loud the others hear a member from the next tick on, as a factor from 0 to 8. Any thread.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_conference_set_gain(const struct ale_conference *conference,
                                   uint64_t member,
                                   float factor);

/*
 * Whether a member hears anything (not 0) from the next tick on. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_set_listening(const struct ale_conference *conference,
                                        uint64_t member,
                                        int32_t listening);

/*
 * Whether those alone hear a member (not 0) that have a gain for it, from the next tick on. Any
 * thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_set_private(const struct ale_conference *conference,
                                      uint64_t member,
                                      int32_t is_private);

/*
 * How loud one listener hears one talker from the next tick on, as a factor from 0 to 8 on top of
 * the talker's own gain; a negative factor goes back to what everybody hears, after a ramp of a tick
 * in which it still counts. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY, ALE_ERR_FULL where max_pair_gains are in use, and
 * ALE_ERR_INVALID_ARGUMENT; the latter also for a member and itself, and for two whose PCM has
 * different rates.
 */
ale_status ale_conference_set_pair_gain(const struct ale_conference *conference,
                                        uint64_t listener,
                                        uint64_t talker,
                                        float factor);

/*
 * Writes who leads the conversation now, if that has changed since it was asked last. Any thread.
 * Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_conference_next_dominant_speaker(const struct ale_conference *conference,
                                                uint64_t *member);

/*
 * One end of a link between two conferences, or between a conference and the host (music,
 * announcements, a recorder): what one end pushes the other pulls. Exclusive.
 */
typedef struct ale_link_end ale_link_end;

/*
 * Lets one end of a link in at the next tick; it belongs to the conference from then on, and is
 * freed there. options may be NULL. Writes the member's number to *member. Any thread. Not
 * real-time.
 *
 * Can return ALE_ERR_FULL, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the end stays the caller's
 * then.
 */
ale_status ale_conference_join_link(const struct ale_conference *conference,
                                    struct ale_link_end *end,
                                    const struct ale_join_options *options,
                                    uint64_t *member);

/* What a conference has done. */
typedef struct ale_conference_counters {
  uint64_t members;  /* Members just now. */
  uint64_t ticks;  /* Ticks. */
  uint64_t joins;  /* Members that joined. */
  uint64_t leaves;  /* Members that left. */
  uint64_t datagrams;  /* Datagrams handed out. */
  /* Times that a member's datagrams had to wait for the next tick for want of room. */
  uint64_t deferred;
  uint64_t shared_payloads;  /* Payloads that were copies of another member's. */
  uint64_t speakers;  /* Members that are heard just now, where not all are. */
  /* Calls that were refused: too many wait, no place or pair gain is left, no such member. */
  uint64_t refused;
  uint64_t missed_ticks;  /* Ticks that did not come: gaps of more than 15 ms, in whole ticks. */
  uint64_t joined_ticks;  /* Ticks that were done together with the one before. */
} ale_conference_counters;

/* Reads the counters, as of the last tick. Any thread. Real-time. */
ale_status ale_conference_stats(const struct ale_conference *conference,
                                struct ale_conference_counters *stats);

/* ==== Conferences: the audio thread ==== */

/*
 * Plays and mixes 10 ms; to be called every 10 ms with the time that it is, not the time at which the tick
 * was due: missed_ticks tells by it that the thread is late. Whoever is late calls once and skips what was
 * missed. ale_conference_next_datagram then gives what is to be sent. Takes some 45 KiB of stack where
 * a leg sends Opus. Real-time.
 */
ale_status ale_conference_tick(struct ale_conference *conference,
                               uint64_t now_ns);

/* A datagram to be sent. */
typedef struct ale_datagram {
  uint64_t member;  /* The member's number. */
  uint64_t tag;  /* The member's mark (ale_join_options). */
  const uint8_t *bytes;  /* RTP or RTCP, valid until the next tick. */
  size_t length;  /* How many bytes. */
} ale_datagram;

/*
 * Gives the next datagram of the last tick; to be called until it returns ALE_ERR_NOTHING.
 * Real-time.
 */
ale_status ale_conference_next_datagram(struct ale_conference *conference,
                                        struct ale_datagram *datagram);

/* ==== Links between conferences, and to the host ==== */

/*
 * Makes a link of 8000, 16000, 32000 or 48000 Hz and gives both its ends. Any thread. Not
 * real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_link_create(uint32_t sample_rate_hz,
                           struct ale_link_end **one,
                           struct ale_link_end **other);

/*
 * What both ends of a link of this rate would take of the allocator. They are made and thrown away for
 * that, with memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_link_create can.
 */
ale_status ale_link_memory_required(uint32_t sample_rate_hz,
                                    struct ale_memory *memory);

/* Frees an end that no conference has. Any thread. Not real-time. */
void ale_link_end_destroy(struct ale_link_end *end);

/*
 * Sends 10 ms to the other end. Real-time.
 *
 * Can return ALE_ERR_FULL when the other end does not pull, and ALE_ERR_INVALID_ARGUMENT unless
 * samples are 10 ms.
 */
ale_status ale_link_end_push(struct ale_link_end *end, const int16_t *pcm, size_t samples);

/*
 * Takes the next 10 ms of the other end; zeros and ALE_ERR_NOTHING if there are none. Real-time.
 *
 * Can return ALE_ERR_NOTHING, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
 */
ale_status ale_link_end_pull(struct ale_link_end *end, int16_t *pcm, size_t samples);

/* ==== One conference over several threads ==== */

/*
 * What the members of a share have said in 10 ms, added up. Written by ale_conference_gather;
 * any number of threads may read it in ale_conference_deliver meanwhile.
 */
typedef struct ale_partial_sums ale_partial_sums;

/*
 * Makes sums of silence. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NO_MEMORY.
 */
ale_status ale_partial_sums_create(struct ale_partial_sums **sums);

/* Frees sums. Any thread. Not real-time. */
void ale_partial_sums_destroy(struct ale_partial_sums *sums);

/*
 * The first half of a tick, where one conference is spread over several threads, each with an
 * ale_conference that holds a share of the members: plays the share's members and writes what they
 * have said to sums. When all threads have done so, ale_conference_deliver is the second half. All
 * hear what they would hear in one conference, to the bit; speakers are chosen and gains for single
 * talkers set within a share. Exclusive to the audio thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_conference_gather(struct ale_conference *conference,
                                 uint64_t now_ns,
                                 struct ale_partial_sums *sums);

/*
 * The second half of a tick: adds what the other shares have said, count pointers to sums, and makes
 * the datagrams that ale_conference_next_datagram then gives. Exclusive to the audio thread.
 * Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, also for more than 1024 others; nothing is delivered then.
 */
ale_status ale_conference_deliver(struct ale_conference *conference,
                                  uint64_t now_ns,
                                  const struct ale_partial_sums *const *others,
                                  size_t count);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_CONFERENCE_H */
