/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: a real-time voice media engine.
 *
 * Generated from ffi/src by `make header`; not to be edited. With this header come its
 * companions, ale_conference.h, ale_audio.h, ale_srtp.h, ale_tap.h, ale_jitter.h and ale_mixer.h, and with
 * each of them this one.
 *
 * A call
 *   ale_leg_config c;
 *   ale_leg_config_init_sized(&c, sizeof c);
 *   c.local_ssrc = random32();                   // from the host, as RFC 3550 wants it
 *   c.send.encoding = "PCMA/8000";
 *   c.send.payload_type = 8;
 *   c.send_crypto = our_crypto_line;             // a=crypto of the offer and the answer
 *   c.receive_crypto = their_crypto_line;
 *   ale_leg_create(&c, &receiver, &media, &control);
 *   network thread, for each datagram:           ale_leg_receive(receiver, bytes, n, now, NULL);
 *   audio thread, every 10 ms:                   ale_leg_pull(media, now, to_play, 80, NULL);
 *                                                ale_leg_push(media, recorded, 80);
 *     while (ale_leg_poll_transmit(media, now, &bytes, &n) == ALE_OK) send(bytes, n);
 *
 * Conventions
 *   - Functions return ALE_OK (0) or a negative ale_status; on an error no output is touched.
 *   - Objects are opaque and made by a create function from a config struct, which its init
 *     function has filled; set the members that matter to you afterwards. Say how large yours is
 *     (ale_*_init_sized): the first member, struct_size, lets programs built against an older header
 *     run with a newer library. ale_*_init fills what version 0.2 of the header has.
 *   - The receiver comes first, then inputs, then outputs. destroy(NULL) does nothing; to destroy
 *     something twice is undefined, and ends the process in debug builds of the library.
 *   - NULL and values out of range give ALE_ERR_INVALID_ARGUMENT.
 *   - An enumeration is an int32_t wherever it crosses the boundary.
 *   - Strings are UTF-8, end with a zero byte, and are copied.
 *   - PCM is 16-bit signed mono in the machine's byte order. Lengths of PCM are samples.
 *   - Times are nanoseconds on one monotonic clock of the host's, with any origin.
 *   - Levels are in -dBov (RFC 6464): 0 is the loudest, 127 is silence.
 *   - "Real-time" functions neither allocate, lock, block, call the system nor log.
 *   - Functions take less than 16 KiB of stack but for those that say how much.
 *   - "Exclusive" objects are used by one thread at a time; const ones by any number.
 *
 * Contents
 *   - Library
 *   - Memory
 *   - Legs: made, changed, ended
 *   - Legs: the network thread
 *   - Legs: the audio thread
 *   - Legs: any thread
 */

#ifndef ALE_MEDIA_H
#define ALE_MEDIA_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; ale_version says which library runs. */
#define ALE_VERSION_MAJOR 0
#define ALE_VERSION_MINOR 2
#define ALE_VERSION_PATCH 0

/* Orders versions: ALE_VERSION >= 200 is 0.2.0 or later. */
#define ALE_VERSION 200

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Library ==== */

/*
 * The library's version, "MAJOR.MINOR.PATCH"; lives as long as the program.
 *
 * Any thread. Real-time.
 */
const char *ale_version(void);

/* What a function has to say. 0 is success, everything else is negative and names a reason. */
typedef enum ale_status_value {
  ALE_OK = 0,  /* Done. */
  /* A NULL pointer, a value out of range, or a struct of a newer header. */
  ALE_ERR_INVALID_ARGUMENT = -1,
  /* A bug in the library, which stopped it in the middle; the object is not to be used further. */
  ALE_ERR_INTERNAL = -2,
  ALE_ERR_CAPACITY = -3,  /* The caller's buffer is too small. */
  ALE_ERR_FULL = -4,  /* All places are taken. */
  ALE_ERR_BUSY = -5,  /* Earlier commands still wait: the other thread is not running. */
  ALE_ERR_NOT_FOUND = -6,  /* No such participant, member or handle. */
  ALE_ERR_UNSUPPORTED = -7,  /* Not in this build, or not possible for this codec. */
  ALE_ERR_NOTHING = -8,  /* Nothing there just now. */
  ALE_ERR_NO_MEMORY = -9,  /* The host's allocator had no memory. */
  ALE_ERR_TOO_LATE = -10,  /* The library has been in use already. */
  /* A struct that its init function has not filled, or of a newer header. */
  ALE_ERR_STRUCT_SIZE = -11,
  /* PCM whose length is not a multiple of 10 ms, or not what the object works with. */
  ALE_ERR_PCM_LENGTH = -12,
  ALE_ERR_PAYLOAD_TYPE = -20,  /* A payload type above 127, from 64 to 95, or given twice. */
  /* No encoding where a codec has to be named, or one whose settings can't be read. */
  ALE_ERR_ENCODING = -21,
  ALE_ERR_SAMPLE_RATE = -22,  /* A sample rate that the codec has not, or can't be converted to. */
  /* A packet time that is not a multiple of 10 ms up to 120, or gives packets too large. */
  ALE_ERR_PACKET_TIME = -23,
  ALE_ERR_ONE_DIRECTION = -24,  /* Keys for one direction, and none for the other. */
  ALE_ERR_CNAME = -25,  /* A canonical name that is empty or longer than 255 bytes. */
  /* Smallest, kept and largest delay that contradict each other, or are out of range. */
  ALE_ERR_DELAY = -26,
  /* A header extension identifier that is not 1 to 14, or that of another element. */
  ALE_ERR_EXTENSION_ID = -27,
  /* No telephone events negotiated, an unknown digit, or a duration or volume out of range. */
  ALE_ERR_DIGIT = -28,
  ALE_ERR_FIXED = -29,  /* What only a new object can have. */
  ALE_ERR_MALFORMED = -100,  /* Neither RTP nor RTCP, or truncated. */
  ALE_ERR_UNKNOWN_PAYLOAD_TYPE = -101,  /* A payload type that was not negotiated. */
  ALE_ERR_UNKNOWN_SSRC = -102,  /* A source (SSRC) that is not listened to. */
  /* A packet larger than a slot of the jitter buffer, or than any datagram. */
  ALE_ERR_OVERSIZED = -103,
  ALE_ERR_NO_SLOT = -104,  /* The jitter buffer has no free slot: the audio thread has stalled. */
  ALE_ERR_PAYLOAD = -105,  /* A payload that the codec can't read. */
  /* A packet that is said to come from our own source: a collision or a loop. */
  ALE_ERR_OWN_SSRC = -106,
  /* A packet from another address than the one that the leg has latched to. */
  ALE_ERR_FOREIGN_ADDRESS = -107,
  /* SRTP authentication failed: forged, damaged, or keys, suite or rollover counter differ. */
  ALE_ERR_SRTP_AUTHENTICATION = -200,
  ALE_ERR_SRTP_REPLAYED = -201,  /* The packet was received before. */
  ALE_ERR_SRTP_TOO_OLD = -202,  /* The packet lies before the replay window. */
  /* A master key identifier (MKI) that is not one of the session's. */
  ALE_ERR_SRTP_UNKNOWN_MKI = -203,
  ALE_ERR_SRTP_STREAM_LIMIT = -204,  /* One more stream than the session was made for. */
  ALE_ERR_SRTP_INDEX_REUSED = -205,  /* Sending this packet would use a key stream twice. */
  /* The key has protected as many packets as it may; the session needs a new one. */
  ALE_ERR_SRTP_KEY_EXHAUSTED = -206,
  ALE_ERR_SRTP_KEY = -207,  /* Key, salt or identifier of the wrong length, missing, or too many. */
  ALE_ERR_SRTP_NOT_PERMITTED = -208,  /* Not permitted by the policy or without an explicit flag. */
  ALE_ERR_SRTP_OTHER = -209,  /* Another reason of SRTP's. */
  ALE_ERR_SRTP_CRYPTO_LINE = -210,  /* An `a=crypto` line that can't be read (RFC 4568). */
  /* The stream has sent as many packets as an index can count. */
  ALE_ERR_SRTP_INDEX_EXHAUSTED = -211,
  /* The reservation of the last confirmed checkpoint is used up. */
  ALE_ERR_SRTP_CHECKPOINT_DUE = -212,
  /* A checkpoint that is damaged, of another version, or wrapped with another key. */
  ALE_ERR_SRTP_CHECKPOINT = -213,
  ALE_ERR_SRTP_BACKEND = -214,  /* The backend lacks the suite, or failed. */
} ale_status_value;
typedef int32_t ale_status;

