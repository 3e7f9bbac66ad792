/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SRTP as it is only with features: OpenSSL as the backend, and keys written out for a capture. */

#include "check.h"

#define LINE "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define OTHER_LINE "1 AEAD_AES_128_GCM inline:GxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAA=="

static ale_srtp *session(const char *line, ale_srtp_backend *backend)
{
    ale_srtp_config config;
    ale_srtp *srtp = NULL;
    OK(ale_srtp_config_init(&config));
    config.send_crypto = line;
    config.receive_crypto = line;
    config.backend = backend;
    OK(ale_srtp_create(&config, &srtp));
    return srtp;
}

static size_t protect(ale_srtp *srtp, uint8_t *packet, size_t capacity, uint8_t sequence)
{
    size_t length = 0;
    memset(packet, 0x11, 172);
    memset(packet, 0, 12);
    packet[0] = 0x80;
    packet[3] = sequence;
    OK(ale_srtp_protect(srtp, packet, 172, capacity, &length));
    return length;
}

static void openssl(void)
{
    ale_srtp_backend *backend = NULL;
    ale_srtp *inside, *outside;
    uint8_t a[200], b[200];
    size_t length;

    INVALID(ale_srtp_backend_openssl(NULL));
    OK(ale_srtp_backend_openssl(&backend));
    inside = session(LINE, NULL);
    outside = session(LINE, backend);
    ale_srtp_backend_destroy(backend);
    length = protect(inside, a, sizeof a, 1);
    EXPECT(protect(outside, b, sizeof b, 1) == length && memcmp(a, b, length) == 0);
    a[40] ^= 1;
    EXPECT(ale_srtp_unprotect(outside, a, length, &length) == ALE_ERR_SRTP_AUTHENTICATION);
    a[40] ^= 1;
    OK(ale_srtp_unprotect(outside, a, length, &length));
    EXPECT(length == 172 && a[100] == 0x11);
    ale_srtp_destroy(inside);
    ale_srtp_destroy(outside);
}

static void key_log(void)
{
    ale_srtp *caller = session(LINE, NULL), *listener;
    uint8_t packet[200];
    char line[128] = "", small[20];
    size_t length;

    INVALID(ale_srtp_key_log(NULL, ALE_SRTP_SENDING, line, sizeof line));
    EXPECT(ale_srtp_key_log(caller, ALE_SRTP_SENDING, small, sizeof small) == ALE_ERR_CAPACITY);
    OK(ale_srtp_key_log(caller, ALE_SRTP_SENDING, line, sizeof line));
    EXPECT(strcmp(line, "a=crypto:" LINE "|2^48") == 0 || strcmp(line, "a=crypto:" LINE) == 0);

    /* After re-keying, the line of the new keys reads the call. */
    OK(ale_srtp_rekey(caller, OTHER_LINE, OTHER_LINE));
    OK(ale_srtp_key_log(caller, ALE_SRTP_SENDING, line, sizeof line));
    listener = session(line, NULL);
    length = protect(caller, packet, sizeof packet, 1);
    OK(ale_srtp_unprotect(listener, packet, length, &length));
    EXPECT(packet[100] == 0x11);
    ale_srtp_destroy(caller);
    ale_srtp_destroy(listener);
}

int main(void)
{
    openssl();
    key_log();
    puts("srtp with features: as the header says");
    return 0;
}
