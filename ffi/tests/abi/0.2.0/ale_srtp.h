/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libale_media: SRTP and SRTCP by themselves. A leg has a session of its own.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
 *
 * Contents
 *   - Crypto lines
 *   - Keys from DTLS
 *   - Cryptography of the host
 *   - Checkpoints, for a second machine that takes over
 *   - SRTP sessions
 */

#ifndef ALE_SRTP_H
#define ALE_SRTP_H

#include "ale_media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Crypto lines ==== */

/* Most keys in one a=crypto line. */
#define ALE_SRTP_MAX_KEYS 8

/* Most bytes of a master key identifier (MKI). */
#define ALE_SRTP_MAX_MKI_BYTES 128

/* Most bytes of key and salt together. */
#define ALE_SRTP_MAX_KEY_BYTES 46

/* One master key of an a=crypto line. */
typedef struct ale_srtp_key {
  uint8_t key[ALE_SRTP_MAX_KEY_BYTES];  /* Key and salt, one after the other. */
  uint8_t mki[ALE_SRTP_MAX_MKI_BYTES];  /* The master key identifier. */
  uint32_t key_bytes;  /* Bytes of key and salt: 28 to 46, as the suite has it. */
  /* Bytes of the identifier, 0 for none. Several keys need identifiers of one length. */
  uint32_t mki_bytes;
  uint64_t lifetime_packets;  /* Packets that the key may protect, 0 for 2^48. */
} ale_srtp_key;

/* An a=crypto line: a suite, keys and session parameters. */
typedef struct ale_srtp_crypto {
  uint32_t struct_size;  /* Size of this struct, filled by ale_srtp_crypto_init. */
  uint32_t tag;  /* Number that ties an answer to one of the offer's lines. Default 1. */
  /*
   * The suite's IANA name, like "AEAD_AES_128_GCM", or a spelling that some peers use in its place,
   * like "AES_CM_256_HMAC_SHA1_80" for "AES_256_CM_HMAC_SHA1_80". A parsed line's is the one that was
   * read, and an answer's should be the offer's; it lives as long as the program.
   */
  const char *suite;
  uint32_t key_count;  /* How many keys. Default 0. */
  /* KDR: the key derivation rate as a power of two, 0 to 24; -1 for none, the default. */
  int32_t key_derivation_rate_log2;
  uint32_t unencrypted_srtp;  /* UNENCRYPTED_SRTP: 0 or 1. */
  uint32_t unencrypted_srtcp;  /* UNENCRYPTED_SRTCP: 0 or 1. */
  uint32_t window_size_hint;  /* WSH: the window size hint, 0 for none. */
  struct ale_srtp_key keys[ALE_SRTP_MAX_KEYS];  /* The keys; wipe them after use. */
} ale_srtp_crypto;

/* Fills an a=crypto line with the defaults. Any thread. Real-time. */
ale_status ale_srtp_crypto_init(struct ale_srtp_crypto *crypto);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_srtp_crypto_init_sized(struct ale_srtp_crypto *crypto,
                                      size_t struct_size);

/*
 * Parses an a=crypto line, with or without "a=crypto:" (RFC 4568). Any thread. Not real-time.
 *
 * Can return ALE_ERR_SRTP_CRYPTO_LINE, and ALE_ERR_UNSUPPORTED for unauthenticated SRTP and FEC.
 */
ale_status ale_srtp_crypto_parse(const char *line, struct ale_srtp_crypto *crypto);

/*
 * Prints an a=crypto line, with "a=crypto:" and a zero byte at its end; as secret as its keys. Any
 * thread. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY, ALE_ERR_SRTP_KEY, and ALE_ERR_UNSUPPORTED for an unknown suite.
 */
ale_status ale_srtp_crypto_print(const struct ale_srtp_crypto *crypto, char *line, size_t capacity);

/*
 * Makes an a=crypto line (RFC 4568) of the host's random bytes, of which the suite's key and salt take
 * the first: 30 for AES_CM_128_HMAC_SHA1_80 (RFC 4568 section 6.2), 28 for AEAD_AES_128_GCM (RFC 7714
 * section 12), at most ALE_SRTP_MAX_KEY_BYTES. They have to be a random generator's that is fit for keys,
 * new for each line, and are wiped by the host afterwards. The line has "a=crypto:" in front and a zero
 * byte at its end, 128 bytes are enough, and it is as secret as its key. Any thread. Not real-time.
 *
 * Can return ALE_ERR_UNSUPPORTED for an unknown suite, ALE_ERR_SRTP_KEY for too few bytes,
 * ALE_ERR_INVALID_ARGUMENT for a tag of more than nine digits, and ALE_ERR_CAPACITY.
 */
