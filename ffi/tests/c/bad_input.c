/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every function of the header says to bad input. Each row is a call that would be good; it is
 * made once for each of its pointers with NULL there, and for each of its sizes with 0 and SIZE_MAX.
 * `xtask covered` sees to it that there is a row for every function.
 */
#include "check.h"

#include <stdlib.h>

#define LINE "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"

/* Which pointer of a call is NULL, which size is replaced and by what; and how many there are. */
static int bad_pointer, bad_size, pointers, sizes;
static size_t bad_value;

static void *pointer(const void *good)
{
    return pointers++ == bad_pointer ? NULL : (void *)(uintptr_t)good;
}

static size_t size(size_t good)
{
    return sizes++ == bad_size ? bad_value : good;
}

#define P(good) pointer(good)
#define N(good) size(good)
/* A function is a pointer, too, but none that a void pointer holds. */
#define F(good) (pointers++ == bad_pointer ? NULL : (good))

/* What the calls work on. */
static struct {
    ale_srtp *srtp;
    ale_srtp_backend *backend;
    ale_host_codec *codec;
    ale_jitter_writer *writer;
    ale_jitter_reader *reader;
    ale_jitter_control *control;
    ale_jitter_replay *replay;
    ale_mixer *mixer;
    ale_tones *tones;
    ale_resampler *resampler;
    ale_voice_render *render;
    ale_voice_capture *capture;
    ale_endpoint_microphone *microphone;
    ale_endpoint_speaker *speaker;
    ale_endpoint_control *endpoint;
    ale_leg_receiver *leg_receiver;
    ale_leg_media *leg_media;
    ale_leg_control *leg_control;
    ale_conference *conference;
    ale_link_end *end, *other_end;
    ale_partial_sums *sums;
    ale_tap *tap;
    ale_talk *talk;
    ale_repacketizer *repacketizer;
    uint64_t participant, talking;
    uint8_t packet[172], log[65536], checkpoint[4096];
    size_t log_bytes, checkpoint_bytes;
    int16_t pcm[160];
} o;

/* Good inputs. */
static struct {
    ale_allocator allocator;
    ale_srtp_config srtp;
    ale_srtp_crypto crypto;
    ale_srtp_backend_config backend;
    ale_host_codec_config codec;
    ale_jitter_config jitter;
    ale_mixer_config mixer;
    ale_tones_config tones;
    ale_voice_config voice;
    ale_endpoint_config endpoint;
    ale_leg_config leg;
    ale_conference_config conference;
    ale_join_options options;
    ale_tap_config tap;
    ale_talk_config talk;
    ale_grant grant;
    ale_codec g711;
    ale_srtp_stream stream;
    ale_address address;
    ale_passed passed;
    uint8_t key[ALE_SRTP_WRAPPING_KEY_BYTES], nonce[ALE_SRTP_WRAPPING_NONCE_BYTES];
    int32_t sum[80];
} in;

/* Where results go; nothing of it may change. */
static union {
    uint8_t bytes[32768];
    struct {
        void *object[3];
        size_t length;
        int32_t number[2];
        uint64_t id;
        uint32_t value;
        const uint8_t *datagram;
        char text[2][1024];
        int16_t more_pcm[160];
        int16_t pcm[160];
        int32_t sum[80];
        float shares[16];
        ale_srtp_crypto crypto;
        ale_srtp_stream streams[4];
        ale_srtp_event srtp_event;
        ale_srtp_counters srtp[2];
        ale_jitter_counters jitter;
        ale_pull_info info;
        ale_missing_packet missing[4];
        ale_mixer_counters mixer;
        ale_received received;
        ale_leg_event event;
        ale_passed passed;
        ale_leg_counters leg;
        ale_leg_session_counters session;
        ale_contributor contributors[4];
        ale_leg_ticket ticket;
        ale_address address;
        ale_conference_counters conference;
        ale_datagram sent;
        ale_tap_frame frame;
        ale_tap_packet packet;
        ale_tap_event tap_event;
        ale_talk_progress progress;
        ale_talk_event talk_event;
        ale_memory memory;
        ale_mistake mistake;
        ale_allocator allocator;
        ale_codec codec;
        ale_voice_counters voice;
        ale_endpoint_counters endpoint;
    } to;
} out;
#define TO (&out.to)
#define OBJECT(type, n) ((type **)P(&TO->object[n]))

static void on_send(void *context, uint32_t line, const uint8_t *datagram, size_t length)
{
    (void)context;
    (void)line;
    (void)datagram;
    (void)length;
}

static void on_payload(void *context, uint32_t timestamp, const uint8_t *payload, size_t bytes)
{
    (void)context;
    (void)timestamp;
    (void)payload;
    (void)bytes;
}