/*
 * A sentence in English for an ale_status, also for numbers that are none; lives as long as the
 * program.
 *
 * Any thread. Real-time.
 */
const char *ale_status_message(int32_t status);

/* ==== Memory ==== */

/*
 * Where memory comes from. The functions are called on the threads that create and destroy, several
 * at once, and by nothing that is real-time. Context must outlive all objects.
 *
 * Opus and OpenSSL, in libraries that are built with them, go to the C library's malloc for their
 * own memory nevertheless.
 */
typedef struct ale_allocator {
  uint32_t struct_size;  /* Size of this struct, filled by ale_allocator_init. */
  void *context;  /* Passed to each function. */
  /* Gives size bytes, never 0, at a multiple of alignment, a power of two; NULL if it has none. */
  void *(*allocate)(void *context, size_t size, size_t alignment);
  /* Takes back what allocate gave, with the same size and alignment. */
  void (*release)(void *context, void *memory, size_t size, size_t alignment);
} ale_allocator;

/* Fills an allocator with no functions. Any thread. Real-time. */
ale_status ale_allocator_init(struct ale_allocator *allocator);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_allocator_init_sized(struct ale_allocator *allocator,
                                    size_t struct_size);

/*
 * Takes all memory from an allocator of the host's, which is copied: once, before anything else is
 * made. Any thread. Not real-time.
 *
 * When it refuses, creations return ALE_ERR_NO_MEMORY and have changed nothing. What they need to
 * come that far, and what other functions that are not real-time would have been refused, comes from
 * the C library's malloc; where that refuses too, the process ends, as it does without an allocator.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT for a function that is missing, and ALE_ERR_TOO_LATE.
 */
ale_status ale_set_allocator(const struct ale_allocator *allocator);

/* ==== Legs: made, changed, ended ==== */

/* How the playout delay is chosen. */
typedef enum ale_delay_mode_value {
  ALE_DELAY_ADAPTIVE = 0,  /* From the network's behaviour. */
  ALE_DELAY_FIXED = 1,  /* Always the target delay. */
  /* The target delay without stretching or concealment, for modems and fax. */
  ALE_DELAY_FROZEN = 2,
} ale_delay_mode_value;
typedef int32_t ale_delay_mode;

/* A codec of the host's; named in the codecs of any number of legs and jitter buffers. */
typedef struct ale_host_codec ale_host_codec;

/* A codec under a payload type, as in an a=rtpmap line (RFC 8866 section 6.6). */
typedef struct ale_codec {
  uint8_t payload_type;  /* 0 to 127; not 64 to 95. */
  /*
   * "PCMU/8000", "PCMA/8000", "G722/8000", "L16/16000" (or 8000, 32000, 48000) or
   * "opus/48000/2"; case does not matter.
   */
  const char *encoding;
  /* For Opus, samples a second of its PCM: 8000, 16000 or 48000; 0 for 48000. Else ignored. */
  uint32_t sample_rate_hz;
  uint32_t bit_rate_bps;  /* For Opus, 6000 to 510000; 0 for 24000. Else ignored. */
  uint32_t complexity;  /* For Opus, what the encoder may spend, 1 to 10; 0 for 5. Else ignored. */
  /*
   * For Opus, what the decoder may spend, 0 to 10: from 5 on losses are concealed by a neural
   * network, from 6 on speech is enhanced. ALE_ERR_UNSUPPORTED in a library that was built without.
   */
  uint32_t decoder_complexity;
  /*
   * For Opus, the past that every packet repeats by deep redundancy, in ms, at most 1040; 0 for
   * none. ALE_ERR_UNSUPPORTED in a library that was built without.
   */
  uint32_t dred_ms;
  /*
   * For Opus, the parameters of the peer's a=fmtp line (RFC 7587 section 6.1), which narrow what is
   * sent: "useinbandfec=1;usedtx=1". NULL for in-band FEC and nothing else. Else ignored.
   */
  const char *fmtp;
  /* A codec of the host's, which goes before the encoding; NULL for a built-in one. */
  const struct ale_host_codec *host;
} ale_codec;

/* A payload type whose payloads a leg hands on as they are. */
typedef struct ale_pass_through {
  uint32_t payload_type;  /* 0 to 127; not 64 to 95. */
  uint32_t rtp_clock_hz;  /* RTP clock in ticks a second. */
} ale_pass_through;

/*
 * What a leg is made for. The library makes no random numbers: what RFC 3550 section 5.1 wants
 * random comes from the host.
 */
