/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What encrypts a call, seen on the wire and heard behind it. */
#include "wiring.h"

static call c;
/* The last RTP packet of a. */
static uint8_t last[1600];
static size_t last_length;

static int keep(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (from_a && !is_rtcp(bytes)) {
        memcpy(last, bytes, *length);
        last_length = *length;
        call->counted++;
    }
    return 1;
}

/* A config of PCMU, where silence is known on the wire: 160 times 0xff. */
static ale_leg_config with_keys(uint32_t ssrc, const char *send, const char *receive)
{
    ale_leg_config config = plain(ssrc, "PCMU/8000");
    config.send_crypto = send;
    config.receive_crypto = receive;
    config.srtp_policy = ALE_SRTP_LEGACY;
    config.srtp_flags = ALE_SRTP_ALLOW_NULL_CIPHER;
    return config;
}

static int is_silence(const uint8_t *payload)
{
    int n;
    for (n = 0; n < 160; n++)
        if (payload[n] != 0xff)
            return 0;
    return 1;
}

static void suites(void)
{
    static const struct {
        const char *line, *name;
        size_t tag;
        int readable;
    } all[] = {
        {SHA1_A, "AES_CM_128_HMAC_SHA1_80", 10, 0},
        {"1 AES_CM_128_HMAC_SHA1_32 inline:" KEY_A, "AES_CM_128_HMAC_SHA1_32", 4, 0},
        {"1 AES_192_CM_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCU=",
         "AES_192_CM_HMAC_SHA1_80", 10, 0},
        {"1 AES_256_CM_HMAC_SHA1_80 inline:"
         "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==",
         "AES_256_CM_HMAC_SHA1_80", 10, 0},
        {GCM_A, "AEAD_AES_128_GCM", 16, 0},
        {"1 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=",
         "AEAD_AES_256_GCM", 16, 0},
        {"1 NULL_HMAC_SHA1_80 inline:" KEY_A, "NULL_HMAC_SHA1_80", 10, 1},
        {"1 NULL_HMAC_SHA1_32 inline:" KEY_A, "NULL_HMAC_SHA1_32", 4, 1},
    };
    size_t n;
    for (n = 0; n < sizeof all / sizeof *all; n++) {
        ale_leg_config a = with_keys(1, all[n].line, all[n].line);
        ale_leg_config b = with_keys(2, all[n].line, all[n].line);
        ale_leg_ticket ticket;
        begin(&c, &a, &b);
        c.wire = keep;
        c.amplitude = 0;
        run(&c, 20);
        EXPECT(last_length == 12 + 160 + all[n].tag);
        EXPECT(is_silence(last + 12) == all[n].readable);
        c.amplitude = 8000;
        run(&c, 50);
        run(&c, 50);
        EXPECT(is_heard(&c));
        OK(ale_leg_ticket_read(c.b.control, &ticket));
        EXPECT(strcmp(ticket.suite, all[n].name) == 0);
        EXPECT(counters(c.b).authentication_failed == 0);
        end(&c);
    }
}

static void policies(void)
{
    ale_leg_config config = with_keys(1, SHA1_A, SHA1_B);
    destroy(make(&config));
    config.srtp_policy = ALE_SRTP_STRICT;
    refused(&config, ALE_ERR_SRTP_NOT_PERMITTED);
    config = with_keys(1, GCM_A, GCM_B);
    config.srtp_policy = ALE_SRTP_STRICT;
    destroy(make(&config));
    config = with_keys(1, "1 AES_CM_128_HMAC_SHA1_32 inline:" KEY_A,
                       "1 AES_CM_128_HMAC_SHA1_32 inline:" KEY_B);
    config.srtp_policy = ALE_SRTP_INTEROP;
    refused(&config, ALE_ERR_SRTP_NOT_PERMITTED);
    config = with_keys(1, "1 NULL_HMAC_SHA1_80 inline:" KEY_A, "1 NULL_HMAC_SHA1_80 inline:" KEY_B);
    config.srtp_flags = 0;
    refused(&config, ALE_ERR_SRTP_NOT_PERMITTED);
}

/* Another key, and nothing is heard but counted. */
static void a_wrong_key(void)
{
    ale_leg_config a = with_keys(1, SHA1_A, SHA1_B), b = with_keys(2, SHA1_A, SHA1_B);
    ale_leg_event event;
    begin(&c, &a, &b);
    run(&c, 50);
    EXPECT(loudness(c.heard, c.heard_samples) == 0);
    EXPECT(counters(c.b).authentication_failed == 24 || counters(c.b).authentication_failed == 25);
    EXPECT(counters(c.b).packets_received == 0);
    EXPECT(events(c.b, ALE_LEG_REFUSED, &event) > 3);
    EXPECT(event.status == ALE_ERR_SRTP_AUTHENTICATION && event.count == 16);
    end(&c);
}