/* Pointers that may be NULL, and what is not a size, are written as they are. */
#define ROWS(X)                                                                                     \
    X(ale_allocator_init, ale_allocator_init(P(&TO->allocator)))                                    \
    X(ale_allocator_init_sized, ale_allocator_init_sized(P(&TO->allocator), N(sizeof in.allocator)))    \
    X(ale_set_allocator, ale_set_allocator(P(&in.allocator)))                                       \
    X(ale_host_codec_config_init, ale_host_codec_config_init(P(TO)))                                \
    X(ale_host_codec_config_init_sized, ale_host_codec_config_init_sized(P(TO), N(sizeof in.codec)))    \
    X(ale_host_codec_create, ale_host_codec_create(P(&in.codec), OBJECT(ale_host_codec, 0)))        \
    X(ale_codec_parse, ale_codec_parse(96, "PCMU/8000", NULL, P(&TO->codec)))                       \
    X(ale_codec_print, ale_codec_print(P(&in.g711), P(TO->text[0]), N(64), P(TO->text[1]), N(192))) \
    X(ale_tones_config_init, ale_tones_config_init(P(TO)))                                          \
    X(ale_tones_config_init_sized, ale_tones_config_init_sized(P(TO), N(sizeof in.tones)))          \
    X(ale_tones_create, ale_tones_create(P(&in.tones), OBJECT(ale_tones, 0)))                       \
    X(ale_tones_memory_required, ale_tones_memory_required(P(&in.tones), P(&TO->memory)))           \
    X(ale_tones_play, ale_tones_play(P(o.tones), ALE_TONE_BUSY))                                    \
    X(ale_tones_digits, ale_tones_digits(P(o.tones), P("1"), 100, 100, 16))                         \
    X(ale_tones_stop, ale_tones_stop(P(o.tones)))                                                   \
    X(ale_tones_next, ale_tones_next(P(o.tones), P(TO->pcm), N(80), 0, &TO->number[0]))             \
    X(ale_resampler_create, ale_resampler_create(8000, 16000, OBJECT(ale_resampler, 0)))            \
    X(ale_resampler_memory_required, ale_resampler_memory_required(8000, 16000, P(&TO->memory)))    \
    X(ale_resampler_process, ale_resampler_process(P(o.resampler), P(o.pcm), N(80), P(TO->pcm),     \
                                                   N(160), P(&TO->length)))                         \
    X(ale_resampler_reset, ale_resampler_reset(P(o.resampler)))                                     \
    X(ale_endpoint_config_init, ale_endpoint_config_init(P(TO)))                                    \
    X(ale_endpoint_config_init_sized, ale_endpoint_config_init_sized(P(TO), N(sizeof in.endpoint))) \
    X(ale_endpoint_create, ale_endpoint_create(P(&in.endpoint), OBJECT(ale_endpoint_microphone, 0), \
                                   OBJECT(ale_endpoint_speaker, 1), OBJECT(ale_endpoint_control, 2)))       \
    X(ale_endpoint_memory_required, ale_endpoint_memory_required(P(&in.endpoint), P(&TO->memory)))  \
    X(ale_endpoint_capture, ale_endpoint_capture(P(o.microphone), 0, P(o.pcm), N(160), F(on_send), NULL))   \
    X(ale_endpoint_lost, ale_endpoint_lost(P(o.microphone), 0, 160, F(on_send), NULL))              \
    X(ale_endpoint_restart, ale_endpoint_restart(P(o.microphone)))                                  \
    X(ale_endpoint_render, ale_endpoint_render(P(o.speaker), 0, P(TO->pcm), N(160)))                \
    X(ale_endpoint_add, ale_endpoint_add(P(o.endpoint), 0, P(o.leg_media)))                         \
    X(ale_endpoint_remove, ale_endpoint_remove(P(o.endpoint), 0))                                   \
    X(ale_endpoint_collect, ale_endpoint_collect(P(o.endpoint), P(&TO->value), OBJECT(ale_leg_media, 0)))   \
    X(ale_endpoint_set_held, ale_endpoint_set_held(P(o.endpoint), 0, 1))                            \
    X(ale_endpoint_set_muted, ale_endpoint_set_muted(P(o.endpoint), 1))                             \
    X(ale_endpoint_set_volume, ale_endpoint_set_volume(P(o.endpoint), 1))                           \
    X(ale_endpoint_set_side_tone, ale_endpoint_set_side_tone(P(o.endpoint), 1))                     \
    X(ale_endpoint_play, ale_endpoint_play(P(o.endpoint), ALE_TONE_DIAL, 20))                       \
    X(ale_endpoint_stop_tone, ale_endpoint_stop_tone(P(o.endpoint)))                                \
    X(ale_endpoint_stats, ale_endpoint_stats(P(o.endpoint), P(&TO->endpoint), N(sizeof TO->endpoint)))      \
    X(ale_voice_config_init, ale_voice_config_init(P(TO)))                                          \
    X(ale_voice_config_init_sized, ale_voice_config_init_sized(P(TO), N(sizeof in.voice)))          \
    X(ale_voice_create, ale_voice_create(P(&in.voice), OBJECT(ale_voice_render, 0),                 \
                                         OBJECT(ale_voice_capture, 1)))                             \
    X(ale_voice_memory_required, ale_voice_memory_required(P(&in.voice), P(&TO->memory)))           \
    X(ale_voice_render_push, ale_voice_render_push(P(o.render), P(o.pcm), N(160)))                  \
    X(ale_voice_capture_process, ale_voice_capture_process(P(o.capture), P(TO->pcm), N(160)))       \
    X(ale_voice_capture_echo_moved, ale_voice_capture_echo_moved(P(o.capture), 160))                \
    X(ale_voice_capture_restart, ale_voice_capture_restart(P(o.capture)))                           \
    X(ale_voice_capture_stats, ale_voice_capture_stats(P(o.capture), P(&TO->voice)))                \
    X(ale_srtp_crypto_init, ale_srtp_crypto_init(P(TO)))                                            \
    X(ale_srtp_crypto_init_sized, ale_srtp_crypto_init_sized(P(TO), N(sizeof in.crypto)))               \
    X(ale_srtp_crypto_parse, ale_srtp_crypto_parse(P(LINE), P(&TO->crypto)))                        \
    X(ale_srtp_crypto_print, ale_srtp_crypto_print(P(&in.crypto), P(TO->text[0]), N(1024)))         \
    X(ale_srtp_crypto_generate,                                                                     \
      ale_srtp_crypto_generate(P("AEAD_AES_128_GCM"), 1, P(in.key), N(28), P(TO->text[0]), N(1024)))  \
    KEY_LOG_ROWS(X)                                                                                 \
    X(ale_srtp_dtls_bytes, ale_srtp_dtls_bytes(1, P(&TO->length)))                                  \
    X(ale_srtp_dtls_split, ale_srtp_dtls_split(1, P(o.packet), N(60), 1, P(TO->text[0]), N(128),    \
                                               P(TO->text[1]), N(128)))                             \
    X(ale_srtp_backend_config_init, ale_srtp_backend_config_init(P(TO)))                            \
    X(ale_srtp_backend_config_init_sized, ale_srtp_backend_config_init_sized(P(TO), N(sizeof in.backend)))\
    X(ale_srtp_backend_create, ale_srtp_backend_create(P(&in.backend), OBJECT(ale_srtp_backend, 0)))\
    OPENSSL_ROWS(X)                                                                                 \
    X(ale_srtp_config_init, ale_srtp_config_init(P(TO)))                                            \
    X(ale_srtp_config_init_sized, ale_srtp_config_init_sized(P(TO), N(sizeof in.srtp)))                 \
    X(ale_srtp_create, ale_srtp_create(P(&in.srtp), OBJECT(ale_srtp, 0)))                           \
    X(ale_srtp_memory_required, ale_srtp_memory_required(P(&in.srtp), P(&TO->memory)))              \
    X(ale_srtp_protect, ale_srtp_protect(P(o.srtp), P(o.packet), N(172), 2048, P(&TO->length)))     \
    X(ale_srtp_unprotect, ale_srtp_unprotect(P(o.srtp), P(o.packet), N(172), P(&TO->length)))       \
    X(ale_srtp_protect_rtcp,                                                                        \
      ale_srtp_protect_rtcp(P(o.srtp), P(o.packet), N(172), 2048, P(&TO->length)))                  \
    X(ale_srtp_unprotect_rtcp,                                                                      \
      ale_srtp_unprotect_rtcp(P(o.srtp), P(o.packet), N(172), P(&TO->length)))                      \
    X(ale_srtp_protect_batch, ale_srtp_protect_batch(P(TO), N(1)))                                  \
    X(ale_srtp_unprotect_batch, ale_srtp_unprotect_batch(P(TO), N(1)))                              \
    X(ale_srtp_rekey, ale_srtp_rekey(P(o.srtp), NULL, NULL))                                        \
    X(ale_srtp_retire_previous_keys, ale_srtp_retire_previous_keys(P(o.srtp)))                      \
    X(ale_srtp_select_key, ale_srtp_select_key(P(o.srtp), P(o.packet), N(4)))                       \
    X(ale_srtp_streams,                                                                             \
      ale_srtp_streams(P(o.srtp), ALE_SRTP_SENDING, P(TO->streams), N(4), P(&TO->length)))          \
    X(ale_srtp_set_stream, ale_srtp_set_stream(P(o.srtp), ALE_SRTP_SENDING, P(&in.stream)))         \
    X(ale_srtp_remove_stream, ale_srtp_remove_stream(P(o.srtp), ALE_SRTP_SENDING, 1))               \
    X(ale_srtp_poll_event, ale_srtp_poll_event(P(o.srtp), ALE_SRTP_SENDING, P(&TO->srtp_event)))    \
    X(ale_srtp_diagnose, ale_srtp_diagnose(P(LINE), P(o.packet), N(172), P(&TO->srtp_event)))       \
    X(ale_srtp_stats, ale_srtp_stats(P(o.srtp), &TO->srtp[0], &TO->srtp[1]))                        \
    X(ale_srtp_checkpoint_bytes,                                                                    \
      ale_srtp_checkpoint_bytes(P(o.srtp), ALE_SRTP_SENDING, P(&TO->length)))                       \
    X(ale_srtp_checkpoint, ale_srtp_checkpoint(P(o.srtp), ALE_SRTP_RECEIVING, P(in.key),            \
                                               P(in.nonce), 0, P(TO->text), N(2048),                \
                                               P(&TO->length), P(&TO->id)))                         \
    X(ale_srtp_confirm_checkpoint, ale_srtp_confirm_checkpoint(P(o.srtp), 1))                       \
    X(ale_srtp_restore, ale_srtp_restore(P(&in.srtp), P(in.key), P(o.checkpoint),                   \
                                         N(o.checkpoint_bytes), NULL, 0, OBJECT(ale_srtp, 0)))      \
    X(ale_jitter_config_init, ale_jitter_config_init(P(TO)))                                        \
    X(ale_jitter_config_init_sized, ale_jitter_config_init_sized(P(TO), N(sizeof in.jitter)))           \
    X(ale_jitter_create, ale_jitter_create(P(&in.jitter), OBJECT(ale_jitter_writer, 0),             \
                                           OBJECT(ale_jitter_reader, 1)))                           \
    X(ale_jitter_memory_required, ale_jitter_memory_required(P(&in.jitter), P(&TO->memory)))        \
    X(ale_jitter_insert, ale_jitter_insert(P(o.writer), P(o.packet), N(172), 0))                    \
    X(ale_jitter_pull, ale_jitter_pull(P(o.reader), 0, P(TO->pcm), N(80), &TO->info))               \
    X(ale_jitter_set_delay_bounds, ale_jitter_set_delay_bounds(P(o.reader), 0, 100))                \
    X(ale_jitter_stats, ale_jitter_stats(P(o.reader), P(&TO->jitter)))                              \
    X(ale_jitter_control_create,                                                                    \
      ale_jitter_control_create(P(o.reader), OBJECT(ale_jitter_control, 0)))                        \
    X(ale_jitter_control_set_mode, ale_jitter_control_set_mode(P(o.control), 0, 60))                \
    X(ale_jitter_control_set_delay_bounds,                                                          \
      ale_jitter_control_set_delay_bounds(P(o.control), 0, 100))                                    \
    X(ale_jitter_missing,                                                                           \
      ale_jitter_missing(P(o.reader), 0, P(TO->missing), N(4), P(&TO->length)))                     \
    X(ale_jitter_arrival_histogram,                                                                 \
      ale_jitter_arrival_histogram(P(o.reader), 10, P(TO->shares), N(16)))                          \
    X(ale_jitter_black_box,                                                                         \
      ale_jitter_black_box(P(o.reader), P(TO->text), N(2048), P(&TO->length)))                      \
    X(ale_jitter_replay_create, ale_jitter_replay_create(P(o.log), N(o.log_bytes), P(&in.jitter),   \
                                                         OBJECT(ale_jitter_replay, 0)))             \
    X(ale_jitter_replay_pull,                                                                       \
      ale_jitter_replay_pull(P(o.replay), P(TO->pcm), N(160), P(&TO->length), P(&TO->info),         \
                             P(&TO->number[0]), P(&TO->number[1])))                                 \
    X(ale_mixer_config_init, ale_mixer_config_init(P(TO)))                                          \
    X(ale_mixer_config_init_sized, ale_mixer_config_init_sized(P(TO), N(sizeof in.mixer)))              \
    X(ale_mixer_create, ale_mixer_create(P(&in.mixer), OBJECT(ale_mixer, 0)))                       \
    X(ale_mixer_memory_required, ale_mixer_memory_required(P(&in.mixer), P(&TO->memory)))           \
    X(ale_mixer_add, ale_mixer_add(P(o.mixer), P(&TO->id)))                                         \
    X(ale_mixer_remove, ale_mixer_remove(P(o.mixer), o.participant))                                \
    X(ale_mixer_input, ale_mixer_input(P(o.mixer), o.participant, P(o.pcm), N(80)))                 \
    X(ale_mixer_run, ale_mixer_run(P(o.mixer)))                                                     \
    X(ale_mixer_output, ale_mixer_output(P(o.mixer), o.participant, P(TO->pcm), N(80)))             \
    X(ale_mixer_set_gain, ale_mixer_set_gain(P(o.mixer), o.participant, 1))                         \
    X(ale_mixer_set_muted, ale_mixer_set_muted(P(o.mixer), o.participant, 0))                       \
    X(ale_mixer_set_listening, ale_mixer_set_listening(P(o.mixer), o.participant, 1))               \
    X(ale_mixer_set_private, ale_mixer_set_private(P(o.mixer), o.participant, 0))                   \
    X(ale_mixer_set_pair_gain, ale_mixer_set_pair_gain(P(o.mixer), o.participant, 0, 1))            \
    X(ale_mixer_level, ale_mixer_level(P(o.mixer), o.participant, P(&TO->value)))                   \
    X(ale_mixer_mix_in, ale_mixer_mix_in(P(o.mixer), P(in.sum), N(80)))                             \
    X(ale_mixer_sum, ale_mixer_sum(P(o.mixer), P(TO->sum), N(80)))                                  \
    X(ale_mixer_stats, ale_mixer_stats(P(o.mixer), P(&TO->mixer)))                                  \
    X(ale_leg_config_init, ale_leg_config_init(P(TO)))                                            \
    X(ale_leg_config_init_sized, ale_leg_config_init_sized(P(TO), N(sizeof in.leg)))                \
    X(ale_leg_config_check,                                                            \
      ale_leg_config_check(o.leg_control, P(&in.leg), P(&TO->mistake), N(sizeof(ale_mistake))))            \
    X(ale_leg_create, ale_leg_create(P(&in.leg), OBJECT(ale_leg_receiver, 0),                       \
                                     OBJECT(ale_leg_media, 1), OBJECT(ale_leg_control, 2)))         \
    X(ale_leg_memory_required, ale_leg_memory_required(P(&in.leg), P(&TO->memory)))                 \
    X(ale_leg_receive, ale_leg_receive(P(o.leg_receiver), P(o.packet), N(172), 0, &TO->received))   \
    X(ale_leg_sample_rate_hz, no_status(ale_leg_sample_rate_hz(P(o.leg_media))))                    \
    X(ale_leg_pull, ale_leg_pull(P(o.leg_media), 0, P(TO->pcm), N(80), &TO->info))                  \
    X(ale_leg_push, ale_leg_push(P(o.leg_media), P(o.pcm), N(80)))                                  \
    X(ale_leg_poll_transmit,                                                                        \
      ale_leg_poll_transmit(P(o.leg_media), 0, P(&TO->datagram), P(&TO->length)))                   \
    X(ale_leg_goodbye, ale_leg_goodbye(P(o.leg_media), 0, P(&TO->datagram), P(&TO->length)))        \
    X(ale_leg_set_muted, ale_leg_set_muted(P(o.leg_control), 0))                                    \
    X(ale_leg_rekey, ale_leg_rekey(P(o.leg_control), NULL, NULL))                                   \
    X(ale_leg_receive_from, ale_leg_receive_from(P(o.leg_receiver), P(o.packet), N(172),            \
                                                 P(&in.address), 0, &TO->received))                 \
    X(ale_leg_remote_address, ale_leg_remote_address(P(o.leg_receiver), P(&TO->address)))           \
    X(ale_leg_unlatch, ale_leg_unlatch(P(o.leg_control)))                                           \
    X(ale_leg_update, ale_leg_update(P(o.leg_control), P(&in.leg)))                          \
    X(ale_leg_renew, ale_leg_renew(P(o.leg_receiver), P(o.leg_media), P(o.leg_control),             \
                                   P(&in.leg)))                                                     \
    X(ale_leg_session_stats, ale_leg_session_stats(P(o.leg_control), P(&TO->session), N(64)))        \
    X(ale_leg_relatch, ale_leg_relatch(P(o.leg_control), P(&in.address), NULL))                     \
    X(ale_leg_peer_address, ale_leg_peer_address(P(o.leg_control), P(&TO->address), NULL))          \
    X(ale_leg_change_ssrc, ale_leg_change_ssrc(P(o.leg_control), 2))                                \
    X(ale_leg_receive_batch, ale_leg_receive_batch(P(TO), N(1)))                                    \
    X(ale_leg_send_dtmf, ale_leg_send_dtmf(P(o.leg_control), P("1"), 100, 8))                       \
    X(ale_leg_stop_dtmf, ale_leg_stop_dtmf(P(o.leg_control)))                                       \
    X(ale_leg_next_event, ale_leg_next_event(P(o.leg_control), P(&TO->event)))                      \
    X(ale_leg_set_delay_mode, ale_leg_set_delay_mode(P(o.leg_control), 0, 60))                      \
    X(ale_leg_set_delay_bounds, ale_leg_set_delay_bounds(P(o.leg_control), 0, 600))                 \
    X(ale_leg_record, ale_leg_record(P(o.leg_control), 100))                                        \
    X(ale_leg_read_recording,                                                                       \
      ale_leg_read_recording(P(o.leg_control), P(TO->pcm), P(TO->more_pcm), N(80), P(&TO->length),  \
                             NULL))                                                                 \
    X(ale_leg_arrival_histogram,                                                                    \
      ale_leg_arrival_histogram(P(o.leg_media), 10, P(TO->shares), N(16)))                          \
    X(ale_leg_black_box,                                                                            \
      ale_leg_black_box(P(o.leg_media), P(TO->text), N(2048), P(&TO->length)))                      \
    X(ale_leg_passed, ale_leg_passed(P(o.leg_receiver), P(&TO->passed)))                            \
    X(ale_leg_relay, ale_leg_relay(P(o.leg_media), P(&in.passed), P(o.packet), N(160),              \
                                   P(&TO->datagram), P(&TO->length)))                               \
    X(ale_repacketizer_create,                                                                      \
      ale_repacketizer_create(P(&in.g711), 20, OBJECT(ale_repacketizer, 0)))                        \
    X(ale_repacketizer_push,                                                                        \
      ale_repacketizer_push(P(o.repacketizer), 0, P(o.packet), N(160), F(on_payload), NULL))        \
    X(ale_leg_stats, ale_leg_stats(P(o.leg_control), P(&TO->leg)))                                  \
    X(ale_leg_contributors,                                                                         \
      ale_leg_contributors(P(o.leg_control), P(TO->contributors), N(4), P(&TO->length)))            \
    X(ale_leg_ticket_read, ale_leg_ticket_read(P(o.leg_control), P(&TO->ticket)))                   \
    X(ale_leg_ticket_json, ale_leg_ticket_json(P(o.leg_control), P(TO->text), N(2048), &TO->length))\
    X(ale_conference_config_init, ale_conference_config_init(P(TO)))                                \
    X(ale_conference_config_init_sized, ale_conference_config_init_sized(P(TO), N(sizeof in.conference)))\
    X(ale_join_options_init, ale_join_options_init(P(TO)))                                          \
    X(ale_join_options_init_sized, ale_join_options_init_sized(P(TO), N(sizeof in.options)))            \
    X(ale_conference_create, ale_conference_create(P(&in.conference), OBJECT(ale_conference, 0)))   \
    X(ale_conference_memory_required,                                                               \
      ale_conference_memory_required(P(&in.conference), P(&TO->memory)))                            \
    X(ale_conference_join,                                                                          \
      ale_conference_join(P(o.conference), P(o.leg_media), &in.options, P(&TO->id)))                \
    X(ale_conference_leave, ale_conference_leave(P(o.conference), 0))                               \
    X(ale_conference_reclaim,                                                                       \
      ale_conference_reclaim(P(o.conference), P(&TO->id), OBJECT(ale_leg_media, 0)))                \
    X(ale_conference_tag, ale_conference_tag(P(o.conference), 0, P(&TO->id)))                       \
    X(ale_conference_set_muted, ale_conference_set_muted(P(o.conference), 0, 0))                    \
    X(ale_conference_set_gain, ale_conference_set_gain(P(o.conference), 0, 1))                      \
    X(ale_conference_set_listening, ale_conference_set_listening(P(o.conference), 0, 1))            \
    X(ale_conference_set_private, ale_conference_set_private(P(o.conference), 0, 0))                \
    X(ale_conference_set_pair_gain, ale_conference_set_pair_gain(P(o.conference), 0, 1, 1))         \
    X(ale_conference_next_dominant_speaker,                                                         \
      ale_conference_next_dominant_speaker(P(o.conference), P(&TO->id)))                            \
    X(ale_link_memory_required, ale_link_memory_required(8000, P(&TO->memory)))                     \
    X(ale_link_create, ale_link_create(8000, OBJECT(ale_link_end, 0), OBJECT(ale_link_end, 1)))     \
    X(ale_link_end_push, ale_link_end_push(P(o.end), P(o.pcm), N(80)))                              \
    X(ale_link_end_pull, ale_link_end_pull(P(o.end), P(TO->pcm), N(80)))                            \
    X(ale_conference_join_link,                                                                     \
      ale_conference_join_link(P(o.conference), P(o.end), &in.options, P(&TO->id)))                 \
    X(ale_conference_tick, ale_conference_tick(P(o.conference), 0))                                 \
    X(ale_conference_next_datagram,                                                                 \
      ale_conference_next_datagram(P(o.conference), P(&TO->sent)))                                  \
    X(ale_conference_stats, ale_conference_stats(P(o.conference), P(&TO->conference)))              \
    X(ale_tap_config_init, ale_tap_config_init(P(TO)))                                              \
    X(ale_tap_config_init_sized, ale_tap_config_init_sized(P(TO), N(sizeof in.tap)))                \
    X(ale_grant_init, ale_grant_init(P(TO)))                                                        \
    X(ale_grant_init_sized, ale_grant_init_sized(P(TO), N(sizeof in.grant)))                        \
    X(ale_member_grant, ale_member_grant(P(o.conference), 0, P(&in.grant)))                         \
    X(ale_member_withdraw, ale_member_withdraw(P(o.conference), 0, 1))                              \
    X(ale_member_recordpref, ale_member_recordpref(P(o.conference), 0, P("off")))                   \
    X(ale_tap_create, ale_tap_create(P(o.conference), P(&in.tap), OBJECT(ale_tap, 0)))              \
    X(ale_tap_id, ale_tap_id(P(o.tap), P(&TO->id)))                                                 \
    X(ale_tap_read, ale_tap_read(P(o.tap), P(TO->pcm), N(160), P(&TO->frame)))                      \
    X(ale_tap_read_packet, ale_tap_read_packet(P(o.tap), P(TO->text), N(1920), P(&TO->packet)))     \
    X(ale_tap_pause, ale_tap_pause(P(o.conference), 0, 1))                                          \
    X(ale_tap_end, ale_tap_end(P(o.conference), 0))                                                 \
    X(ale_tap_next_event, ale_tap_next_event(P(o.conference), P(&TO->tap_event)))                   \
    X(ale_talk_config_init, ale_talk_config_init(P(TO)))                                            \
    X(ale_talk_config_init_sized, ale_talk_config_init_sized(P(TO), N(sizeof in.talk)))             \
    X(ale_talk_create,                                                                              \
      ale_talk_create(P(o.conference), P(&in.talk), &in.options, OBJECT(ale_talk, 0), P(&TO->id)))  \
    X(ale_talk_write, ale_talk_write(P(o.talk), 0, P(o.pcm), N(160)))                               \
    X(ale_talk_mark, ale_talk_mark(P(o.talk), 1))                                                   \
    X(ale_talk_flush, ale_talk_flush(P(o.talk), 0))                                                 \
    X(ale_talk_cancel, ale_talk_cancel(P(o.talk), 0, 0))                                            \
    X(ale_talk_pause, ale_talk_pause(P(o.talk), 0))                                                 \
    X(ale_talk_position, ale_talk_position(P(o.talk), P(&TO->progress)))                            \
    X(ale_talk_next_event, ale_talk_next_event(P(o.talk), P(&TO->talk_event)))                      \
    X(ale_partial_sums_create, ale_partial_sums_create(OBJECT(ale_partial_sums, 0)))                \
    X(ale_conference_gather, ale_conference_gather(P(o.conference), 0, P(o.sums)))                  \
    X(ale_conference_deliver,                                                                       \
      ale_conference_deliver(P(o.conference), 0, P((const ale_partial_sums *const *)&o.sums), N(1)))

