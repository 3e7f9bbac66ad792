/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Header extensions encrypted by RFC 6904, from the system's libsrtp to us and back, for each suite that
 * both have: the same bytes on the wire, and the elements read again. */

#include <ale_media.h>
#include <srtp2/srtp.h>

#include <stdio.h>
#include <string.h>

#include "../c/expect.h"

static const struct {
    const char *line; /* the suite, and the Base64 of as many bytes 0, 1, 2 … as it takes */
    void (*policy)(srtp_crypto_policy_t *);
} suites[] = {
    {"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
     srtp_crypto_policy_set_rtp_default},
    {"1 AES_256_CM_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==",
     srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    {"1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
     srtp_crypto_policy_set_aes_gcm_128_16_auth},
    {"1 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=",
     srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

/* One-byte elements 1, 2 and 3, and two-byte ones; 1 and 3 are encrypted. Padding stands at the end: libsrtp
 * takes no key stream for padding between elements, where RFC 6904 section 3.1.1 has it run on. */
static const unsigned char elements[2][16] = {
    {0xBE, 0xDE, 0, 3, 0x12, 'L', 'V', 'L', 0x20, 7, 0x33, 1, 2, 3, 4, 0},
    {0x10, 0x00, 0, 3, 1, 4, 'L', 'E', 'V', 'L', 2, 1, 7, 3, 1, 8},
};

static size_t make(unsigned char *packet, int form, unsigned sequence)
{
    memset(packet, 0, 12);
    packet[0] = 0x90;
    packet[3] = (unsigned char)sequence;
    packet[11] = 9;
    memcpy(packet + 12, elements[form], 16);
    memset(packet + 28, 0x33, 100);
    return 128;
}

int main(void)
{
    unsigned char key[64], ids[2] = {1, 3}, theirs[300], ours[300], plain[300];
    int list[2] = {1, 3};
    size_t i;
    for (i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)i;
    EXPECT(srtp_init() == srtp_err_status_ok);
    for (i = 0; i < sizeof suites / sizeof *suites; i++) {
        ale_srtp_config config;
        ale_srtp *session;
        srtp_policy_t policy;
        srtp_t sender, receiver;
        unsigned sequence;
        memset(&policy, 0, sizeof policy);
        suites[i].policy(&policy.rtp);
        suites[i].policy(&policy.rtcp);
        policy.key = key;
        policy.enc_xtn_hdr = list;
        policy.enc_xtn_hdr_count = 2;
        policy.ssrc.type = ssrc_any_outbound;
        EXPECT(srtp_create(&sender, &policy) == srtp_err_status_ok);
        policy.ssrc.type = ssrc_any_inbound;
        EXPECT(srtp_create(&receiver, &policy) == srtp_err_status_ok);
        EXPECT(ale_srtp_config_init(&config) == ALE_OK);
        config.send_crypto = config.receive_crypto = suites[i].line;
        config.encrypted_extensions = ids;
        config.encrypted_extension_count = 2;
        EXPECT(ale_srtp_create(&config, &session) == ALE_OK);
        for (sequence = 0; sequence < 20; sequence++) {
            size_t length = make(plain, sequence & 1, sequence), sealed, opened;
            int bytes = (int)make(theirs, sequence & 1, sequence);
            make(ours, sequence & 1, sequence);
            EXPECT(srtp_protect(sender, theirs, &bytes) == srtp_err_status_ok);
            EXPECT(ale_srtp_protect(session, ours, length, sizeof ours, &sealed) == ALE_OK);
            EXPECT(sealed == (size_t)bytes && memcmp(ours, theirs, sealed) == 0);
            EXPECT(memcmp(ours + 12, plain + 12, 16) != 0);
            EXPECT(ale_srtp_unprotect(session, theirs, sealed, &opened) == ALE_OK);
            EXPECT(opened == length && memcmp(theirs, plain, length) == 0);
            EXPECT(srtp_unprotect(receiver, ours, &bytes) == srtp_err_status_ok);
            EXPECT(bytes == (int)length && memcmp(ours, plain, length) == 0);
        }
        ale_srtp_destroy(session);
        EXPECT(srtp_dealloc(sender) == srtp_err_status_ok);
        EXPECT(srtp_dealloc(receiver) == srtp_err_status_ok);
    }
    EXPECT(srtp_shutdown() == srtp_err_status_ok);
    return 0;
}