static void master_key_identifiers(void)
{
    static const char both[] = SHA1_A "|2^20|258:2;inline:" KEY_B "|2^20|259:2";
    ale_leg_config a = with_keys(1, both, both), b = with_keys(2, both, both);
    begin(&c, &a, &b);
    c.wire = keep;
    run(&c, 50);
    run(&c, 50);
    EXPECT(is_heard(&c));
    /* Before the tag. */
    EXPECT(last_length == 12 + 160 + 2 + 10 && half(last + 172) == 258);
    end(&c);
}

static void keys_change_in_the_middle(void)
{
    ale_leg_config a = with_keys(1, SHA1_A, SHA1_B), b = with_keys(2, SHA1_B, SHA1_A);
    begin(&c, &a, &b);
    run(&c, 50);
    OK(ale_leg_rekey(c.b.control, NULL, SHA1_B));
    OK(ale_leg_rekey(c.a.control, SHA1_B, NULL));
    run(&c, 50);
    run(&c, 50);
    EXPECT(is_heard(&c) && counters(c.b).authentication_failed == 0);
    /* A sender that changes alone is not understood any more. */
    OK(ale_leg_rekey(c.a.control, SHA1_A, NULL));
    run(&c, 2);
    OK(ale_leg_rekey(c.a.control, "1 AES_CM_128_HMAC_SHA1_80 inline:"
                                  "HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEB",
                     NULL));
    run(&c, 50);
    EXPECT(counters(c.b).authentication_failed > 20);
    end(&c);
}

static int sees_twice(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    uint8_t copy[1600];
    (void)keep(call, from_a, bytes, length);
    if (from_a && !is_rtcp(bytes)) {
        memcpy(copy, bytes, *length);
        call->counted -= ale_leg_receive(call->b.receiver, copy, *length, call->tick * TICK_NS, NULL)
                         == ALE_OK;
    }
    return 1;
}

static void replays_are_refused(void)
{
    ale_leg_config a = with_keys(1, GCM_A, GCM_B), b = with_keys(2, GCM_B, GCM_A);
    begin(&c, &a, &b);
    c.wire = sees_twice;
    run(&c, 50);
    run(&c, 50);
    EXPECT(is_heard(&c) && c.counted == 0);
    EXPECT(counters(c.b).replayed == counters(c.b).packets_received + 1
           || counters(c.b).replayed == counters(c.b).packets_received);
    EXPECT(counters(c.b).replayed >= 49);
    end(&c);
}

/* RFC 9335: what follows the first 12 bytes is unreadable, and the profile says so. */
static void header_extensions_are_encrypted(void)
{
    int cryptex;
    for (cryptex = 0; cryptex < 2; cryptex++) {
        ale_leg_config a = with_keys(1, GCM_A, GCM_B), b = with_keys(2, GCM_B, GCM_A);
        static const char name[] = "loudspeaker";
        size_t n, found = 0;
        a.mid_id = b.mid_id = 3;
        a.mid = b.mid = name;
        a.srtp_flags = b.srtp_flags = cryptex ? ALE_SRTP_CRYPTEX : 0;
        begin(&c, &a, &b);
        c.wire = keep;
        run(&c, 50);
        run(&c, 50);
        EXPECT(is_heard(&c));
        EXPECT(half(last + 12) == (cryptex ? 0xc0de : 0xbede));
        for (n = 12; n + sizeof name - 1 <= last_length; n++)
            found += memcmp(last + n, name, sizeof name - 1) == 0;
        EXPECT(found == (cryptex ? 0 : 1));
        end(&c);
    }
}

/* RFC 6904: of a session's elements those that were named are unreadable, the others are not. */
static void single_elements_are_encrypted(void)
{
    static const uint8_t named[] = {2};
    static const uint8_t packet[] = {0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0,  2,
                                     0x12, 'a', 'b', 'c', 0x22, 'd', 'e', 'f', 'x', 'y', 'z'};
    ale_srtp_config config;
    ale_srtp *from, *to;
    uint8_t bytes[100];
    size_t length = sizeof packet;
    OK(ale_srtp_config_init(&config));
    config.send_crypto = config.receive_crypto = SHA1_A;
    config.encrypted_extensions = named;
    config.encrypted_extension_count = 1;
    OK(ale_srtp_create(&config, &from));
    OK(ale_srtp_create(&config, &to));
    memcpy(bytes, packet, length);
    OK(ale_srtp_protect(from, bytes, length, sizeof bytes, &length));
    EXPECT(memcmp(bytes, packet, 21) == 0 && memcmp(bytes + 21, "def", 3) != 0);
    OK(ale_srtp_unprotect(to, bytes, length, &length));
    EXPECT(length == sizeof packet && memcmp(bytes, packet, length) == 0);
    ale_srtp_destroy(from);
    ale_srtp_destroy(to);
}

