/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Codecs of the host's that do what they should, and ones that don't. */

#include "check.h"

/* Samples as they are, and a way to go wrong. */
typedef struct raw {
    int encoders, decoders, destroyed;
    int encode_result, decode_result; /* returned instead of the truth if not 0 */
    int resets;
} raw;

static void *make(raw *self, int *count)
{
    raw **state = malloc(sizeof *state);
    EXPECT(state != NULL);
    *state = self;
    ++*count;
    return state;
}

static void *make_encoder(void *context)
{
    return make(context, &((raw *)context)->encoders);
}

static void *make_decoder(void *context)
{
    return make(context, &((raw *)context)->decoders);
}

static void *make_nothing(void *context)
{
    (void)context;
    return NULL;
}

static void destroy(void *state)
{
    (*(raw **)state)->destroyed++;
    free(state);
}

static int32_t encode(void *state, const int16_t *pcm, size_t samples, uint8_t *payload,
                      size_t capacity)
{
    raw *self = *(raw **)state;
    EXPECT(capacity >= 2 * samples);
    memcpy(payload, pcm, 2 * samples);
    return self->encode_result != 0 ? self->encode_result : (int32_t)(2 * samples);
}

static int32_t packet_samples(void *state, const uint8_t *payload, size_t length)
{
    (void)state;
    (void)payload;
    return length % 2 ? -1 : (int32_t)(length / 2);
}

static int32_t decode(void *state, const uint8_t *payload, size_t length, int16_t *pcm,
                      size_t capacity)
{
    raw *self = *(raw **)state;
    EXPECT(length % 2 == 0 && capacity >= length / 2);
    memcpy(pcm, payload, length);
    return self->decode_result != 0 ? self->decode_result : (int32_t)(length / 2);
}

static void reset(void *state)
{
    (*(raw **)state)->resets++;
}

static void fill(ale_host_codec_config *config, raw *context)
{
    OK(ale_host_codec_config_init(config));
    config->encoding = "RAW/16000";
    config->sample_rate_hz = 16000;
    config->rtp_clock_hz = 16000;
    config->context = context;
    config->encoder_create = make_encoder;
    config->encode = encode;
    config->encoder_destroy = destroy;
    config->decoder_create = make_decoder;
    config->packet_samples = packet_samples;
    config->decode = decode;
    config->decoder_destroy = destroy;
    config->reset = reset;
}

static void refused(void)
{
    ale_host_codec_config config;
    ale_host_codec *codec = NULL;
    raw raw = {0};
    INVALID(ale_host_codec_config_init(NULL));
    INVALID(ale_host_codec_create(NULL, &codec));
    fill(&config, &raw);
    INVALID(ale_host_codec_create(&config, NULL));
    config.encoding = NULL;
    INVALID(ale_host_codec_create(&config, &codec));
    config.encoding = "RAW/8000"; /* another clock */
    INVALID(ale_host_codec_create(&config, &codec));
    config.encoding = "A\"B/16000";
    INVALID(ale_host_codec_create(&config, &codec));
    fill(&config, &raw);
    config.sample_rate_hz = 11025;
    INVALID(ale_host_codec_create(&config, &codec));
    fill(&config, &raw);
    config.decode = NULL;
    INVALID(ale_host_codec_create(&config, &codec));
    fill(&config, &raw);
    config.encode = NULL; /* but encoder_create */
    INVALID(ale_host_codec_create(&config, &codec));
    fill(&config, &raw);
    config.struct_size++;
    REFUSED(ALE_ERR_STRUCT_SIZE, ale_host_codec_create(&config, &codec));
    EXPECT(codec == NULL && raw.encoders == 0 && raw.decoders == 0);
    ale_host_codec_destroy(NULL);
}

/* Makes a leg that talks to itself, for 300 ms, and returns the loudest sample of what it hears. */
static int talk(raw *raw, ale_status expected)
{
    ale_host_codec_config functions;
    ale_host_codec *codec = NULL;
    ale_leg_config config;
    ale_leg_receiver *receiver = NULL;
    ale_leg_media *media = NULL;
    ale_leg_control *control = NULL;
    int16_t pcm[160];
    int pull, i, loudest = 0;

    fill(&functions, raw);
    if (expected != ALE_OK)
        functions.decoder_create = make_nothing;
    OK(ale_host_codec_create(&functions, &codec));
    OK(ale_leg_config_init(&config));
    config.send.host = codec;
    config.send.payload_type = 96;
    EXPECT(ale_leg_create(&config, &receiver, &media, &control) == expected);
    ale_host_codec_destroy(codec);
    if (expected != ALE_OK)
        return 0;
    EXPECT(ale_leg_sample_rate_hz(media) == 16000);
    for (pull = 0; pull < 30; pull++) {
        uint64_t now_ns = (uint64_t)pull * 10000000u;
        const uint8_t *datagram;
        size_t length;
        for (i = 0; i < 160; i++)
            pcm[i] = (int16_t)(i % 2 ? 5000 : -5000);
        OK(ale_leg_push(media, pcm, 160));
        while (ale_leg_poll_transmit(media, now_ns, &datagram, &length) == ALE_OK) {
            uint8_t copy[1500];
            EXPECT(length <= sizeof copy);
            memcpy(copy, datagram, length);
            copy[11] ^= 1; /* somebody else */
            ale_leg_receive(receiver, copy, length, now_ns, NULL);
        }
        OK(ale_leg_pull(media, now_ns, pcm, 160, NULL));
        for (i = 0; i < 160; i++)
            loudest = pcm[i] > loudest ? pcm[i] : loudest;
    }
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
    EXPECT(raw->encoders + raw->decoders == raw->destroyed);
    return loudest;
}

int main(void)
{
    raw well = {0}, mute = {0}, greedy = {0}, broken = {0}, vast = {0}, none = {0};
    refused();
    EXPECT(talk(&well, ALE_OK) == 5000 && well.encoders == 1 && well.decoders >= 1);
    mute.encode_result = -1;
    EXPECT(talk(&mute, ALE_OK) == 0);
    greedy.encode_result = 1 << 20; /* more than there is room for */
    EXPECT(talk(&greedy, ALE_OK) == 0);
    broken.decode_result = -1;
    /* What a decoder refuses is concealed: by hiss at most, since nothing was heard before. */
    EXPECT(talk(&broken, ALE_OK) < 500);
    vast.decode_result = 1 << 20;
    EXPECT(talk(&vast, ALE_OK) < 500);
    talk(&none, ALE_ERR_UNSUPPORTED); /* no decoder to be had */
    puts("codec: as the header says");
    return 0;
}
