/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: audio beside legs: codecs, tones, a resampler, a phone's own end, packet times.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 *
 * Contents
 *   - Codecs in session descriptions
 *   - Codecs of the host
 *   - Tones and digits in the audio
 *   - Resampler
 *   - Near end: echo, noise and gain
 *   - Endpoint: a phone's lines and its device's two clocks
 *   - Other packet times
 */

#ifndef ALE_AUDIO_H
#define ALE_AUDIO_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Codecs in session descriptions ==== */

/*
 * Reads a codec out of a session description (RFC 8866 section 6.6): what stands behind the payload type
 * in its a=rtpmap line, "opus/48000/2", and in its a=fmtp line, NULL where there is none. A static
 * payload type (RFC 3551 section 6) needs no rtpmap: NULL. The codec's strings are these two, not copied:
 * they have to last until something has been made of it. All other members are 0. Comfort noise, telephone
 * events and redundancy are no codecs: they are numbers in an ale_leg_config. Any thread. Not real-time.
 *
 * Can return ALE_ERR_PAYLOAD_TYPE, ALE_ERR_UNSUPPORTED for a codec that is not known, and
 * ALE_ERR_ENCODING for parameters of Opus (RFC 7587 section 6.1) with impossible values.
 */
ale_status ale_codec_parse(uint32_t payload_type,
                           const char *rtpmap,
                           const char *fmtp,
                           struct ale_codec *codec);

/*
 * Writes what a session description says of a codec that is to be received: what stands behind the payload
 * type in its a=rtpmap line, and in its a=fmtp line, which is "" where nothing need be said. Opus says
 * what this side wants to be sent (RFC 7587 section 6.1): a rate below 48000, the bit rate where one is
 * set, mono, in-band FEC, no discontinuous transmission, which a host that wants it asks for in its place;
 * codec->fmtp is the peer's, and has no part in it. 64 and 192 bytes are enough. Each ends with a zero
 * byte. Any thread. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY, and what ale_codec_parse can.
 */
ale_status ale_codec_print(const struct ale_codec *codec,
                           char *rtpmap,
                           size_t rtpmap_capacity,
                           char *fmtp,
                           size_t fmtp_capacity);

/* ==== Codecs of the host ==== */

/*
 * A codec from outside, like G.729, iLBC, AMR-WB or EVS, made of functions of the host's. State is
 * what encoder_create and decoder_create make; one state is used by one thread at a time. All
 * functions but those that create and destroy must be real-time.
 */
typedef struct ale_host_codec_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_host_codec_config_init. */
  /* Samples a second of its PCM: 8000 (the default), 16000, 32000 or 48000; mono. */
  uint32_t sample_rate_hz;
  const char *encoding;  /* As in its a=rtpmap line, "G729/8000". Copied. */
  /* RTP clock in ticks a second, which the encoding names too. Default 8000. */
  uint32_t rtp_clock_hz;
  /*
   * Equipment impairment factor Ie in the E-model (ITU-T G.113 appendix I), in tenths; 110 for
   * G.729. Default 0.
   */
  uint32_t impairment_x10;
  /* Packet-loss robustness factor Bpl, in tenths; 190 for G.729. Default 251, G.711's. */
  uint32_t loss_robustness_x10;
  /*
   * Equipment impairment factor on the wide-band scale (G.113 appendix IV), in tenths. Default 360,
   * that of the narrow band.
   */
  uint32_t wide_band_impairment_x10;
  /* Passed to encoder_create and decoder_create; must outlive the codec and its legs. */
  void *context;
  /* Makes an encoder's state; NULL if it can't. NULL for a codec that only decodes. */
  void *(*encoder_create)(void *context);
  /*
   * Encodes samples of PCM into at most capacity bytes: how many, 0 for nothing to send, or
   * negative if it can't.
   */
  int32_t (*encode)(void *state,
                    const int16_t *pcm,
                    size_t samples,
                    uint8_t *payload,
                    size_t capacity);
  void (*encoder_destroy)(void *state);  /* Frees what encoder_create made. */
  void *(*decoder_create)(void *context);  /* Makes a decoder's state; NULL if it can't. */
  /*
   * How many samples a payload has, without decoding it; negative if it is malformed. Payloads
   * come from the network.
   */
  int32_t (*packet_samples)(void *state, const uint8_t *payload, size_t length);
  /* Decodes a payload into at most capacity samples: how many, or negative if it is malformed. */
  int32_t (*decode)(void *state,
                    const uint8_t *payload,
                    size_t length,
                    int16_t *pcm,
                    size_t capacity);
  /*
   * Optional: makes up for so many lost samples; 0, or negative if it can't. Without it the jitter
   * buffer conceals.
   */
  int32_t (*conceal)(void *state, int16_t *pcm, size_t samples);
  void (*decoder_destroy)(void *state);  /* Frees what decoder_create made. */
  /* Optional: forgets what was heard or said, as for a new stream, of either kind of state. */
  void (*reset)(void *state);
} ale_host_codec_config;