ale_status ale_srtp_crypto_generate(const char *suite,
                                    uint32_t tag,
                                    const uint8_t *random,
                                    size_t random_bytes,
                                    char *line,
                                    size_t capacity);

/* ==== Keys from DTLS ==== */

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

/* ==== Cryptography of the host ==== */

/* What a backend's submit function is to do. */
typedef enum ale_srtp_operation_value {
  ALE_SRTP_SEAL = 0,  /* As its seal function. */
  ALE_SRTP_OPEN = 1,  /* As its open function. */
} ale_srtp_operation_value;
typedef int32_t ale_srtp_operation;

/* Session keys for a backend to schedule; valid during the call. */
typedef struct ale_srtp_backend_keys {
  /* The suite's IANA name, like "AEAD_AES_128_GCM". Tag lengths are not the backend's concern. */
  const char *suite;
  const uint8_t *cipher_key;  /* The cipher's key. */
  size_t cipher_key_bytes;  /* 16, 24 or 32. */
  /* The 20 bytes of the HMAC-SHA1 key; of no meaning for GCM. */
  const uint8_t *authentication_key;
} ale_srtp_backend_keys;

/*
 * One packet for a backend. Authenticated is the packet, then the tail. Encrypted is what follows
 * the clear bytes. In GCM the clear bytes and the tail are the associated data.
 */
typedef struct ale_srtp_backend_job {
  void *key;  /* What schedule made. */
  uint8_t *packet;  /* The packet without trailer, changed in place. */
  size_t length;  /* Bytes of the packet. */
  size_t clear_bytes;  /* Bytes in front that are authenticated but not encrypted. */
  uint8_t tail[4];  /* What is authenticated after the packet but does not stand there. */
  uint32_t tail_bytes;  /* 0 or 4. */
  /*
   * The counter block with a count of 0: counter mode begins with it; GCM's tag is masked with
   * count 1 and its text begins with count 2. The first 12 bytes are GCM's nonce.
   */
  uint8_t iv[16];
  /* Sealing: to be written, the first 16 bytes of the tag. Opening: the received tag. */
  uint8_t tag[16];
  uint32_t tag_bytes;  /* Opening: how many bytes of the tag have been received. */
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
typedef struct ale_srtp_backend_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_srtp_backend_config_init. */
  void *context;  /* Passed to each function. */
  /*
   * Schedules session keys and writes its own form of them to key; 0, or -1 for a suite that it
   * lacks. Not real-time.
   */
  int32_t (*schedule)(void *context, const struct ale_srtp_backend_keys *keys, void **key);
  /* Wipes and frees what schedule made. Not real-time. */
  void (*release)(void *context, void *key);
  /* Encrypts and authenticates each job. */
  void (*seal)(void *context, struct ale_srtp_backend_job *jobs, size_t count);
  /* Authenticates each job in constant time, and decrypts it if the tag matches. */
  void (*open)(void *context, struct ale_srtp_backend_job *jobs, size_t count);
  /*
   * Optional, with poll: begins an ale_srtp_operation and writes a ticket. 1 if it goes on after
   * the return, with the jobs left in place; 0 if they are through already.
   */
  int32_t (*submit)(void *context,
                    int32_t operation,
                    struct ale_srtp_backend_job *jobs,
                    size_t count,
                    uint64_t *ticket);
  /*
   * Whether the jobs of a ticket are through: 1 once for each. It is called until then, so give
   * up on an engine that does not answer, leaving its jobs not done.
   */
  int32_t (*poll)(void *context, uint64_t ticket);
} ale_srtp_backend_config;

