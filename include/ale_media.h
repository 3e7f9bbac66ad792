/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: a real-time voice media engine.
 *
 * Generated from ffi/src by `make header`; not to be edited.
 *
 * Conventions
 *   - Functions return ALE_OK (0) or a negative ale_status; on an error no output is touched.
 *   - Objects are opaque and made by a create function from a config struct, which its
 *     ale_*_config_init has filled; set the members that matter to you afterwards. The first
 *     member, struct_size, lets programs built against an older header run with a newer library.
 *   - The receiver comes first, then inputs, then outputs. destroy(NULL) does nothing; to destroy
 *     something twice is undefined, and ends the process in debug builds of the library.
 *   - NULL and values out of range give ALE_ERR_INVALID_ARGUMENT.
 *   - Strings are UTF-8, end with a zero byte, and are copied.
 *   - PCM is 16-bit signed mono in the machine's byte order. Lengths of PCM are samples.
 *   - Times are nanoseconds on one monotonic clock of the host's, with any origin.
 *   - Levels are in -dBov (RFC 6464): 0 is the loudest, 127 is silence.
 *   - "Real-time" functions neither allocate, lock, block, call the system nor log.
 *   - Functions take less than 16 KiB of stack but for those that say how much.
 *   - "Exclusive" objects are used by one thread at a time; const ones by any number.
 */

#ifndef ALE_MEDIA_H
#define ALE_MEDIA_H

#include <stddef.h>
#include <stdint.h>

/* Most keys in one a=crypto line. */
#define ALE_SRTP_MAX_KEYS 8

/* Most bytes of a master key identifier (MKI). */
#define ALE_SRTP_MAX_MKI_BYTES 128

/* Most bytes of key and salt together. */
#define ALE_SRTP_MAX_KEY_BYTES 46

/* Most bytes that protecting adds to a packet. */
#define ALE_SRTP_MAX_TRAILER_BYTES 152

/* Flag: the NULL suites, which authenticate but leave the text readable, are acceptable. */
#define ALE_SRTP_ALLOW_NULL_CIPHER 1

/* Flag: header extensions and contributing sources are encrypted whole (RFC 9335). */
#define ALE_SRTP_CRYPTEX 2

/* Bytes of the key that wraps a checkpoint. */
#define ALE_SRTP_WRAPPING_KEY_BYTES 32

/* Bytes of the nonce that wraps a checkpoint. */
#define ALE_SRTP_WRAPPING_NONCE_BYTES 12

/* What a function has to say. 0 is success, everything else is negative and names a reason. */
typedef enum {
  /* Done. */
  ALE_OK = 0,
  /* A NULL pointer, a value out of range, or a struct of a newer header. */
  ALE_ERR_INVALID_ARGUMENT = -1,
  /* A bug in the library, which stopped it in the middle; the object is not to be used further. */
  ALE_ERR_INTERNAL = -2,
  /* The caller's buffer is too small. */
  ALE_ERR_CAPACITY = -3,
  /* All places are taken. */
  ALE_ERR_FULL = -4,
  /* Earlier orders still wait: the other thread is not running. */
  ALE_ERR_BUSY = -5,
  /* No such participant, member or handle. */
  ALE_ERR_NOT_FOUND = -6,
  /* Not in this build, or not possible for this codec. */
  ALE_ERR_UNSUPPORTED = -7,
  /* Nothing there just now. */
  ALE_ERR_NOTHING = -8,
  /* The host's allocator had no memory. */
  ALE_ERR_NO_MEMORY = -9,
  /* The library has been in use already. */
  ALE_ERR_TOO_LATE = -10,
  /* Neither RTP nor RTCP, or truncated. */
  ALE_ERR_MALFORMED = -100,
  /* A payload type that was not negotiated. */
  ALE_ERR_UNKNOWN_PAYLOAD_TYPE = -101,
  /* A source (SSRC) that is not listened to. */
  ALE_ERR_UNKNOWN_SSRC = -102,
  /* A packet larger than a slot of the jitter buffer, or than any datagram. */
  ALE_ERR_OVERSIZED = -103,
  /* The jitter buffer has no free slot: the audio thread has stalled. */
  ALE_ERR_NO_SLOT = -104,
  /* A payload that the codec can't read. */
  ALE_ERR_PAYLOAD = -105,
  /* A packet that is said to come from our own source: a collision or a loop. */
  ALE_ERR_OWN_SSRC = -106,
  /* A packet from another address than the one that the leg has latched to. */
  ALE_ERR_FOREIGN_ADDRESS = -107,
  /* SRTP authentication failed: forged, damaged, or keys, suite or rollover counter differ. */
  ALE_ERR_SRTP_AUTHENTICATION = -200,
  /* The packet was received before. */
  ALE_ERR_SRTP_REPLAYED = -201,
  /* The packet lies before the replay window. */
  ALE_ERR_SRTP_TOO_OLD = -202,
  /* A master key identifier (MKI) that is not one of the session's. */
  ALE_ERR_SRTP_UNKNOWN_MKI = -203,
  /* One more stream than the session was made for. */
  ALE_ERR_SRTP_STREAM_LIMIT = -204,
  /* Sending this packet would use a key stream twice. */
  ALE_ERR_SRTP_INDEX_REUSED = -205,
  /* The key has protected as many packets as it may; the session needs a new one. */
  ALE_ERR_SRTP_KEY_EXHAUSTED = -206,
  /* Key, salt or identifier of the wrong length, missing, or too many. */
  ALE_ERR_SRTP_KEY = -207,
  /* Not permitted by the policy or without an explicit flag. */
  ALE_ERR_SRTP_NOT_PERMITTED = -208,
  /* Another reason of SRTP's. */
  ALE_ERR_SRTP_OTHER = -209,
  /* An `a=crypto` line that can't be read (RFC 4568). */
  ALE_ERR_SRTP_CRYPTO_LINE = -210,
  /* The stream has sent as many packets as an index can count. */
  ALE_ERR_SRTP_INDEX_EXHAUSTED = -211,
  /* The reservation of the last confirmed checkpoint is used up. */
  ALE_ERR_SRTP_CHECKPOINT_DUE = -212,
  /* A checkpoint that is damaged, of another version, or wrapped with another key. */
  ALE_ERR_SRTP_CHECKPOINT = -213,
  /* The backend lacks the suite, or failed. */
  ALE_ERR_SRTP_BACKEND = -214,
} ale_status;

/* What a pull did, mostly. */
typedef enum {
  /* Played as sent. */
  ALE_JITTER_NORMAL = 0,
  /* Took some time out. */
  ALE_JITTER_ACCELERATE = 1,
  /* Put some time in. */
  ALE_JITTER_EXPAND = 2,
  /* Made up for what is missing. */
  ALE_JITTER_CONCEAL = 3,
  /* Joined sound to a concealment. */
  ALE_JITTER_MERGE = 4,
  /* Comfort noise. */
  ALE_JITTER_COMFORT_NOISE = 5,
  /* Silence, before the first packet. */
  ALE_JITTER_SILENCE = 6,
} ale_jitter_operation;

/* What became of a datagram. */
typedef enum {
  /* RTP, now in the jitter buffer. */
  ALE_RECEIVED_MEDIA = 0,
  /* RTP of a source that has not proved itself yet. */
  ALE_RECEIVED_PROBATION = 1,
  /* RTCP, read. */
  ALE_RECEIVED_REPORT = 2,
  /* RTCP with a BYE of the source listened to. */
  ALE_RECEIVED_GOODBYE = 3,
  /* RTP that is handed on undecoded; ale_leg_passed says what. */
  ALE_RECEIVED_PASS_THROUGH = 4,
  /* STUN, as of ICE: untouched, for the host. So are the next three. */
  ALE_RECEIVED_STUN = 5,
  /* DTLS. */
  ALE_RECEIVED_DTLS = 6,
  /* ZRTP. */
  ALE_RECEIVED_ZRTP = 7,
  /* Data of a TURN channel. */
  ALE_RECEIVED_TURN = 8,
  /* Kept until keys come. */
  ALE_RECEIVED_KEPT = 9,
  /* RTP that is not played since the leg does not receive just now (direction). */
  ALE_RECEIVED_NOT_WANTED = 10,
} ale_received;

/* What happened to a leg. */
typedef enum {
  /* The peer has begun to send a digit or another telephone event (RFC 4733). */
  ALE_LEG_DIGIT_STARTED = 1,
  /* It is over; duration_ms says how long it lasted. */
  ALE_LEG_DIGIT_ENDED = 2,
  /* The leg listens to another source, ssrc. */
  ALE_LEG_SOURCE_CHANGED = 3,
  /* The source ssrc has said goodbye (RTCP BYE). */
  ALE_LEG_GOODBYE = 4,
  /* Something that a newer header names. */
  ALE_LEG_EVENT_OTHER = 5,
  /* A digit has been recognised in the sound. */
  ALE_LEG_INBAND_DIGIT = 6,
  /* A fax calls (1100 Hz). */
  ALE_LEG_FAX_CALLING = 7,
  /* A fax or modem answers (2100 Hz). */
  ALE_LEG_FAX_ANSWERING = 8,
  /* A beep, as of an answering machine, of frequency_hz. */
  ALE_LEG_BEEP = 9,
  /* Somebody else sends as our own source ssrc, or our packets come back: ale_leg_change_ssrc. */
  ALE_LEG_SSRC_COLLISION = 10,
  /* The peer's datagrams come from another address: ale_leg_peer_address. */
  ALE_LEG_ADDRESS_CHANGED = 11,
  /*
   * Datagrams were refused, count of them with this status so far: told at the first, the second,
   * the fourth, and so on.
   */
  ALE_LEG_REFUSED = 12,
  /*
   * No RTP has come for media_timeout_ms, although the leg listens; count is 1 if RTCP still comes.
   */
  ALE_LEG_MEDIA_STOPPED = 13,
  /* RTP comes again. */
  ALE_LEG_MEDIA_STARTED = 14,
  /* A key's lifetime nears its end, count packets are left: time to re-key. */
  ALE_LEG_KEY_EXPIRING = 15,
  /* The key of what is sent is used up: nothing is sent any more under it. */
  ALE_LEG_KEY_EXHAUSTED = 16,
  /* count events were lost, since nobody read them. */
  ALE_LEG_EVENTS_LOST = 17,
  /*
   * Dial tone is heard (ITU-T E.180), told with call_progress as the three that follow: once as long as
   * it lasts.
   */
  ALE_LEG_DIAL_TONE = 18,
  /* The ringing tone: the other telephone rings. */
  ALE_LEG_RINGING_TONE = 19,
  /* The busy tone. */
  ALE_LEG_BUSY_TONE = 20,
  /* The congestion tone: the network is busy. */
  ALE_LEG_CONGESTION_TONE = 21,
} ale_leg_event_kind;

/* How the playout delay is chosen. */
typedef enum {
  /* From the network's behaviour. */
  ALE_DELAY_ADAPTIVE = 0,
  /* Always the target delay. */
  ALE_DELAY_FIXED = 1,
  /* The target delay without stretching or concealment, for modems and fax. */
  ALE_DELAY_FROZEN = 2,
} ale_delay_mode;

/* Why packets fail authentication, most likely. */
typedef enum {
  /* Nothing that was tried fits, or the event is of another kind. */
  ALE_SRTP_CAUSE_NONE = 0,
  /* Another master key or salt than the sender's, or a forgery. */
  ALE_SRTP_CAUSE_KEY = 1,
  /* Another rollover counter fits: roc. */
  ALE_SRTP_CAUSE_ROLLOVER_COUNTER = 2,
  /* Another of the session's keys fits than the packet names: key. */
  ALE_SRTP_CAUSE_MKI = 3,
  /* Another suite with the same key fits: suite. */
  ALE_SRTP_CAUSE_SUITE = 4,
  /* Only this SSRC fails while others authenticate: ssrc. */
  ALE_SRTP_CAUSE_SSRC = 5,
} ale_srtp_cause;

