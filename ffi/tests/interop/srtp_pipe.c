/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An SRTP session behind a pipe, for peers in other languages: srtp_pipe CRYPTO-LINE
 * Reads lines "OPERATION HEX" (protect, unprotect, protect_rtcp, unprotect_rtcp) and answers each
 * with the packet in hexadecimal, or with a status.
 */
#include <ale_media.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PACKET = 2048 };

static size_t from_hex(const char *text, uint8_t *bytes)
{
    size_t count = 0;
    unsigned value;
    while (count < MAX_PACKET && sscanf(text + count * 2, "%2x", &value) == 1)
        bytes[count++] = (uint8_t)value;
    return count;
}

int main(int argc, char **argv)
{
    char line[MAX_PACKET * 2 + 32], operation[16], hex[MAX_PACKET * 2 + 1];
    ale_srtp_config config;
    ale_srtp *srtp;
    if (argc != 2 || ale_srtp_config_init(&config) != ALE_OK)
        return EXIT_FAILURE;
    config.send_crypto = config.receive_crypto = argv[1];
    config.policy = ALE_SRTP_LEGACY;
    if (ale_srtp_create(&config, &srtp) != ALE_OK)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%15s %4096s", operation, hex) == 2) {
        uint8_t packet[MAX_PACKET + ALE_SRTP_MAX_TRAILER_BYTES];
        size_t length = from_hex(hex, packet), n;
        ale_status status = ALE_ERR_INVALID_ARGUMENT;
        if (strcmp(operation, "protect") == 0)
            status = ale_srtp_protect(srtp, packet, length, sizeof packet, &length);
        else if (strcmp(operation, "unprotect") == 0)
            status = ale_srtp_unprotect(srtp, packet, length, &length);
        else if (strcmp(operation, "protect_rtcp") == 0)
            status = ale_srtp_protect_rtcp(srtp, packet, length, sizeof packet, &length);
        else if (strcmp(operation, "unprotect_rtcp") == 0)
            status = ale_srtp_unprotect_rtcp(srtp, packet, length, &length);
        for (n = 0; n < length && status == ALE_OK; n++)
            printf("%02x", packet[n]);
        puts(status == ALE_OK ? "" : ale_status_message(status));
    }
    ale_srtp_destroy(srtp);
    return EXIT_SUCCESS;
}