/* What DTLS has agreed on becomes two legs' keys. */
static void keys_from_dtls(void)
{
    static const uint32_t profiles[] = {1, 7, 8};
    char client_send[128], client_receive[128], server_send[128], server_receive[128];
    uint8_t exported[128];
    size_t n, length;
    for (n = 0; n < sizeof exported; n++)
        exported[n] = (uint8_t)(n * 5);
    for (n = 0; n < 3; n++) {
        ale_leg_config a, b;
        OK(ale_srtp_dtls_bytes(profiles[n], &length));
        OK(ale_srtp_dtls_split(profiles[n], exported, length, 1, client_send, 128, client_receive,
                               128));
        OK(ale_srtp_dtls_split(profiles[n], exported, length, 0, server_send, 128, server_receive,
                               128));
        a = with_keys(1, client_send, client_receive);
        b = with_keys(2, server_send, server_receive);
        begin(&c, &a, &b);
        run(&c, 50);
        run(&c, 50);
        EXPECT(is_heard(&c) && counters(c.b).authentication_failed == 0);
        end(&c);
    }
}

/* Rollover counters: of a late joiner, and one that is wrong but near. */
static void rollover_counters(void)
{
    ale_srtp_config config;
    ale_srtp *from, *to;
    ale_srtp_event event;
    ale_srtp_counters received;
    uint8_t bytes[100] = {0x80, 0, 0, 1}, copy[100];
    size_t length = 32, result;
    OK(ale_srtp_config_init(&config));
    config.send_crypto = config.receive_crypto = GCM_A;
    config.initial_roc = 3;
    OK(ale_srtp_create(&config, &from));
    OK(ale_srtp_protect(from, bytes, length, sizeof bytes, &length));
    OK(ale_srtp_create(&config, &to));
    memcpy(copy, bytes, length);
    OK(ale_srtp_unprotect(to, copy, length, &result));
    ale_srtp_destroy(to);
    config.initial_roc = 2;
    config.roc_retry = 0;
    OK(ale_srtp_create(&config, &to));
    memcpy(copy, bytes, length);
    EXPECT(ale_srtp_unprotect(to, copy, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    ale_srtp_destroy(to);
    config.roc_retry = 1;
    OK(ale_srtp_create(&config, &to));
    OK(ale_srtp_unprotect(to, copy, length, &result));
    OK(ale_srtp_poll_event(to, ALE_SRTP_RECEIVING, &event));
    EXPECT(event.kind == ALE_SRTP_EVENT_ROLLOVER_CORRECTED);
    EXPECT(event.roc == 3 && event.expected_roc == 2);
    OK(ale_srtp_stats(to, NULL, &received));
    EXPECT(received.rollover_corrected == 1);
    ale_srtp_destroy(to);
    ale_srtp_destroy(from);
}

/* The old keys count until so many packets have come under the new ones. */
static void overlap_of_keys(void)
{
    ale_srtp_config config;
    ale_srtp *from, *to;
    uint8_t old[4][64], new[2][64];
    size_t length = 0, result;
    int n;
    OK(ale_srtp_config_init(&config));
    config.send_crypto = config.receive_crypto = GCM_A;
    config.rekey_overlap_packets = 2;
    OK(ale_srtp_create(&config, &from));
    OK(ale_srtp_create(&config, &to));
    for (n = 0; n < 6; n++) {
        uint8_t *packet = n < 4 ? old[n] : new[n - 4];
        if (n == 4)
            OK(ale_srtp_rekey(from, GCM_B, NULL));
        memset(packet, 0, 64);
        packet[0] = 0x80;
        packet[3] = (uint8_t)n;
        OK(ale_srtp_protect(from, packet, 32, 64, &length));
    }
    OK(ale_srtp_unprotect(to, old[0], length, &result));
    OK(ale_srtp_rekey(to, NULL, GCM_B));
    OK(ale_srtp_unprotect(to, old[1], length, &result));
    OK(ale_srtp_unprotect(to, new[0], length, &result));
    OK(ale_srtp_unprotect(to, old[2], length, &result));
    OK(ale_srtp_unprotect(to, new[1], length, &result));
    EXPECT(ale_srtp_unprotect(to, old[3], length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    ale_srtp_destroy(from);
    ale_srtp_destroy(to);
}

/* A packet of the source ssrc and so much protected by the keys of a line. */
static size_t protected_by(ale_srtp *srtp, uint8_t *packet, unsigned ssrc, unsigned sequence)
{
    size_t length = 0;
    memset(packet, 0, 64);
    packet[0] = 0x80;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    packet[11] = (uint8_t)ssrc;
    OK(ale_srtp_protect(srtp, packet, 32, 64, &length));
    return length;
}

/* Why a packet is refused, and what is weak about a suite. */
static void diagnoses(void)
{
    static const char both[] = SHA1_A "|2^20|1:1;inline:" KEY_B "|2^20|2:1";
    static const struct {
        const char *line;
        int32_t weakness;
    } weak[] = {
        {"1 AES_CM_128_HMAC_SHA1_32 inline:" KEY_A, ALE_SRTP_WEAKNESS_SHORT_TAG},
        {"1 NULL_HMAC_SHA1_80 inline:" KEY_A, ALE_SRTP_WEAKNESS_NO_ENCRYPTION},
    };
    ale_srtp_config config;
    ale_srtp *from, *to;
    ale_srtp_event event;
    uint8_t packet[64];
    size_t length, result;
    unsigned n;
    OK(ale_srtp_config_init(&config));
    config.policy = ALE_SRTP_LEGACY;
    config.flags = ALE_SRTP_ALLOW_NULL_CIPHER;
    for (n = 0; n < 2; n++) {
        config.send_crypto = weak[n].line;
        OK(ale_srtp_create(&config, &from));
        OK(ale_srtp_poll_event(from, ALE_SRTP_SENDING, &event));
        EXPECT(event.kind == ALE_SRTP_EVENT_WEAK_SUITE && event.weakness == weak[n].weakness);
        ale_srtp_destroy(from);
    }

    config.send_crypto = config.receive_crypto = GCM_A;
    config.initial_roc = 1;
    OK(ale_srtp_create(&config, &from));
    EXPECT(ale_srtp_poll_event(from, ALE_SRTP_SENDING, &event) == ALE_ERR_NOTHING);
    length = protected_by(from, packet, 7, 5);
    OK(ale_srtp_diagnose(GCM_A, packet, length, &event));
    EXPECT(event.cause == ALE_SRTP_CAUSE_ROLLOVER_COUNTER && event.roc == 1);
    EXPECT(event.weakness == ALE_SRTP_WEAKNESS_NONE);
    ale_srtp_destroy(from);

    config.send_crypto = config.receive_crypto = both;
    config.initial_roc = 0;
    OK(ale_srtp_create(&config, &from));
    length = protected_by(from, packet, 7, 5);
    packet[length - 11] = 2; /* names the other key */
    OK(ale_srtp_diagnose(both, packet, length, &event));
    EXPECT(event.cause == ALE_SRTP_CAUSE_MKI && event.key == 0);
    ale_srtp_destroy(from);

    /* One source fails while another is well. */
    config.send_crypto = config.receive_crypto = GCM_A;
    OK(ale_srtp_create(&config, &from));
    OK(ale_srtp_create(&config, &to));
    for (n = 0; n < 16; n++) {
        length = protected_by(from, packet, 1, n);
        OK(ale_srtp_unprotect(to, packet, length, &result));
        length = protected_by(from, packet, 9, n);
        packet[20] ^= 1;
        EXPECT(ale_srtp_unprotect(to, packet, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    }
    for (; n < 32; n++) {
        length = protected_by(from, packet, 9, n);
        packet[20] ^= 1;
        EXPECT(ale_srtp_unprotect(to, packet, length, &result) == ALE_ERR_SRTP_AUTHENTICATION);
    }
    OK(ale_srtp_poll_event(to, ALE_SRTP_RECEIVING, &event));
    EXPECT(event.kind == ALE_SRTP_EVENT_AUTHENTICATION_FAILING);
    EXPECT(event.cause == ALE_SRTP_CAUSE_SSRC && event.ssrc == 9);
    ale_srtp_destroy(from);
    ale_srtp_destroy(to);
}

int main(void)
{
    suites();
    policies();
    a_wrong_key();
    master_key_identifiers();
    keys_change_in_the_middle();
    replays_are_refused();
    header_extensions_are_encrypted();
    single_elements_are_encrypted();
    keys_from_dtls();
    rollover_counters();
    overlap_of_keys();
    diagnoses();
    puts("wiring of SRTP: ok");
    return 0;
}
