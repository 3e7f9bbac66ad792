/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: the mixer by itself, one rate, N-1. A conference has one a rate.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 */

#ifndef ALE_MIXER_H
#define ALE_MIXER_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Mixer ==== */

/* What a mixer is made for. */
typedef struct ale_mixer_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_mixer_config_init. */
  uint32_t sample_rate_hz;  /* Samples a second: a multiple of 100, at most 48000. Default 8000. */
  /* Places, 1 to 8192; memory for all is taken at creation. Default 16. */
  uint32_t max_participants;
  uint32_t channels;  /* 1, or 2 for stereo, left and right alternating. Default 1. */
  /* Gains of one listener for one talker that there may be at a time. Default 0. */
  uint32_t max_pair_gains;
  /*
   * Not 0: a look-ahead limiter instead of clamping; 2 ms later, and the rate has to be a
   * multiple of 8000. Default 0.
   */
  uint32_t limiter;
  /*
   * Length of a frame, what is written, mixed and heard at a time, in ms: 10, or 20 (at multiples of
   * 1600 Hz), which costs less. Default 10.
   */
  uint32_t frame_ms;
} ale_mixer_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_mixer_config_init(struct ale_mixer_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_mixer_config_init_sized(struct ale_mixer_config *config,
                                       size_t struct_size);

/* An N-1 mixer at one rate: everybody hears the sum of the others, exact to the bit. Exclusive. */
typedef struct ale_mixer ale_mixer;

/*
 * Makes a mixer. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_mixer_create(const struct ale_mixer_config *config, struct ale_mixer **mixer);

/*
 * What a mixer of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_mixer_create can.
 */
ale_status ale_mixer_memory_required(const struct ale_mixer_config *config,
                                     struct ale_memory *memory);

/* Frees a mixer. Any thread. Not real-time. */
void ale_mixer_destroy(struct ale_mixer *mixer);

/*
 * Takes a participant in and writes its number to *participant. Real-time.
 *
 * Can return ALE_ERR_FULL.
 */
ale_status ale_mixer_add(struct ale_mixer *mixer, uint64_t *participant);

/*
 * Lets a participant go. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_remove(struct ale_mixer *mixer, uint64_t participant);

/*
 * Gives a frame of a participant's audio, copied. Who gives none before a run is silent in it.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
 */
ale_status ale_mixer_input(struct ale_mixer *mixer,
                           uint64_t participant,
                           const int16_t *pcm,
                           size_t samples);

/* Adds up what was given since the last run. Real-time. */
ale_status ale_mixer_run(struct ale_mixer *mixer);

/*
 * Writes a frame of what a participant hears of the last run: all but itself. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
 */
ale_status ale_mixer_output(struct ale_mixer *mixer,
                            uint64_t participant,
                            int16_t *pcm,
                            size_t samples);

/*
 * Sets how loud the others hear a participant, as a factor from 0 to 8, by a ramp of a frame.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND; ALE_ERR_INVALID_ARGUMENT for a factor out of range or NaN.
 */
ale_status ale_mixer_set_gain(struct ale_mixer *mixer, uint64_t participant, float factor);

/*
 * Silences a participant for the others (not 0), or lets it be heard again, by a ramp of a frame.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_set_muted(struct ale_mixer *mixer, uint64_t participant, int32_t muted);

/*
 * Whether a participant hears anything (not 0), by a ramp of a frame. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_set_listening(struct ale_mixer *mixer,
                                   uint64_t participant,
                                   int32_t listening);

/*
 * Whether those alone hear a participant (not 0) that have a gain for it: a coach, a side talk.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_set_private(struct ale_mixer *mixer, uint64_t participant, int32_t is_private);

/*
 * Sets how loud one listener hears one talker, as a factor from 0 to 8 on top of the talker's own
 * gain; a negative factor goes back to what everybody hears, after a ramp of a run in which it still
 * counts. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND; ALE_ERR_FULL beyond max_pair_gains; ALE_ERR_INVALID_ARGUMENT for a
 * factor out of range or NaN, and for a participant and itself.
 */
ale_status ale_mixer_set_pair_gain(struct ale_mixer *mixer,
                                   uint64_t listener,
                                   uint64_t talker,
                                   float factor);

/*
 * Level of a participant's input in the last run, in -dBov (RFC 6464), 127 for none. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_level(struct ale_mixer *mixer, uint64_t participant, uint8_t *level_dbov);

/*
 * Adds a frame from elsewhere (music, another mixer's sum) to what everybody hears until the next
 * run. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
 */
ale_status ale_mixer_mix_in(struct ale_mixer *mixer, const int32_t *pcm, size_t samples);

/*
 * Copies the sum of the last run, nothing limited: what other mixers are given by
 * ale_mixer_mix_in, so that all together are one. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT unless samples are a frame.
 */
ale_status ale_mixer_sum(const struct ale_mixer *mixer, int32_t *pcm, size_t samples);

/* What a mixer has done. */
typedef struct ale_mixer_counters {
  uint64_t participants;  /* Participants just now. */
  uint64_t runs;  /* Times that ale_mixer_run ran. */
  uint64_t rows_mixed;  /* Inputs that were added up. */
  uint64_t outputs;  /* Outputs taken. */
} ale_mixer_counters;

/* Reads the counters. Real-time. */
ale_status ale_mixer_stats(const struct ale_mixer *mixer, struct ale_mixer_counters *stats);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_MIXER_H */
