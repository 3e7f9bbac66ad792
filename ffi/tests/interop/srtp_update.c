/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* srtp_update to a suite with the same cipher and the same master key, as a re-INVITE may bring: the key
 * stream is the same, so no index may be sent again, SRTCP's neither. Runs on our libsrtp2.so.1. */

#include <srtp2/srtp.h>
#include <stdio.h>
#include <string.h>

#include "../c/expect.h"

/* A receiver report whose body is all of one byte. */
static int report(srtp_t session, unsigned char fill, unsigned char *out)
{
    int length = 28;
    memset(out, fill, 200);
    memcpy(out, "\x80\xc9\x00\x06\x00\x00\x00\x05", 8);
    return srtp_protect_rtcp(session, out, &length) == srtp_err_status_ok ? length : 0;
}

static srtp_err_status_t sound(srtp_t session, unsigned char sequence)
{
    unsigned char packet[200] = {0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5};
    int length = 172;
    packet[3] = sequence;
    return srtp_protect(session, packet, &length);
}

int main(void)
{
    unsigned char key[30], before[200], after[200];
    srtp_policy_t policy;
    srtp_t session;
    int n, same = 0;
    memset(key, 7, sizeof key);
    memset(&policy, 0, sizeof policy);
    EXPECT(srtp_init() == srtp_err_status_ok);
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key;
    EXPECT(srtp_create(&session, &policy) == srtp_err_status_ok);
    EXPECT(sound(session, 1) == srtp_err_status_ok && report(session, 0x11, before) > 28);
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
    EXPECT(srtp_update(session, &policy) == srtp_err_status_ok);
    EXPECT(report(session, 0x33, after) > 28);
    for (n = 8; n < 28; n++)
        same += (before[n] ^ after[n]) == (0x11 ^ 0x33);
    EXPECT(same < 5); /* by chance alone */
    EXPECT(sound(session, 1) != srtp_err_status_ok);
    EXPECT(sound(session, 2) == srtp_err_status_ok);
    EXPECT(srtp_dealloc(session) == srtp_err_status_ok);
    EXPECT(srtp_shutdown() == srtp_err_status_ok);
    return 0;
}