/* Fills a config with the defaults and no functions. Any thread. Real-time. */
ale_status ale_host_codec_config_init(struct ale_host_codec_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_host_codec_config_init_sized(struct ale_host_codec_config *config,
                                            size_t struct_size);

/*
 * Makes a codec of the host's functions, which are copied. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT: an encoding without name or with another clock, a rate that
 * can't be played, a decoding function that is missing, or only some of the encoding ones; and
 * ALE_ERR_NO_MEMORY.
 */
ale_status ale_host_codec_create(const struct ale_host_codec_config *config,
                                 struct ale_host_codec **codec);

/*
 * Frees a codec, which its legs and jitter buffers go on to use until they are destroyed. Any
 * thread. Not real-time.
 */
void ale_host_codec_destroy(struct ale_host_codec *codec);

/* ==== Tones and digits in the audio ==== */

/* Whose call progress tones. */
typedef enum ale_tone_plan_value {
  /*
   * 425 Hz (ETSI TR 101 041-2): Germany, Austria, Switzerland, Italy and most others near enough.
   */
  ALE_TONE_PLAN_EUROPE = 0,
  ALE_TONE_PLAN_FRANCE = 1,  /* France: 440 Hz. */
  ALE_TONE_PLAN_SPAIN = 2,  /* Spain: 425 Hz in cadences of its own. */
  ALE_TONE_PLAN_UNITED_KINGDOM = 3,  /* The United Kingdom and Ireland: pairs of frequencies. */
  /* The United States and Canada (ANSI T1.401): pairs of 350, 440, 480 and 620 Hz. */
  ALE_TONE_PLAN_NORTH_AMERICA = 4,
} ale_tone_plan_value;
typedef int32_t ale_tone_plan;

/* What a player of tones is made for. */
typedef struct ale_tones_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_tones_config_init. */
  /* Samples a second: a multiple of 100 from 8000 to 48000. Default 8000. */
  uint32_t sample_rate_hz;
  int32_t plan;  /* An ale_tone_plan. Default ALE_TONE_PLAN_EUROPE. */
  /*
   * Level of each frequency of a call progress tone in -dBov, 10 to 63. Default 16, which is -10 dBm0, as
   * exchanges have it.
   */
  uint32_t level_dbov;
} ale_tones_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_tones_config_init(struct ale_tones_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_tones_config_init_sized(struct ale_tones_config *config,
                                       size_t struct_size);

/* Plays call progress tones and DTMF digits, one thing at a time. Exclusive. */
typedef struct ale_tones ale_tones;

/*
 * Makes a player, which plays nothing yet. Any thread. Not real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_INVALID_ARGUMENT for a plan or level, and ALE_ERR_NO_MEMORY.
 */
ale_status ale_tones_create(const struct ale_tones_config *config,
                            struct ale_tones **tones);

/*
 * What a player of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_tones_create can.
 */
ale_status ale_tones_memory_required(const struct ale_tones_config *config,
                                     struct ale_memory *memory);

/* Frees a player. Any thread. Not real-time. */
void ale_tones_destroy(struct ale_tones *tones);

/* What a tone means to the caller (ITU-T E.180). */
typedef enum ale_tone_signal_value {
  ALE_TONE_DIAL = 0,  /* The exchange waits for digits. */
  ALE_TONE_RINGING = 1,  /* The other telephone rings. */
  ALE_TONE_BUSY = 2,  /* The other side is busy. */
  ALE_TONE_CONGESTION = 3,  /* The network is. */
  ALE_TONE_CALL_WAITING = 4,  /* Somebody else calls. */
  /* An announcement follows: the special information tone, three steps. */
  ALE_TONE_INFORMATION = 5,
} ale_tone_signal_value;
typedef int32_t ale_tone_signal;

/*
 * Plays a tone (an ale_tone_signal) until ale_tones_stop, from its beginning, in place of what is played
 * and of the digits that wait. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_tones_play(struct ale_tones *tones,
                          int32_t signal);

/*
 * Plays digits in the audio (DTMF, ITU-T Q.23), all or none, behind those that wait; a tone ends for
 * them. "0" to "9", "*", "#" and "A" to "D"; each of duration_ms with pause_ms of silence behind it, both
 * 20 to 10000 (ITU-T Q.24 wants 40, 100 are common), and each of its two frequencies at level_dbov, 10 to
 * 63 (13 is common). Up to 32 may wait. For peers without telephone events: see ale_leg_send_dtmf.
 * Real-time.
 *
 * Can return ALE_ERR_DIGIT, ALE_ERR_FULL, and ALE_ERR_INVALID_ARGUMENT for a duration or level.
 */
ale_status ale_tones_digits(struct ale_tones *tones,
                            const char *digits,
                            uint32_t duration_ms,
                            uint32_t pause_ms,
                            uint32_t level_dbov);

/*
 * Ends what is played, within 4 ms so that it does not click, and forgets the digits that wait.
 * Real-time.
 */
ale_status ale_tones_stop(struct ale_tones *tones);

/*
 * Writes what comes next, a multiple of 10 ms, or silence where nothing is played; where add is not 0, adds
 * it to what is there, within the range of 16 bits. *playing, which may be NULL, is 1 while there is more
 * to come, pauses among it, and 0 at the end. Real-time.
 *
 * Can return ALE_ERR_PCM_LENGTH.
 */
ale_status ale_tones_next(struct ale_tones *tones,
                          int16_t *pcm,
                          size_t samples,
                          int32_t add,
                          int32_t *playing);

/* ==== Resampler ==== */

/* Turns one channel of PCM at one rate into another. Exclusive. */
typedef struct ale_resampler ale_resampler;

/*
 * Makes a resampler between 8000, 12000, 16000, 24000, 32000 and 48000 Hz; equal rates are copied. What comes out is
 * 16 samples of the lower rate later; its band reaches 0.42 of the lower rate, within 0.1 dB, and what is
 * beyond 0.58 of it lies below -60 dB. Any thread. Not real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE and ALE_ERR_NO_MEMORY.
 */
ale_status ale_resampler_create(uint32_t from_hz,
                                uint32_t to_hz,
                                struct ale_resampler **resampler);

/*
 * What a resampler between these rates would take of the allocator. It is made and thrown away for that,
 * with memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_resampler_create can.
 */
ale_status ale_resampler_memory_required(uint32_t from_hz,
                                         uint32_t to_hz,
                                         struct ale_memory *memory);

/* Frees a resampler. Any thread. Not real-time. */
void ale_resampler_destroy(struct ale_resampler *resampler);

/*
 * Converts all samples, any number up to 16777216, and says how many there are now: of 10 ms just 10 ms.
 * Input and output are apart from each other. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY, where nothing has been taken in; samples *
 * to_hz / from_hz + 1 is room enough.
 */
ale_status ale_resampler_process(struct ale_resampler *resampler,
                                 const int16_t *pcm,
                                 size_t samples,
                                 int16_t *out,
                                 size_t capacity,
                                 size_t *written);

/* Forgets what has been taken in: what comes next has nothing to do with it. Real-time. */
ale_status ale_resampler_reset(struct ale_resampler *resampler);

/* ==== Near end: echo, noise and gain ==== */

/*
 * An engine of the host's, such as a phone's DSP: functions that are called on the capturing thread, 10 ms
 * at a time, first render, then capture. Samples are single precision with full scale at 1. All must be
 * real-time for the chain to be.
 */
typedef struct ale_voice_engine {
  void *context;  /* Passed to each function; must outlive the chain. */
  /*
   * What the loudspeaker plays, aligned with the capture that follows. NULL for an engine that does not
   * care.
   */
  void (*render)(void *context, const float *frame, size_t samples);
  /* What the microphone has heard, to be changed in place. NULL for no engine. */
  void (*capture)(void *context, float *frame, size_t samples);
  void (*restart)(void *context);  /* Optional: forgets what it has learnt. */
} ale_voice_engine;

/* What a chain is made for. */
typedef struct ale_voice_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_voice_config_init. */
  uint32_t sample_rate_hz;  /* Samples a second: 8000, 16000 (the default), 32000 or 48000; mono. */
  /*
   * How much later than it is pushed a sample counts as played, in ms: as much as the two threads'
   * callbacks may be apart. Default 10, at most 250.
   */
  uint32_t lead_ms;
  /* Whether near-end speech is brought to one level, never clipped. Default 1. */
  uint32_t gain_control;
  /* Whether jumps of the echo's delay are looked for and followed. Default 1. */
  uint32_t follow_jumps;
  /* The engine. By default it has no functions: echo and noise stay. */
  struct ale_voice_engine engine;
} ale_voice_config;

