/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A host that has an Opus of its own and a second Rust library, and links both beside ours: each
 * keeps to its own. */

#include <ale_media.h>

#include <stdio.h>
#include <string.h>

/* The host's Opus, of names that ours has inside too. */
const char *opus_get_version_string(void)
{
    return "the host's";
}

int opus_encode(void *encoder, const short *pcm, int samples, unsigned char *data, int bytes)
{
    (void)encoder, (void)pcm, (void)samples, (void)data, (void)bytes;
    return -99;
}

/* The second Rust library's, which has a standard library and an allocator of its own. */
extern unsigned other_library(unsigned value);

int main(void)
{
    ale_leg_config config;
    ale_leg_receiver *receiver = NULL;
    ale_leg_media *media = NULL;
    ale_leg_control *control = NULL;
    int16_t pcm[480] = {0};
    const uint8_t *datagram;
    size_t length = 0;

    if (ale_leg_config_init(&config) != ALE_OK)
        return 1;
    config.send.payload_type = 96;
    config.send.encoding = "opus/48000/2";
    if (ale_leg_create(&config, &receiver, &media, &control) != ALE_OK)
        return 2;
    /* 20 ms through the Opus inside. */
    if (ale_leg_push(media, pcm, 480) != ALE_OK || ale_leg_push(media, pcm, 480) != ALE_OK ||
        ale_leg_poll_transmit(media, 0, &datagram, &length) != ALE_OK || length <= 12)
        return 3;
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
    if (strcmp(opus_get_version_string(), "the host's") != 0 || opus_encode(0, 0, 0, 0, 0) != -99)
        return 4;
    if (other_library(20) != 210)
        return 5;
    printf("neighbours: %s beside another Opus and another Rust library\n", ale_version());
    return 0;
}