/* One of the two directions of a session. */
typedef enum {
  /* What is protected. */
  ALE_SRTP_SENDING = 0,
  /* What is unprotected. */
  ALE_SRTP_RECEIVING = 1,
} ale_srtp_direction;

/* What an event is about. */
typedef enum {
  /* The suite is accepted for want of a better one: suite, weakness. */
  ALE_SRTP_EVENT_WEAK_SUITE = 0,
  /* A master key nears its lifetime: key, packets_left. */
  ALE_SRTP_EVENT_KEY_EXPIRING = 1,
  /* A run of packets failed authentication: ssrc, count, cause and what belongs to it. */
  ALE_SRTP_EVENT_AUTHENTICATION_FAILING = 2,
  /* A packet authenticated under another rollover counter: ssrc, expected_roc, roc. */
  ALE_SRTP_EVENT_ROLLOVER_CORRECTED = 3,
  /* The first packet under another key: key. */
  ALE_SRTP_EVENT_KEY_SWITCHED = 4,
  /* Half of the last checkpoint's reservation is used up: ssrc. */
  ALE_SRTP_EVENT_CHECKPOINT_DUE = 5,
  /* Of a kind that this header does not know. */
  ALE_SRTP_EVENT_OTHER = 6,
} ale_srtp_event_kind;

/* What a backend's submit function is to do. */
typedef enum {
  /* As its seal function. */
  ALE_SRTP_SEAL = 0,
  /* As its open function. */
  ALE_SRTP_OPEN = 1,
} ale_srtp_operation;

/*
 * Which suites are acceptable. The NULL suites are in none: they need ALE_SRTP_ALLOW_NULL_CIPHER.
 */
typedef enum {
  /* AEAD_AES_256_GCM and AEAD_AES_128_GCM only. */
  ALE_SRTP_STRICT = 0,
  /* Adds AES_CM with 80-bit HMAC-SHA1 tags, which much equipment has nothing better than. */
  ALE_SRTP_INTEROP = 1,
  /* Adds 32-bit tags, of which one in 2^32 forgeries succeeds. */
  ALE_SRTP_LEGACY = 2,
} ale_srtp_policy;

/* What is weak about a suite. */
typedef enum {
  /* Nothing, or the event is of another kind. */
  ALE_SRTP_WEAKNESS_NONE = 0,
  /* Authentication rests on SHA-1. */
  ALE_SRTP_WEAKNESS_SHA1 = 1,
  /* Authentication rests on SHA-1, and tags are 32 bits. */
  ALE_SRTP_WEAKNESS_SHORT_TAG = 2,
  /* The text is readable. */
  ALE_SRTP_WEAKNESS_NO_ENCRYPTION = 3,
} ale_srtp_weakness;

/*
 * A conference. ale_conference_tick, ale_conference_next_datagram and destroy are exclusive to
 * the audio thread; the other functions may be called from any thread meanwhile.
 */
typedef struct ale_conference ale_conference;

/* A codec of the host's; named in the codecs of any number of legs and jitter buffers. */
typedef struct ale_host_codec ale_host_codec;

/*
 * The half that settings go in by. May be used from any thread, one at a time; outlives the others.
 */
typedef struct ale_jitter_control ale_jitter_control;

/* The half that PCM comes out of. Exclusive, usually to the audio thread. */
typedef struct ale_jitter_reader ale_jitter_reader;

/* A log that is being replayed. Exclusive. */
typedef struct ale_jitter_replay ale_jitter_replay;

/* The half that packets go in by. Exclusive, usually to the network thread. */
typedef struct ale_jitter_writer ale_jitter_writer;

/* The half for orders and statistics. Exclusive, to any thread. */
typedef struct ale_leg_control ale_leg_control;

/* The half that PCM comes out of and goes in by. Exclusive, usually to the audio thread. */
typedef struct ale_leg_media ale_leg_media;

/* The half that datagrams go in by. Exclusive, usually to the network thread. */
typedef struct ale_leg_receiver ale_leg_receiver;

/*
 * One end of a line between two conferences, or between a conference and the host (music,
 * announcements, a recorder): what one end pushes the other pulls. Exclusive.
 */
typedef struct ale_link_end ale_link_end;

/* An N-1 mixer at one rate: everybody hears the sum of the others, exact to the bit. Exclusive. */
typedef struct ale_mixer ale_mixer;

/*
 * What the members of a share have said in 10 ms, added up. Written by ale_conference_gather;
 * any number of threads may read it in ale_conference_deliver meanwhile.
 */
typedef struct ale_partial_sums ale_partial_sums;

/*
 * Regroups the payloads of one stream into packets of another time, without re-encoding. Exclusive.
 */
typedef struct ale_repacketizer ale_repacketizer;

/*
 * An SRTP session: keys, rollover counters and replay windows of both directions. The protect
 * functions are exclusive to one thread and the unprotect functions to one thread, which may be
 * another.
 */
typedef struct ale_srtp ale_srtp;

/*
 * Cryptography from outside: a phone's engine, a certified library. Made once and named in the
 * config of any number of sessions; a batch hands over together what these have to do.
 */
typedef struct ale_srtp_backend ale_srtp_backend;

/*
 * Where memory comes from. The functions are called on the threads that create and destroy, several
 * at once, and by nothing that is real-time. Context must outlive all objects.
 *
 * Opus and OpenSSL, in libraries that are built with them, go to the C library's malloc for their
 * own memory nevertheless.
 */
typedef struct {
  /* Size of this struct, filled by ale_allocator_init. */
  uint32_t struct_size;
  /* Passed to each function. */
  void *context;
  /* Gives size bytes, never 0, at a multiple of alignment, a power of two; NULL if it has none. */
  void *(*allocate)(void *context, size_t size, size_t alignment);
  /* Takes back what allocate gave, with the same size and alignment. */
  void (*release)(void *context, void *memory, size_t size, size_t alignment);
} ale_allocator;

/*
 * A codec from outside, like G.729, iLBC, AMR-WB or EVS, made of functions of the host's. State is
 * what encoder_create and decoder_create make; one state is used by one thread at a time. All
 * functions but those that create and destroy must be real-time.
 */
typedef struct {
  /* Size of this struct, filled by ale_host_codec_config_init. */
  uint32_t struct_size;
  /* Samples a second of its PCM: 8000 (the default), 16000, 32000 or 48000; mono. */
  uint32_t sample_rate_hz;
  /* As in its a=rtpmap line, "G729/8000". Copied. */
  const char *encoding;
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
  /* Frees what encoder_create made. */
  void (*encoder_destroy)(void *state);
  /* Makes a decoder's state; NULL if it can't. */
  void *(*decoder_create)(void *context);
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
  /* Frees what decoder_create made. */
  void (*decoder_destroy)(void *state);
  /* Optional: forgets what was heard or said, as for a new stream, of either kind of state. */
  void (*reset)(void *state);
} ale_host_codec_config;

/* One master key of an a=crypto line. */
typedef struct {
  /* Key and salt, one after the other. */
  uint8_t key[ALE_SRTP_MAX_KEY_BYTES];
  /* The master key identifier. */
  uint8_t mki[ALE_SRTP_MAX_MKI_BYTES];
  /* Bytes of key and salt: 28 to 46, as the suite has it. */
  uint32_t key_bytes;
  /* Bytes of the identifier, 0 for none. Several keys need identifiers of one length. */
  uint32_t mki_bytes;
  /* Packets that the key may protect, 0 for 2^48. */
  uint64_t lifetime_packets;
} ale_srtp_key;

/* An a=crypto line: a suite, keys and session parameters. */
typedef struct {
  /* Size of this struct, filled by ale_srtp_crypto_init. */
  uint32_t struct_size;
  /* Number that ties an answer to one of the offer's lines. Default 1. */
  uint32_t tag;
  /*
   * The suite's IANA name, like "AEAD_AES_128_GCM", or a spelling that some peers use in its place,
   * like "AES_CM_256_HMAC_SHA1_80" for "AES_256_CM_HMAC_SHA1_80". A parsed line's is the one that was
   * read, and an answer's should be the offer's; it lives as long as the program.
   */
  const char *suite;
  /* How many keys. Default 0. */
  uint32_t key_count;
  /* KDR: the key derivation rate as a power of two, 0 to 24; -1 for none, the default. */
  int32_t key_derivation_rate_log2;
  /* UNENCRYPTED_SRTP: 0 or 1. */
  uint32_t unencrypted_srtp;
  /* UNENCRYPTED_SRTCP: 0 or 1. */
  uint32_t unencrypted_srtcp;
  /* WSH: the window size hint, 0 for none. */
  uint32_t window_size_hint;
  /* The keys; wipe them after use. */
  ale_srtp_key keys[ALE_SRTP_MAX_KEYS];
} ale_srtp_crypto;

/* Session keys for a backend to schedule; valid during the call. */
typedef struct {
  /* The suite's IANA name, like "AEAD_AES_128_GCM". Tag lengths are not the backend's concern. */
  const char *suite;
  /* The cipher's key. */
  const uint8_t *cipher_key;
  /* 16, 24 or 32. */
  size_t cipher_key_bytes;
  /* The 20 bytes of the HMAC-SHA1 key; of no meaning for GCM. */
  const uint8_t *authentication_key;
} ale_srtp_backend_keys;

/*
 * One packet for a backend. Authenticated is the packet, then the tail. Encrypted is what follows
 * the clear bytes. In GCM the clear bytes and the tail are the associated data.
 */
typedef struct {
  /* What schedule made. */
  void *key;
  /* The packet without trailer, changed in place. */
  uint8_t *packet;
  /* Bytes of the packet. */
  size_t length;
  /* Bytes in front that are authenticated but not encrypted. */
  size_t clear_bytes;
  /* What is authenticated after the packet but does not stand there. */
  uint8_t tail[4];
  /* 0 or 4. */
  uint32_t tail_bytes;
  /*
   * The counter block with a count of 0: counter mode begins with it; GCM's tag is masked with
   * count 1 and its text begins with count 2. The first 12 bytes are GCM's nonce.
   */
  uint8_t iv[16];
  /* Sealing: to be written, the first 16 bytes of the tag. Opening: the received tag. */
  uint8_t tag[16];
  /* Opening: how many bytes of the tag have been received. */
  uint32_t tag_bytes;
  /*
   * To be set to 1: sealed, or the tag matches and the text is decrypted. Unless it is, a packet
   * to open must be as it was.
   */
  int32_t done;
} ale_srtp_backend_job;

/*
 * What a backend is made of. The functions are called on the threads that use the sessions, several
 * at once; all but schedule and release must be real-time. The context must outlive the backend
 * and its sessions.
 */