/* Fills a config with the defaults and no engine. Any thread. Real-time. */
ale_status ale_voice_config_init(struct ale_voice_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_voice_config_init_sized(struct ale_voice_config *config,
                                       size_t struct_size);

/* The half of the thread that captures. Exclusive. */
typedef struct ale_voice_capture ale_voice_capture;

/* The half of the thread that plays. Exclusive. */
typedef struct ale_voice_render ale_voice_render;

/*
 * Makes a chain and splits it: one half for the thread that plays, one for the thread that captures. Any
 * thread. Not real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_DELAY for a lead beyond 250 ms, and ALE_ERR_NO_MEMORY.
 */
ale_status ale_voice_create(const struct ale_voice_config *config,
                            struct ale_voice_render **render,
                            struct ale_voice_capture **capture);

/*
 * What a chain of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_voice_create can.
 */
ale_status ale_voice_memory_required(const struct ale_voice_config *config,
                                     struct ale_memory *memory);

/* Frees the playing half; the other goes on without a reference. Any thread. Not real-time. */
void ale_voice_render_destroy(struct ale_voice_render *render);

/* Frees the capturing half. Any thread. Not real-time. */
void ale_voice_capture_destroy(struct ale_voice_capture *capture);

/*
 * Takes what is played now, any number of samples. What finds no room, since nobody captures, is lost, and
 * the capturing half finds its place anew. Real-time.
 */
ale_status ale_voice_render_push(struct ale_voice_render *render,
                                 const int16_t *pcm,
                                 size_t samples);

/*
 * Takes 10 ms of the microphone and makes of it, in place, what is to be sent. Real-time as far as the
 * engine is.
 *
 * Can return ALE_ERR_PCM_LENGTH.
 */
ale_status ale_voice_capture_process(struct ale_voice_capture *capture,
                                     int16_t *pcm,
                                     size_t samples);

/*
 * Says that the echo comes so many samples later than before, from the next frame on: the loudspeaker has
 * run dry, or the microphone's driver has brought silence, for so long. Earlier, if negative. Real-time.
 */
ale_status ale_voice_capture_echo_moved(struct ale_voice_capture *capture,
                                        int64_t later_by_samples);

/* Forgets what was learnt: another device, another room. Real-time as far as the engine is. */
ale_status ale_voice_capture_restart(struct ale_voice_capture *capture);

/* What a chain counts and measures. */
typedef struct ale_voice_counters {
  uint64_t frames;  /* Frames that were captured. */
  uint64_t missing_reference_frames;  /* Those whose reference had not come. */
  /*
   * How often the reference's place was sought: at the beginning, and after each time that nobody played
   * or nobody captured.
   */
  uint64_t sought;
  uint64_t jumps_told;  /* Jumps of the echo that were reported by ale_voice_capture_echo_moved. */
  uint64_t jumps_found;  /* Jumps of the echo that were found in the signal. */
  /* Frames of which little was let through because the echo may have moved. */
  uint64_t hushed_frames;
  /*
   * By how much the echo is made softer, in tenths of a dB, while it is heard alone; 0 where that is not
   * known.
   */
  uint64_t echo_return_loss_enhancement_db_x10;
  int64_t gain_db_x10;  /* What speech is amplified by, in tenths of a dB. */
} ale_voice_counters;

/* What the chain has counted. Real-time. */
ale_status ale_voice_capture_stats(const struct ale_voice_capture *capture,
                                   struct ale_voice_counters *stats);

/* ==== Endpoint: a phone's lines and its device's two clocks ==== */

/* Where the audio goes in and out. */
typedef enum ale_profile_value {
  ALE_PROFILE_HANDS_FREE = 0,  /* A loudspeaker beside a microphone. */
  ALE_PROFILE_HANDSET = 1,  /* A receiver held to the head: little echo, and a soft side tone. */
  ALE_PROFILE_HEADSET = 2,  /* No echo worth an engine's work, and a soft side tone. */
} ale_profile_value;
typedef int32_t ale_profile;

/* What an endpoint is made for. */
typedef struct ale_endpoint_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_endpoint_config_init. */
  /* Samples a second of devices and legs: 8000, 16000 (the default), 32000 or 48000; mono. */
  uint32_t sample_rate_hz;
  int32_t profile;  /* An ale_profile. Default ALE_PROFILE_HANDS_FREE. */
  /*
   * Audio that is held waiting for the loudspeaker, 10 to 200 ms: as much as one callback takes, and a frame
   * of 10 ms and what callbacks are late by besides. Default 30, for callbacks of 10 ms.
   */
  uint32_t playout_ms;
  /*
   * How much later than its callback the loudspeaker sounds and the microphone has heard it at least, in ms,
   * at most 250. Default 10. Smaller values cost nothing but references that come too late.
   */
  uint32_t device_delay_ms;
  int32_t tone_plan;  /* An ale_tone_plan: the country's tones. Default ALE_TONE_PLAN_EUROPE. */
  /* What cancels echo and noise. By default it has no functions: both stay. */
  struct ale_voice_engine engine;
} ale_endpoint_config;

