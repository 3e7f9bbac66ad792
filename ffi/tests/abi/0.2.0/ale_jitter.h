/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: the jitter buffer by itself. A leg has one of its own.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 */

#ifndef ALE_JITTER_H
#define ALE_JITTER_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Jitter buffer ==== */

/* What a jitter buffer is made for. */
typedef struct ale_jitter_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_jitter_config_init. */
  /* Samples a second of the PCM that comes out: 8000, 16000, 32000 or 48000. Default 8000. */
  uint32_t sample_rate_hz;
  const struct ale_codec *codecs;  /* What may come in. Default none. */
  size_t codec_count;  /* How many codecs. */
  /* Payload type of comfort noise (RFC 3389), -1 for none. Default 13. */
  int32_t comfort_noise_payload_type;
  int32_t delay_mode;  /* An ale_delay_mode. Default ALE_DELAY_ADAPTIVE. */
  uint32_t min_delay_ms;  /* The delay never goes below this, in ms. Default 0. */
  uint32_t max_delay_ms;  /* The delay never goes above this, in ms; at most 1000. Default 600. */
  uint32_t target_delay_ms;  /* The delay of the modes that keep one, in ms. Default 60. */
  /*
   * Packets of 160 bytes that can wait, 8 to 1024; memory for all is taken at creation. Default 0, as
   * many as it takes for the codecs, packets of 20 ms and the maximum delay (40 for G.711).
   */
  uint32_t slots;
  /*
   * Bytes of a log of what the buffer saw and decided, 0 for none; a minute of G.711 takes about
   * 50 KB, with audio ten times that, and the oldest is dropped. Default 0.
   */
  uint32_t black_box_bytes;
  /* Whether that log holds the audio too, so that it can be heard again. Default 0. */
  uint32_t black_box_audio;
  /*
   * Not 0 follows the sender's clock by resampling within 0.5 % instead of by splices: for music,
   * recordings, trunks and modems. Default 0.
   */
  uint32_t resample_drift;
  /*
   * Milliseconds in the shortest packets that are to be expected, 1 to 200: what slots are reckoned with.
   * Default 20.
   */
  uint32_t packet_ms;
} ale_jitter_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_jitter_config_init(struct ale_jitter_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_jitter_config_init_sized(struct ale_jitter_config *config,
                                        size_t struct_size);

/* The half that PCM comes out of. Exclusive, usually to the audio thread. */
typedef struct ale_jitter_reader ale_jitter_reader;

/* The half that packets go in by. Exclusive, usually to the network thread. */
typedef struct ale_jitter_writer ale_jitter_writer;

/*
 * Makes a jitter buffer and gives its two halves. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_NO_MEMORY, and ALE_ERR_UNSUPPORTED for a codec that is
 * not known.
 */
ale_status ale_jitter_create(const struct ale_jitter_config *config,
                             struct ale_jitter_writer **writer,
                             struct ale_jitter_reader **reader);

/*
 * What a jitter buffer of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_jitter_create can.
 */
ale_status ale_jitter_memory_required(const struct ale_jitter_config *config,
                                      struct ale_memory *memory);

/* Frees a half. Any thread. Not real-time. */
void ale_jitter_writer_destroy(struct ale_jitter_writer *writer);

/* Frees a half. Any thread. Not real-time. */
void ale_jitter_reader_destroy(struct ale_jitter_reader *reader);

/*
 * Copies an RTP packet in; never waits. Real-time.
 *
 * Can return ALE_ERR_MALFORMED, ALE_ERR_OVERSIZED and ALE_ERR_NO_SLOT; each is counted.
 */
ale_status ale_jitter_insert(struct ale_jitter_writer *writer,
                             const uint8_t *rtp,
                             size_t length,
                             uint64_t arrival_ns);

/*
 * Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
 * NULL. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_pull(struct ale_jitter_reader *reader,
                           uint64_t now_ns,
                           int16_t *pcm,
                           size_t samples,
                           struct ale_pull_info *info);

/*
 * Sets bounds of the delay in ms. Any thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_set_delay_bounds(const struct ale_jitter_reader *reader,
                                       uint32_t min_ms,
                                       uint32_t max_ms);

/* Reads the counters. Real-time. */
ale_status ale_jitter_stats(const struct ale_jitter_reader *reader,
                            struct ale_jitter_counters *stats);

/*
 * The half that settings go in by. May be used from any thread, one at a time; outlives the others.
 */
typedef struct ale_jitter_control ale_jitter_control;

/*
 * Gives a control half. The reader's thread. Not real-time.
 *
 * Can return ALE_ERR_NO_MEMORY.
 */
ale_status ale_jitter_control_create(const struct ale_jitter_reader *reader,
                                     struct ale_jitter_control **control);

/* Frees a control half. Any thread. Not real-time. */
void ale_jitter_control_destroy(struct ale_jitter_control *control);

/*
 * Sets an ale_delay_mode, and the delay in ms of the modes that keep one. ALE_DELAY_FROZEN is for
 * when a modem's or fax's tone was heard. Any thread. Real-time; takes effect at the next pull.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_control_set_mode(struct ale_jitter_control *control,
                                       int32_t mode,
                                       uint32_t target_delay_ms);

/*
 * Sets bounds of the delay in ms. Any thread. Real-time; takes effect at the next pull.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_control_set_delay_bounds(struct ale_jitter_control *control,
                                               uint32_t min_ms,
                                               uint32_t max_ms);

/* A packet that is worth asking for again (RFC 4585). */
typedef struct ale_missing_packet {
  uint64_t deadline_ns;  /* When it has to be here to be heard, on the host's clock. */
  uint16_t sequence;  /* Its sequence number. */
} ale_missing_packet;

/*
 * Writes the packets that are missing and would still be heard, those due first in front; at most
 * 128, and as many as there is room for. count is how many. The reader's thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_missing(const struct ale_jitter_reader *reader,
                              uint64_t now_ns,
                              struct ale_missing_packet *packets,
                              size_t capacity,
                              size_t *count);

/*
 * Writes how late packets came lately, older ones weighing less: shares[n] is the share of all
 * whose delay over the fastest lately is from n to n + 1 steps; the last holds the rest. The
 * reader's thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_arrival_histogram(const struct ale_jitter_reader *reader,
                                        uint32_t step_ms,
                                        float *shares,
                                        size_t count);

/*
 * Copies the log of what a buffer saw and decided. length is how many bytes it takes: 0 without a
 * black box; nothing is copied when capacity is less. The reader's thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY with length set.
 */
ale_status ale_jitter_black_box(const struct ale_jitter_reader *reader,
                                uint8_t *log,
                                size_t capacity,
                                size_t *length);

/* A log that is being replayed. Exclusive. */
typedef struct ale_jitter_replay ale_jitter_replay;

/*
 * Reads a log, which is copied. The config says which codecs the buffer had; its rate must be that
 * of the log, and everything else is in the log. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_MALFORMED, ALE_ERR_UNSUPPORTED and ALE_ERR_NO_MEMORY.
 */
ale_status ale_jitter_replay_create(const uint8_t *log,
                                    size_t length,
                                    const struct ale_jitter_config *config,
                                    struct ale_jitter_replay **replay);

/* Frees a replay. Any thread. Not real-time. */
void ale_jitter_replay_destroy(struct ale_jitter_replay *replay);

/*
 * Replays the next pull. samples is how many were written: 0 at the log's end and for a log
 * without audio. info is what was decided then; agrees, 1 if the replay decided the same (0 can be
 * had from a log whose beginning was dropped). At the log's end, ended is 1. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_MALFORMED, and ALE_ERR_CAPACITY for a pull of more
 * than capacity, which is lost then.
 */
ale_status ale_jitter_replay_pull(struct ale_jitter_replay *replay,
                                  int16_t *pcm,
                                  size_t capacity,
                                  size_t *samples,
                                  struct ale_pull_info *info,
                                  int32_t *agrees,
                                  int32_t *ended);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_JITTER_H */