#ifdef ALE_WITH_KEY_LOG
#define KEY_LOG_ROWS(X) \
    X(ale_srtp_key_log, ale_srtp_key_log(P(o.srtp), ALE_SRTP_SENDING, P(TO->text[0]), N(1024)))
#else
#define KEY_LOG_ROWS(X)
#endif
#ifdef ALE_WITH_OPENSSL
#define OPENSSL_ROWS(X) X(ale_srtp_backend_openssl, ale_srtp_backend_openssl(OBJECT(ale_srtp_backend, 0)))
#else
#define OPENSSL_ROWS(X)
#endif

/* Nothing is destroyed where there is nothing. */
#define DESTROYS(X)                                                                                 \
    X(ale_host_codec_destroy) X(ale_srtp_backend_destroy) X(ale_srtp_destroy)                       \
    X(ale_jitter_writer_destroy) X(ale_jitter_reader_destroy) X(ale_jitter_control_destroy)         \
    X(ale_jitter_replay_destroy) X(ale_mixer_destroy) X(ale_tones_destroy) X(ale_resampler_destroy)                    \
    X(ale_endpoint_microphone_destroy) X(ale_endpoint_speaker_destroy) X(ale_endpoint_control_destroy)   \
    X(ale_voice_render_destroy) X(ale_voice_capture_destroy) X(ale_leg_receiver_destroy)                   \
    X(ale_leg_media_destroy) X(ale_leg_control_destroy) X(ale_repacketizer_destroy)                 \
    X(ale_conference_destroy) X(ale_link_end_destroy) X(ale_partial_sums_destroy)                    \
    X(ale_tap_destroy) X(ale_talk_destroy)