/* Fills a config with no functions. Any thread. Real-time. */
ale_status ale_srtp_backend_config_init(struct ale_srtp_backend_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_srtp_backend_config_init_sized(struct ale_srtp_backend_config *config,
                                              size_t struct_size);

/*
 * Cryptography from outside: a phone's engine, a certified library. Made once and named in the
 * config of any number of sessions; a batch hands over together what these have to do.
 */
typedef struct ale_srtp_backend ale_srtp_backend;

/*
 * Makes a backend; the functions are copied. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT if a function is missing, or there is only one of submit and
 * poll, and ALE_ERR_NO_MEMORY.
 */
ale_status ale_srtp_backend_create(const struct ale_srtp_backend_config *config,
                                   struct ale_srtp_backend **backend);

/*
 * Frees a backend, which its sessions go on to use until they are destroyed. Any thread. Not
 * real-time.
 */
void ale_srtp_backend_destroy(struct ale_srtp_backend *backend);

#if defined(ALE_WITH_OPENSSL)
/*
 * Makes a backend of OpenSSL's libcrypto, in libraries that are built with the feature openssl.
 * Any thread. Not real-time.
 */
ale_status ale_srtp_backend_openssl(struct ale_srtp_backend **backend);
#endif

/* ==== Checkpoints, for a second machine that takes over ==== */

/* One of the two directions of a session. */
typedef enum ale_srtp_direction_value {
  ALE_SRTP_SENDING = 0,  /* What is protected. */
  ALE_SRTP_RECEIVING = 1,  /* What is unprotected. */
} ale_srtp_direction_value;
typedef int32_t ale_srtp_direction;

/*
 * An SRTP session: keys, rollover counters and replay windows of both directions. The protect
 * functions are exclusive to one thread and the unprotect functions to one thread, which may be
 * another.
 */
typedef struct ale_srtp ale_srtp;

/*
 * Bytes that a checkpoint of a direction (an ale_srtp_direction) would have now. Exclusive to the
 * direction. Real-time.
 */
ale_status ale_srtp_checkpoint_bytes(struct ale_srtp *srtp, int32_t direction, size_t *length);

/* Bytes of the key that wraps a checkpoint. */
#define ALE_SRTP_WRAPPING_KEY_BYTES 32

/* Bytes of the nonce that wraps a checkpoint. */
#define ALE_SRTP_WRAPPING_NONCE_BYTES 12

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
ale_status ale_srtp_checkpoint(struct ale_srtp *srtp,
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
ale_status ale_srtp_confirm_checkpoint(struct ale_srtp *srtp, uint64_t generation_number);

/* Flag: the NULL suites, which authenticate but leave the text readable, are acceptable. */
#define ALE_SRTP_ALLOW_NULL_CIPHER 1

/* Flag: header extensions and contributing sources are encrypted whole (RFC 9335). */
#define ALE_SRTP_CRYPTEX 2

/*
 * Which suites are acceptable. The NULL suites are in none: they need ALE_SRTP_ALLOW_NULL_CIPHER.
 */
typedef enum ale_srtp_policy_value {
  ALE_SRTP_STRICT = 0,  /* AEAD_AES_256_GCM and AEAD_AES_128_GCM only. */
  /* Adds AES_CM with 80-bit HMAC-SHA1 tags, which much equipment has nothing better than. */
  ALE_SRTP_INTEROP = 1,
  ALE_SRTP_LEGACY = 2,  /* Adds 32-bit tags, of which one in 2^32 forgeries succeeds. */
} ale_srtp_policy_value;
typedef int32_t ale_srtp_policy;

/* What a session is made for. At least one direction has keys. */
typedef struct ale_srtp_config {
  uint32_t struct_size;  /* Size of this struct, filled by ale_srtp_config_init. */
  /* Replay window in packets: a power of two from 64 to 32768. Default 128. */
  uint32_t replay_window_packets;
  /* Keys for what is sent, as an a=crypto line (RFC 4568), with or without "a=crypto:"; or NULL. */
  const char *send_crypto;
  const char *receive_crypto;  /* Keys for what is received: the other side's line; or NULL. */
  int32_t policy;  /* An ale_srtp_policy. Default ALE_SRTP_INTEROP. */
  uint32_t flags;  /* ALE_SRTP_ALLOW_NULL_CIPHER and ALE_SRTP_CRYPTEX, ORed. Default 0. */
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
  size_t ssrc_count;  /* How many SSRCs. */
  /* Header extension elements to encrypt, by identifier 1 to 255 (RFC 6904); or NULL. */
  const uint8_t *encrypted_extensions;
  size_t encrypted_extension_count;  /* How many identifiers. */
  /*
   * Cryptography from outside; NULL, the default, for the best that this machine has. It can't be
   * combined with a key derivation rate.
   */
  const struct ale_srtp_backend *backend;
} ale_srtp_config;

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
ale_status ale_srtp_restore(const struct ale_srtp_config *config,
                            const uint8_t *wrapping_key,
                            const uint8_t *sending,
                            size_t sending_bytes,
                            const uint8_t *receiving,
                            size_t receiving_bytes,
                            struct ale_srtp **srtp);

/* ==== SRTP sessions ==== */

#if defined(ALE_WITH_KEY_LOG)
/*
 * Prints the a=crypto line of a direction's keys (an ale_srtp_direction), for whoever looks at a
 * capture; in libraries that are built with the feature key-log, which is not for production. A new
 * one is due after each ale_srtp_rekey. Exclusive to the direction. Not real-time.
 *
 * Can return ALE_ERR_CAPACITY.
 */
ale_status ale_srtp_key_log(struct ale_srtp *srtp, int32_t direction, char *line, size_t capacity);
#endif

/* Fills a config with the defaults. Any thread. Real-time. */
ale_status ale_srtp_config_init(struct ale_srtp_config *config);

/*
 * The same for a struct of struct_size bytes: how large it is in the caller's header. Any thread. Real-time.
 */
ale_status ale_srtp_config_init_sized(struct ale_srtp_config *config,
                                      size_t struct_size);

/*
 * Makes a session. Takes some 18 KiB of stack. Any thread. Not real-time.
 *
 * Can return ALE_ERR_INVALID_ARGUMENT, ALE_ERR_SRTP_CRYPTO_LINE, ALE_ERR_SRTP_KEY,
 * ALE_ERR_SRTP_NOT_PERMITTED, ALE_ERR_SRTP_BACKEND and ALE_ERR_NO_MEMORY.
 */
ale_status ale_srtp_create(const struct ale_srtp_config *config, struct ale_srtp **srtp);

/*
 * What a session of this config would take of the allocator. It is made and thrown away for that, with
 * memory of the C library's malloc. Any thread, also before ale_set_allocator. Not real-time.
 *
 * Can return what ale_srtp_create can.
 */
ale_status ale_srtp_memory_required(const struct ale_srtp_config *config,
                                    struct ale_memory *memory);

/* Wipes the keys and frees a session. Any thread. Not real-time. */
void ale_srtp_destroy(struct ale_srtp *srtp);

/* Most bytes that protecting adds to a packet. */
#define ALE_SRTP_MAX_TRAILER_BYTES 152

/*
 * Protects the RTP packet of length bytes in place; capacity bytes must have room for what is
 * added (ALE_SRTP_MAX_TRAILER_BYTES at most). Real-time.
 *
 * Can return ALE_ERR_CAPACITY, ALE_ERR_MALFORMED, ALE_ERR_UNKNOWN_SSRC and the ALE_ERR_SRTP group.
 */
ale_status ale_srtp_protect(struct ale_srtp *srtp,
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
ale_status ale_srtp_unprotect(struct ale_srtp *srtp,
                              uint8_t *packet,
                              size_t length,
                              size_t *result_length);

/* As ale_srtp_protect, for a compound RTCP packet. Real-time. */
ale_status ale_srtp_protect_rtcp(struct ale_srtp *srtp,
                                 uint8_t *packet,
                                 size_t length,
                                 size_t capacity,
                                 size_t *result_length);

/* As ale_srtp_unprotect, for a compound RTCP packet. Real-time. */
ale_status ale_srtp_unprotect_rtcp(struct ale_srtp *srtp,
                                   uint8_t *packet,
                                   size_t length,
                                   size_t *result_length);

/* One packet of a batch. */
typedef struct ale_srtp_job {
  struct ale_srtp *srtp;  /* The session. */
  uint8_t *packet;  /* The packet, changed in place; no two jobs share memory. */
  size_t length;  /* Bytes of the packet before. */
  size_t capacity;  /* Bytes of memory at packet; for unprotecting, length is enough. */
  size_t result_length;  /* Written: bytes of the packet afterwards. */
  ale_status status;  /* Written: what became of this packet. */
} ale_srtp_job;

/*
 * Protects RTP packets of any number of sessions, each of which may occur several times. Results
 * and bytes are those of ale_srtp_protect for one job after the other; each has a status of its
 * own, and one that is refused does not disturb the others. Exclusive to the sending halves.
 * Real-time.
 */
ale_status ale_srtp_protect_batch(struct ale_srtp_job *jobs, size_t count);

/*
 * Checks and decrypts SRTP packets of any number of sessions, as ale_srtp_unprotect would for one
 * job after the other, each with a status of its own. Exclusive to the receiving halves.
 * Real-time.
 */
ale_status ale_srtp_unprotect_batch(struct ale_srtp_job *jobs, size_t count);

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
ale_status ale_srtp_rekey(struct ale_srtp *srtp,
                          const char *send_crypto,
                          const char *receive_crypto);

/*
 * Ends the time in which packets under the keys before the last ale_srtp_rekey are taken.
 * Exclusive to the receiving direction. Not real-time.
 */
ale_status ale_srtp_retire_previous_keys(struct ale_srtp *srtp);

/*
 * Sends under the key with this master key identifier (MKI) from now on. Exclusive to the sending
 * direction. Real-time.
 *
 * Can return ALE_ERR_SRTP_UNKNOWN_MKI.
 */
ale_status ale_srtp_select_key(struct ale_srtp *srtp, const uint8_t *mki, size_t mki_bytes);

/*
 * Where a stream stands: to be carried over when a call is re-negotiated with the same keys, or
 * given to a late joiner.
 */
typedef struct ale_srtp_stream {
  uint32_t ssrc;  /* The stream. */
  /* The rollover counter: of the highest index so far, or of the first packet to come. */
  uint32_t roc;
  /* Sequence number of the highest SRTP index so far, -1 before the first packet. */
  int32_t highest_sequence;
  int64_t rtcp_index;  /* Highest SRTCP index so far, -1 before the first packet. */
} ale_srtp_stream;

/*
 * The streams of a direction (an ale_srtp_direction): writes as many as there is room for, and
 * their whole number to count. streams may be NULL with a capacity of 0. Exclusive to the
 * direction. Real-time.
 */
ale_status ale_srtp_streams(struct ale_srtp *srtp,
                            int32_t direction,
                            struct ale_srtp_stream *streams,
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
ale_status ale_srtp_set_stream(struct ale_srtp *srtp,
                               int32_t direction,
                               const struct ale_srtp_stream *stream);

/*
 * Takes a stream out of the table. What has been sent or received of it is remembered: when its SSRC
 * comes back, it goes on where it was. Exclusive to the direction. Real-time.
 *
 * Can return ALE_ERR_NOT_FOUND.
 */
ale_status ale_srtp_remove_stream(struct ale_srtp *srtp, int32_t direction, uint32_t ssrc);

/* Why packets fail authentication, most likely. */
typedef enum ale_srtp_cause_value {
  ALE_SRTP_CAUSE_NONE = 0,  /* Nothing that was tried fits, or the event is of another kind. */
  ALE_SRTP_CAUSE_KEY = 1,  /* Another master key or salt than the sender's, or a forgery. */
  ALE_SRTP_CAUSE_ROLLOVER_COUNTER = 2,  /* Another rollover counter fits: roc. */
  ALE_SRTP_CAUSE_MKI = 3,  /* Another of the session's keys fits than the packet names: key. */
  ALE_SRTP_CAUSE_SUITE = 4,  /* Another suite with the same key fits: suite. */
  ALE_SRTP_CAUSE_SSRC = 5,  /* Only this SSRC fails while others authenticate: ssrc. */
} ale_srtp_cause_value;
typedef int32_t ale_srtp_cause;

/* What an event is about. */
typedef enum ale_srtp_event_kind_value {
  /* The suite is accepted for want of a better one: suite, weakness. */
  ALE_SRTP_EVENT_WEAK_SUITE = 0,
  ALE_SRTP_EVENT_KEY_EXPIRING = 1,  /* A master key nears its lifetime: key, packets_left. */
  /* A run of packets failed authentication: ssrc, count, cause and what belongs to it. */
  ALE_SRTP_EVENT_AUTHENTICATION_FAILING = 2,
  /* A packet authenticated under another rollover counter: ssrc, expected_roc, roc. */
  ALE_SRTP_EVENT_ROLLOVER_CORRECTED = 3,
  ALE_SRTP_EVENT_KEY_SWITCHED = 4,  /* The first packet under another key: key. */
  /* Half of the last checkpoint's reservation is used up: ssrc. */
  ALE_SRTP_EVENT_CHECKPOINT_DUE = 5,
  ALE_SRTP_EVENT_OTHER = 6,  /* Of a kind that this header does not know. */
} ale_srtp_event_kind_value;
typedef int32_t ale_srtp_event_kind;

/* What is weak about a suite. */
typedef enum ale_srtp_weakness_value {
  ALE_SRTP_WEAKNESS_NONE = 0,  /* Nothing, or the event is of another kind. */
  ALE_SRTP_WEAKNESS_SHA1 = 1,  /* Authentication rests on SHA-1. */
  ALE_SRTP_WEAKNESS_SHORT_TAG = 2,  /* Authentication rests on SHA-1, and tags are 32 bits. */
  ALE_SRTP_WEAKNESS_NO_ENCRYPTION = 3,  /* The text is readable. */
} ale_srtp_weakness_value;
typedef int32_t ale_srtp_weakness;

/* Something that the host may want to act on. Members that don't belong to the kind are 0. */
typedef struct ale_srtp_event {
  int32_t kind;  /* An ale_srtp_event_kind. */
  int32_t cause;  /* An ale_srtp_cause. */
  int32_t weakness;  /* An ale_srtp_weakness. */
  uint32_t ssrc;  /* The stream. */
  uint32_t count;  /* Failures in a row. */
  uint32_t key;  /* Position of the key in the session's line. */
  uint32_t roc;  /* The rollover counter that fits. */
  uint32_t expected_roc;  /* The rollover counter that was expected. */
  uint64_t packets_left;  /* Packets left before the key's hard stop. */
  const char *suite;  /* The suite's IANA name, which lives as long as the program; or NULL. */
} ale_srtp_event;

/*
 * The oldest event of a direction (an ale_srtp_direction) that has not been polled yet. Exclusive
 * to the direction. Real-time.
 *
 * Can return ALE_ERR_NOTHING.
 */
ale_status ale_srtp_poll_event(struct ale_srtp *srtp,
                               int32_t direction,
                               struct ale_srtp_event *event);

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
                             struct ale_srtp_event *event);

/* What one direction of a session has done. */
typedef struct ale_srtp_counters {
  uint64_t rtp_packets;  /* SRTP packets that went through. */
  uint64_t rtcp_packets;  /* SRTCP packets that went through. */
  uint64_t malformed;  /* Refused: not RTP or RTCP, or truncated. */
  uint64_t oversized;  /* Refused: longer than any datagram. */
  uint64_t capacity;  /* Refused: no room for the trailer. */
  uint64_t authentication_failed;  /* Refused: the authentication tag does not match. */
  uint64_t replayed;  /* Refused: received before. */
  uint64_t too_old;  /* Refused: before the replay window. */
  uint64_t unknown_mki;  /* Refused: an unknown master key identifier. */
  uint64_t unknown_ssrc;  /* Refused: an SSRC that the session is not for. */
  uint64_t stream_limit;  /* Refused: one more stream than the session was made for. */
  uint64_t index_reused;  /* Refused: sending it would use a key stream twice. */
  /* Refused: the index, the key's lifetime or the checkpoint's reservation is used up. */
  uint64_t exhausted;
  uint64_t not_permitted;  /* Refused: unencrypted where that is not permitted. */
  uint64_t other;  /* Refused: any other reason. */
  /* Packets that authenticated only under another rollover counter. */
  uint64_t rollover_corrected;
  uint64_t under_previous_keys;  /* Packets that authenticated under the previous keys. */
  uint64_t events_lost;  /* Events that found the queue full. */
} ale_srtp_counters;

/*
 * Reads the counters of both directions; either pointer may be NULL. Exclusive to the directions
 * asked for. Real-time.
 */
ale_status ale_srtp_stats(struct ale_srtp *srtp,
                          struct ale_srtp_counters *sent,
                          struct ale_srtp_counters *received);

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif  /* ALE_SRTP_H */