typedef struct {
  /* Size of this struct, filled by ale_srtp_backend_config_init. */
  uint32_t struct_size;
  /* Passed to each function. */
  void *context;
  /*
   * Schedules session keys and writes its own form of them to key; 0, or -1 for a suite that it
   * lacks. Not real-time.
   */
  int32_t (*schedule)(void *context, const ale_srtp_backend_keys *keys, void **key);
  /* Wipes and frees what schedule made. Not real-time. */
  void (*release)(void *context, void *key);
  /* Encrypts and authenticates each job. */
  void (*seal)(void *context, ale_srtp_backend_job *jobs, size_t count);
  /* Authenticates each job in constant time, and decrypts it if the tag matches. */
  void (*open)(void *context, ale_srtp_backend_job *jobs, size_t count);
  /*
   * Optional, with poll: begins an ale_srtp_operation and writes a ticket. 1 if it goes on after
   * the return, with the jobs left in place; 0 if they are through already.
   */
  int32_t (*submit)(void *context,
                    int32_t operation,
                    ale_srtp_backend_job *jobs,
                    size_t count,
                    uint64_t *ticket);
  /*
   * Whether the jobs of a ticket are through: 1 once for each. It is called until then, so give
   * up on an engine that does not answer, leaving its jobs not done.
   */
  int32_t (*poll)(void *context, uint64_t ticket);
} ale_srtp_backend_config;

/* What a session is made for. At least one direction has keys. */
typedef struct {
  /* Size of this struct, filled by ale_srtp_config_init. */
  uint32_t struct_size;
  /* Replay window in packets: a power of two from 64 to 32768. Default 128. */
  uint32_t replay_window_packets;
  /* Keys for what is sent, as an a=crypto line (RFC 4568), with or without "a=crypto:"; or NULL. */
  const char *send_crypto;
  /* Keys for what is received: the other side's line; or NULL. */
  const char *receive_crypto;
  /* An ale_srtp_policy. Default ALE_SRTP_INTEROP. */
  int32_t policy;
  /* ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0. */
  uint32_t flags;
  /*
   * Streams (SSRCs) that each direction knows at a time, 1 to 16384. Where one more comes, the one
   * that has been idle longest makes room; what it takes to tell a replay is remembered. Default 4.
   */
  uint32_t max_streams;
  /* Rollover counter of a stream's first packet, for a late join. Default 0. */
  uint32_t initial_roc;
  /*
   * How many further rollover counters are tried when authentication fails, 0 to 4. A flood of
   * forgeries costs a quarter more by it, and no more. Default 4: a gap of 200,000 packets, or a
   * late join in the fifth rollover, is followed.
   */
  uint32_t roc_retry;
  /* Packets under new keys with which the previous ones cease to count. Default 256. */
  uint32_t rekey_overlap_packets;
  /*
   * The SSRCs that are accepted and sent, besides those that ale_srtp_set_stream adds; NULL, the
   * default, for any.
   */
  const uint32_t *ssrcs;
  /* How many SSRCs. */
  size_t ssrc_count;
  /* Header extension elements to encrypt, by identifier 1 to 255 (RFC 6904); or NULL. */
  const uint8_t *encrypted_extensions;
  /* How many identifiers. */
  size_t encrypted_extension_count;
  /*
   * Cryptography from outside; NULL, the default, for the best that this machine has. It can't be
   * combined with a key derivation rate.
   */
  const ale_srtp_backend *backend;
} ale_srtp_config;

/*
 * What an object takes of the allocator when it is made; nothing more is taken by functions that
 * are real-time. Sizes are those asked for: what an allocator adds for itself and to align comes on
 * top. The memory that Opus and OpenSSL take from malloc is not in it.
 */
typedef struct {
  /* Bytes that the object keeps. */
  size_t kept_bytes;
  /* Blocks that it keeps. */
  size_t kept_blocks;
  /* Most bytes that creation has at a time. */
  size_t peak_bytes;
  /* Bytes of all that creation asks for, also what it gives back. */
  size_t total_bytes;
} ale_memory;

/* One packet of a batch. */
typedef struct {
  /* The session. */
  ale_srtp *srtp;
  /* The packet, changed in place; no two jobs share memory. */
  uint8_t *packet;
  /* Bytes of the packet before. */
  size_t length;
  /* Bytes of memory at packet; for unprotecting, length is enough. */
  size_t capacity;
  /* Written: bytes of the packet afterwards. */
  size_t result_length;
  /* Written: what became of this packet. */
  ale_status status;
} ale_srtp_job;

/*
 * Where a stream stands: to be carried over when a call is re-negotiated with the same keys, or
 * given to a late joiner.
 */
typedef struct {
  /* The stream. */
  uint32_t ssrc;
  /* The rollover counter: of the highest index so far, or of the first packet to come. */
  uint32_t roc;
  /* Sequence number of the highest SRTP index so far, -1 before the first packet. */
  int32_t highest_sequence;
  /* Highest SRTCP index so far, -1 before the first packet. */
  int64_t rtcp_index;
} ale_srtp_stream;

/* Something that the host may want to act on. Members that don't belong to the kind are 0. */
typedef struct {
  /* An ale_srtp_event_kind. */
  int32_t kind;
  /* An ale_srtp_cause. */
  int32_t cause;
  /* An ale_srtp_weakness. */
  int32_t weakness;
  /* The stream. */
  uint32_t ssrc;
  /* Failures in a row. */
  uint32_t count;
  /* Position of the key in the session's line. */
  uint32_t key;
  /* The rollover counter that fits. */
  uint32_t roc;
  /* The rollover counter that was expected. */
  uint32_t expected_roc;
  /* Packets left before the key's hard stop. */
  uint64_t packets_left;
  /* The suite's IANA name, which lives as long as the program; or NULL. */
  const char *suite;
} ale_srtp_event;

/* What one direction of a session has done. */
typedef struct {
  /* SRTP packets that went through. */
  uint64_t rtp_packets;
  /* SRTCP packets that went through. */
  uint64_t rtcp_packets;
  /* Refused: not RTP or RTCP, or truncated. */
  uint64_t malformed;
  /* Refused: longer than any datagram. */
  uint64_t oversized;
  /* Refused: no room for the trailer. */
  uint64_t capacity;
  /* Refused: the authentication tag does not match. */
  uint64_t authentication_failed;
  /* Refused: received before. */
  uint64_t replayed;
  /* Refused: before the replay window. */
  uint64_t too_old;
  /* Refused: an unknown master key identifier. */
  uint64_t unknown_mki;
  /* Refused: an SSRC that the session is not for. */
  uint64_t unknown_ssrc;
  /* Refused: one more stream than the session was made for. */
  uint64_t stream_limit;
  /* Refused: sending it would use a key stream twice. */
  uint64_t index_reused;
  /* Refused: the index, the key's lifetime or the checkpoint's reservation is used up. */
  uint64_t exhausted;
  /* Refused: unencrypted where that is not permitted. */
  uint64_t not_permitted;
  /* Refused: any other reason. */
  uint64_t other;
  /* Packets that authenticated only under another rollover counter. */
  uint64_t rollover_corrected;
  /* Packets that authenticated under the previous keys. */
  uint64_t under_previous_keys;
  /* Events that found the queue full. */
  uint64_t events_lost;
} ale_srtp_counters;

/* A codec under a payload type, as in an a=rtpmap line (RFC 8866 section 6.6). */
typedef struct {
  /* 0 to 127; not 64 to 95. */
  uint8_t payload_type;
  /*
   * "PCMU/8000", "PCMA/8000", "G722/8000", "L16/16000" (or 8000, 32000, 48000) or
   * "opus/48000/2"; case does not matter.
   */
  const char *encoding;
  /* For Opus, samples a second of its PCM: 8000, 16000 or 48000; 0 for 48000. Else ignored. */
  uint32_t sample_rate_hz;
  /* For Opus, 6000 to 510000; 0 for 24000. Else ignored. */
  uint32_t bit_rate_bps;
  /* For Opus, what the encoder may spend, 1 to 10; 0 for 5. Else ignored. */
  uint32_t complexity;
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
  const ale_host_codec *host;
} ale_codec;

/* What a jitter buffer is made for. */
typedef struct {
  /* Size of this struct, filled by ale_jitter_config_init. */
  uint32_t struct_size;
  /* Samples a second of the PCM that comes out: 8000, 16000, 32000 or 48000. Default 8000. */
  uint32_t sample_rate_hz;
  /* What may come in. Default none. */
  const ale_codec *codecs;
  /* How many codecs. */
  size_t codec_count;
  /* Payload type of comfort noise (RFC 3389), -1 for none. Default 13. */
  int32_t comfort_noise_payload_type;
  /* An ale_delay_mode. Default ALE_DELAY_ADAPTIVE. */
  int32_t delay_mode;
  /* The delay never goes below this, in ms. Default 0. */
  uint32_t min_delay_ms;
  /* The delay never goes above this, in ms; at most 1000. Default 600. */
  uint32_t max_delay_ms;
  /* The delay of the modes that keep one, in ms. Default 60. */
  uint32_t target_delay_ms;
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
} ale_jitter_config;

/* How a pull went. */
typedef struct {
  /* What it did. */
  ale_jitter_operation operation;
  /* Delay in the buffer of the last sample, in ms. */
  float delay_ms;
  /* Delay that is aimed at, in ms. */
  float target_delay_ms;
  /* Packets that wait. */
  uint32_t waiting_packets;
} ale_pull_info;

/*
 * What a jitter buffer has done. Every packet that was inserted is in one of played, late,
 * duplicate, dropped, flushed, passed, malformed, oversized and no_slot, or still waits.
 */
typedef struct {
  /* Packets given to insert. */
  uint64_t inserted;
  /* Packets of which something was heard. */
  uint64_t played;
  /* Packets that came when their time was over. */
  uint64_t late;
  /* Packets that came before. */
  uint64_t duplicate;
  /* Packets that a decoder refused, or that fitted no stream. */
  uint64_t dropped;
  /* Packets skipped to shorten the delay, or left over when another stream began. */
  uint64_t flushed;
  /* Packets of payload types without a decoder. */
  uint64_t passed;
  /* Packets that are not RTP. */
  uint64_t malformed;
  /* Packets with too large a payload. */
  uint64_t oversized;
  /* Packets that came while all slots were taken. */
  uint64_t no_slot;
  /* Packets that wait. */
  uint64_t waiting;
  /* Packets that never came. */
  uint64_t missing;
  /* Packets restored from redundancy. */
  uint64_t recovered;
  /* Samples pulled. */
  uint64_t samples;
  /* Samples made up for missing ones. */
  uint64_t concealed_samples;
  /* Samples taken out to shorten the delay. */
  uint64_t removed_samples;
  /* Samples put in to lengthen the delay. */
  uint64_t inserted_samples;
  /* Mean delay in the buffer, in microseconds. */
  uint64_t mean_delay_us;
  /* 95th percentile of it. */
  uint64_t delay_p95_us;
  /* Delay that is aimed at just now, in microseconds. */
  uint64_t target_delay_us;
  /* Pulls of 10 ms that took time out. */
  uint64_t accelerations;
  /* Pulls of 10 ms that put time in. */
  uint64_t expansions;
  /* Pulls of 10 ms that began a concealment. */
  uint64_t concealments;
  /* Pulls of 10 ms that joined sound to a concealment. */
  uint64_t merges;
  /* Samples of comfort noise. */
  uint64_t comfort_noise_samples;
  /* Starts of another stream: SSRC, sequence numbers or timestamps that began anew. */
  uint64_t restarts;
  /* The sender's clock against this one, in parts per million; positive when the sender is fast. */
  int64_t drift_ppm;
  /*
   * Packets among those played that were not decoded, since their header said that they are silent.
   */
  uint64_t skipped_decodes;
} ale_jitter_counters;

/* A packet that is worth asking for again (RFC 4585). */
typedef struct {
  /* When it has to be here to be heard, on the host's clock. */
  uint64_t deadline_ns;
  /* Its sequence number. */
  uint16_t sequence;
} ale_missing_packet;

