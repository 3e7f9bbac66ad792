/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A program from the time of an older header: makes every object with the configs of then, and finds
 * what it does not know at its default. Behind each config stands memory that the library must
 * neither write, since it is not the config's, nor take for members.
 */
#include "../c/check.h"

#define CM_80 "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define CM_32 "1 AES_CM_128_HMAC_SHA1_32 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"

enum { BEHIND = 256 };

/* A config with memory behind it, where every member of a newer header reads as all ones. */
#define OLD(type) struct { type config; unsigned char behind[BEHIND]; }

/* Fills a config as programs do, and checks that nothing behind it was touched. */
#define INIT(type, old)                                                                    \
    do {                                                                                   \
        memset(&(old), 0xFF, sizeof(old));                                                 \
        OK(type##_init(&(old).config));                                                    \
        EXPECT((old).config.struct_size == sizeof(old).config);                            \
        EXPECT(untouched((old).behind));                                                   \
    } while (0)

static int untouched(const unsigned char *behind)
{
    int i;
    for (i = 0; i < BEHIND; i++)
        if (behind[i] != 0xFF)
            return 0;
    return 1;
}

static void legs(void)
{
    OLD(ale_leg_config) old;
    ale_leg_receiver *receiver = NULL;
    ale_leg_media *media = NULL;
    ale_leg_control *control = NULL;
    ale_contributor contributor;
    const uint8_t *datagram;
    int16_t pcm[160] = {0};
    size_t length, count = 99;

    INIT(ale_leg_config, old);
    old.config.local_ssrc = 1;
    old.config.send.encoding = "PCMU/8000";
    /* The policy was the one for interoperation, before there was a member for it. */
    old.config.send_crypto = old.config.receive_crypto = CM_32;
    EXPECT(ale_leg_create(&old.config, &receiver, &media, &control) == ALE_ERR_SRTP_NOT_PERMITTED);
    old.config.send_crypto = old.config.receive_crypto = CM_80;
    OK(ale_leg_create(&old.config, &receiver, &media, &control));
    OK(ale_leg_push(media, pcm, 160));
    OK(ale_leg_poll_transmit(media, 0, &datagram, &length));
    /* No header extension, and 80 bits of authentication. */
    EXPECT((datagram[0] & 0x10) == 0 && length == 12 + 160 + 10);
    OK(ale_leg_contributors(control, &contributor, 1, &count));
    EXPECT(count == 0);
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
}

static void sessions(void)
{
    OLD(ale_srtp_config) old;
    OLD(ale_srtp_crypto) crypto;
    ale_srtp *srtp;
    char line[256];

    INIT(ale_srtp_config, old);
    old.config.send_crypto = CM_32;
    EXPECT(ale_srtp_create(&old.config, &srtp) == ALE_ERR_SRTP_NOT_PERMITTED);
    old.config.send_crypto = CM_80;
    OK(ale_srtp_create(&old.config, &srtp));
    ale_srtp_destroy(srtp);

    INIT(ale_srtp_crypto, crypto);
    OK(ale_srtp_crypto_parse(CM_80, &crypto.config));
    EXPECT(untouched(crypto.behind));
    OK(ale_srtp_crypto_print(&crypto.config, line, sizeof line));
    EXPECT(strcmp(line, "a=crypto:" CM_80) == 0);
}

static void buffers(void)
{
    OLD(ale_jitter_config) old;
    ale_jitter_writer *writer;
    ale_jitter_reader *reader;
    ale_codec codec;
    int16_t pcm[80];

    memset(&codec, 0, sizeof codec);
    codec.encoding = "PCMU/8000";
    INIT(ale_jitter_config, old);
    old.config.codecs = &codec;
    old.config.codec_count = 1;
    OK(ale_jitter_create(&old.config, &writer, &reader));
    OK(ale_jitter_pull(reader, 0, pcm, 80, NULL));
    ale_jitter_writer_destroy(writer);
    ale_jitter_reader_destroy(reader);
}

static void mixers_and_conferences(void)
{
    OLD(ale_mixer_config) mixing;
    OLD(ale_conference_config) conferring;
    OLD(ale_join_options) options;
    ale_mixer *mixer;
    ale_conference *conference;
    ale_link_end *inside, *outside;
    uint64_t member;

    INIT(ale_mixer_config, mixing);
    OK(ale_mixer_create(&mixing.config, &mixer));
    ale_mixer_destroy(mixer);

    INIT(ale_conference_config, conferring);
    OK(ale_conference_create(&conferring.config, &conference));
    OK(ale_link_create(8000, &inside, &outside));
    INIT(ale_join_options, options);
    OK(ale_conference_join_link(conference, inside, &options.config, &member));
    OK(ale_conference_tick(conference, 0));
    ale_link_end_destroy(outside);
    ale_conference_destroy(conference);
}

static void tables(void)
{
    OLD(ale_host_codec_config) codec;
    OLD(ale_srtp_backend_config) backend;

    /* Without functions there is no object; that they are missing is what is found. */
    INIT(ale_host_codec_config, codec);
    INVALID(ale_host_codec_create(&codec.config, &(ale_host_codec *){NULL}));
    INIT(ale_srtp_backend_config, backend);
    INVALID(ale_srtp_backend_create(&backend.config, &(ale_srtp_backend *){NULL}));
}

int main(void)
{
    legs();
    sessions();
    buffers();
    mixers_and_conferences();
    tables();
    return 0;
}