/* Fills a config with the defaults and no engine. Any thread. Real-time. */
ale_status ale_endpoint_config_init(struct ale_endpoint_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_endpoint_config_init_sized(struct ale_endpoint_config *config,
                                          size_t struct_size);

/*
 * The half for commands and statistics. Exclusive, to any thread. What it commands is done at the
 * microphone's next callback.
 */
typedef struct ale_endpoint_control ale_endpoint_control;

/* The half of the callback that captures. Exclusive. */
typedef struct ale_endpoint_microphone ale_endpoint_microphone;

/* The half of the callback that plays. Exclusive. */
typedef struct ale_endpoint_speaker ale_endpoint_speaker;

/*
 * Makes an endpoint without lines and splits it. The microphone's clock is the calls'; the loudspeaker follows
 * by a resampler, whatever its own clock does, and the canceller sees one clock. Any thread. Not real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE, ALE_ERR_DELAY, ALE_ERR_INVALID_ARGUMENT for a profile or plan, and
 * ALE_ERR_NO_MEMORY.
 */
ale_status ale_endpoint_create(const struct ale_endpoint_config *config,
                               struct ale_endpoint_microphone **microphone,
                               struct ale_endpoint_speaker **speaker,
                               struct ale_endpoint_control **control);

/*
 * What an endpoint of this config would take of the allocator, without its lines' legs. It is made and thrown
 * away for that, with memory of the C library's malloc. Any thread, also before ale_set_allocator. Not
 * real-time.
 *
 * Can return what ale_endpoint_create can.
 */
ale_status ale_endpoint_memory_required(const struct ale_endpoint_config *config,
                                        struct ale_memory *memory);

/*
 * Frees the capturing half, and the halves of legs that are on its lines. Any thread. Not real-time.
 */
void ale_endpoint_microphone_destroy(struct ale_endpoint_microphone *microphone);

/* Frees the playing half. Any thread. Not real-time. */
void ale_endpoint_speaker_destroy(struct ale_endpoint_speaker *speaker);

/*
 * Frees the controlling half, and halves of legs that were not collected. Any thread. Not real-time.
 */
void ale_endpoint_control_destroy(struct ale_endpoint_control *control);

/*
 * Takes what the device has captured, any number of samples, the last of them at now_ns; with every 10 ms lines
 * are pulled and pushed, and each datagram that is to be sent is given to send, which may not be NULL, with
 * context and the line whose peer it is for; it lives until send returns. Takes some 45 KiB of stack where a leg
 * sends Opus. Real-time as far as the engine and send are.
 */
ale_status ale_endpoint_capture(struct ale_endpoint_microphone *microphone,
                                uint64_t now_ns,
                                const int16_t *pcm,
                                size_t samples,
                                void (*send)(void *context,
                                             uint32_t line,
                                             const uint8_t *datagram,
                                             size_t length),
                                void *context);

/*
 * Says that the device has lost so many samples since the last capture, up to a second. Silence stands in for
 * them, so that calls go on and the echo stays where it was. The rest is as in ale_endpoint_capture. Real-time
 * as far as the engine and send are.
 */
ale_status ale_endpoint_lost(struct ale_endpoint_microphone *microphone,
                             uint64_t now_ns,
                             uint64_t lost_samples,
                             void (*send)(void *context,
                                          uint32_t line,
                                          const uint8_t *datagram,
                                          size_t length),
                             void *context);

/*
 * Forgets what the chain has learnt: another device, another room. Real-time as far as the engine is.
 */
ale_status ale_endpoint_restart(struct ale_endpoint_microphone *microphone);

/*
 * Fills pcm, any number of samples, with what is to be played; now_ns is on the clock of ale_endpoint_capture.
 * Real-time.
 */
ale_status ale_endpoint_render(struct ale_endpoint_speaker *speaker,
                               uint64_t now_ns,
                               int16_t *pcm,
                               size_t samples);

/* Lines of an endpoint: two calls, and a third that is brought in. They are numbered from 0. */
#define ALE_ENDPOINT_LINES 3

/*
 * Brings a leg's media half to a line, 0 to ALE_ENDPOINT_LINES - 1; it belongs to the endpoint from then on. All lines that are not held
 * talk with each other. The half that was there comes back by ale_endpoint_collect. Exclusive. Not real-time.
 *
 * Can return ALE_ERR_SAMPLE_RATE unless the leg's rate is the endpoint's (sample_rate_hz of ale_leg_config sees
 * to that), ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the half stays the caller's then.
 */
ale_status ale_endpoint_add(struct ale_endpoint_control *control,
                            uint32_t line_number,
                            struct ale_leg_media *media);

/*
 * Takes a line's leg off; ale_endpoint_collect gives its half back. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_endpoint_remove(struct ale_endpoint_control *control, uint32_t line_number);

/*
 * Gives back the half of a leg that was taken off a line, now the caller's, and that line's number. Exclusive.
 * Not real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_endpoint_collect(struct ale_endpoint_control *control,
                                uint32_t *line_number,
                                struct ale_leg_media **media);

/*
 * Holds a line (not 0): neither heard nor spoken to, while its leg goes on. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_endpoint_set_held(struct ale_endpoint_control *control,
                                 uint32_t line_number,
                                 int32_t held);

/*
 * Whether nobody hears the microphone (not 0). Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_endpoint_set_muted(struct ale_endpoint_control *control, int32_t muted);

/*
 * How loud the lines are in the loudspeaker, as a factor from 0 to 4. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_endpoint_set_volume(struct ale_endpoint_control *control, float factor);

/*
 * How loud one's own voice is in the loudspeaker, as a factor from 0 to 4; by default as the profile has it.
 * Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_endpoint_set_side_tone(struct ale_endpoint_control *control,
                                      float factor);

/*
 * Plays a tone, an ale_tone_signal, in the loudspeaker until it is stopped, at a level of 10 to 63; voices are
 * 12 dB softer meanwhile. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_endpoint_play(struct ale_endpoint_control *control,
                             int32_t tone_signal,
                             uint32_t level_dbov);

/*
 * Ends the tone. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_endpoint_stop_tone(struct ale_endpoint_control *control);

/* What both callbacks count and measure. Members may be added at its end. */
typedef struct ale_endpoint_counters {
  uint64_t frames;  /* Frames of 10 ms that were captured. */
  /* Samples that the microphone's device has lost, for which silence stood in. */
  uint64_t lost_samples;
  /* Frames that found no room on their way to the loudspeaker, since nobody plays. */
  uint64_t dropped_frames;
  uint64_t jumps_found;  /* Jumps of the echo's delay that were found in the signal. */
  uint64_t missing_reference_frames;  /* Frames whose reference had not come. */
  uint64_t captured_level_dbov;  /* Gauge: level of what is captured, in -dBov. */
  uint64_t sent_level_dbov;  /* Gauge: level of what is sent. */
  uint64_t heard_level_dbov;  /* Gauge: level of what is heard. */
  /*
   * Gauge: by how much the echo is made softer, in tenths of a dB; 0 where the engine does not say.
   */
  uint64_t echo_return_loss_enhancement_db_x10;
  uint64_t rendered_samples;  /* Samples that the loudspeaker's device has been given. */
  uint64_t underruns;  /* How often there was nothing to play. */
  uint64_t underrun_samples;  /* Samples of fading and silence that stood in then. */
  uint64_t overruns;  /* How often too much was waiting and was thrown away. */
  uint64_t waiting_us;  /* Gauge: what is waiting for the loudspeaker, in microseconds. */
  /* Gauge: how much faster than its clock the loudspeaker is fed, in parts per million. */
  int64_t correction_ppm;
} ale_endpoint_counters;

/*
 * Reads what both callbacks have counted: so many bytes of it as the caller's struct has (sizeof). What a newer
 * header has and this library does not know is 0. Exclusive. Real-time.
 */
ale_status ale_endpoint_stats(const struct ale_endpoint_control *control,
                              struct ale_endpoint_counters *counters,
                              size_t size);

/* ==== Other packet times ==== */

/*
 * Regroups the payloads of one stream into packets of another time, without re-encoding. Exclusive.
 */
typedef struct ale_repacketizer ale_repacketizer;

/*
 * Makes one, for packets of 10 to 60 ms. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NO_MEMORY, and ALE_ERR_UNSUPPORTED for codecs that are not known, and for those
 * of the host.
 */
ale_status ale_repacketizer_create(const struct ale_codec *codec,
                                   uint32_t packet_ms,
                                   struct ale_repacketizer **repacketizer);

/* Frees a repacketizer. Any thread. Not real-time. */
void ale_repacketizer_destroy(struct ale_repacketizer *repacketizer);

/*
 * Takes the payload that begins at an RTP timestamp, and calls emit for each payload that is
 * complete with it, with that one's timestamp. Where payloads are missing in between, what waits
 * goes first, shorter than the rest. NULL for a payload of no length gives what waits, as at the
 * end. Real-time as far as emit is.
 *
 * Can return ALE_ERR_PAYLOAD.
 */
ale_status ale_repacketizer_push(struct ale_repacketizer *repacketizer,
                                 uint32_t timestamp,
                                 const uint8_t *payload,
                                 size_t payload_bytes,
                                 void (*emit)(void *context,
                                              uint32_t timestamp,
                                              const uint8_t *payload,
                                              size_t payload_bytes),
                                 void *context);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_AUDIO_H */