typedef struct ale_leg_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_leg_config_init. */
  uint32_t local_ssrc;  /* Source (SSRC) of what the leg sends; random. */
  uint32_t remote_ssrc;  /* The only source to listen to if has_remote_ssrc is not 0. */
  uint32_t has_remote_ssrc;  /* 0 listens to whoever proves valid first. Default 0. */
  /*
   * Sequence number of the first packet; random. Its top bit (0x8000) is not used: where the first
   * packets are lost, SRTP peers that see a wrap first never hear what follows (RFC 3711 section 3.3.1).
   */
  uint32_t initial_sequence;
  uint32_t initial_timestamp;  /* Timestamp of the first packet; random. */
  const char *cname;  /* Canonical name in RTCP, 1 to 255 bytes. Default "ale-media". */
  /* What is sent; its sample rate is that of the leg's PCM in both directions. */
  struct ale_codec send;
  /* Packet time of what is sent, in ms: a multiple of 10, at most 120. Default 20. */
  uint32_t packet_ms;
  const struct ale_codec *receive;  /* What may come in. Default NULL, which means what is sent. */
  size_t receive_count;  /* How many codecs may come in. */
  /* Payload type of comfort noise (RFC 3389), -1 for none. Default 13. */
  int32_t comfort_noise_payload_type;
  uint32_t rtcp_interval_ms;  /* Mean time between RTCP reports in ms, 0 for none. Default 5000. */
  /* NTP time (32.32 fixed point) at the zero of the host's clock, 0 if unknown. */
  uint64_t ntp_at_zero;
  /*
   * Keys for what is sent, an a=crypto line (RFC 4568); NULL for plain RTP. A leg made anew with the keys
   * and the source of another sends under the same key stream again, which gives the text away: change
   * the living leg by ale_leg_update, or give the new one another key or source.
   */
  const char *send_crypto;
  const char *receive_crypto;  /* Keys for what is received; NULL for plain RTP. Both or neither. */
  int32_t delay_mode;  /* An ale_delay_mode. Default ALE_DELAY_ADAPTIVE. */
  uint32_t min_delay_ms;  /* The delay in the buffer never goes below this, in ms. Default 0. */
  uint32_t max_delay_ms;  /* The delay in the buffer never goes above this, in ms. Default 600. */
  uint32_t target_delay_ms;  /* The delay of the modes that keep one, in ms. Default 60. */
  /*
   * Payload type of telephone events (RFC 4733) both ways, -1 for none. Default -1. See
   * telephone_event_clock_hz.
   */
  int32_t telephone_event_payload_type;
  /* Payload type of redundant audio (RFC 2198) both ways, -1 for none. Default -1. */
  int32_t redundancy_payload_type;
  /* How many earlier payloads each packet repeats then, 1 to 4. Default 1. */
  uint32_t redundancy_generations;
  /*
   * Not 0 sends no audio in pauses: comfort noise (RFC 3389) for codecs with an RTP clock of 8000
   * Hz, Opus's own with Opus. Default 0.
   */
  uint32_t silence_suppression;
  /* Header extension identifier (RFC 8285) of audio levels (RFC 6464), 1 to 14, 0 for none. */
  uint32_t audio_level_id;
  uint32_t absolute_send_time_id;  /* The same of absolute send times. */
  uint32_t mid_id;  /* The same of the media description's name (RFC 9143), which mid names. */
  const char *mid;  /* 1 to 16 bytes; NULL without mid_id. */
  /*
   * What is done about tones in what is received: 0 nothing; 1 digits, fax and modem tones and
   * beeps are reported as events; 2 the same, and digits are not heard, for which all audio comes 45
   * ms later. Default 0.
   */
  uint32_t inband_tones;
  uint32_t extended_reports;  /* Not 0 sends extended reports (RFC 3611) with RTCP's. Default 1. */
  /* What is handed on undecoded, as ALE_RECEIVED_PASS_THROUGH and to ale_leg_relay; or NULL. */
  const struct ale_pass_through *pass_through;
  size_t pass_through_count;  /* How many payload types are. */
  /*
   * Not 0 freezes the jitter buffer (ALE_DELAY_FROZEN) when a fax or modem is heard (1100 or 2100
   * Hz); the tone is reported as an event then, too. Default 0.
   */
  uint32_t freeze_for_modems;
  /*
   * Whether packets that would still be played are asked for again (generic NACK, RFC 4585): 0
   * no; 1 in compound RTCP packets; 2 in reduced-size ones (RFC 5506). Default 0.
   */
  uint32_t nack;
  int32_t srtp_policy;  /* An ale_srtp_policy. Default ALE_SRTP_INTEROP. */
  uint32_t srtp_flags;  /* ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0. */
  /*
   * Whether RFC 6464 levels from the peer are trusted: what they call silent need not be decoded in a
   * conference: 0 nobody's; 1 that of authenticated peers; 2 everybody's. Default 1.
   */
  uint32_t level_trust;
  /*
   * Header extension identifier of contributing sources' levels (RFC 6465), 1 to 14, 0 for none: a
   * conference informs the peer of who is heard, and ale_leg_contributors who is heard in its mix.
   */
  uint32_t mixer_levels_id;
  /*
   * Which way media goes (RFC 3264), seen from the leg: 0 both ways; 1 it sends only; 2 it plays only;
   * 3 neither. Default 0.
   */
  uint32_t direction;
  /*
   * Without crypto lines: 0 plain RTP; not 0 waits for keys, which come with ale_leg_rekey (DTLS, a late
   * answer): nothing is sent, and what comes is kept. Default 0.
   */
  uint32_t keys_pending;
  /*
   * Ticks a second of telephone events, as telephone-event/8000 says beside opus/48000; 0 where it is
   * not known, which counts what is sent in the codec's clock and finds out the peer's. Default 0.
   */
  uint32_t telephone_event_clock_hz;
  /* Silence after which ALE_LEG_MEDIA_STOPPED comes, in ms; 0 for never. Default 5000. */
  uint32_t media_timeout_ms;
  uint32_t max_sources;  /* Sources (SSRC) known at a time, 2 to 256. Default 8. */
  /*
   * How long other addresses are learnt, in ms from the first valid packet and after each
   * ale_leg_unlatch and ale_leg_relatch. Default 2000.
   */
  uint32_t learning_ms;
  /*
   * Samples a second of the leg's PCM, whatever the codecs: 8000, 16000, 32000, 48000; 0 for that of
   * what is sent. Default 0.
   */
  uint32_t sample_rate_hz;
  /*
   * Rollover counter (RFC 3711) of the first packet to come, for a leg that joins late. Default 0.
   */
  uint32_t receive_roc;
  /*
   * Not 0 makes redundancy_generations the most, and has what is sent follow the loss that the peer reports:
   * nothing, and not a byte more, below 1 %; else what heals it at the least bits, of this and of what Opus
   * has of its own where its parameters let it. Default 0.
   */
  uint32_t redundancy_follows_loss;
  /*
   * Not 0 reports dial, ringing, busy, congestion and special information tones in what is received by name.
   * Default 0.
   */
  uint32_t call_progress;
  /*
   * Time without an RTP packet sent after which one without payload goes out, to keep the way through
   * address translators open (RFC 6263 section 4.6), whichever way media goes and in pauses, in ms; 0
   * for never, 15000 is advised. ale_leg_poll_transmit gives it; peers throw it away. Default 0.
   */
  uint32_t keepalive_ms;
  /*
   * Payload type of those packets, which neither side uses; -1 for the highest of 96 to 127 that this leg
   * does not. Default -1.
   */
  int32_t keepalive_payload_type;
  /*
   * What is asked of SRTP beside keys: replay window, streams, tries, a backend, and the like; its crypto
   * lines are not looked at. It stands for srtp_policy, srtp_flags and receive_roc, too. Read by what is
   * given the config, not kept. Default NULL.
   */
  const struct ale_srtp_config *srtp;
  /*
   * Keys for what is sent as bytes, in place of send_crypto; NULL for a line or none. Default NULL.
   */
  const struct ale_srtp_crypto *send_keys;
  const struct ale_srtp_crypto *receive_keys;  /* The same for what is received. Default NULL. */
  /*
   * Packets of 160 bytes that can wait in the jitter buffer, 8 to 1024. Default 0, as many as it takes for
   * the codecs, the packet time and the maximum delay.
   */
  uint32_t jitter_slots;
  /*
   * Bytes of a log of what the jitter buffer saw and decided, for ale_leg_black_box; 0 for none. Default 0.
   */
  uint32_t black_box_bytes;
  /* Not 0: that log holds the audio too, so that it can be heard again. Default 0. */
  uint32_t black_box_audio;
  /*
   * Not 0 follows the sender's clock by resampling instead of by splices: for music, recordings, trunks and
   * modems. Default 0.
   */
  uint32_t resample_drift;
} ale_leg_config;

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_leg_config_init(struct ale_leg_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_leg_config_init_sized(struct ale_leg_config *config,
                                     size_t struct_size);

/* The half for commands and statistics. Exclusive, to any thread. */
typedef struct ale_leg_control ale_leg_control;

/* The half that PCM comes out of and goes in by. Exclusive, usually to the audio thread. */
typedef struct ale_leg_media ale_leg_media;

/* The half that datagrams go in by. Exclusive, usually to the network thread. */
typedef struct ale_leg_receiver ale_leg_receiver;

/*
 * Makes a leg and gives its three halves, each to be destroyed by itself. Takes some 72 KiB of stack with
 * SRTP. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_UNSUPPORTED for a codec that is not known,
 * ALE_ERR_NO_MEMORY, and ALE_ERR_SRTP_CRYPTO_LINE and the other keys' statuses.
 */
ale_status ale_leg_create(const struct ale_leg_config *config,
                          struct ale_leg_receiver **receiver,
                          struct ale_leg_media **media,
                          struct ale_leg_control **control);

/*
 * What an object takes of the allocator when it is made; nothing more is taken by functions that
 * are real-time. Sizes are those asked for: what an allocator adds for itself and to align comes on
 * top. The memory that Opus and OpenSSL take from malloc is not in it.
 */
typedef struct ale_memory {
  size_t kept_bytes;  /* Bytes that the object keeps. */
  size_t kept_blocks;  /* Blocks that it keeps. */
  size_t peak_bytes;  /* Most bytes that creation has at a time. */
  size_t total_bytes;  /* Bytes of all that creation asks for, also what it gives back. */
} ale_memory;

/*
 * What a leg of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_leg_create can.
 */
ale_status ale_leg_memory_required(const struct ale_leg_config *config, struct ale_memory *memory);

/* Frees a half. Any thread. Not real-time. */
void ale_leg_receiver_destroy(struct ale_leg_receiver *receiver);

/* Frees a half; not one that has joined a conference. Any thread. Not real-time. */
void ale_leg_media_destroy(struct ale_leg_media *media);

/* Frees a half. Any thread. Not real-time. */
void ale_leg_control_destroy(struct ale_leg_control *control);

/*
 * Replaces keys while the call goes on, each by an a=crypto line, which counts whole: suite, key and
 * session parameters; NULL leaves a direction as it is. Counters go on, both directions change or neither,
 * and the same line again changes nothing. Also gives the first keys to a leg without. Exclusive. Not
 * real-time.
 *
 * Can return ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_NOT_PERMITTED and the other keys' statuses,
 * ALE_ERR_INVALID_ARGUMENT for one direction of a leg that has no keys for the other, and ALE_ERR_BUSY.
 */
ale_status ale_leg_rekey(struct ale_leg_control *control,
                         const char *send_crypto,
                         const char *receive_crypto);

/*
 * Makes a living leg what a config says, as after a re-INVITE: codecs and payload types both ways, packet
 * time, direction, keys, sources, header extensions, telephone events, reports. Each half changes at its
 * next call; SRTP, statistics, sequence numbers, digits and the jitter buffer go on, and so do the keys
 * where both crypto lines are NULL. The sample rate stays that of the leg, whatever the codec. Exclusive.
 * Not real-time.
 *
 * Can return what ale_leg_create can, ALE_ERR_FIXED for what only a new leg can have (another jitter
 * buffer, max_sources, sample_rate_hz), and ALE_ERR_BUSY; nothing has changed then.
 */
ale_status ale_leg_update(struct ale_leg_control *control,
                          const struct ale_leg_config *config);

/*
 * Makes a new leg of a living one, for what ale_leg_update can't change: sample_rate_hz, the jitter buffer.
 * The three handles stay, and are those of the new leg. Keys, counters, sequence numbers, addresses,
 * statistics of the transport, digits that wait and muting go on; codecs, jitter buffer and events begin
 * anew. Takes some 68 KiB of stack. Exclusive, with all three halves: no other thread may be using any,
 * and the media half is in no conference. Not real-time.
 *
 * Can return what ale_leg_create can, ALE_ERR_INVALID_ARGUMENT for halves of different legs,
 * ALE_ERR_FIXED for another max_sources, and ALE_ERR_BUSY; nothing has changed then.
 */
ale_status ale_leg_renew(struct ale_leg_receiver *receiver,
                         struct ale_leg_media *media,
                         struct ale_leg_control *control,
                         const struct ale_leg_config *config);

/*
 * Sends as another source (SSRC) from now on, after a BYE as the present one: the answer to
 * ALE_LEG_SSRC_COLLISION (RFC 3550 section 8.2). ssrc is random. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY; to be tried again then.
 */
ale_status ale_leg_change_ssrc(struct ale_leg_control *control, uint32_t ssrc);

/* What is wrong with a config. Strings live as long as the program. */
typedef struct ale_mistake {
  /*
   * The member as the header spells it, "packet_ms"; "" where nothing is wrong, or no single one.
   */
  const char *member;
  const char *reason;  /* A sentence in English, that of the status. */
  int32_t status;  /* An ale_status: what the function that was given this config answers. */
  uint32_t value;  /* The number that was refused, where it is one. */
} ale_mistake;

/*
 * Says what is wrong with a config, and does nothing else: what ale_leg_create would answer, or where
 * control is not NULL, ale_leg_update of that leg. Writes up to size bytes, how large the mistake is in the
 * caller's header. Takes some 72 KiB of stack with SRTP. Exclusive to control. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT for NULL; else ALE_OK, whatever it finds.
 */
ale_status ale_leg_config_check(struct ale_leg_control *control,
                                const struct ale_leg_config *config,
                                struct ale_mistake *mistake,
                                size_t size);

/* ==== Legs: the network thread ==== */

/* What became of a datagram. */
typedef enum ale_received_value {
  ALE_RECEIVED_MEDIA = 0,  /* RTP, now in the jitter buffer. */
  ALE_RECEIVED_PROBATION = 1,  /* RTP of a source that has not proved itself yet. */
  ALE_RECEIVED_REPORT = 2,  /* RTCP, read. */
  ALE_RECEIVED_GOODBYE = 3,  /* RTCP with a BYE of the source listened to. */
  ALE_RECEIVED_PASS_THROUGH = 4,  /* RTP that is handed on undecoded; ale_leg_passed says what. */
  ALE_RECEIVED_STUN = 5,  /* STUN, as of ICE: untouched, for the host. So are the next three. */
  ALE_RECEIVED_DTLS = 6,  /* DTLS. */
  ALE_RECEIVED_ZRTP = 7,  /* ZRTP. */
  ALE_RECEIVED_TURN = 8,  /* Data of a TURN channel. */
  ALE_RECEIVED_KEPT = 9,  /* Kept until keys come. */
  /* RTP that is not played since the leg does not receive just now (direction). */
  ALE_RECEIVED_NOT_WANTED = 10,
} ale_received_value;
typedef int32_t ale_received;

/*
 * Takes a datagram, RTP or RTCP, and decrypts it in place. received may be NULL. Real-time.
 *
 * Can return ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_PAYLOAD_TYPE, ALE_ERR_UNKNOWN_SSRC,
 * ALE_ERR_OWN_SSRC, ALE_ERR_OVERSIZED, ALE_ERR_NO_SLOT and the ALE_ERR_SRTP group; each is counted, and the leg goes
 * on. The datagram's bytes may have changed then too.
 */
ale_status ale_leg_receive(struct ale_leg_receiver *receiver,
                           uint8_t *datagram,
                           size_t length,
                           uint64_t arrival_ns,
                           ale_received *received);

/* An address and port. */
typedef struct ale_address {
  uint8_t ip[16];  /* The address in network byte order: 4 bytes of IPv4, or 16 of IPv6. */
  uint32_t ip_bytes;  /* 4 or 16. */
  uint32_t port;  /* The port, in the machine's byte order. */
} ale_address;

/*
 * As ale_leg_receive, and learns where the peer is (symmetric RTP): the first address that valid
 * sound comes from is latched to. With SRTP the latch follows authenticated packets; without, another
 * address is learnt only for learning_ms, and nothing from elsewhere is taken after. Exclusive.
 * Real-time.
 *
 * Can return what ale_leg_receive can, and ALE_ERR_FOREIGN_ADDRESS.
 */
ale_status ale_leg_receive_from(struct ale_leg_receiver *receiver,
                                uint8_t *datagram,
                                size_t length,
                                const struct ale_address *from,
                                uint64_t arrival_ns,
                                ale_received *received);

/*
 * Gives the address that the leg has latched to: where to send to. Exclusive. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_remote_address(const struct ale_leg_receiver *receiver,
                                  struct ale_address *address);

/*
 * Whether a datagram is RTCP and not RTP (RFC 5761): not 0, also where it is protected; for hosts with a socket
 * for each, and of what ale_leg_poll_transmit gives. Any thread. Real-time.
 */
int32_t ale_is_rtcp(const uint8_t *datagram,
                    size_t length);

/* A datagram that has arrived, one of a batch. */
typedef struct ale_arrival {
  struct ale_leg_receiver *receiver;  /* The leg. */
  uint8_t *datagram;  /* The datagram, changed in place; no two share memory. */
  size_t length;  /* Bytes of the datagram. */
  uint64_t arrival_ns;  /* When it came, on the host's clock. */
  /*
   * Where it came from, for legs that learn their peer's address (ale_leg_receive_from); or NULL.
   */
  const struct ale_address *from;
  ale_received received;  /* Written: what became of it, if status is ALE_OK. */
  ale_status status;  /* Written: as ale_leg_receive or ale_leg_receive_from would return. */
} ale_arrival;

/*
 * Takes the datagrams of any number of legs, each of which may occur several times, as
 * ale_leg_receive (or ale_leg_receive_from, where from is not NULL) would one after the other; each
 * has a status of its own, and one that is refused does not disturb the others. Of what is passed
 * through, ale_leg_passed knows a leg's last. Exclusive to the receivers.
 * Real-time.
 */
ale_status ale_leg_receive_batch(struct ale_arrival *arrivals, size_t count);

/* ==== Legs: the audio thread ==== */

/* Samples a second of the leg's PCM; 0 for NULL. Real-time. */
uint32_t ale_leg_sample_rate_hz(const struct ale_leg_media *media);

/* What a pull did, mostly. */
typedef enum ale_jitter_operation_value {
  ALE_JITTER_NORMAL = 0,  /* Played as sent. */
  ALE_JITTER_ACCELERATE = 1,  /* Took some time out. */
  ALE_JITTER_EXPAND = 2,  /* Put some time in. */
  ALE_JITTER_CONCEAL = 3,  /* Made up for what is missing. */
  ALE_JITTER_MERGE = 4,  /* Joined audio to a concealment. */
  ALE_JITTER_COMFORT_NOISE = 5,  /* Comfort noise. */
  ALE_JITTER_SILENCE = 6,  /* Silence, before the first packet. */
} ale_jitter_operation_value;
typedef int32_t ale_jitter_operation;

/* How a pull went. */
typedef struct ale_pull_info {
  ale_jitter_operation operation;  /* What it did. */
  float delay_ms;  /* Delay in the buffer of the last sample, in ms. */
  float target_delay_ms;  /* Delay that is aimed at, in ms. */
  uint32_t waiting_packets;  /* Packets that wait. */
} ale_pull_info;

/*
 * Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
 * NULL. Takes some 25 KiB of stack with Opus. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_leg_pull(struct ale_leg_media *media,
                        uint64_t now_ns,
                        int16_t *pcm,
                        size_t samples,
                        struct ale_pull_info *info);

/*
 * Takes PCM to be sent, a multiple of 10 ms; ale_leg_poll_transmit makes packets of it. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_leg_push(struct ale_leg_media *media, const int16_t *pcm, size_t samples);

/*
 * Gives the next datagram to send, RTP or RTCP, valid until the half is used again. To be called
 * until it returns ALE_ERR_NOTHING. Takes some 45 KiB of stack with Opus.
 * Real-time.
 */
ale_status ale_leg_poll_transmit(struct ale_leg_media *media,
                                 uint64_t now_ns,
                                 const uint8_t **datagram,
                                 size_t *length);

/*
 * Gives a last RTCP datagram with a BYE, valid until the half is used again. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_goodbye(struct ale_leg_media *media,
                           uint64_t now_ns,
                           const uint8_t **datagram,
                           size_t *length);

/*
 * Writes how late packets came lately, as ale_jitter_arrival_histogram does. The audio thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_leg_arrival_histogram(const struct ale_leg_media *media,
                                     uint32_t step_ms,
                                     float *shares,
                                     size_t count);

/*
 * Copies the log of what the jitter buffer saw and decided, for ale_jitter_replay_create. length is how many
 * bytes it takes: 0 without black_box_bytes in the config; nothing is copied when capacity is less. The audio
 * thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY with length set.
 */
ale_status ale_leg_black_box(const struct ale_leg_media *media,
                             uint8_t *log,
                             size_t capacity,
                             size_t *length);

/* An RTP packet that is handed on. */
typedef struct ale_passed {
  /* The payload type; may be changed to what the other leg's peer calls it. */
  uint32_t payload_type;
  uint32_t marker;  /* The marker bit, 0 or 1. */
  uint32_t sequence;  /* The sequence number. */
  uint32_t timestamp;  /* The RTP timestamp. */
  uint32_t ssrc;  /* The source (SSRC). */
  size_t payload_offset;  /* Where the payload begins in the datagram, in bytes. */
  size_t payload_bytes;  /* Bytes of the payload. */
} ale_passed;

/*
 * Says what the last datagram held for which ale_leg_receive said ALE_RECEIVED_PASS_THROUGH.
 * Exclusive. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_passed(const struct ale_leg_receiver *receiver, struct ale_passed *passed);

/*
 * Gives the datagram to send of a packet that another leg hands on: length bytes of payload, the
 * other's or regrouped ones, under passed's payload type, with source, keys and statistics of this
 * leg. Sequence numbers and timestamps keep their distances. Valid until the half is used again.
 * Exclusive. Real-time.
 *
 * Can return ALE_ERR_NOTHING: too large, or the keys are used up.
 */
ale_status ale_leg_relay(struct ale_leg_media *media,
                         const struct ale_passed *passed,
                         const uint8_t *payload,
                         size_t payload_bytes,
                         const uint8_t **datagram,
                         size_t *length);

/* ==== Legs: any thread ==== */

/*
 * Sends silence in place of what is pushed (muted not 0), or no longer (0). Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_set_muted(struct ale_leg_control *control, int32_t muted);

/*
 * The peer is elsewhere, signalling does not say where: its address and source are released, and neither
 * is taken again while anybody else comes. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_unlatch(struct ale_leg_control *control);

/*
 * Signalling names where the peer is now (a transfer, a re-INVITE): addresses are learnt anew, this one
 * preferred; the one before is released unless it is the same. rtcp is NULL where RTCP goes where RTP
 * does. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_relatch(struct ale_leg_control *control,
                           const struct ale_address *rtp,
                           const struct ale_address *rtcp);

/*
 * Gives where to send to, on the control half, for whoever sends: RTP's address, and RTCP's where rtcp is
 * not NULL. Any number of threads. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_peer_address(const struct ale_leg_control *control,
                                struct ale_address *rtp,
                                struct ale_address *rtcp);

/*
 * Sends digits by name (RFC 4733), one after another, in place of what is pushed: "0" to "9",
 * "*", "#", "A" to "D", and "!" for a hook flash; each of duration_ms (40 to 60000) and volume_dbm0 (0
 * to 63 below the reference level, 8 is common). Up to 32 may wait. Exclusive. Real-time.
 *
 * Can return ALE_ERR_DIGIT for what none of these says and for a leg without telephone events, and
 * ALE_ERR_BUSY where there is no room for all of them; none is sent then.
 */
ale_status ale_leg_send_dtmf(struct ale_leg_control *control,
                             const char *digits,
                             uint32_t duration_ms,
                             uint32_t volume_dbm0);

/*
 * Ends the digit under way and forgets those that wait. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_stop_dtmf(struct ale_leg_control *control);

/* What happened to a leg. */
typedef enum ale_leg_event_kind_value {
  /* The peer has begun to send a digit or another telephone event (RFC 4733). */
  ALE_LEG_DIGIT_STARTED = 1,
  ALE_LEG_DIGIT_ENDED = 2,  /* It is over; duration_ms says how long it lasted. */
  ALE_LEG_SOURCE_CHANGED = 3,  /* The leg listens to another source, ssrc. */
  ALE_LEG_GOODBYE = 4,  /* The source ssrc has said goodbye (RTCP BYE). */
  ALE_LEG_EVENT_OTHER = 5,  /* Something that a newer header names. */
  ALE_LEG_INBAND_DIGIT = 6,  /* A digit has been recognised in the audio. */
  ALE_LEG_FAX_CALLING = 7,  /* A fax calls (1100 Hz). */
  ALE_LEG_FAX_ANSWERING = 8,  /* A fax or modem answers (2100 Hz). */
  ALE_LEG_BEEP = 9,  /* A beep, as of an answering machine, of frequency_hz. */
  /* Somebody else sends as our own source ssrc, or our packets come back: ale_leg_change_ssrc. */
  ALE_LEG_SSRC_COLLISION = 10,
  /* The peer's datagrams come from another address: ale_leg_peer_address. */
  ALE_LEG_ADDRESS_CHANGED = 11,
  /*
   * Datagrams were refused, count of them with this status so far: reported at the first, the second,
   * the fourth, and so on.
   */
  ALE_LEG_REFUSED = 12,
  /*
   * No RTP has come for media_timeout_ms, although the leg listens; count is 1 if RTCP still comes.
   */
  ALE_LEG_MEDIA_STOPPED = 13,
  ALE_LEG_MEDIA_STARTED = 14,  /* RTP comes again. */
  /* A key's lifetime nears its end, count packets are left: time to re-key. */
  ALE_LEG_KEY_EXPIRING = 15,
  /* The key of what is sent is used up: nothing is sent any more under it. */
  ALE_LEG_KEY_EXHAUSTED = 16,
  ALE_LEG_EVENTS_LOST = 17,  /* count events were lost, since nobody read them. */
  /*
   * Dial tone is heard (ITU-T E.180), reported with call_progress as the four that follow: once as long as
   * it lasts.
   */
  ALE_LEG_DIAL_TONE = 18,
  ALE_LEG_RINGING_TONE = 19,  /* The ringing tone: the other telephone rings. */
  ALE_LEG_BUSY_TONE = 20,  /* The busy tone. */
  ALE_LEG_CONGESTION_TONE = 21,  /* The congestion tone: the network is busy. */
  /* The special information tone, three steps upwards: an announcement says why the call failed. */
  ALE_LEG_INFORMATION_TONE = 22,
} ale_leg_event_kind_value;
typedef int32_t ale_leg_event_kind;

/* One thing that happened. Members that its kind does not name are 0. */
typedef struct ale_leg_event {
  ale_leg_event_kind kind;  /* What happened. */
  uint32_t event;  /* The event's number (RFC 4733 section 3.2). */
  char digit;  /* Its DTMF character, 0 if it is none. */
  uint32_t duration_ms;  /* How long it lasted, in ms. */
  uint32_t ssrc;  /* The source. */
  uint32_t frequency_hz;  /* Of a beep. */
  int32_t status;  /* Why datagrams were refused, an ale_status. */
  uint64_t count;  /* How many. */
} ale_leg_event;

/*
 * Gives the next thing that happened to the leg, oldest first. To be called until it returns
 * ALE_ERR_NOTHING, every second at the latest: without room, later ones are lost. Exclusive.
 * Real-time.
 */
ale_status ale_leg_next_event(struct ale_leg_control *control, struct ale_leg_event *event);

/*
 * Sets an ale_delay_mode, and the delay in ms of the modes that keep one. ALE_DELAY_FROZEN is for
 * when a modem's or fax's tone was heard. Exclusive. Real-time; takes effect at the next pull.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_DELAY.
 */
ale_status ale_leg_set_delay_mode(struct ale_leg_control *control,
                                  int32_t mode,
                                  uint32_t target_delay_ms);

/*
 * Sets bounds of the delay in ms. Exclusive. Real-time; takes effect at the next pull.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_DELAY.
 */
ale_status ale_leg_set_delay_bounds(struct ale_leg_control *control,
                                    uint32_t min_ms,
                                    uint32_t max_ms);

/*
 * Records from now on what the leg hears and what it says, also in a conference, of which ms (up to 60000) may
 * wait for ale_leg_read_recording; 0 ends the recording. One that there is begins anew. Takes 4 bytes a
 * sample. Whoever is recorded has to have agreed to it. Exclusive. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_CAPACITY for more than a minute, and ALE_ERR_BUSY; nothing has
 * changed then.
 */
ale_status ale_leg_record(struct ale_leg_control *control,
                          uint32_t ms);

/*
 * Reads on in the recording: what was heard and what was said at the same time, at the leg's rate, up to
 * capacity samples of each. samples is how many there are; lost, which may be NULL, how many of them are silence
 * because nobody read in time. On hold and muted what is said is silence. Exclusive. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_NOTHING while nothing waits.
 */
ale_status ale_leg_read_recording(struct ale_leg_control *control,
                                  int16_t *heard,
                                  int16_t *said,
                                  size_t capacity,
                                  size_t *samples,
                                  size_t *lost);

/*
 * What a jitter buffer has done. Every packet that was inserted is in one of played, late,
 * duplicate, dropped, flushed, passed, malformed, oversized and no_slot, or still waits.
 */
typedef struct ale_jitter_counters {
  uint64_t inserted;  /* Packets given to insert. */
  uint64_t played;  /* Packets of which something was heard. */
  uint64_t late;  /* Packets that came when their time was over. */
  uint64_t duplicate;  /* Packets that came before. */
  uint64_t dropped;  /* Packets that a decoder refused, or that fitted no stream. */
  /* Packets skipped to shorten the delay, or left over when another stream began. */
  uint64_t flushed;
  uint64_t passed;  /* Packets of payload types without a decoder. */
  uint64_t malformed;  /* Packets that are not RTP. */
  uint64_t oversized;  /* Packets with too large a payload. */
  uint64_t no_slot;  /* Packets that came while all slots were taken. */
  uint64_t waiting;  /* Packets that wait. */
  uint64_t missing;  /* Packets that never came. */
  uint64_t recovered;  /* Packets restored from redundancy. */
  uint64_t samples;  /* Samples pulled. */
  uint64_t concealed_samples;  /* Samples made up for missing ones. */
  uint64_t removed_samples;  /* Samples taken out to shorten the delay. */
  uint64_t inserted_samples;  /* Samples put in to lengthen the delay. */
  uint64_t mean_delay_us;  /* Mean delay in the buffer, in microseconds. */
  uint64_t delay_p95_us;  /* 95th percentile of it. */
  uint64_t target_delay_us;  /* Delay that is aimed at just now, in microseconds. */
  uint64_t accelerations;  /* Pulls of 10 ms that took time out. */
  uint64_t expansions;  /* Pulls of 10 ms that put time in. */
  uint64_t concealments;  /* Pulls of 10 ms that began a concealment. */
  uint64_t merges;  /* Pulls of 10 ms that joined audio to a concealment. */
  uint64_t comfort_noise_samples;  /* Samples of comfort noise. */
  /* Starts of another stream: SSRC, sequence numbers or timestamps that began anew. */
  uint64_t restarts;
  /* The sender's clock against this one, in parts per million; positive when the sender is fast. */
  int64_t drift_ppm;
  /*
   * Packets among those played that were not decoded, since their header said that they are silent.
   */
  uint64_t skipped_decodes;
} ale_jitter_counters;

/* What can be said of a leg just now. */
typedef struct ale_leg_counters {
  uint64_t datagrams;  /* Datagrams given to ale_leg_receive. */
  uint64_t packets_received;  /* RTP packets among them that reached the jitter buffer. */
  uint64_t malformed;  /* Datagrams that were neither RTP nor RTCP. */
  uint64_t authentication_failed;  /* Datagrams whose authentication failed. */
  uint64_t replayed;  /* Datagrams received before. */
  uint64_t srtp_refused;  /* Datagrams that SRTP refused for another reason. */
  uint64_t unknown_payload_type;  /* RTP packets of a payload type that was not negotiated. */
  uint64_t unknown_ssrc;  /* RTP packets of a source that is not listened to. */
  uint64_t own_ssrc;  /* Packets that were said to come from our own source. */
  uint64_t foreign_address;  /* Datagrams from another address than the one latched to. */
  uint64_t passed_through;  /* RTP packets handed on undecoded. */
  uint64_t oversized;  /* RTP packets larger than a slot of the jitter buffer. */
  uint64_t no_slot;  /* RTP packets for which no slot was free. */
  uint64_t packets_sent;  /* RTP packets sent. */
  /* Packets asked for again, and those of ours that the peer asked for. */
  uint64_t packets_requested;
  uint64_t packets_nacked;  /* See packets_requested. */
  uint64_t rtcp_received;  /* RTCP datagrams received and sent. */
  uint64_t rtcp_sent;  /* See rtcp_received. */
  uint32_t remote_ssrc;  /* The source listened to. */
  uint32_t pulled_level_dbov;  /* Level of what was pulled last, in -dBov. */
  uint32_t pushed_level_dbov;  /* Level of what was pushed last, in -dBov. */
  float loss_percent;  /* Packets that the network lost, in percent. */
  float concealed_percent;  /* Sound that had to be made up, in percent. */
  float jitter_ms;  /* Interarrival jitter in ms (RFC 3550 A.8). */
  float round_trip_ms;  /* Round-trip time in ms, 0 if unknown. */
  uint32_t expected_loss_percent;  /* Loss that the encoder prepares for, in percent. */
  /*
   * Mean opinion score of what is heard, 1 to 4.5, by the E-model (ITU-T G.107); 127, like the next,
   * where nothing was heard (RFC 3611: unavailable).
   */
  float mos;
  /* The same on the wide-band scale (G.107.1), on which narrow-band reaches 3.7. */
  float wide_band_mos;
  struct ale_jitter_counters jitter;  /* The jitter buffer. */
} ale_leg_counters;

/* Reads what can be said of a leg just now. Real-time. */
ale_status ale_leg_stats(const struct ale_leg_control *control, struct ale_leg_counters *stats);

/*
 * What the leg's transport has seen beside ale_leg_counters. Grows at its end: see
 * ale_leg_session_stats.
 */
typedef struct ale_leg_session_counters {
  uint64_t probation;  /* RTP of sources that have not yet proved valid (RFC 3550 appendix A.1). */
  uint64_t not_rtp;  /* STUN, DTLS, ZRTP and TURN, handed back. */
  uint64_t before_keys;  /* Datagrams that came before the keys, the first of which are kept. */
  uint64_t not_wanted;  /* RTP not played because of the leg's direction. */
  uint64_t restarts;  /* Times that the source began anew under its SSRC. */
  uint64_t source_changes;  /* Times that the leg turned to another source. */
  /* Packets of RTCP compounds that could not be read, beside others that could. */
  uint64_t rtcp_skipped;
  /* Packets that could not be protected: the key is used up, or none has come yet. */
  uint64_t not_protected;
  /*
   * RTP packets that may still be sent under the key in use, of its lifetime (RFC 3711 section 9.2); what
   * was known when the audio half last ran. UINT64_MAX in plain RTP, 0 while there are no keys.
   */
  uint64_t packets_left;
} ale_leg_session_counters;

/*
 * Reads counters of a leg's transport: so many bytes of them as the caller's struct has (sizeof). What a
 * newer header has and this library does not know is 0. Any number of threads. Real-time.
 */
ale_status ale_leg_session_stats(const struct ale_leg_control *control,
                                 struct ale_leg_session_counters *counters,
                                 size_t size);

/* A source whose audio is in a mix. */
typedef struct ale_contributor {
  uint32_t ssrc;  /* Its synchronization source. */
  uint32_t level_dbov;  /* How loud it is, in -dBov; 255 if the mixer does not say. */
} ale_contributor;

/*
 * Writes who is heard in what the peer sends, by the last packet that came (RFC 6465), to as many
 * places as there are (15 is enough), and how many there are to *count. Nobody is where
 * mixer_levels_id is 0. Real-time.
 *
 * Can return ALE_ERR_CAPACITY; nothing is written then.
 */
ale_status ale_leg_contributors(const struct ale_leg_control *control,
                                struct ale_contributor *contributors,
                                size_t capacity,
                                size_t *count);

/* A call in figures; all are of what this leg has heard, unless they say otherwise. */
typedef struct ale_leg_ticket {
  char codec[16];  /* Encoding name of the codec received. */
  char suite[40];  /* SRTP suite by its name in session descriptions, empty for plain RTP. */
  uint32_t local_ssrc;  /* Our source. */
  uint32_t remote_ssrc;  /* The source listened to last, 0 for none. */
  uint64_t source_changes;  /* Times that the source changed. */
  uint64_t duration_ms;  /* From the first datagram to the last, in ms. */
  uint64_t packets_sent;  /* RTP packets sent. */
  uint64_t packets_received;  /* RTP packets received and taken. */
  uint64_t octets_received;  /* Payload bytes received. */
  uint64_t packets_lost;  /* Packets that never came. */
  uint64_t packets_late;  /* Packets that came too late. */
  uint64_t packets_recovered;  /* Packets restored from redundancy. */
  /* Datagrams refused: malformed, forged, replayed, of strangers, without a free slot. */
  uint64_t datagrams_refused;
  int64_t drift_ppm;  /* The sender's clock against ours, in parts per million. */
  float loss_percent;  /* Loss in percent. */
  float burst_loss_percent;  /* Loss within bursts in percent (RFC 3611). */
  float burst_packets;  /* The bursts' mean length in packets. */
  float gap_loss_percent;  /* Loss in gaps in percent. */
  float gap_packets;  /* The gaps' mean length in packets. */
  float jitter_ms;  /* Interarrival jitter at the end, in ms (RFC 3550 A.8). */
  float round_trip_ms;  /* Round-trip time, in ms; 0 if unknown. */
  float buffer_ms;  /* Mean time in the jitter buffer, in ms. */
  float buffer_p95_ms;  /* Its 95th percentile, in ms. */
  float concealed_percent;  /* Sound made up, in percent. */
  /*
   * Transmission rating R (ITU-T G.107); 127, like the next four, where nothing was heard (RFC 3611:
   * unavailable).
   */
  float rating;
  float mos_lq;  /* Listening quality, 1 to 4.5. */
  float mos_cq;  /* Conversational quality, 1 to 4.5. */
  float wide_band_rating;  /* Rating on the wide-band scale, 0 to 129 (ITU-T G.107.1). */
  /* Conversational quality on the wide-band scale, on which narrow-band reaches 3.7. */
  float wide_band_mos;
  /* What the peer says of its side (RFC 3611): rating R, 0 if it has said nothing. */
  float remote_rating;
  /* Fraction that the peer has lost of what we sent, by its last report, in percent. */
  float remote_loss_percent;
} ale_leg_ticket;

/*
 * Gives the ticket of the call up to now; to be taken when it ends. Any number of threads.
 * Real-time.
 */
ale_status ale_leg_ticket_read(const struct ale_leg_control *control,
                               struct ale_leg_ticket *ticket);

/*
 * Writes the ticket as a JSON object with a zero byte behind it, at most 1024 bytes. length may be
 * NULL; it does not count the zero byte. Any number of threads. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY.
 */
ale_status ale_leg_ticket_json(const struct ale_leg_control *control,
                               char *json,
                               size_t capacity,
                               size_t *length);

#ifdef __cplusplus
}  /* extern "C" */
#endif

/* ==== The companions ==== */

#include "ale_audio.h"
#include "ale_conference.h"
#include "ale_jitter.h"
#include "ale_tap.h"
#include "ale_mixer.h"
#include "ale_srtp.h"

#endif  /* ALE_MEDIA_H */