/* A function that answers with a number says 0. */
static ale_status no_status(uint32_t number)
{
    return number == 0 ? ALE_ERR_INVALID_ARGUMENT : ALE_OK;
}

#define CALL(name, call)            \
    static ale_status name##_row(void) \
    {                               \
        return call;                \
    }
ROWS(CALL)

static const struct {
    const char *name;
    ale_status (*call)(void);
} rows[] = {
#define ROW(name, call) {#name, name##_row},
    ROWS(ROW)
};

static ale_status call(size_t row)
{
    pointers = sizes = 0;
    return rows[row].call();
}

static int untouched(void)
{
    size_t i;
    for (i = 0; i < sizeof out.bytes; i++)
        if (out.bytes[i] != 0xA5)
            return 0;
    return 1;
}

static void expect(int is_so, size_t row, const char *what, int which)
{
    if (!is_so) {
        fprintf(stderr, "%s: %s %d\n", rows[row].name, what, which);
        exit(1);
    }
}

static void calls(void)
{
    ale_status status;
    size_t row;
    int which, count;
    memset(out.bytes, 0xA5, sizeof out.bytes);
    for (row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        bad_size = -1;
        for (which = 0, count = 1; which < count; which++) {
            bad_pointer = which;
            expect(call(row) == ALE_ERR_INVALID_ARGUMENT, row, "takes NULL as pointer", which);
            expect(untouched(), row, "writes in spite of a NULL as pointer", which);
            count = pointers;
        }
        bad_pointer = -1;
        for (which = 0, count = sizes; which < count; which++) {
            bad_size = which;
            bad_value = SIZE_MAX;
            status = call(row);
            expect(status == ALE_ERR_INVALID_ARGUMENT || status == ALE_ERR_STRUCT_SIZE ||
                       status == ALE_ERR_PCM_LENGTH,
                   row, "takes SIZE_MAX as size", which);
            expect(untouched(), row, "writes in spite of SIZE_MAX as size", which);
            bad_value = 0; /* nothing, for some an error */
            expect(call(row) != ALE_ERR_INTERNAL, row, "fails at 0 as size", which);
            memset(out.bytes, 0xA5, sizeof out.bytes);
        }
    }
#define NOTHING(name) name(NULL);
    DESTROYS(NOTHING)
}