/* What a mixer is made for. */
typedef struct {
  /* Size of this struct, filled by ale_mixer_config_init. */
  uint32_t struct_size;
  /* Samples a second: a multiple of 100, at most 48000. Default 8000. */
  uint32_t sample_rate_hz;
  /* Places, 1 to 8192; memory for all is taken at creation. Default 16. */
  uint32_t max_participants;
  /* 1, or 2 for stereo, left and right alternating. Default 1. */
  uint32_t channels;
  /* Gains of one listener for one talker that there may be at a time. Default 0. */
  uint32_t max_pair_gains;
  /*
   * Not 0: a look-ahead limiter instead of clamping; 2 ms later, and the rate has to be a
   * multiple of 8000. Default 0.
   */
  uint32_t limiter;
} ale_mixer_config;

/* What a mixer has done. */
typedef struct {
  /* Participants just now. */
  uint64_t participants;
  /* Times that ale_mixer_run ran. */
  uint64_t runs;
  /* Inputs that were added up. */
  uint64_t rows_mixed;
  /* Outputs taken. */
  uint64_t outputs;
} ale_mixer_counters;

/* A payload type whose payloads a leg hands on as they are. */
typedef struct {
  /* 0 to 127; not 64 to 95. */
  uint32_t payload_type;
  /* RTP clock in ticks a second. */
  uint32_t rtp_clock_hz;
} ale_pass_through;

/*
 * What a leg is made for. The library makes no random numbers: what RFC 3550 section 5.1 wants
 * random comes from the host.
 */
typedef struct {
  /* Size of this struct, filled by ale_leg_config_init. */
  uint32_t struct_size;
  /* Source (SSRC) of what the leg sends; random. */
  uint32_t local_ssrc;
  /* The only source to listen to if has_remote_ssrc is not 0. */
  uint32_t remote_ssrc;
  /* 0 listens to whoever proves valid first. Default 0. */
  uint32_t has_remote_ssrc;
  /*
   * Sequence number of the first packet; random. Its top bit (0x8000) is not used: where the first
   * packets are lost, SRTP peers that see a wrap first never hear what follows (RFC 3711 section 3.3.1).
   */
  uint32_t initial_sequence;
  /* Timestamp of the first packet; random. */
  uint32_t initial_timestamp;
  /* Canonical name in RTCP, 1 to 255 bytes. Default "ale-media". */
  const char *cname;
  /* What is sent; its sample rate is that of the leg's PCM in both directions. */
  ale_codec send;
  /* Packet time of what is sent, in ms: a multiple of 10, at most 120. Default 20. */
  uint32_t packet_ms;
  /* What may come in. Default NULL, which means what is sent. */
  const ale_codec *receive;
  /* How many codecs may come in. */
  size_t receive_count;
  /* Payload type of comfort noise (RFC 3389), -1 for none. Default 13. */
  int32_t comfort_noise_payload_type;
  /* Mean time between RTCP reports in ms, 0 for none. Default 5000. */
  uint32_t rtcp_interval_ms;
  /* NTP time (32.32 fixed point) at the zero of the host's clock, 0 if unknown. */
  uint64_t ntp_at_zero;
  /*
   * Keys for what is sent, an a=crypto line (RFC 4568); NULL for plain RTP. A leg made anew with the keys
   * and the source of another sends under the same key stream again, which gives the text away: change
   * the living leg by ale_leg_update, or give the new one another key or source.
   */
  const char *send_crypto;
  /* Keys for what is received; NULL for plain RTP. Both or neither. */
  const char *receive_crypto;
  /* An ale_delay_mode. Default ALE_DELAY_ADAPTIVE. */
  int32_t delay_mode;
  /* The delay in the buffer never goes below this, in ms. Default 0. */
  uint32_t min_delay_ms;
  /* The delay in the buffer never goes above this, in ms. Default 600. */
  uint32_t max_delay_ms;
  /* The delay of the modes that keep one, in ms. Default 60. */
  uint32_t target_delay_ms;
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
   * Not 0 sends no sound in pauses: comfort noise (RFC 3389) for codecs with an RTP clock of 8000
   * Hz, Opus's own with Opus. Default 0.
   */
  uint32_t silence_suppression;
  /* Header extension identifier (RFC 8285) of audio levels (RFC 6464), 1 to 14, 0 for none. */
  uint32_t audio_level_id;
  /* The same of absolute send times. */
  uint32_t absolute_send_time_id;
  /* The same of the media description's name (RFC 9143), which mid names. */
  uint32_t mid_id;
  /* 1 to 16 bytes; NULL without mid_id. */
  const char *mid;
  /*
   * What is done about tones in what is received: 0 nothing; 1 digits, fax and modem tones and
   * beeps are told as events; 2 the same, and digits are not heard, for which all sound comes 45
   * ms later. Default 0.
   */
  uint32_t inband_tones;
  /* Not 0 sends extended reports (RFC 3611) with RTCP's. Default 1. */
  uint32_t extended_reports;
  /* What is handed on undecoded, as ALE_RECEIVED_PASS_THROUGH and to ale_leg_relay; or NULL. */
  const ale_pass_through *pass_through;
  /* How many payload types are. */
  size_t pass_through_count;
  /*
   * Not 0 freezes the jitter buffer (ALE_DELAY_FROZEN) when a fax or modem is heard (1100 or 2100
   * Hz); the tone is told as an event then, too. Default 0.
   */
  uint32_t freeze_for_modems;
  /*
   * Whether packets that would still be played are asked for again (generic NACK, RFC 4585): 0
   * no; 1 in compound RTCP packets; 2 in reduced-size ones (RFC 5506). Default 0.
   */
  uint32_t nack;
  /* An ale_srtp_policy. Default ALE_SRTP_INTEROP. */
  int32_t srtp_policy;
  /* ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0. */
  uint32_t srtp_flags;
  /*
   * Whose word is taken for it that a packet is silent (RFC 6464) and need not be decoded in a
   * conference: 0 nobody's; 1 that of authenticated peers; 2 everybody's. Default 1.
   */
  uint32_t level_trust;
  /*
   * Header extension identifier of contributing sources' levels (RFC 6465), 1 to 14, 0 for none: a
   * conference tells the peer who is heard, and ale_leg_contributors who is heard in its mix.
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
  /* Sources (SSRC) known at a time, 2 to 256. Default 8. */
  uint32_t max_sources;
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
   * Not 0 makes redundancy_generations the most, and has how many it is follow the loss that the peer
   * reports: none, and not a byte more, below 1 %. Default 0.
   */
  uint32_t redundancy_follows_loss;
  /*
   * Not 0 tells dial tone, ringing, busy and congestion in what is received as events, by name.
   * Default 0.
   */
  uint32_t call_progress;
} ale_leg_config;

/* An address and port. */
typedef struct {
  /* The address in network byte order: 4 bytes of IPv4, or 16 of IPv6. */
  uint8_t ip[16];
  /* 4 or 16. */
  uint32_t ip_bytes;
  /* The port, in the machine's byte order. */
  uint32_t port;
} ale_address;

/* A datagram that has arrived, one of a batch. */
typedef struct {
  /* The leg. */
  ale_leg_receiver *receiver;
  /* The datagram, changed in place; no two share memory. */
  uint8_t *datagram;
  /* Bytes of the datagram. */
  size_t length;
  /* When it came, on the host's clock. */
  uint64_t arrival_ns;
  /*
   * Where it came from, for legs that learn their peer's address (ale_leg_receive_from); or NULL.
   */
  const ale_address *from;
  /* Written: what became of it, if status is ALE_OK. */
  ale_received received;
  /* Written: as ale_leg_receive or ale_leg_receive_from would return. */
  ale_status status;
} ale_arrival;

/* One thing that happened. Members that its kind does not name are 0. */
typedef struct {
  /* What happened. */
  ale_leg_event_kind kind;
  /* The event's number (RFC 4733 section 3.2). */
  uint32_t event;
  /* Its DTMF character, 0 if it is none. */
  char digit;
  /* How long it lasted, in ms. */
  uint32_t duration_ms;
  /* The source. */
  uint32_t ssrc;
  /* Of a beep. */
  uint32_t frequency_hz;
  /* Why datagrams were refused, an ale_status. */
  int32_t status;
  /* How many. */
  uint64_t count;
} ale_leg_event;

/* An RTP packet that is handed on. */
typedef struct {
  /* The payload type; may be changed to what the other leg's peer calls it. */
  uint32_t payload_type;
  /* The marker bit, 0 or 1. */
  uint32_t marker;
  /* The sequence number. */
  uint32_t sequence;
  /* The RTP timestamp. */
  uint32_t timestamp;
  /* The source (SSRC). */
  uint32_t ssrc;
  /* Where the payload begins in the datagram, in bytes. */
  size_t payload_offset;
  /* Bytes of the payload. */
  size_t payload_bytes;
} ale_passed;

/* What can be said of a leg just now. */
typedef struct {
  /* Datagrams given to ale_leg_receive. */
  uint64_t datagrams;
  /* RTP packets among them that reached the jitter buffer. */
  uint64_t packets_received;
  /* Datagrams that were neither RTP nor RTCP. */
  uint64_t malformed;
  /* Datagrams whose authentication failed. */
  uint64_t authentication_failed;
  /* Datagrams received before. */
  uint64_t replayed;
  /* Datagrams that SRTP refused for another reason. */
  uint64_t srtp_refused;
  /* RTP packets of a payload type that was not negotiated. */
  uint64_t unknown_payload_type;
  /* RTP packets of a source that is not listened to. */
  uint64_t unknown_ssrc;
  /* Packets that were said to come from our own source. */
  uint64_t own_ssrc;
  /* Datagrams from another address than the one latched to. */
  uint64_t foreign_address;
  /* RTP packets handed on undecoded. */
  uint64_t passed_through;
  /* RTP packets larger than a slot of the jitter buffer. */
  uint64_t oversized;
  /* RTP packets for which no slot was free. */
  uint64_t no_slot;
  /* RTP packets sent. */
  uint64_t packets_sent;
  /* Packets asked for again, and those of ours that the peer asked for. */
  uint64_t packets_requested;
  /* See packets_requested. */
  uint64_t packets_nacked;
  /* RTCP datagrams received and sent. */
  uint64_t rtcp_received;
  /* See rtcp_received. */
  uint64_t rtcp_sent;
  /* The source listened to. */
  uint32_t remote_ssrc;
  /* Level of what was pulled last, in -dBov. */
  uint32_t pulled_level_dbov;
  /* Level of what was pushed last, in -dBov. */
  uint32_t pushed_level_dbov;
  /* Packets that the network lost, in percent. */
  float loss_percent;
  /* Sound that had to be made up, in percent. */
  float concealed_percent;
  /* Interarrival jitter in ms (RFC 3550 A.8). */
  float jitter_ms;
  /* Round-trip time in ms, 0 if unknown. */
  float round_trip_ms;
  /* Loss that the encoder prepares for, in percent. */
  uint32_t expected_loss_percent;
  /*
   * Mean opinion score of what is heard, 1 to 4.5, by the E-model (ITU-T G.107); 127, like the next,
   * where nothing was heard (RFC 3611: unavailable).
   */
  float mos;
  /* The same on the wide-band scale (G.107.1), on which narrow-band reaches 3.7. */
  float wide_band_mos;
  /* The jitter buffer. */
  ale_jitter_counters jitter;
} ale_leg_counters;

/*
 * What the leg's transport has seen beside ale_leg_counters. Grows at its end: see
 * ale_leg_session_stats.
 */
