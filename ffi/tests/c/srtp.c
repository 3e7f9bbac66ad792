/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SRTP from C, as a PBX uses it: keys from signalling, streams, events, batches over sessions,
 * failover, and cryptography from outside. */
#include "check.h"

#define LINE_A "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define LINE_B "1 AES_CM_128_HMAC_SHA1_80 inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
#define LINE_32 "1 AES_CM_128_HMAC_SHA1_32 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define LINE_GCM "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define LINE_NULL "1 NULL_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define LINE_MKI \
    "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^20|1:2;" \
    "inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA|2^20|2:2"
#define LINE_SHORT_LIFE \
    "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|32"

#define ROOM 400

static size_t rtp(uint8_t *packet, uint32_t ssrc, unsigned sequence, size_t payload)
{
    size_t i;
    memset(packet, 0, 12);
    packet[0] = 0x80;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    packet[8] = (uint8_t)(ssrc >> 24);
    packet[9] = (uint8_t)(ssrc >> 16);
    packet[10] = (uint8_t)(ssrc >> 8);
    packet[11] = (uint8_t)ssrc;
    for (i = 0; i < payload; i++)
        packet[12 + i] = (uint8_t)(i * 7 + sequence);
    return 12 + payload;
}

/* A session whose two directions have the same keys, so that it can talk to itself. */
static ale_srtp *loop(const char *line, const ale_srtp_config *base)
{
    ale_srtp_config config;
    ale_srtp *srtp = NULL;
    if (base != NULL)
        config = *base;
    else
        OK(ale_srtp_config_init(&config));
    config.send_crypto = line;
    config.receive_crypto = line;
    OK(ale_srtp_create(&config, &srtp));
    return srtp;
}

static size_t protect(ale_srtp *srtp, uint8_t *packet, uint32_t ssrc, unsigned sequence)
{
    size_t length = rtp(packet, ssrc, sequence, 160), result = 0;
    OK(ale_srtp_protect(srtp, packet, length, ROOM, &result));
    return result;
}

static void configuration(void)
{
    static const uint32_t only[] = {7, 8};
    static const uint8_t elements[] = {3};
    ale_srtp_config config;
    ale_srtp *srtp = NULL;
    uint8_t packet[ROOM];
    size_t length, result;

    OK(ale_srtp_config_init(&config));
    config.send_crypto = LINE_32;
    EXPECT(ale_srtp_create(&config, &srtp) == ALE_ERR_SRTP_NOT_PERMITTED);
    config.policy = ALE_SRTP_LEGACY;
    OK(ale_srtp_create(&config, &srtp));
    ale_srtp_destroy(srtp);
    config.send_crypto = LINE_A;
    config.policy = ALE_SRTP_STRICT;
    EXPECT(ale_srtp_create(&config, &srtp) == ALE_ERR_SRTP_NOT_PERMITTED);
    config.policy = 3;
    INVALID(ale_srtp_create(&config, &srtp));
    config.policy = ALE_SRTP_INTEROP;
    config.send_crypto = LINE_NULL;
    EXPECT(ale_srtp_create(&config, &srtp) == ALE_ERR_SRTP_NOT_PERMITTED);
    config.flags = ALE_SRTP_ALLOW_NULL_CIPHER;
    OK(ale_srtp_create(&config, &srtp));
    ale_srtp_destroy(srtp);
    config.send_crypto = LINE_A;
    config.flags = 4;
    INVALID(ale_srtp_create(&config, &srtp));
    config.flags = 0;
    config.max_streams = 0;
    INVALID(ale_srtp_create(&config, &srtp));
    config.max_streams = 1;
    config.ssrc_count = 2;
    INVALID(ale_srtp_create(&config, &srtp));
    config.ssrcs = only;
    INVALID(ale_srtp_create(&config, &srtp)); /* two in a session for one */
    config.max_streams = 3;
    config.roc_retry = 5;
    INVALID(ale_srtp_create(&config, &srtp));
    config.roc_retry = 0;
    config.encrypted_extension_count = 1;
    INVALID(ale_srtp_create(&config, &srtp));
    config.encrypted_extensions = elements;
    config.flags = ALE_SRTP_CRYPTEX; /* the two exclude each other */
    INVALID(ale_srtp_create(&config, &srtp));
    config.flags = 0;
    config.initial_roc = 5;
    OK(ale_srtp_create(&config, &srtp));
    length = rtp(packet, 9, 1, 20);
    EXPECT(ale_srtp_protect(srtp, packet, length, ROOM, &result) == ALE_ERR_UNKNOWN_SSRC);
    EXPECT(protect(srtp, packet, 8, 1) == 182);
    ale_srtp_destroy(srtp);
}

/* A spelling of a suite's name that is not the registered one is read, and answered as it was read. */
static void spellings(void)
{
    static const char offer[] =
        "a=crypto:1 AES_CM_256_HMAC_SHA1_80 "
        "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==";
    static ale_srtp_crypto crypto;
    char line[256];
    ale_srtp_config config;
    ale_srtp *srtp;
    OK(ale_srtp_crypto_init(&crypto));
    OK(ale_srtp_crypto_parse(offer, &crypto));
    EXPECT(strcmp(crypto.suite, "AES_CM_256_HMAC_SHA1_80") == 0);
    OK(ale_srtp_crypto_print(&crypto, line, sizeof line));
    EXPECT(strcmp(line, offer) == 0);
    OK(ale_srtp_config_init(&config));
    config.send_crypto = offer;
    OK(ale_srtp_create(&config, &srtp));
    ale_srtp_destroy(srtp);
}