/* Structs of a size that no header had. */
static void struct_sizes(void)
{
    struct {
        uint32_t *size;
        ale_status (*call)(void);
        const char *name;
    } configs[] = {
#define CONFIG(in, name) {&(in).struct_size, name##_row, #name}
        CONFIG(in.allocator, ale_set_allocator), CONFIG(in.codec, ale_host_codec_create),
        CONFIG(in.crypto, ale_srtp_crypto_print), CONFIG(in.backend, ale_srtp_backend_create),
        CONFIG(in.srtp, ale_srtp_create), CONFIG(in.srtp, ale_srtp_memory_required),
        CONFIG(in.srtp, ale_srtp_restore), CONFIG(in.jitter, ale_jitter_create),
        CONFIG(in.jitter, ale_jitter_memory_required), CONFIG(in.jitter, ale_jitter_replay_create),
        CONFIG(in.tones, ale_tones_create), CONFIG(in.tones, ale_tones_memory_required),
        CONFIG(in.voice, ale_voice_create), CONFIG(in.voice, ale_voice_memory_required),
        CONFIG(in.endpoint, ale_endpoint_create), CONFIG(in.endpoint, ale_endpoint_memory_required),
        CONFIG(in.mixer, ale_mixer_create), CONFIG(in.mixer, ale_mixer_memory_required),
        CONFIG(in.leg, ale_leg_create), CONFIG(in.leg, ale_leg_memory_required),
        CONFIG(in.conference, ale_conference_create),
        CONFIG(in.conference, ale_conference_memory_required),
        CONFIG(in.options, ale_conference_join), CONFIG(in.options, ale_conference_join_link),
        CONFIG(in.tap, ale_tap_create), CONFIG(in.grant, ale_member_grant),
        CONFIG(in.talk, ale_talk_create), CONFIG(in.options, ale_talk_create),
    };
    size_t config, i;
    bad_pointer = bad_size = -1;
    for (config = 0; config < sizeof configs / sizeof configs[0]; config++) {
        uint32_t good = *configs[config].size;
        uint32_t bad[] = {0, 1, 3, 4, 8, 12, 0, 0, 0, 0x80000000u, UINT32_MAX};
        bad[6] = good + 1;
        bad[7] = good + 4;
        bad[8] = good * 2;
        for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            *configs[config].size = bad[i];
            if (configs[config].call() != ALE_ERR_STRUCT_SIZE || !untouched()) {
                fprintf(stderr, "%s takes a struct of %lu bytes\n", configs[config].name,
                        (unsigned long)bad[i]);
                exit(1);
            }
        }
        *configs[config].size = good;
    }
    /* The end of a config that has grown lies no place but where a header's did. */
    REFUSED(ALE_ERR_STRUCT_SIZE, ale_leg_config_init_sized((void *)TO, 4));
    REFUSED(ALE_ERR_STRUCT_SIZE, ale_leg_config_init_sized((void *)TO, sizeof in.leg + 8));
    EXPECT(untouched());
}