typedef struct {
  /* RTP of sources that have not yet proved valid (RFC 3550 appendix A.1). */
  uint64_t probation;
  /* STUN, DTLS, ZRTP and TURN, handed back. */
  uint64_t not_rtp;
  /* Datagrams that came before the keys, the first of which are kept. */
  uint64_t before_keys;
  /* RTP not played because of the leg's direction. */
  uint64_t not_wanted;
  /* Times that the source began anew under its SSRC. */
  uint64_t restarts;
  /* Times that the leg turned to another source. */
  uint64_t source_changes;
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

/* A source whose sound is in a mix. */
typedef struct {
  /* Its synchronization source. */
  uint32_t ssrc;
  /* How loud it is, in -dBov; 255 if the mixer does not say. */
  uint32_t level_dbov;
} ale_contributor;

/* A call in figures; all are of what this leg has heard, unless they say otherwise. */
typedef struct {
  /* Encoding name of the codec received. */
  char codec[16];
  /* SRTP suite by its name in session descriptions, empty for plain RTP. */
  char suite[40];
  /* Our source. */
  uint32_t local_ssrc;
  /* The source listened to last, 0 for none. */
  uint32_t remote_ssrc;
  /* Times that the source changed. */
  uint64_t source_changes;
  /* From the first datagram to the last, in ms. */
  uint64_t duration_ms;
  /* RTP packets sent. */
  uint64_t packets_sent;
  /* RTP packets received and taken. */
  uint64_t packets_received;
  /* Payload bytes received. */
  uint64_t octets_received;
  /* Packets that never came. */
  uint64_t packets_lost;
  /* Packets that came too late. */
  uint64_t packets_late;
  /* Packets restored from redundancy. */
  uint64_t packets_recovered;
  /* Datagrams refused: malformed, forged, replayed, of strangers, without a free slot. */
  uint64_t datagrams_refused;
  /* The sender's clock against ours, in parts per million. */
  int64_t drift_ppm;
  /* Loss in percent. */
  float loss_percent;
  /* Loss within bursts in percent (RFC 3611). */
  float burst_loss_percent;
  /* The bursts' mean length in packets. */
  float burst_packets;
  /* Loss in gaps in percent. */
  float gap_loss_percent;
  /* The gaps' mean length in packets. */
  float gap_packets;
  /* Interarrival jitter at the end, in ms (RFC 3550 A.8). */
  float jitter_ms;
  /* Round-trip time, in ms; 0 if unknown. */
  float round_trip_ms;
  /* Mean time in the jitter buffer, in ms. */
  float buffer_ms;
  /* Its 95th percentile, in ms. */
  float buffer_p95_ms;
  /* Sound made up, in percent. */
  float concealed_percent;
  /*
   * Transmission rating R (ITU-T G.107); 127, like the next four, where nothing was heard (RFC 3611:
   * unavailable).
   */
  float rating;
  /* Listening quality, 1 to 4.5. */
  float mos_lq;
  /* Conversational quality, 1 to 4.5. */
  float mos_cq;
  /* Rating on the wide-band scale, 0 to 129 (ITU-T G.107.1). */
  float wide_band_rating;
  /* Conversational quality on the wide-band scale, on which narrow-band reaches 3.7. */
  float wide_band_mos;
  /* What the peer says of its side (RFC 3611): rating R, 0 if it has said nothing. */
  float remote_rating;
  /* Fraction that the peer has lost of what we sent, by its last report, in percent. */
  float remote_loss_percent;
} ale_leg_ticket;

/* What a conference is made for. */
typedef struct {
  /* Size of this struct, filled by ale_conference_config_init. */
  uint32_t struct_size;
  /* Members at a time, 1 to 8192; memory for all is taken at creation. Default 16. */
  uint32_t max_members;
  /* Datagrams that one tick may leave, 0 for two a member. Default 0. */
  uint32_t max_datagrams;
  /* How many are heard at a time, the loudest; 0 for all. Default 0. */
  uint32_t max_speakers;
  /* Gains of one member for another that there may be at a time. Default 0. */
  uint32_t max_pair_gains;
  /* Not 0: a look-ahead limiter instead of clamping, 2 ms later. Default 0. */
  uint32_t limiter;
  /* Groups of members that share an encoder, 0 to 64. Default 4. */
  uint32_t encode_groups;
} ale_conference_config;

/* How a member joins. */
typedef struct {
  /* Size of this struct, filled by ale_join_options_init. */
  uint32_t struct_size;
  /* Not 0: the others don't hear the member. Default 0. */
  uint32_t muted;
  /* The host's own mark, handed out with each of the member's datagrams. Default 0. */
  uint64_t tag;
  /* How loud the others hear the member, as a factor from 0 to 8. Default 1. */
  float gain;
  /* 0: the member only talks; nothing is sent to it. Default 1. */
  uint32_t listening;
  /* Not 0: those alone hear the member that have a gain for it. Default 0. */
  uint32_t is_private;
} ale_join_options;

/* A datagram to be sent. */
typedef struct {
  /* The member's number. */
  uint64_t member;
  /* The member's mark (ale_join_options). */
  uint64_t tag;
  /* RTP or RTCP, valid until the next tick. */
  const uint8_t *bytes;
  /* How many bytes. */
  size_t length;
} ale_datagram;

/* What a conference has done. */
typedef struct {
  /* Members just now. */
  uint64_t members;
  /* Ticks. */
  uint64_t ticks;
  /* Members that joined. */
  uint64_t joins;
  /* Members that left. */
  uint64_t leaves;
  /* Datagrams handed out. */
  uint64_t datagrams;
  /* Times that a member's datagrams had to wait for the next tick for want of room. */
  uint64_t deferred;
  /* Payloads that were copies of another member's. */
  uint64_t shared_payloads;
  /* Members that are heard just now, where not all are. */
  uint64_t speakers;
  /* Calls that were refused: too many wait, no place or pair gain is left, no such member. */
  uint64_t refused;
  /* Ticks that did not come: gaps of more than 15 ms, in whole ticks. */
  uint64_t missed_ticks;
} ale_conference_counters;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ---- Library ---- */

/*
 * The library's version, "MAJOR.MINOR.PATCH"; lives as long as the program.
 *
 * Any thread. Real-time.
 */
const char *ale_version(void);

/*
 * A sentence in English for a status, also for numbers that are none; lives as long as the
 * program.
 *
 * Any thread. Real-time.
 */
const char *ale_status_message(int32_t status);

/* ---- Memory ---- */

/* Fills an allocator with no functions. Any thread. Real-time. */
ale_status ale_allocator_init(ale_allocator *allocator);

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
ale_status ale_set_allocator(const ale_allocator *allocator);

/* ---- Codecs of the host ---- */

/* Fills a config with the defaults and no functions. Any thread. Real-time. */
ale_status ale_host_codec_config_init(ale_host_codec_config *config);

/*
 * Makes a codec of the host's functions, which are copied. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT: an encoding without name or with another clock, a rate that
 * can't be played, a decoding function that is missing, or only some of the encoding ones; and
 * ALE_ERR_NO_MEMORY.
 */
ale_status ale_host_codec_create(const ale_host_codec_config *config, ale_host_codec **codec);

/*
 * Frees a codec, which its legs and jitter buffers go on to use until they are destroyed. Any
 * thread. Not real-time.
 */
void ale_host_codec_destroy(ale_host_codec *codec);

/* ---- SRTP sessions ---- */

/* Fills an a=crypto line with the defaults. Any thread. Real-time. */
ale_status ale_srtp_crypto_init(ale_srtp_crypto *crypto);

/*
 * Parses an a=crypto line, with or without "a=crypto:" (RFC 4568). Any thread. Not real-time.
 *
 * Can return ALE_ERR_SRTP_CRYPTO_LINE, and ALE_ERR_UNSUPPORTED for unauthenticated SRTP and FEC.
 */
ale_status ale_srtp_crypto_parse(const char *line, ale_srtp_crypto *crypto);

/*
 * Prints an a=crypto line, with "a=crypto:" and a zero byte at its end; as secret as its keys. Any
 * thread. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY, ALE_ERR_SRTP_KEY, and ALE_ERR_UNSUPPORTED for an unknown suite.
 */
ale_status ale_srtp_crypto_print(const ale_srtp_crypto *crypto, char *line, size_t capacity);

#if defined(ALE_WITH_KEY_LOG)
/*
 * Prints the a=crypto line of a direction's keys (an ale_srtp_direction), for whoever looks at a
 * capture; in libraries that are built with the feature key-log, which is not for production. A new
 * one is due after each ale_srtp_rekey. Exclusive to the direction. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY.
 */
ale_status ale_srtp_key_log(ale_srtp *srtp, int32_t direction, char *line, size_t capacity);
#endif

/*
 * Bytes to export from DTLS, with the label "EXTRACTOR-dtls_srtp", for a protection profile's
 * number (RFC 5764 section 4.1.2, RFC 7714 section 14.2). Any thread. Real-time.
 *
 * Can return ALE_ERR_UNSUPPORTED for an unknown profile.
 */
ale_status ale_srtp_dtls_bytes(uint32_t profile, size_t *length);

/*
 * Splits what DTLS exported into the lines that a session is made from (RFC 5764 section 4.2):
 * is_client is 1 on the side that sent the ClientHello ("a=setup:active"), and 0 on the other. 128
 * bytes are enough for a line. Any thread. Not real-time.
 *
 * Can return ALE_ERR_UNSUPPORTED for an unknown profile, ALE_ERR_SRTP_KEY for another length, and
 * ALE_ERR_CAPACITY.
 */
ale_status ale_srtp_dtls_split(uint32_t profile,
                               const uint8_t *exported,
                               size_t length,
                               int32_t is_client,
                               char *send_crypto,
                               size_t send_capacity,
                               char *receive_crypto,
                               size_t receive_capacity);

/* Fills a config with no functions. Any thread. Real-time. */
ale_status ale_srtp_backend_config_init(ale_srtp_backend_config *config);

/*
 * Makes a backend; the functions are copied. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT if a function is missing, or there is only one of submit and
 * poll, and ALE_ERR_NO_MEMORY.
 */
ale_status ale_srtp_backend_create(const ale_srtp_backend_config *config,
                                   ale_srtp_backend **backend);

/*
 * Frees a backend, which its sessions go on to use until they are destroyed. Any thread. Not
 * real-time.
 */
void ale_srtp_backend_destroy(ale_srtp_backend *backend);

#if defined(ALE_WITH_OPENSSL)
/*
 * Makes a backend of OpenSSL's libcrypto, in libraries that are built with the feature openssl.
 * Any thread. Not real-time.
 */
ale_status ale_srtp_backend_openssl(ale_srtp_backend **backend);
#endif

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_srtp_config_init(ale_srtp_config *config);

/*
 * Makes a session. Takes some 18 KiB of stack. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_KEY,
 * ALE_ERR_SRTP_NOT_PERMITTED, ALE_ERR_SRTP_BACKEND and ALE_ERR_NO_MEMORY.
 */
ale_status ale_srtp_create(const ale_srtp_config *config, ale_srtp **srtp);

/*
 * What a session of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_srtp_create can.
 */
ale_status ale_srtp_memory_required(const ale_srtp_config *config,
                                    ale_memory *memory);

/* Wipes the keys and frees a session. Any thread. Not real-time. */
void ale_srtp_destroy(ale_srtp *srtp);

/*
 * Protects the RTP packet of length bytes in place; capacity bytes must have room for what is
 * added (ALE_SRTP_MAX_TRAILER_BYTES at most). Real-time.
 *
 * Can return ALE_ERR_CAPACITY, ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_SSRC and the ALE_ERR_SRTP group.
 */
ale_status ale_srtp_protect(ale_srtp *srtp,
                            uint8_t *packet,
                            size_t length,
                            size_t capacity,
                            size_t *result_length);

/*
 * Checks and decrypts the SRTP packet of length bytes in place. A packet that is refused is left
 * as it was. Real-time.
 *
 * Can return ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_SSRC and the ALE_ERR_SRTP group.
 */
ale_status ale_srtp_unprotect(ale_srtp *srtp,
                              uint8_t *packet,
                              size_t length,
                              size_t *result_length);

/* As ale_srtp_protect, for a compound RTCP packet. Real-time. */
ale_status ale_srtp_protect_rtcp(ale_srtp *srtp,
                                 uint8_t *packet,
                                 size_t length,
                                 size_t capacity,
                                 size_t *result_length);

/* As ale_srtp_unprotect, for a compound RTCP packet. Real-time. */
ale_status ale_srtp_unprotect_rtcp(ale_srtp *srtp,
                                   uint8_t *packet,
                                   size_t length,
                                   size_t *result_length);

/*
 * Protects RTP packets of any number of sessions, each of which may occur several times. Results
 * and bytes are those of ale_srtp_protect for one job after the other; each has a status of its
 * own, and one that is refused does not disturb the others. Exclusive to the sending halves.
 * Real-time.
 */
ale_status ale_srtp_protect_batch(ale_srtp_job *jobs, size_t count);

/*
 * Checks and decrypts SRTP packets of any number of sessions, as ale_srtp_unprotect would for one
 * job after the other, each with a status of its own. Exclusive to the receiving halves.
 * Real-time.
 */
ale_status ale_srtp_unprotect_batch(ale_srtp_job *jobs, size_t count);

/*
 * Replaces keys while traffic flows; NULL leaves a direction as it is. The whole line counts at once:
 * suite, keys, identifiers (MKI) and session parameters; what goes out is readable only if this line
 * says UNENCRYPTED_SRTP. Policy, flags, SSRCs and header extensions stay those that the session was
 * made for. Rollover counters, indices and replay windows go on. Packets under the old keys are still
 * taken for some time, also where the new key has the same identifier; a peer that counts from 0
 * again under new keys is followed. The same line again changes nothing. What is refused changes
 * neither direction. Exclusive to both directions. Not real-time.
 *
 * Can return ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_NOT_PERMITTED for a suite that the session's policy
 * excludes, ALE_ERR_SRTP_BACKEND, and ALE_ERR_INVALID_ARGUMENT for a direction that was made without
 * keys.
 */
ale_status ale_srtp_rekey(ale_srtp *srtp,
                          const char *send_crypto,
                          const char *receive_crypto);

/*
 * Ends the time in which packets under the keys before the last ale_srtp_rekey are taken.
 * Exclusive to the receiving direction. Not real-time.
 */
ale_status ale_srtp_retire_previous_keys(ale_srtp *srtp);

/*
 * Sends under the key with this master key identifier (MKI) from now on. Exclusive to the sending
 * direction. Real-time.
 *
 * Can return ALE_ERR_SRTP_UNKNOWN_MKI.
 */
ale_status ale_srtp_select_key(ale_srtp *srtp, const uint8_t *mki, size_t mki_bytes);

/*
 * The streams of a direction (an ale_srtp_direction): writes as many as there is room for, and
 * their whole number to count. streams may be NULL with a capacity of 0. Exclusive to the
 * direction. Real-time.
 */
ale_status ale_srtp_streams(ale_srtp *srtp,
                            int32_t direction,
                            ale_srtp_stream *streams,
                            size_t capacity,
                            size_t *count);

/*
 * Adds a stream to a direction, or moves it forward. Indices up to those given count as used or
 * received, and so do all that have been: a state is never set back. With a highest_sequence of -1, roc
 * is that of the next packet; the one that the stream has changes nothing, and neither does an
 * rtcp_index of -1. Exclusive to the direction. Real-time.
 *
 * Can return ALE_ERR_SRTP_INDEX_REUSED (sending) or ALE_ERR_SRTP_TOO_OLD (receiving) where the stream is
 * further already, and ALE_ERR_SRTP_STREAM_LIMIT where every place is taken by SSRCs that were named.
 */
ale_status ale_srtp_set_stream(ale_srtp *srtp,
                               int32_t direction,
                               const ale_srtp_stream *stream);

/*
 * Takes a stream out of the table. What has been sent or received of it is remembered: when its SSRC
 * comes back, it goes on where it was. Exclusive to the direction. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_srtp_remove_stream(ale_srtp *srtp, int32_t direction, uint32_t ssrc);

/*
 * The oldest event of a direction (an ale_srtp_direction) that has not been polled yet. Exclusive
 * to the direction. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_srtp_poll_event(ale_srtp *srtp, int32_t direction, ale_srtp_event *event);

/*
 * What an SRTP packet that was refused would authenticate with, given the keys of a line: other
 * suites, other rollover counters, other keys. Writes an event of kind
 * ALE_SRTP_EVENT_AUTHENTICATION_FAILING, whose cause is ALE_SRTP_CAUSE_NONE if nothing fits. Any
 * thread. Not real-time.
 *
 * Can return ALE_ERR_SRTP_CRYPTO_LINE and ALE_ERR_MALFORMED.
 */
ale_status ale_srtp_diagnose(const char *receive_crypto,
                             const uint8_t *packet,
                             size_t length,
                             ale_srtp_event *event);

/*
 * Reads the counters of both directions; either pointer may be NULL. Exclusive to the directions
 * asked for. Real-time.
 */
ale_status ale_srtp_stats(ale_srtp *srtp, ale_srtp_counters *sent, ale_srtp_counters *received);

/*
 * Bytes that a checkpoint of a direction (an ale_srtp_direction) would have now. Exclusive to the
 * direction. Real-time.
 */
ale_status ale_srtp_checkpoint_bytes(ale_srtp *srtp, int32_t direction, size_t *length);

/*
 * Takes a checkpoint of a direction (an ale_srtp_direction): keys, rollover counters and replay
 * windows, wrapped with a key of ALE_SRTP_WRAPPING_KEY_BYTES and a nonce of
 * ALE_SRTP_WRAPPING_NONCE_BYTES, which must never be used twice with one key. A sending direction's
 * reserves so many packets: what is restored from it begins behind them, and the live session stops
 * (ALE_ERR_SRTP_CHECKPOINT_DUE) at their end unless ale_srtp_confirm_checkpoint has been called for
 * a later checkpoint. generation tells a later one from an earlier. Exclusive to the direction. Not
 * real-time.
 *
 * Can return ALE_ERR_CAPACITY, and ALE_ERR_INVALID_ARGUMENT for a reservation that is not 1 to
 * 28672 (of no meaning when receiving) or while a stream that is sent has not begun.
 */
ale_status ale_srtp_checkpoint(ale_srtp *srtp,
                               int32_t direction,
                               const uint8_t *wrapping_key,
                               const uint8_t *nonce,
                               uint32_t reserve_packets,
                               uint8_t *bytes,
                               size_t capacity,
                               size_t *length,
                               uint64_t *generation_number);

/*
 * Says that the sending direction's checkpoint of this generation is what another process would
 * restore: it is stored, and earlier ones are gone. Exclusive to the sending direction. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND for any but the latest, or one that is confirmed already.
 */
ale_status ale_srtp_confirm_checkpoint(ale_srtp *srtp, uint64_t generation_number);

/*
 * Makes a session from the checkpoints of its directions; either may be NULL, not both. Policy, flags,
 * SSRCs, header extensions and the first rollover counter are those in the checkpoints, also for keys
 * that come later; of config the limits (window, streams, retries, overlap) and the backend matter. A
 * restored sending direction sends once it has taken and confirmed a checkpoint of its own. Takes some 19
 * KiB of stack. Any thread. Not real-time.
 *
 * Can return ALE_ERR_SRTP_CHECKPOINT for one that is damaged, wrapped with another key, or of the
 * other direction, and what ale_srtp_create can return.
 */
ale_status ale_srtp_restore(const ale_srtp_config *config,
                            const uint8_t *wrapping_key,
                            const uint8_t *sending,
                            size_t sending_bytes,
                            const uint8_t *receiving,
                            size_t receiving_bytes,
                            ale_srtp **srtp);

/* ---- Jitter buffer ---- */

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_jitter_config_init(ale_jitter_config *config);

/*
 * Makes a jitter buffer and gives its two halves. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_NO_MEMORY, and ALE_ERR_UNSUPPORTED for a codec that is
 * not known.
 */
ale_status ale_jitter_create(const ale_jitter_config *config,
                             ale_jitter_writer **writer,
                             ale_jitter_reader **reader);

/*
 * What a jitter buffer of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_jitter_create can.
 */
ale_status ale_jitter_memory_required(const ale_jitter_config *config,
                                      ale_memory *memory);

/* Frees a half. Any thread. Not real-time. */
void ale_jitter_writer_destroy(ale_jitter_writer *writer);

/* Frees a half. Any thread. Not real-time. */
void ale_jitter_reader_destroy(ale_jitter_reader *reader);

/*
 * Copies an RTP packet in; never waits. Real-time.
 *
 * Can return ALE_ERR_MALFORMED, ALE_ERR_OVERSIZED and ALE_ERR_NO_SLOT; each is counted.
 */
ale_status ale_jitter_insert(ale_jitter_writer *writer,
                             const uint8_t *rtp,
                             size_t length,
                             uint64_t arrival_ns);

/*
 * Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
 * NULL. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_pull(ale_jitter_reader *reader,
                           uint64_t now_ns,
                           int16_t *pcm,
                           size_t samples,
                           ale_pull_info *info);

/*
 * Sets bounds of the delay in ms. Any thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_set_delay_bounds(const ale_jitter_reader *reader,
                                       uint32_t min_ms,
                                       uint32_t max_ms);

/* Reads the counters. Real-time. */
ale_status ale_jitter_stats(const ale_jitter_reader *reader, ale_jitter_counters *stats);

/*
 * Gives a control half. The reader's thread. Not real-time.
 *
 * Can return ALE_ERR_NO_MEMORY.
 */
ale_status ale_jitter_control_create(const ale_jitter_reader *reader, ale_jitter_control **control);

/* Frees a control half. Any thread. Not real-time. */
void ale_jitter_control_destroy(ale_jitter_control *control);

/*
 * Sets an ale_delay_mode, and the delay in ms of the modes that keep one. ALE_DELAY_FROZEN is for
 * when a modem's or fax's tone was heard. Any thread. Real-time; takes effect at the next pull.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_control_set_mode(ale_jitter_control *control,
                                       int32_t mode,
                                       uint32_t target_delay_ms);

/*
 * Sets bounds of the delay in ms. Any thread. Real-time; takes effect at the next pull.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_control_set_delay_bounds(ale_jitter_control *control,
                                               uint32_t min_ms,
                                               uint32_t max_ms);

/*
 * Writes the packets that are missing and would still be heard, those due first in front; at most
 * 128, and as many as there is room for. count is how many. The reader's thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_missing(const ale_jitter_reader *reader,
                              uint64_t now_ns,
                              ale_missing_packet *packets,
                              size_t capacity,
                              size_t *count);

/*
 * Writes how late packets came lately, older ones weighing less: shares[n] is the share of all
 * whose delay over the fastest lately is from n to n + 1 steps; the last holds the rest. The
 * reader's thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_jitter_arrival_histogram(const ale_jitter_reader *reader,
                                        uint32_t step_ms,
                                        float *shares,
                                        size_t count);

/*
 * Copies the log of what a buffer saw and decided. length is how many bytes it takes: 0 without a
 * black box; nothing is copied when capacity is less. The reader's thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, and ALE_ERR_CAPACITY with length set.
 */
ale_status ale_jitter_black_box(const ale_jitter_reader *reader,
                                uint8_t *log,
                                size_t capacity,
                                size_t *length);

/*
 * Reads a log, which is copied. The config says which codecs the buffer had; its rate must be that
 * of the log, and everything else is in the log. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_MALFORMED, ALE_ERR_UNSUPPORTED and ALE_ERR_NO_MEMORY.
 */
ale_status ale_jitter_replay_create(const uint8_t *log,
                                    size_t length,
                                    const ale_jitter_config *config,
                                    ale_jitter_replay **replay);

/* Frees a replay. Any thread. Not real-time. */
void ale_jitter_replay_destroy(ale_jitter_replay *replay);

/*
 * Replays the next pull. samples is how many were written: 0 at the log's end and for a log
 * without audio. info is what was decided then; agrees, 1 if the replay decided the same (0 can be
 * had from a log whose beginning was dropped). At the log's end, ended is 1. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_MALFORMED, and ALE_ERR_CAPACITY for a pull of more
 * than capacity, which is lost then.
 */
ale_status ale_jitter_replay_pull(ale_jitter_replay *replay,
                                  int16_t *pcm,
                                  size_t capacity,
                                  size_t *samples,
                                  ale_pull_info *info,
                                  int32_t *agrees,
                                  int32_t *ended);

/* ---- Mixer ---- */

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_mixer_config_init(ale_mixer_config *config);

/*
 * Makes a mixer. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_mixer_create(const ale_mixer_config *config, ale_mixer **mixer);

/*
 * What a mixer of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_mixer_create can.
 */
ale_status ale_mixer_memory_required(const ale_mixer_config *config, ale_memory *memory);

/* Frees a mixer. Any thread. Not real-time. */
void ale_mixer_destroy(ale_mixer *mixer);

/*
 * Takes a participant in and writes its number to *participant. Real-time.
 *
 * Can return ALE_ERR_FULL.
 */
ale_status ale_mixer_add(ale_mixer *mixer, uint64_t *participant);

/*
 * Lets a participant go. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_remove(ale_mixer *mixer, uint64_t participant);

/*
 * Gives 10 ms of a participant's audio, copied. Who gives none before a run is silent in it.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
 */
ale_status ale_mixer_input(ale_mixer *mixer,
                           uint64_t participant,
                           const int16_t *pcm,
                           size_t samples);

/* Adds up what was given since the last run. Real-time. */
ale_status ale_mixer_run(ale_mixer *mixer);

/*
 * Writes 10 ms of what a participant hears of the last run: all but itself. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
 */
ale_status ale_mixer_output(ale_mixer *mixer, uint64_t participant, int16_t *pcm, size_t samples);

/*
 * Sets how loud the others hear a participant, as a factor from 0 to 8, by a ramp of 10 ms.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND; ALE_ERR_INVALID_ARGUMENT for a factor out of range or NaN.
 */
ale_status ale_mixer_set_gain(ale_mixer *mixer, uint64_t participant, float factor);

/*
 * Silences a participant for the others (not 0), or lets it be heard again, by a ramp of 10 ms.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_set_muted(ale_mixer *mixer, uint64_t participant, int32_t muted);

/*
 * Whether a participant hears anything (not 0), by a ramp of 10 ms. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_set_listening(ale_mixer *mixer, uint64_t participant, int32_t listening);

/*
 * Whether those alone hear a participant (not 0) that have a gain for it: a coach, a side talk.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_set_private(ale_mixer *mixer, uint64_t participant, int32_t is_private);

/*
 * Sets how loud one listener hears one talker, as a factor from 0 to 8 on top of the talker's own
 * gain; a negative factor goes back to what everybody hears, after a ramp of a run in which it still
 * counts. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND; ALE_ERR_FULL beyond max_pair_gains; ALE_ERR_INVALID_ARGUMENT for a
 * factor out of range or NaN, and for a participant and itself.
 */
ale_status ale_mixer_set_pair_gain(ale_mixer *mixer,
                                   uint64_t listener,
                                   uint64_t talker,
                                   float factor);

/*
 * Level of a participant's input in the last run, in -dBov (RFC 6464), 127 for none. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_mixer_level(ale_mixer *mixer, uint64_t participant, uint8_t *level_dbov);

/*
 * Adds 10 ms from elsewhere (music, another mixer's sum) to what everybody hears until the next
 * run. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
 */
ale_status ale_mixer_mix_in(ale_mixer *mixer, const int32_t *pcm, size_t samples);

/*
 * Copies the sum of the last run, nothing limited: what other mixers are given by
 * ale_mixer_mix_in, so that all together are one. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
 */
ale_status ale_mixer_sum(const ale_mixer *mixer, int32_t *pcm, size_t samples);

/* Reads the counters. Real-time. */
ale_status ale_mixer_stats(const ale_mixer *mixer, ale_mixer_counters *stats);

/* ---- Legs ---- */

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_leg_config_init(ale_leg_config *config);

/*
 * The same for a config of struct_size bytes, as that of an older header has less; what
 * ale_leg_config_init stands for in programs. Any thread. Real-time.
 */
ale_status ale_leg_config_init_sized(ale_leg_config *config, size_t struct_size);

/*
 * Makes a leg and gives its three halves, each to be destroyed by itself. Takes some 72 KiB of stack with
 * SRTP. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_UNSUPPORTED for a codec that is not known,
 * ALE_ERR_NO_MEMORY, and ALE_ERR_SRTP_CRYPTO_LINE and the other keys' statuses.
 */
ale_status ale_leg_create(const ale_leg_config *config,
                          ale_leg_receiver **receiver,
                          ale_leg_media **media,
                          ale_leg_control **control);

/*
 * What a leg of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_leg_create can.
 */
ale_status ale_leg_memory_required(const ale_leg_config *config, ale_memory *memory);

/* Frees a half. Any thread. Not real-time. */
void ale_leg_receiver_destroy(ale_leg_receiver *receiver);

/* Frees a half; not one that has joined a conference. Any thread. Not real-time. */
void ale_leg_media_destroy(ale_leg_media *media);

/* Frees a half. Any thread. Not real-time. */
void ale_leg_control_destroy(ale_leg_control *control);

/*
 * Takes a datagram, RTP or RTCP, and decrypts it in place. received may be NULL. Real-time.
 *
 * Can return ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_PAYLOAD_TYPE, ALE_ERR_UNKNOWN_SSRC,
 * ALE_ERR_OWN_SSRC, ALE_ERR_OVERSIZED, ALE_ERR_NO_SLOT and the ALE_ERR_SRTP group; each is counted, and the leg goes
 * on. The datagram's bytes may have changed then too.
 */
ale_status ale_leg_receive(ale_leg_receiver *receiver,
                           uint8_t *datagram,
                           size_t length,
                           uint64_t arrival_ns,
                           ale_received *received);

/* Samples a second of the leg's PCM; 0 for NULL. Real-time. */
uint32_t ale_leg_sample_rate_hz(const ale_leg_media *media);

/*
 * Writes what is to be heard from now_ns on: samples of PCM, a multiple of 10 ms. info may be
 * NULL. Takes some 25 KiB of stack with Opus. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_leg_pull(ale_leg_media *media,
                        uint64_t now_ns,
                        int16_t *pcm,
                        size_t samples,
                        ale_pull_info *info);

/*
 * Takes PCM to be sent, a multiple of 10 ms; ale_leg_poll_transmit makes packets of it. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_leg_push(ale_leg_media *media, const int16_t *pcm, size_t samples);

/*
 * Gives the next datagram to send, RTP or RTCP, valid until the half is used again. To be called
 * until it returns ALE_ERR_NOTHING. Takes some 45 KiB of stack with Opus.
 * Real-time.
 */
ale_status ale_leg_poll_transmit(ale_leg_media *media,
                                 uint64_t now_ns,
                                 const uint8_t **datagram,
                                 size_t *length);

/*
 * Gives a last RTCP datagram with a BYE, valid until the half is used again. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_goodbye(ale_leg_media *media,
                           uint64_t now_ns,
                           const uint8_t **datagram,
                           size_t *length);

/*
 * Sends silence in place of what is pushed (muted not 0), or no longer (0). Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_set_muted(ale_leg_control *control, int32_t muted);

/*
 * Replaces keys while the call goes on, each by an a=crypto line, which counts whole: suite, key and
 * session parameters; NULL leaves a direction as it is. Counters go on, both directions change or neither,
 * and the same line again changes nothing. Also gives the first keys to a leg without. Exclusive. Not
 * real-time.
 *
 * Can return ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_NOT_PERMITTED and the other keys' statuses,
 * ALE_ERR_INVALID_ARGUMENT for one direction of a leg that has no keys for the other, and ALE_ERR_BUSY.
 */
ale_status ale_leg_rekey(ale_leg_control *control,
                         const char *send_crypto,
                         const char *receive_crypto);

/*
 * Makes a living leg what a config says, as after a re-INVITE: codecs and payload types both ways, packet
 * time, direction, keys, sources, header extensions, telephone events, reports. Each half changes at its
 * next call; SRTP, statistics, sequence numbers, digits and the jitter buffer go on, and so do the keys
 * where both crypto lines are NULL. The sample rate stays that of the leg, whatever the codec. Exclusive.
 * Not real-time.
 *
 * Can return what ale_leg_create can, ALE_ERR_UNSUPPORTED for what only a new leg can have (another jitter
 * buffer, max_sources, sample_rate_hz), and ALE_ERR_BUSY; nothing has changed then.
 */
ale_status ale_leg_update(ale_leg_control *control,
                          const ale_leg_config *config);

/*
 * Makes a new leg of a living one, for what ale_leg_update can't change: sample_rate_hz, the jitter buffer.
 * The three handles stay, and are those of the new leg. Keys, counters, sequence numbers, addresses,
 * statistics of the transport, digits that wait and muting go on; codecs, jitter buffer and events begin
 * anew. Takes some 68 KiB of stack. Exclusive, with all three halves: no other thread may be using any,
 * and the media half is in no conference. Not real-time.
 *
 * Can return what ale_leg_create can, ALE_ERR_INVALID_ARGUMENT for halves of different legs,
 * ALE_ERR_UNSUPPORTED for another max_sources, and ALE_ERR_BUSY; nothing has changed then.
 */
ale_status ale_leg_renew(ale_leg_receiver *receiver,
                         ale_leg_media *media,
                         ale_leg_control *control,
                         const ale_leg_config *config);

/*
 * As ale_leg_receive, and learns where the peer is (symmetric RTP): the first address that valid
 * sound comes from is latched to. With SRTP the latch follows authenticated packets; without, another
 * address is learnt only for learning_ms, and nothing from elsewhere is taken after. Exclusive.
 * Real-time.
 *
 * Can return what ale_leg_receive can, and ALE_ERR_FOREIGN_ADDRESS.
 */
ale_status ale_leg_receive_from(ale_leg_receiver *receiver,
                                uint8_t *datagram,
                                size_t length,
                                const ale_address *from,
                                uint64_t arrival_ns,
                                ale_received *received);

/*
 * Gives the address that the leg has latched to: where to send to. Exclusive. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_remote_address(const ale_leg_receiver *receiver, ale_address *address);

/*
 * The peer is elsewhere, signalling does not say where: its address and source are released, and neither
 * is taken again while anybody else comes. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_unlatch(ale_leg_control *control);

/*
 * Signalling names where the peer is now (a transfer, a re-INVITE): addresses are learnt anew, this one
 * preferred; the one before is released unless it is the same. rtcp is NULL where RTCP goes where RTP
 * does. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_relatch(ale_leg_control *control,
                           const ale_address *rtp,
                           const ale_address *rtcp);

/*
 * Gives where to send to, on the control half, for whoever sends: RTP's address, and RTCP's where rtcp is
 * not NULL. Any number of threads. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_peer_address(const ale_leg_control *control,
                                ale_address *rtp,
                                ale_address *rtcp);

/*
 * Sends as another source (SSRC) from now on, after a BYE as the present one: the answer to
 * ALE_LEG_SSRC_COLLISION (RFC 3550 section 8.2). ssrc is random. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY; to be tried again then.
 */
ale_status ale_leg_change_ssrc(ale_leg_control *control, uint32_t ssrc);

/*
 * Takes the datagrams of any number of legs, each of which may occur several times, as
 * ale_leg_receive (or ale_leg_receive_from, where from is not NULL) would one after the other; each
 * has a status of its own, and one that is refused does not disturb the others. Of what is passed
 * through, ale_leg_passed knows a leg's last. Exclusive to the receivers.
 * Real-time.
 */
ale_status ale_leg_receive_batch(ale_arrival *arrivals, size_t count);

/*
 * Sends digits by name (RFC 4733), one after another, in place of what is pushed: "0" to "9",
 * "*", "#", "A" to "D", at most 16 a call; each of duration_ms (40 to 60000) and volume_dbm0 (0
 * to 63 below the reference level, 8 is common). Exclusive. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, also for a leg without telephone events, and ALE_ERR_BUSY
 * when the audio thread does not take them; those before have been sent then.
 */
ale_status ale_leg_send_dtmf(ale_leg_control *control,
                             const char *digits,
                             uint32_t duration_ms,
                             uint32_t volume_dbm0);

/*
 * Ends the digit under way and forgets those that wait. Exclusive. Real-time.
 *
 * Can return ALE_ERR_BUSY.
 */
ale_status ale_leg_stop_dtmf(ale_leg_control *control);

/*
 * Gives the next thing that happened to the leg, oldest first. To be called until it returns
 * ALE_ERR_NOTHING, every second at the latest: without room, later ones are lost. Exclusive.
 * Real-time.
 */
ale_status ale_leg_next_event(ale_leg_control *control, ale_leg_event *event);

/*
 * Says what the last datagram held for which ale_leg_receive said ALE_RECEIVED_PASS_THROUGH.
 * Exclusive. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_leg_passed(const ale_leg_receiver *receiver, ale_passed *passed);

/*
 * Gives the datagram to send of a packet that another leg hands on: length bytes of payload, the
 * other's or regrouped ones, under passed's payload type, with source, keys and statistics of this
 * leg. Sequence numbers and timestamps keep their distances. Valid until the half is used again.
 * Exclusive. Real-time.
 *
 * Can return ALE_ERR_NOTHING: too large, or the keys are used up.
 */
ale_status ale_leg_relay(ale_leg_media *media,
                         const ale_passed *passed,
                         const uint8_t *payload,
                         size_t payload_bytes,
                         const uint8_t **datagram,
                         size_t *length);

/* ---- Other packet times ---- */

/*
 * Makes one, for packets of 10 to 60 ms. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NO_MEMORY, and ALE_ERR_UNSUPPORTED for codecs that are not known, and for those
 * of the host.
 */
ale_status ale_repacketizer_create(const ale_codec *codec,
                                   uint32_t packet_ms,
                                   ale_repacketizer **repacketizer);

/* Frees a repacketizer. Any thread. Not real-time. */
void ale_repacketizer_destroy(ale_repacketizer *repacketizer);

/*
 * Takes the payload that begins at an RTP timestamp, and calls emit for each payload that is
 * complete with it, with that one's timestamp. Where payloads are missing in between, what waits
 * goes first, shorter than the rest. NULL for a payload of no length gives what waits, as at the
 * end. Real-time as far as emit is.
 *
 * Can return ALE_ERR_PAYLOAD.
 */
ale_status ale_repacketizer_push(ale_repacketizer *repacketizer,
                                 uint32_t timestamp,
                                 const uint8_t *payload,
                                 size_t payload_bytes,
                                 void (*emit)(void *context,
                                              uint32_t timestamp,
                                              const uint8_t *payload,
                                              size_t payload_bytes),
                                 void *context);

/* Reads what can be said of a leg just now. Real-time. */
ale_status ale_leg_stats(const ale_leg_control *control, ale_leg_counters *stats);

/*
 * Reads counters of a leg's transport: so many bytes of them as the caller's struct has (sizeof). What a
 * newer header has and this library does not know is 0. Any number of threads. Real-time.
 */
ale_status ale_leg_session_stats(const ale_leg_control *control,
                                 ale_leg_session_counters *counters,
                                 size_t size);

/*
 * Writes who is heard in what the peer sends, by the last packet that came (RFC 6465), to as many
 * places as there are (15 is enough), and how many there are to *count. Nobody is where
 * mixer_levels_id is 0. Real-time.
 *
 * Can return ALE_ERR_CAPACITY; nothing is written then.
 */
ale_status ale_leg_contributors(const ale_leg_control *control,
                                ale_contributor *contributors,
                                size_t capacity,
                                size_t *count);

/*
 * Gives the ticket of the call up to now; to be taken when it ends. Any number of threads.
 * Real-time.
 */
ale_status ale_leg_ticket_read(const ale_leg_control *control, ale_leg_ticket *ticket);

/*
 * Writes the ticket as a JSON object with a zero byte behind it, at most 1024 bytes. length may be
 * NULL; it does not count the zero byte. Any number of threads. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY.
 */
ale_status ale_leg_ticket_json(const ale_leg_control *control,
                               char *json,
                               size_t capacity,
                               size_t *length);

/* ---- Conferences ---- */

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_conference_config_init(ale_conference_config *config);

/* Fills options with the defaults. Any thread. Real-time. */
ale_status ale_join_options_init(ale_join_options *options);

/*
 * Makes an empty conference. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_conference_create(const ale_conference_config *config, ale_conference **conference);

/*
 * What an empty conference of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_conference_create can.
 */
ale_status ale_conference_memory_required(const ale_conference_config *config,
                                          ale_memory *memory);

/* Frees a conference and the halves of its members. Exclusive. Not real-time. */
void ale_conference_destroy(ale_conference *conference);

/*
 * Lets a leg's media half in at the next tick; it belongs to the conference from then on. options
 * may be NULL. Writes the member's number to *member. Any thread. Not real-time.
 *
 * Can return ALE_ERR_FULL, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the half stays the caller's
 * then.
 */
ale_status ale_conference_join(const ale_conference *conference,
                               ale_leg_media *media,
                               const ale_join_options *options,
                               uint64_t *member);

/*
 * Lets a member go at the next tick, in which it fades; ale_conference_reclaim then gives its half back.
 * Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_leave(const ale_conference *conference,
                                uint64_t member);

/*
 * Gives back the half of a member that has left, now the caller's, and its number. Until then its
 * place stays taken. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_conference_reclaim(const ale_conference *conference,
                                  uint64_t *member,
                                  ale_leg_media **media);

/*
 * Whether the others hear a member (muted 0) from the next tick on. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_set_muted(const ale_conference *conference,
                                    uint64_t member,
                                    int32_t muted);

/*
 * How loud the others hear a member from the next tick on, as a factor from 0 to 8. Any thread.
 * Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_conference_set_gain(const ale_conference *conference, uint64_t member, float factor);

/*
 * Whether a member hears anything (not 0) from the next tick on. Any thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_set_listening(const ale_conference *conference,
                                        uint64_t member,
                                        int32_t listening);

/*
 * Whether those alone hear a member (not 0) that have a gain for it, from the next tick on. Any
 * thread. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND and ALE_ERR_BUSY.
 */
ale_status ale_conference_set_private(const ale_conference *conference,
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
ale_status ale_conference_set_pair_gain(const ale_conference *conference,
                                        uint64_t listener,
                                        uint64_t talker,
                                        float factor);

/*
 * Writes who leads the conversation now, if that has changed since it was asked last. Any thread.
 * Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_conference_next_dominant_speaker(const ale_conference *conference, uint64_t *member);

/*
 * Makes a line of 8000, 16000, 32000 or 48000 Hz and gives both its ends. Any thread. Not
 * real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT and ALE_ERR_NO_MEMORY.
 */
ale_status ale_link_create(uint32_t sample_rate_hz, ale_link_end **one, ale_link_end **other);

/* Frees an end that no conference has. Any thread. Not real-time. */
void ale_link_end_destroy(ale_link_end *end);

/*
 * Sends 10 ms to the other end. Real-time.
 *
 * Can return ALE_ERR_FULL when the other end does not pull, and ALE_ERR_INVALID_ARGUMENT unless
 * samples are 10 ms.
 */
ale_status ale_link_end_push(ale_link_end *end, const int16_t *pcm, size_t samples);

/*
 * Takes the next 10 ms of the other end; zeros and ALE_ERR_NOTHING if there are none. Real-time.
 *
 * Can return ALE_ERR_NOTHING, and ALE_ERR_INVALID_ARGUMENT unless samples are 10 ms.
 */
ale_status ale_link_end_pull(ale_link_end *end, int16_t *pcm, size_t samples);

/*
 * Lets one end of a line in at the next tick; it belongs to the conference from then on, and is
 * freed there. options may be NULL. Writes the member's number to *member. Any thread. Not
 * real-time.
 *
 * Can return ALE_ERR_FULL, ALE_ERR_BUSY and ALE_ERR_INVALID_ARGUMENT; the end stays the caller's
 * then.
 */
ale_status ale_conference_join_link(const ale_conference *conference,
                                    ale_link_end *end,
                                    const ale_join_options *options,
                                    uint64_t *member);

/*
 * Plays and mixes 10 ms; to be called every 10 ms. ale_conference_next_datagram then gives what is
 * to be sent. Takes some 45 KiB of stack where a leg sends Opus. Real-time.
 */
ale_status ale_conference_tick(ale_conference *conference, uint64_t now_ns);

/*
 * Gives the next datagram of the last tick; to be called until it returns ALE_ERR_NOTHING.
 * Real-time.
 */
ale_status ale_conference_next_datagram(ale_conference *conference, ale_datagram *datagram);

/* Reads the counters, as of the last tick. Any thread. Real-time. */
ale_status ale_conference_stats(const ale_conference *conference, ale_conference_counters *stats);

/*
 * Makes sums of silence. Any thread. Not real-time.
 *
 * Can return ALE_ERR_NO_MEMORY.
 */
ale_status ale_partial_sums_create(ale_partial_sums **sums);

/* Frees sums. Any thread. Not real-time. */
void ale_partial_sums_destroy(ale_partial_sums *sums);

/*
 * The first half of a tick, where one conference is spread over several threads, each with an
 * ale_conference that holds a share of the members: plays the share's members and writes what they
 * have said to sums. When all threads have done so, ale_conference_deliver is the second half. All
 * hear what they would hear in one conference, to the bit; speakers are chosen and gains for single
 * talkers set within a share. Exclusive to the audio thread. Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT.
 */
ale_status ale_conference_gather(ale_conference *conference,
                                 uint64_t now_ns,
                                 ale_partial_sums *sums);

/*
 * The second half of a tick: adds what the other shares have said, count pointers to sums, and makes
 * the datagrams that ale_conference_next_datagram then gives. Exclusive to the audio thread.
 * Real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, also for more than 1024 others; nothing is delivered then.
 */
ale_status ale_conference_deliver(ale_conference *conference,
                                  uint64_t now_ns,
                                  const ale_partial_sums *const *others,
                                  size_t count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/*
 * A config that has grown: programs say how large theirs is, so that later libraries fill no more.
 */
#define ale_leg_config_init(config) ale_leg_config_init_sized((config), sizeof *(config))

#endif  /* ALE_MEDIA_H */
