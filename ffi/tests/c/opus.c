/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What can be set of Opus, seen in the packets that come out. */
#include "check.h"

enum { FRAME = 160, PACKETS = 50 };
#define TICK_NS UINT64_C(10000000)

static ale_leg_config settings(const char *fmtp)
{
    ale_leg_config config;
    OK(ale_leg_config_init(&config));
    config.local_ssrc = 1;
    config.rtcp_interval_ms = 0;
    config.send.encoding = "opus/48000/2";
    config.send.payload_type = 96;
    config.send.sample_rate_hz = 16000;
    config.send.fmtp = fmtp;
    return config;
}

typedef struct sizes {
    unsigned packets, bytes, smallest, largest;
} sizes;

/* Sends a second of a hum, loud or silent, and says what it took. */
static sizes send(const ale_leg_config *config, int amplitude)
{
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    sizes sizes = {0, 0, 1 << 16, 0};
    int tick, n;
    OK(ale_leg_create(config, &receiver, &media, &control));
    for (tick = 0; tick < 2 * PACKETS; tick++) {
        int16_t pcm[FRAME];
        const uint8_t *datagram;
        size_t length;
        /* A sawtooth whose strength swells, so that packets need not be alike. */
        for (n = 0; n < FRAME; n++)
            pcm[n] = (int16_t)(amplitude * (tick % 20) / 20 * ((tick * FRAME + n) % 64 - 32) / 32);
        OK(ale_leg_push(media, pcm, FRAME));
        while (ale_leg_poll_transmit(media, (uint64_t)tick * TICK_NS, &datagram, &length) == ALE_OK) {
            unsigned bytes = (unsigned)length - 12;
            sizes.packets++;
            sizes.bytes += bytes;
            /* The first ones settle. */
            if (sizes.packets > 10) {
                sizes.smallest = bytes < sizes.smallest ? bytes : sizes.smallest;
                sizes.largest = bytes > sizes.largest ? bytes : sizes.largest;
            }
        }
    }
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
    return sizes;
}

static void refused(ale_leg_config config, ale_status status)
{
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    EXPECT(ale_leg_create(&config, &receiver, &media, &control) == status);
}

int main(void)
{
    ale_leg_config config = settings(NULL);
    sizes plain, other;

    plain = send(&config, 9000);
    EXPECT(plain.packets == PACKETS && plain.smallest < plain.largest);

    config = settings("cbr=1");
    other = send(&config, 9000);
    EXPECT(other.smallest == other.largest);

    config = settings("maxaveragebitrate=8000");
    other = send(&config, 9000);
    EXPECT(other.bytes * 3 < plain.bytes * 2);

    config = settings("usedtx=1");
    other = send(&config, 0);
    EXPECT(other.packets < PACKETS);

    config = settings("useinbandfec=nonsense");
    refused(config, ALE_ERR_ENCODING);
    config = settings(NULL);
    config.send.complexity = 11;
    refused(config, ALE_ERR_INVALID_ARGUMENT);
    config.send.complexity = 300;
    refused(config, ALE_ERR_INVALID_ARGUMENT);
    config = settings(NULL);
    config.send.dred_ms = 1041;
    refused(config, ALE_ERR_INVALID_ARGUMENT);

#ifdef ALE_WITH_DEEP_OPUS
    config = settings(NULL);
    config.send.bit_rate_bps = 40000;
    plain = send(&config, 9000);
    config.send.dred_ms = 500;
    config.send.decoder_complexity = 7;
    other = send(&config, 9000);
    EXPECT(other.packets == PACKETS && other.bytes != plain.bytes);
#else
    config = settings(NULL);
    config.send.dred_ms = 100;
    refused(config, ALE_ERR_UNSUPPORTED);
    config = settings(NULL);
    config.send.decoder_complexity = 5;
    refused(config, ALE_ERR_UNSUPPORTED);
#endif
    puts("ok");
    return 0;
}