/* Lists within configs, and what lies in lists. */
static void lists(void)
{
#define BAD(member, value, row) BAD_BY(ALE_ERR_INVALID_ARGUMENT, member, value, row)
#define BAD_BY(status, member, value, row)      \
    do {                                        \
        void *good = malloc(sizeof(member));    \
        EXPECT(good != NULL);                   \
        memcpy(good, &(member), sizeof(member)); \
        (member) = value;                       \
        REFUSED(status, row##_row());           \
        EXPECT(untouched());                    \
        memcpy(&(member), good, sizeof(member)); \
        free(good);                             \
    } while (0)
    const ale_partial_sums *none = NULL;
    ale_srtp_job job;
    ale_arrival arrival;
    BAD(in.srtp.ssrc_count, 1, ale_srtp_create);
    BAD(in.srtp.ssrc_count, SIZE_MAX, ale_srtp_create);
    BAD(in.srtp.encrypted_extension_count, 1, ale_srtp_create);
    BAD(in.srtp.encrypted_extension_count, SIZE_MAX, ale_srtp_create);
    BAD(in.jitter.codecs, NULL, ale_jitter_create);
    BAD(in.jitter.codec_count, SIZE_MAX, ale_jitter_create);
    BAD(in.leg.receive_count, 1, ale_leg_create);
    BAD(in.leg.receive_count, SIZE_MAX, ale_leg_create);
    BAD(in.leg.pass_through_count, 1, ale_leg_create);
    BAD(in.leg.pass_through_count, SIZE_MAX, ale_leg_create);
    BAD_BY(ALE_ERR_CNAME, in.leg.cname, NULL, ale_leg_create);
    BAD_BY(ALE_ERR_ENCODING, in.leg.send.encoding, NULL, ale_leg_create);
    INVALID(ale_conference_deliver(o.conference, 0, &none, 1));

    memset(&job, 0, sizeof job);
    OK(ale_srtp_protect_batch(&job, 1));
    EXPECT(job.status == ALE_ERR_INVALID_ARGUMENT);
    job.srtp = o.srtp;
    job.length = job.capacity = 172;
    OK(ale_srtp_unprotect_batch(&job, 1));
    EXPECT(job.status == ALE_ERR_INVALID_ARGUMENT);
    job.packet = o.packet;
    job.length = job.capacity = SIZE_MAX;
    OK(ale_srtp_protect_batch(&job, 1));
    EXPECT(job.status == ALE_ERR_INVALID_ARGUMENT);
    memset(&arrival, 0, sizeof arrival);
    OK(ale_leg_receive_batch(&arrival, 1));
    EXPECT(arrival.status == ALE_ERR_INVALID_ARGUMENT);
}

static void *some_state(void *context)
{
    return context;
}
static void no_state(void *state)
{
    (void)state;
}
static int32_t some_samples(void *state, const uint8_t *payload, size_t length)
{
    (void)state;
    (void)payload;
    return (int32_t)length;
}
static int32_t some_pcm(void *state, const uint8_t *payload, size_t length, int16_t *pcm, size_t room)
{
    (void)payload;
    memset(pcm, 0, room * 2);
    return some_samples(state, payload, length);
}
static int32_t some_key(void *context, const ale_srtp_backend_keys *keys, void **key)
{
    (void)keys;
    *key = context;
    return -1;
}
static void no_key(void *context, void *key)
{
    (void)context;
    (void)key;
}
static void no_jobs(void *context, ale_srtp_backend_job *jobs, size_t count)
{
    (void)context;
    (void)jobs;
    (void)count;
}

static void make_all(void)
{
    size_t i;
    OK(ale_allocator_init(&in.allocator)); /* of no functions: never taken */
    OK(ale_srtp_config_init(&in.srtp));
    in.srtp.send_crypto = in.srtp.receive_crypto = LINE;
    OK(ale_srtp_create(&in.srtp, &o.srtp));
    OK(ale_srtp_crypto_init(&in.crypto));
    OK(ale_srtp_crypto_parse(LINE, &in.crypto));
    OK(ale_srtp_checkpoint(o.srtp, ALE_SRTP_SENDING, in.key, in.nonce, 1, o.checkpoint,
                           sizeof o.checkpoint, &o.checkpoint_bytes, &o.participant));
    OK(ale_srtp_backend_config_init(&in.backend));
    in.backend.schedule = some_key;
    in.backend.release = no_key;
    in.backend.seal = in.backend.open = no_jobs;
    OK(ale_srtp_backend_create(&in.backend, &o.backend));
    OK(ale_host_codec_config_init(&in.codec));
    in.codec.encoding = "X/8000";
    in.codec.decoder_create = some_state;
    in.codec.decoder_destroy = no_state;
    in.codec.packet_samples = some_samples;
    in.codec.decode = some_pcm;
    OK(ale_host_codec_create(&in.codec, &o.codec));

    in.g711.encoding = "PCMU/8000";
    OK(ale_jitter_config_init(&in.jitter));
    in.jitter.codecs = &in.g711;
    in.jitter.codec_count = 1;
    in.jitter.black_box_bytes = 4096;
    OK(ale_jitter_create(&in.jitter, &o.writer, &o.reader));
    OK(ale_jitter_control_create(o.reader, &o.control));
    o.packet[0] = 0x80;
    OK(ale_jitter_insert(o.writer, o.packet, sizeof o.packet, 0));
    for (i = 0; i < 20; i++)
        OK(ale_jitter_pull(o.reader, i * 10000000u, o.pcm, 80, NULL));
    OK(ale_jitter_black_box(o.reader, o.log, sizeof o.log, &o.log_bytes));
    OK(ale_jitter_replay_create(o.log, o.log_bytes, &in.jitter, &o.replay));

    OK(ale_mixer_config_init(&in.mixer));
    OK(ale_mixer_create(&in.mixer, &o.mixer));
    OK(ale_mixer_add(o.mixer, &o.participant));
    OK(ale_tones_config_init(&in.tones));
    OK(ale_tones_create(&in.tones, &o.tones));
    OK(ale_resampler_create(8000, 16000, &o.resampler));
    OK(ale_voice_config_init(&in.voice));
    OK(ale_voice_create(&in.voice, &o.render, &o.capture));
    OK(ale_endpoint_config_init(&in.endpoint));
    in.endpoint.sample_rate_hz = 16000; /* not the leg's, whose half so stays where it is */
    OK(ale_endpoint_create(&in.endpoint, &o.microphone, &o.speaker, &o.endpoint));
    OK(ale_leg_config_init(&in.leg));
    in.leg.send = in.g711;
    in.leg.telephone_event_payload_type = 101;
    OK(ale_leg_create(&in.leg, &o.leg_receiver, &o.leg_media, &o.leg_control));
    in.address.ip_bytes = 4;
    OK(ale_conference_config_init_sized(&in.conference, sizeof in.conference));
    OK(ale_conference_create(&in.conference, &o.conference));
    OK(ale_join_options_init(&in.options));
    OK(ale_tap_config_init(&in.tap));
    in.tap.is_mix = 1;
    in.tap.purpose = ALE_PURPOSE_RECORD;
    OK(ale_tap_create(o.conference, &in.tap, &o.tap));
    OK(ale_talk_config_init(&in.talk));
    OK(ale_talk_create(o.conference, &in.talk, NULL, &o.talk, &o.talking));
    OK(ale_grant_init(&in.grant));
    OK(ale_link_create(8000, &o.end, &o.other_end));
    OK(ale_partial_sums_create(&o.sums));
    OK(ale_repacketizer_create(&in.g711, 20, &o.repacketizer));
}

static void destroy_all(void)
{
    ale_srtp_destroy(o.srtp);
    ale_srtp_backend_destroy(o.backend);
    ale_host_codec_destroy(o.codec);
    ale_jitter_writer_destroy(o.writer);
    ale_jitter_reader_destroy(o.reader);
    ale_jitter_control_destroy(o.control);
    ale_jitter_replay_destroy(o.replay);
    ale_mixer_destroy(o.mixer);
    ale_tones_destroy(o.tones);
    ale_resampler_destroy(o.resampler);
    ale_voice_render_destroy(o.render);
    ale_voice_capture_destroy(o.capture);
    ale_endpoint_microphone_destroy(o.microphone);
    ale_endpoint_speaker_destroy(o.speaker);
    ale_endpoint_control_destroy(o.endpoint);
    ale_leg_receiver_destroy(o.leg_receiver);
    ale_leg_media_destroy(o.leg_media);
    ale_leg_control_destroy(o.leg_control);
    ale_tap_destroy(o.tap);
    ale_talk_destroy(o.talk);
    ale_conference_destroy(o.conference);
    ale_link_end_destroy(o.end);
    ale_link_end_destroy(o.other_end);
    ale_partial_sums_destroy(o.sums);
    ale_repacketizer_destroy(o.repacketizer);
}

int main(void)
{
    EXPECT(strcmp(ale_status_message(INT32_MIN), ale_status_message(INT32_MAX)) == 0);
    make_all();
    calls();
    struct_sizes();
    lists();
    destroy_all();
    return 0;
}