/* Lines from the host's random bytes: 0, 1, 2 ..., whose Base64 coreutils' base64 gives. */
static void generated(void)
{
    static const struct {
        const char *suite, *key;
        size_t bytes;
    } known[] = {
        {"AES_CM_128_HMAC_SHA1_80", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd", 30},
        {"AEAD_AES_128_GCM", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==", 28},
        {"AEAD_AES_256_GCM", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=", 44},
        {"AES_CM_256_HMAC_SHA1_80",
         "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==", 46},
    };
    uint8_t random[ALE_SRTP_MAX_KEY_BYTES];
    char line[128], expected[128];
    size_t n, length;
    ale_srtp_config config;
    ale_srtp *srtp;
    for (n = 0; n < sizeof random; n++)
        random[n] = (uint8_t)n;
    for (n = 0; n < sizeof known / sizeof *known; n++) {
        length = (size_t)snprintf(expected, sizeof expected, "a=crypto:%u %s inline:%s", 7 + (unsigned)n,
                                  known[n].suite, known[n].key);
        memset(line, 'x', sizeof line);
        REFUSED(ALE_ERR_SRTP_KEY, ale_srtp_crypto_generate(known[n].suite, 7 + (uint32_t)n, random,
                                                           known[n].bytes - 1, line, sizeof line));
        REFUSED(ALE_ERR_CAPACITY, ale_srtp_crypto_generate(known[n].suite, 7 + (uint32_t)n, random,
                                                           sizeof random, line, length));
        EXPECT(line[0] == 'x');
        OK(ale_srtp_crypto_generate(known[n].suite, 7 + (uint32_t)n, random, known[n].bytes, line,
                                    length + 1));
        EXPECT(strcmp(line, expected) == 0);
        OK(ale_srtp_config_init(&config));
        config.send_crypto = line;
        OK(ale_srtp_create(&config, &srtp));
        ale_srtp_destroy(srtp);
    }
    REFUSED(ALE_ERR_UNSUPPORTED, ale_srtp_crypto_generate("F8_128_HMAC_SHA1_80", 1, random,
                                                          sizeof random, line, sizeof line));
    OK(ale_srtp_crypto_generate("AEAD_AES_128_GCM", 999999999, random, 28, line, sizeof line));
    INVALID(ale_srtp_crypto_generate("AEAD_AES_128_GCM", 1000000000, random, 28, line, sizeof line));
}

static void signalling(void)
{
    ale_srtp_crypto crypto, again;
    char line[256], other[128];
    uint8_t exported[60];
    size_t length = 0, i;
    ale_srtp *client, *server;
    ale_srtp_config config;
    uint8_t packet[ROOM];

    INVALID(ale_srtp_crypto_init(NULL));
    OK(ale_srtp_crypto_init(&crypto));
    INVALID(ale_srtp_crypto_parse(NULL, &crypto));
    INVALID(ale_srtp_crypto_parse(LINE_A, NULL));
    EXPECT(ale_srtp_crypto_parse("1 F8 inline:x", &crypto) == ALE_ERR_SRTP_CRYPTO_LINE);
    EXPECT(ale_srtp_crypto_parse(LINE_A " UNAUTHENTICATED_SRTP", &crypto) == ALE_ERR_UNSUPPORTED);
    OK(ale_srtp_crypto_parse(LINE_MKI " KDR=4 WSH=256 UNENCRYPTED_SRTCP", &crypto));
    EXPECT(crypto.tag == 1 && crypto.key_count == 2 && crypto.key_derivation_rate_log2 == 4);
    EXPECT(strcmp(crypto.suite, "AES_CM_128_HMAC_SHA1_80") == 0);
    EXPECT(crypto.window_size_hint == 256 && crypto.unencrypted_srtcp == 1);
    EXPECT(crypto.unencrypted_srtp == 0);
    EXPECT(crypto.keys[0].key_bytes == 30 && crypto.keys[0].key[29] == 29);
    EXPECT(crypto.keys[1].mki_bytes == 2 && crypto.keys[1].mki[1] == 2);
    EXPECT(crypto.keys[1].lifetime_packets == 1 << 20);
    INVALID(ale_srtp_crypto_print(NULL, line, sizeof line));
    INVALID(ale_srtp_crypto_print(&crypto, NULL, sizeof line));
    EXPECT(ale_srtp_crypto_print(&crypto, line, 20) == ALE_ERR_CAPACITY);
    OK(ale_srtp_crypto_print(&crypto, line, sizeof line));
    EXPECT(strncmp(line, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAEC", 46) == 0);
    OK(ale_srtp_crypto_parse(line, &again));
    EXPECT(memcmp(again.keys, crypto.keys, sizeof crypto.keys) == 0);
    crypto.suite = "AEAD_AES_128_GCM"; /* whose keys have 28 bytes */
    EXPECT(ale_srtp_crypto_print(&crypto, line, sizeof line) == ALE_ERR_SRTP_KEY);
    crypto.suite = "unheard-of";
    EXPECT(ale_srtp_crypto_print(&crypto, line, sizeof line) == ALE_ERR_UNSUPPORTED);
    crypto.suite = NULL;
    INVALID(ale_srtp_crypto_print(&crypto, line, sizeof line));
    OK(ale_srtp_crypto_parse(LINE_A, &crypto));
    crypto.key_count = 9;
    EXPECT(ale_srtp_crypto_print(&crypto, line, sizeof line) == ALE_ERR_SRTP_KEY);
    crypto.key_count = 1;
    crypto.key_derivation_rate_log2 = 25;
    INVALID(ale_srtp_crypto_print(&crypto, line, sizeof line));

    /* SRTP_AES128_CM_HMAC_SHA1_80 */
    INVALID(ale_srtp_dtls_bytes(1, NULL));
    EXPECT(ale_srtp_dtls_bytes(99, &length) == ALE_ERR_UNSUPPORTED);
    OK(ale_srtp_dtls_bytes(1, &length));
    EXPECT(length == sizeof exported);
    for (i = 0; i < length; i++)
        exported[i] = (uint8_t)i;
    INVALID(ale_srtp_dtls_split(1, NULL, 60, 1, line, 128, other, 128));
    INVALID(ale_srtp_dtls_split(1, exported, 60, 2, line, 128, other, 128));
    EXPECT(ale_srtp_dtls_split(1, exported, 59, 1, line, 128, other, 128) == ALE_ERR_SRTP_KEY);
    EXPECT(ale_srtp_dtls_split(9, exported, 60, 1, line, 128, other, 128) == ALE_ERR_UNSUPPORTED);
    EXPECT(ale_srtp_dtls_split(1, exported, 60, 1, line, 128, other, 40) == ALE_ERR_CAPACITY);
    OK(ale_srtp_config_init(&config));
    config.send_crypto = line;
    config.receive_crypto = other;
    OK(ale_srtp_dtls_split(1, exported, 60, 1, line, 128, other, 128));
    OK(ale_srtp_create(&config, &client));
    OK(ale_srtp_dtls_split(1, exported, 60, 0, line, 128, other, 128));
    OK(ale_srtp_create(&config, &server));
    length = protect(client, packet, 1, 1);
    OK(ale_srtp_unprotect(server, packet, length, &length));
    length = protect(server, packet, 2, 1);
    OK(ale_srtp_unprotect(client, packet, length, &length));
    ale_srtp_destroy(client);
    ale_srtp_destroy(server);
}

static void streams(void)
{
    ale_srtp *srtp = loop(LINE_A, NULL), *joiner;
    ale_srtp_stream list[2], stream;
    uint8_t packet[ROOM], copy[ROOM];
    size_t count = 0, length, result;
    ale_srtp_config config;

    OK(ale_srtp_config_init(&config));
    config.roc_retry = 0;
    joiner = loop(LINE_A, &config);
    protect(srtp, packet, 5, 65535);
    length = protect(srtp, packet, 5, 0); /* the rollover counter is 1 now */
    memcpy(copy, packet, length);
    INVALID(ale_srtp_streams(NULL, ALE_SRTP_SENDING, list, 2, &count));
    INVALID(ale_srtp_streams(srtp, 2, list, 2, &count));
    INVALID(ale_srtp_streams(srtp, ALE_SRTP_SENDING, NULL, 2, &count));
    INVALID(ale_srtp_streams(srtp, ALE_SRTP_SENDING, list, 2, NULL));
    OK(ale_srtp_streams(srtp, ALE_SRTP_SENDING, NULL, 0, &count));
    EXPECT(count == 1);
    OK(ale_srtp_streams(srtp, ALE_SRTP_SENDING, list, 2, &count));
    EXPECT(list[0].ssrc == 5 && list[0].roc == 1 && list[0].highest_sequence == 0);
    EXPECT(list[0].rtcp_index == -1);

    /* Who joins late is told the rollover counter, and can't read anything otherwise. */
    EXPECT(ale_srtp_unprotect(joiner, packet, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    stream.ssrc = 5;
    stream.roc = 1;
    stream.highest_sequence = -1;
    stream.rtcp_index = -1;
    INVALID(ale_srtp_set_stream(NULL, ALE_SRTP_RECEIVING, &stream));
    INVALID(ale_srtp_set_stream(joiner, ALE_SRTP_RECEIVING, NULL));
    INVALID(ale_srtp_set_stream(joiner, -1, &stream));
    stream.highest_sequence = 65536;
    INVALID(ale_srtp_set_stream(joiner, ALE_SRTP_RECEIVING, &stream));
    stream.highest_sequence = -1;
    OK(ale_srtp_set_stream(joiner, ALE_SRTP_RECEIVING, &stream));
    OK(ale_srtp_unprotect(joiner, packet, length, &result));
    EXPECT(result == 172);

    /* The sender's state is carried over: its next index is fresh, the last one is refused. */
    OK(ale_srtp_set_stream(joiner, ALE_SRTP_SENDING, &list[0]));
    length = rtp(packet, 5, 0, 160);
    EXPECT(ale_srtp_protect(joiner, packet, length, ROOM, &result) == ALE_ERR_SRTP_INDEX_REUSED);
    protect(joiner, packet, 5, 1);

    EXPECT(ale_srtp_remove_stream(joiner, ALE_SRTP_RECEIVING, 6) == ALE_ERR_NOT_FOUND);
    INVALID(ale_srtp_remove_stream(NULL, ALE_SRTP_RECEIVING, 5));
    OK(ale_srtp_remove_stream(joiner, ALE_SRTP_RECEIVING, 5));
    OK(ale_srtp_streams(joiner, ALE_SRTP_RECEIVING, NULL, 0, &count));
    EXPECT(count == 0);
    ale_srtp_destroy(srtp);
    ale_srtp_destroy(joiner);
}

static void keys_and_events(void)
{
    static const uint8_t second[] = {0, 2}, unknown[] = {0, 3};
    ale_srtp *srtp = loop(LINE_MKI, NULL), *other;
    ale_srtp_event event;
    ale_srtp_counters sent, received;
    uint8_t packet[ROOM], copy[ROOM];
    size_t length, result;
    unsigned i;

    INVALID(ale_srtp_poll_event(NULL, ALE_SRTP_SENDING, &event));
    INVALID(ale_srtp_poll_event(srtp, 7, &event));
    INVALID(ale_srtp_poll_event(srtp, ALE_SRTP_SENDING, NULL));
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_SENDING, &event));
    EXPECT(event.kind == ALE_SRTP_EVENT_WEAK_SUITE && event.weakness == ALE_SRTP_WEAKNESS_SHA1);
    EXPECT(strcmp(event.suite, "AES_CM_128_HMAC_SHA1_80") == 0);
    EXPECT(ale_srtp_poll_event(srtp, ALE_SRTP_SENDING, &event) == ALE_ERR_NOTHING);
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_RECEIVING, &event));

    /* The sender moves to its second key, and back; the receiver follows. */
    length = protect(srtp, packet, 1, 1);
    EXPECT(length == 172 + 2 + 10);
    OK(ale_srtp_unprotect(srtp, packet, length, &result));
    INVALID(ale_srtp_select_key(NULL, second, 2));
    INVALID(ale_srtp_select_key(srtp, NULL, 2));
    EXPECT(ale_srtp_select_key(srtp, unknown, 2) == ALE_ERR_SRTP_UNKNOWN_MKI);
    OK(ale_srtp_select_key(srtp, second, 2));
    length = protect(srtp, packet, 1, 2);
    packet[length - 11] ^= 1; /* an identifier that no key has */
    EXPECT(ale_srtp_unprotect(srtp, packet, length, &result) == ALE_ERR_SRTP_UNKNOWN_MKI);
    packet[length - 11] ^= 1;
    OK(ale_srtp_unprotect(srtp, packet, length, &result));
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_RECEIVING, &event));
    EXPECT(event.kind == ALE_SRTP_EVENT_KEY_SWITCHED && event.key == 1);
    OK(ale_srtp_stats(srtp, NULL, &received));
    EXPECT(received.unknown_mki == 1 && received.rtp_packets == 2);
    ale_srtp_destroy(srtp);

    /* A lifetime is announced, and then it ends. */
    srtp = loop(LINE_SHORT_LIFE, NULL);
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_SENDING, &event));
    for (i = 0; i < 32; i++)
        protect(srtp, packet, 1, i);
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_SENDING, &event));
    EXPECT(event.kind == ALE_SRTP_EVENT_KEY_EXPIRING && event.packets_left == 2);
    length = rtp(packet, 1, 32, 160);
    EXPECT(ale_srtp_protect(srtp, packet, length, ROOM, &result) == ALE_ERR_SRTP_KEY_EXHAUSTED);
    OK(ale_srtp_stats(srtp, &sent, NULL));
    EXPECT(sent.exhausted == 1 && sent.rtp_packets == 32);
    ale_srtp_destroy(srtp);

    /* Old keys count for a while after re-keying, and no longer. */
    srtp = loop(LINE_A, NULL);
    length = protect(srtp, copy, 1, 1);
    OK(ale_srtp_unprotect(srtp, copy, length, &result));
    length = protect(srtp, copy, 1, 2);
    memcpy(packet, copy, length);
    OK(ale_srtp_rekey(srtp, LINE_B, LINE_B));
    OK(ale_srtp_unprotect(srtp, packet, length, &result));
    OK(ale_srtp_rekey(srtp, LINE_B, LINE_B)); /* the same again changes nothing */
    memcpy(packet, copy, length);
    EXPECT(ale_srtp_unprotect(srtp, packet, length, &result) == ALE_ERR_SRTP_REPLAYED);
    protect(srtp, packet, 1, 3);
    length = protect(srtp, packet, 1, 4);
    INVALID(ale_srtp_retire_previous_keys(NULL));
    OK(ale_srtp_retire_previous_keys(srtp));
    OK(ale_srtp_unprotect(srtp, packet, length, &result));
    OK(ale_srtp_stats(srtp, NULL, &received));
    EXPECT(received.under_previous_keys == 1);
    ale_srtp_destroy(srtp);

    /* Sixteen failures are an event that says why. */
    srtp = loop(LINE_A, NULL);
    other = loop(LINE_B, NULL);
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_RECEIVING, &event));
    for (i = 0; i < 16; i++) {
        length = protect(other, packet, 1, i);
        EXPECT(ale_srtp_unprotect(srtp, packet, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    }
    OK(ale_srtp_poll_event(srtp, ALE_SRTP_RECEIVING, &event));
    EXPECT(event.kind == ALE_SRTP_EVENT_AUTHENTICATION_FAILING && event.count == 16);
    EXPECT(event.cause == ALE_SRTP_CAUSE_KEY && event.ssrc == 1);
    INVALID(ale_srtp_diagnose(NULL, packet, length, &event));
    INVALID(ale_srtp_diagnose(LINE_A, NULL, length, &event));
    INVALID(ale_srtp_diagnose(LINE_A, packet, length, NULL));
    EXPECT(ale_srtp_diagnose(LINE_A, packet, 3, &event) == ALE_ERR_MALFORMED);
    OK(ale_srtp_diagnose(LINE_A, packet, length, &event));
    EXPECT(event.cause == ALE_SRTP_CAUSE_NONE);
    OK(ale_srtp_diagnose("1 AES_CM_128_HMAC_SHA1_32 "
                         "inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA",
                         packet, length, &event));
    EXPECT(event.cause == ALE_SRTP_CAUSE_SUITE);
    EXPECT(strcmp(event.suite, "AES_CM_128_HMAC_SHA1_80") == 0);
    ale_srtp_destroy(srtp);
    ale_srtp_destroy(other);
}

/* Each bad packet has its status and its counter, and changes nothing. */
static void bad_packets(void)
{
    static uint8_t large[70000];
    ale_srtp_config config;
    ale_srtp *srtp;
    ale_srtp_counters sent, received;
    uint8_t packet[ROOM], copy[ROOM];
    uint8_t key[ALE_SRTP_WRAPPING_KEY_BYTES] = {1}, nonce[ALE_SRTP_WRAPPING_NONCE_BYTES] = {2};
    uint64_t generation;
    size_t length, result = 77;
    unsigned i;

    OK(ale_srtp_config_init(&config));
    config.max_streams = 1;
    config.replay_window_packets = 64;
    srtp = loop(LINE_GCM, &config);
    EXPECT(ale_srtp_protect(srtp, packet, 11, ROOM, &result) == ALE_ERR_MALFORMED);
    length = rtp(packet, 1, 1, 160);
    EXPECT(ale_srtp_protect(srtp, packet, length, 187, &result) == ALE_ERR_CAPACITY);
    rtp(large, 1, 1, 0);
    EXPECT(ale_srtp_protect(srtp, large, 65530, sizeof large, &result) == ALE_ERR_OVERSIZED);
    EXPECT(ale_srtp_unprotect(srtp, large, 65536, &result) == ALE_ERR_OVERSIZED);
    EXPECT(ale_srtp_unprotect(srtp, packet, 20, &result) == ALE_ERR_MALFORMED);
    length = protect(srtp, packet, 1, 1000);
    memcpy(copy, packet, length);
    copy[40] ^= 1;
    EXPECT(ale_srtp_unprotect(srtp, copy, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    copy[40] ^= 1;
    EXPECT(memcmp(copy, packet, length) == 0);
    OK(ale_srtp_unprotect(srtp, copy, length, &result));
    memcpy(copy, packet, length);
    EXPECT(ale_srtp_unprotect(srtp, copy, length, &result) == ALE_ERR_SRTP_REPLAYED);
    for (i = 0; i < 64; i++) {
        length = protect(srtp, copy, 1, 1001 + i);
        OK(ale_srtp_unprotect(srtp, copy, length, &result));
    }
    EXPECT(ale_srtp_unprotect(srtp, packet, length, &result) == ALE_ERR_SRTP_TOO_OLD);
    length = rtp(copy, 1, 1064, 160);
    EXPECT(ale_srtp_protect(srtp, copy, length, ROOM, &result) == ALE_ERR_SRTP_INDEX_REUSED);
    /* A stream with a reservation does not make room for another. */
    OK(ale_srtp_checkpoint(srtp, ALE_SRTP_SENDING, key, nonce, 10, large, sizeof large, &result,
                           &generation));
    rtp(copy, 2, 1, 160);
    EXPECT(ale_srtp_protect(srtp, copy, length, ROOM, &result) == ALE_ERR_SRTP_STREAM_LIMIT);
    OK(ale_srtp_stats(srtp, &sent, &received));
    EXPECT(sent.malformed == 1 && sent.capacity == 1 && sent.oversized == 1);
    EXPECT(sent.index_reused == 1 && sent.stream_limit == 1 && sent.rtp_packets == 65);
    EXPECT(received.oversized == 1 && received.malformed == 1);
    EXPECT(received.authentication_failed == 1 && received.replayed == 1);
    EXPECT(received.too_old == 1 && received.rtp_packets == 65);
    EXPECT(received.other == 0 && sent.other == 0);
    ale_srtp_destroy(srtp);
}

/* Batches over sessions of several suites give the bytes and verdicts of single calls. */
static void batches(void)
{
    enum { SESSIONS = 24, JOBS = 150 };
    static const char *const lines[] = {LINE_A, LINE_GCM, LINE_B};
    static uint8_t batched[JOBS][ROOM], single[JOBS][ROOM];
    ale_srtp *a[SESSIONS], *b[SESSIONS];
    ale_srtp_job jobs[JOBS];
    size_t lengths[JOBS], result;
    int i;

    for (i = 0; i < SESSIONS; i++) {
        a[i] = loop(lines[i % 3], NULL);
        b[i] = loop(lines[i % 3], NULL);
    }
    for (i = 0; i < JOBS; i++) {
        size_t payload = i % 5 == 0 ? (size_t)(i % 200) : 160;
        lengths[i] = rtp(batched[i], 1, (unsigned)(i / SESSIONS), payload);
        rtp(single[i], 1, (unsigned)(i / SESSIONS), payload);
        jobs[i].srtp = a[i % SESSIONS];
        jobs[i].packet = batched[i];
        jobs[i].length = lengths[i];
        jobs[i].capacity = i == 40 ? lengths[i] + 3 : ROOM;
        jobs[i].result_length = 0;
        jobs[i].status = ALE_ERR_INTERNAL;
    }
    jobs[10].srtp = NULL;
    jobs[11].packet = NULL;
    jobs[12].length = ROOM + 1;
    OK(ale_srtp_protect_batch(jobs, JOBS));
    for (i = 0; i < JOBS; i++) {
        size_t capacity = i == 40 ? lengths[i] + 3 : ROOM;
        if (i >= 10 && i <= 12) {
            EXPECT(jobs[i].status == ALE_ERR_INVALID_ARGUMENT && jobs[i].result_length == 0);
            continue;
        }
        EXPECT(ale_srtp_protect(b[i % SESSIONS], single[i], lengths[i], capacity, &result) ==
               jobs[i].status);
        if (jobs[i].status == ALE_OK)
            EXPECT(jobs[i].result_length == result);
        else
            EXPECT(i == 40 && jobs[i].status == ALE_ERR_CAPACITY);
        EXPECT(memcmp(single[i], batched[i], ROOM) == 0);
    }
    batched[70][30] ^= 4;
    for (i = 0; i < JOBS; i++)
        jobs[i].length = jobs[i].status == ALE_OK ? jobs[i].result_length : 0;
    OK(ale_srtp_unprotect_batch(jobs, JOBS));
    for (i = 0; i < JOBS; i++) {
        if (i == 10)
            EXPECT(jobs[i].status == ALE_ERR_INVALID_ARGUMENT);
        else if (i == 11 || i == 12 || i == 40)
            EXPECT(jobs[i].status == ALE_ERR_MALFORMED);
        else if (i == 70)
            EXPECT(jobs[i].status == ALE_ERR_SRTP_AUTHENTICATION);
        else
            EXPECT(jobs[i].status == ALE_OK && jobs[i].result_length == lengths[i]);
    }
    for (i = 0; i < SESSIONS; i++) {
        ale_srtp_destroy(a[i]);
        ale_srtp_destroy(b[i]);
    }
}

static void failover(void)
{
    static const uint8_t key[ALE_SRTP_WRAPPING_KEY_BYTES] = {1, 2, 3};
    static const uint8_t wrong[ALE_SRTP_WRAPPING_KEY_BYTES] = {9};
    uint8_t nonce[ALE_SRTP_WRAPPING_NONCE_BYTES] = {0}, sending[600], receiving[600];
    uint8_t packet[ROOM];
    size_t send_bytes, receive_bytes, bytes, length, result;
    uint64_t generation, other;
    ale_srtp *srtp = loop(LINE_A, NULL), *heir = NULL;
    ale_srtp_config config;
    ale_srtp_stream stream;
    size_t count;
    unsigned sequence;

    length = protect(srtp, packet, 1, 1);
    OK(ale_srtp_unprotect(srtp, packet, length, &result));
    INVALID(ale_srtp_checkpoint_bytes(srtp, 2, &bytes));
    INVALID(ale_srtp_checkpoint_bytes(srtp, ALE_SRTP_SENDING, NULL));
    OK(ale_srtp_checkpoint_bytes(srtp, ALE_SRTP_SENDING, &bytes));
    INVALID(ale_srtp_checkpoint(NULL, ALE_SRTP_SENDING, key, nonce, 100, sending, 600, &send_bytes,
                                &generation));
    INVALID(ale_srtp_checkpoint(srtp, ALE_SRTP_SENDING, NULL, nonce, 100, sending, 600,
                                &send_bytes, &generation));
    INVALID(ale_srtp_checkpoint(srtp, ALE_SRTP_SENDING, key, nonce, 0, sending, 600, &send_bytes,
                                &generation));
    EXPECT(ale_srtp_checkpoint(srtp, ALE_SRTP_SENDING, key, nonce, 100, sending, bytes - 1,
                               &send_bytes, &generation) == ALE_ERR_CAPACITY);
    OK(ale_srtp_checkpoint(srtp, ALE_SRTP_SENDING, key, nonce, 100, sending, bytes, &send_bytes,
                           &generation));
    EXPECT(send_bytes == bytes && generation == 1);
    nonce[0] = 1;
    OK(ale_srtp_checkpoint(srtp, ALE_SRTP_RECEIVING, key, nonce, 0, receiving, 600, &receive_bytes,
                           &other));
    OK(ale_srtp_checkpoint_bytes(srtp, ALE_SRTP_RECEIVING, &bytes));
    EXPECT(receive_bytes == bytes);

    /* The live session stops where its reservation ends. */
    for (sequence = 2; sequence < 102; sequence++)
        protect(srtp, packet, 1, sequence);
    length = rtp(packet, 1, sequence, 160);
    EXPECT(ale_srtp_protect(srtp, packet, length, ROOM, &result) == ALE_ERR_SRTP_CHECKPOINT_DUE);
    EXPECT(ale_srtp_confirm_checkpoint(srtp, 5) == ALE_ERR_NOT_FOUND);
    INVALID(ale_srtp_confirm_checkpoint(NULL, 1));
    OK(ale_srtp_confirm_checkpoint(srtp, generation));

    OK(ale_srtp_config_init(&config));
    INVALID(ale_srtp_restore(NULL, key, sending, send_bytes, NULL, 0, &heir));
    INVALID(ale_srtp_restore(&config, key, NULL, 0, NULL, 0, &heir));
    INVALID(ale_srtp_restore(&config, NULL, sending, send_bytes, NULL, 0, &heir));
    INVALID(ale_srtp_restore(&config, key, sending, send_bytes, NULL, 0, NULL));
    EXPECT(ale_srtp_restore(&config, wrong, sending, send_bytes, NULL, 0, &heir) ==
           ALE_ERR_SRTP_CHECKPOINT);
    EXPECT(ale_srtp_restore(&config, key, receiving, receive_bytes, NULL, 0, &heir) ==
           ALE_ERR_SRTP_CHECKPOINT);
    EXPECT(heir == NULL);
    OK(ale_srtp_restore(&config, key, sending, send_bytes, receiving, receive_bytes, &heir));
    OK(ale_srtp_streams(heir, ALE_SRTP_SENDING, &stream, 1, &count));
    EXPECT(count == 1 && stream.ssrc == 1 && stream.highest_sequence == 101);
    length = rtp(packet, 1, 102, 160);
    EXPECT(ale_srtp_protect(heir, packet, length, ROOM, &result) == ALE_ERR_SRTP_CHECKPOINT_DUE);
    nonce[0] = 2;
    OK(ale_srtp_checkpoint(heir, ALE_SRTP_SENDING, key, nonce, 100, sending, 600, &send_bytes,
                           &generation));
    OK(ale_srtp_confirm_checkpoint(heir, generation));
    length = protect(heir, packet, 1, 102);
    OK(ale_srtp_unprotect(heir, packet, length, &result));
    ale_srtp_destroy(srtp);
    ale_srtp_destroy(heir);
}

/* Cryptography from outside. No cipher: enough to see that jobs are what they should be. */
typedef struct engine {
    int schedules, releases, calls, submissions, polls;
    int fail;
    int in_flight_operation;
    ale_srtp_backend_job *in_flight;
    size_t in_flight_count;
} engine;

static int32_t schedule(void *context, const ale_srtp_backend_keys *keys, void **key)
{
    engine *self = context;
    uint8_t *own;
    if (strcmp(keys->suite, "AES_CM_128_HMAC_SHA1_80") != 0)
        return -1;
    EXPECT(keys->cipher_key_bytes == 16 && keys->authentication_key != NULL);
    own = malloc(1);
    EXPECT(own != NULL);
    *own = keys->cipher_key[0] | 1;
    *key = own;
    self->schedules++;
    return 0;
}

static void release(void *context, void *key)
{
    ((engine *)context)->releases++;
    free(key);
}

static uint8_t sum(const ale_srtp_backend_job *job)
{
    uint8_t total = *(uint8_t *)job->key;
    size_t i;
    for (i = 0; i < job->length; i++)
        total = (uint8_t)(total * 31 + job->packet[i]);
    for (i = 0; i < job->tail_bytes; i++)
        total = (uint8_t)(total * 31 + job->tail[i]);
    return total;
}

static void work(engine *self, int operation, ale_srtp_backend_job *jobs, size_t count)
{
    size_t i, at;
    self->calls++;
    for (i = 0; i < count; i++) {
        ale_srtp_backend_job *job = &jobs[i];
        uint8_t stream = (uint8_t)(*(uint8_t *)job->key ^ job->iv[13]);
        EXPECT(job->done == 0 && job->clear_bytes >= 8);
        if (self->fail)
            continue;
        if (operation == ALE_SRTP_OPEN && job->tag[0] != sum(job))
            continue;
        for (at = job->clear_bytes; at < job->length; at++)
            job->packet[at] ^= stream;
        if (operation == ALE_SRTP_SEAL)
            memset(job->tag, sum(job), sizeof job->tag);
        else
            EXPECT(job->tag_bytes == 10);
        job->done = 1;
    }
}

static void seal(void *context, ale_srtp_backend_job *jobs, size_t count)
{
    work(context, ALE_SRTP_SEAL, jobs, count);
}

static void open_jobs(void *context, ale_srtp_backend_job *jobs, size_t count)
{
    work(context, ALE_SRTP_OPEN, jobs, count);
}

static int32_t submit(void *context, int32_t operation, ale_srtp_backend_job *jobs, size_t count,
                      uint64_t *ticket)
{
    engine *self = context;
    EXPECT(self->in_flight == NULL);
    self->submissions++;
    self->in_flight = jobs;
    self->in_flight_count = count;
    self->in_flight_operation = operation;
    *ticket = 42;
    return 1;
}

static int32_t poll(void *context, uint64_t ticket)
{
    engine *self = context;
    EXPECT(ticket == 42 && self->in_flight != NULL);
    if (++self->polls % 3 != 0)
        return 0; /* still at work */
    work(self, self->in_flight_operation, self->in_flight, self->in_flight_count);
    self->in_flight = NULL;
    return 1;
}

static void outside(int with_submit)
{
    enum { JOBS = 100 };
    static uint8_t packets[JOBS][ROOM];
    engine engine = {0};
    ale_srtp_backend_config functions;
    ale_srtp_backend *backend = NULL;
    ale_srtp_config config;
    ale_srtp_job jobs[JOBS];
    ale_srtp *srtp[4], *inside, *none = NULL;
    uint8_t packet[ROOM], report[100] = {0x80, 201, 0, 1, 0, 0, 0, 1};
    size_t length, result;
    int i;

    INVALID(ale_srtp_backend_config_init(NULL));
    OK(ale_srtp_backend_config_init(&functions));
    INVALID(ale_srtp_backend_create(&functions, &backend)); /* no functions */
    functions.context = &engine;
    functions.schedule = schedule;
    functions.release = release;
    functions.seal = seal;
    functions.open = open_jobs;
    functions.poll = poll;
    INVALID(ale_srtp_backend_create(&functions, &backend)); /* one of submit and poll */
    functions.submit = submit;
    if (!with_submit) {
        functions.submit = NULL;
        functions.poll = NULL;
    }
    INVALID(ale_srtp_backend_create(NULL, &backend));
    INVALID(ale_srtp_backend_create(&functions, NULL));
    OK(ale_srtp_backend_create(&functions, &backend));
    OK(ale_srtp_config_init(&config));
    config.backend = backend;
    config.receive_crypto = LINE_A;
    config.send_crypto = LINE_GCM;
    EXPECT(ale_srtp_create(&config, &none) == ALE_ERR_SRTP_BACKEND); /* a suite it lacks */
    EXPECT(none == NULL);
    for (i = 0; i < 4; i++)
        srtp[i] = loop(i % 2 ? LINE_B : LINE_A, &config);
    inside = loop(LINE_GCM, NULL);
    ale_srtp_backend_destroy(backend); /* its sessions hold on to it */
    ale_srtp_backend_destroy(NULL);

    length = protect(srtp[0], packet, 1, 1);
    EXPECT(length == 182 && engine.calls == 1);
    packet[20] ^= 1;
    EXPECT(ale_srtp_unprotect(srtp[0], packet, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    packet[20] ^= 1;
    OK(ale_srtp_unprotect(srtp[0], packet, length, &result));
    EXPECT(packet[12] == 1 && packet[13] == 8);
    OK(ale_srtp_protect_rtcp(srtp[0], report, 8, sizeof report, &result));
    OK(ale_srtp_unprotect_rtcp(srtp[0], report, result, &result));
    EXPECT(result == 8);

    engine.calls = 0;
    for (i = 0; i < JOBS; i++) {
        jobs[i].srtp = i % 5 == 4 ? inside : srtp[i % 5];
        jobs[i].packet = packets[i];
        jobs[i].length = rtp(packets[i], 2, (unsigned)i, 160);
        jobs[i].capacity = ROOM;
    }
    OK(ale_srtp_protect_batch(jobs, JOBS));
    EXPECT(engine.calls > 0 && engine.calls < JOBS / 2);
    for (i = 0; i < JOBS; i++) {
        EXPECT(jobs[i].status == ALE_OK);
        jobs[i].length = jobs[i].result_length;
    }
    packets[7][50] ^= 1;
    OK(ale_srtp_unprotect_batch(jobs, JOBS));
    for (i = 0; i < JOBS; i++) {
        uint8_t plain[ROOM];
        size_t bytes = rtp(plain, 2, (unsigned)i, 160);
        EXPECT(jobs[i].status == (i == 7 ? ALE_ERR_SRTP_AUTHENTICATION : ALE_OK));
        EXPECT(i == 7 || memcmp(plain, packets[i], bytes) == 0);
    }
    EXPECT((engine.submissions > 0) == with_submit && (engine.polls > 0) == with_submit);

    /* A failure is said, and no plaintext is left to be sent. */
    engine.fail = 1;
    length = rtp(packet, 1, 2, 160);
    EXPECT(ale_srtp_protect(srtp[0], packet, length, ROOM, &result) == ALE_ERR_SRTP_BACKEND);
    for (i = 12; i < 172; i++)
        EXPECT(packet[i] == 0);
    jobs[0].length = rtp(packets[0], 2, 1000, 160);
    OK(ale_srtp_protect_batch(jobs, 1));
    EXPECT(jobs[0].status == ALE_ERR_SRTP_BACKEND);

    for (i = 0; i < 4; i++)
        ale_srtp_destroy(srtp[i]);
    ale_srtp_destroy(inside);
    EXPECT(engine.schedules == engine.releases && engine.schedules >= 16);
}

int main(void)
{
    configuration();
    signalling();
    spellings();
    generated();
    streams();
    keys_and_events();
    bad_packets();
    batches();
    failover();
    outside(0);
    outside(1);
    puts("srtp: as the header says");
    return 0;
}
