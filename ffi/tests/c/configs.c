/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Configs of every size: whole ones, shorter ones of an older header, longer ones of a newer header; and
 * what lies behind them.
 */
#include "check.h"

enum { BEHIND = 64 };

/* How large a struct is, and its two init functions with their types taken away. */
struct config {
    const char *name;
    size_t size;
    ale_status (*fill)(void *);
    ale_status (*fill_sized)(void *, size_t);
};

#define CALLS(type, init, init_sized)                                                  \
    static ale_status type##_fill(void *to) { return init((type *)to); }               \
    static ale_status type##_fill_sized(void *to, size_t size)                         \
    {                                                                                  \
        return init_sized((type *)to, size);                                           \
    }

CALLS(ale_allocator, ale_allocator_init, ale_allocator_init_sized)
CALLS(ale_host_codec_config, ale_host_codec_config_init, ale_host_codec_config_init_sized)
CALLS(ale_leg_config, ale_leg_config_init, ale_leg_config_init_sized)
CALLS(ale_conference_config, ale_conference_config_init, ale_conference_config_init_sized)
CALLS(ale_join_options, ale_join_options_init, ale_join_options_init_sized)
CALLS(ale_jitter_config, ale_jitter_config_init, ale_jitter_config_init_sized)
CALLS(ale_mixer_config, ale_mixer_config_init, ale_mixer_config_init_sized)
CALLS(ale_tones_config, ale_tones_config_init, ale_tones_config_init_sized)
CALLS(ale_voice_config, ale_voice_config_init, ale_voice_config_init_sized)
CALLS(ale_endpoint_config, ale_endpoint_config_init, ale_endpoint_config_init_sized)
CALLS(ale_tap_config, ale_tap_config_init, ale_tap_config_init_sized)
CALLS(ale_talk_config, ale_talk_config_init, ale_talk_config_init_sized)
CALLS(ale_grant, ale_grant_init, ale_grant_init_sized)
CALLS(ale_srtp_config, ale_srtp_config_init, ale_srtp_config_init_sized)
CALLS(ale_srtp_crypto, ale_srtp_crypto_init, ale_srtp_crypto_init_sized)
CALLS(ale_srtp_backend_config, ale_srtp_backend_config_init, ale_srtp_backend_config_init_sized)

#define CONFIG(name) {#name, sizeof(name), name##_fill, name##_fill_sized}

static const struct config CONFIGS[] = {
    CONFIG(ale_allocator), CONFIG(ale_host_codec_config), CONFIG(ale_leg_config),
    CONFIG(ale_conference_config), CONFIG(ale_join_options), CONFIG(ale_jitter_config),
    CONFIG(ale_mixer_config), CONFIG(ale_srtp_config), CONFIG(ale_srtp_crypto),
    CONFIG(ale_srtp_backend_config), CONFIG(ale_tones_config),
    CONFIG(ale_voice_config), CONFIG(ale_endpoint_config), CONFIG(ale_tap_config), CONFIG(ale_grant),
    CONFIG(ale_talk_config),
};

static int untouched(const unsigned char *behind, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (behind[i] != 0xFF)
            return 0;
    return 1;
}

static void filled(const struct config *config)
{
    static union { void *aligned; uint32_t size; unsigned char bytes[8192]; } one, other;
    EXPECT(config->size + BEHIND < sizeof one.bytes);

    /* Both say how large it is, and write nothing behind it. (What lies between members is nobody's.) */
    memset(&one, 0xFF, sizeof one);
    memset(&other, 0xFF, sizeof other);
    OK(config->fill(&one));
    OK(config->fill_sized(&other, config->size));
    EXPECT(one.size == config->size && other.size == config->size);
    EXPECT(untouched(one.bytes + config->size, BEHIND));
    EXPECT(untouched(other.bytes + config->size, BEHIND));

    /* A newer header's struct, none at all, and what is too small to be one. */
    memset(&other, 0xFF, sizeof other);
    REFUSED(ALE_ERR_STRUCT_SIZE, config->fill_sized(&other, config->size + 8));
    REFUSED(ALE_ERR_STRUCT_SIZE, config->fill_sized(&other, 0));
    REFUSED(ALE_ERR_STRUCT_SIZE, config->fill_sized(&other, 4));
    EXPECT(config->fill_sized(NULL, config->size) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(config->fill(NULL) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(untouched(other.bytes, sizeof other.bytes));
}

/* What a newcomer gets wrong, and the member that the check names. */
static void mistakes(void)
{
#define GOOD "1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
    ale_codec two[2];
    ale_leg_config good, c;
    ale_leg_receiver *receiver = NULL;
    ale_leg_media *media = NULL;
    ale_leg_control *control = NULL;
    ale_mistake mistake;

    OK(ale_leg_config_init_sized(&good, sizeof good));
    good.local_ssrc = 7;
    good.send.encoding = "PCMA/8000";
    good.send.payload_type = 8;
    OK(ale_leg_config_check(NULL, &good, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_OK && mistake.member[0] == 0);

    /* Before a leg, and of a living one; the leg itself answers the same. */
    OK(ale_leg_create(&good, &receiver, &media, &control));
#define MISTAKE(change, why, which)                                                        \
    do {                                                                                   \
        ale_leg_receiver *r;                                                               \
        ale_leg_media *m;                                                                  \
        ale_leg_control *k;                                                                \
        c = good;                                                                          \
        change;                                                                            \
        memset(&mistake, 0xFF, sizeof mistake);                                            \
        OK(ale_leg_config_check(NULL, &c, &mistake, sizeof mistake));                      \
        if (mistake.status != (why) || strcmp(mistake.member, which) != 0) {               \
            fprintf(stderr, "%s: %d %s\n", #change, (int)mistake.status, mistake.member); \
            exit(1);                                                                       \
        }                                                                                  \
        EXPECT(strcmp(mistake.reason, ale_status_message(why)) == 0);                      \
        REFUSED(why, ale_leg_create(&c, &r, &m, &k));                                      \
        OK(ale_leg_config_check(control, &c, &mistake, sizeof mistake));                   \
        EXPECT(mistake.status == ale_leg_update(control, &c));                             \
    } while (0)
    MISTAKE(c.struct_size = 0, ALE_ERR_STRUCT_SIZE, "struct_size");
    MISTAKE(memset(&c, 0, sizeof c), ALE_ERR_STRUCT_SIZE, "struct_size");
    MISTAKE(c.send.encoding = NULL, ALE_ERR_ENCODING, "send");
    MISTAKE(c.send.encoding = "PCMA", ALE_ERR_UNSUPPORTED, "send");
    MISTAKE(c.send.encoding = "G729/8000", ALE_ERR_UNSUPPORTED, "send");
    MISTAKE(c.send.payload_type = 72, ALE_ERR_PAYLOAD_TYPE, "receive");
    EXPECT(mistake.value == 0 || mistake.value == 72);
    MISTAKE(c.send_crypto = GOOD, ALE_ERR_ONE_DIRECTION, "receive_crypto");
    MISTAKE(c.receive_crypto = GOOD, ALE_ERR_ONE_DIRECTION, "send_crypto");
    MISTAKE(c.send_crypto = GOOD; c.receive_crypto = &GOOD[2], ALE_ERR_SRTP_CRYPTO_LINE, "receive_crypto");
    MISTAKE(c.send_crypto = c.receive_crypto = "1 AES_CM_128_HMAC_SHA1_32 inline:"
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"; c.srtp_policy = 9, ALE_ERR_INVALID_ARGUMENT, "srtp_policy");
    MISTAKE(c.packet_ms = 15, ALE_ERR_PACKET_TIME, "packet_ms");
    MISTAKE(c.packet_ms = 70000, ALE_ERR_PACKET_TIME, "packet_ms");
    MISTAKE(c.telephone_event_payload_type = 8, ALE_ERR_PAYLOAD_TYPE, "telephone_event_payload_type");
    MISTAKE(c.redundancy_payload_type = c.telephone_event_payload_type = 101, ALE_ERR_PAYLOAD_TYPE,
            "redundancy_payload_type");
    MISTAKE(c.redundancy_payload_type = 101; c.redundancy_generations = 9, ALE_ERR_INVALID_ARGUMENT,
            "redundancy_generations");
    MISTAKE(two[0] = two[1] = c.send; c.receive = two; c.receive_count = 2, ALE_ERR_PAYLOAD_TYPE, "receive");
    MISTAKE(c.comfort_noise_payload_type = 8, ALE_ERR_PAYLOAD_TYPE, "comfort_noise_payload_type");
    MISTAKE(c.cname = "", ALE_ERR_CNAME, "cname");
    MISTAKE(c.initial_sequence = 70000, ALE_ERR_INVALID_ARGUMENT, "initial_sequence");
    MISTAKE(c.min_delay_ms = 700, ALE_ERR_DELAY, "min_delay_ms");
    MISTAKE(c.max_delay_ms = 70000, ALE_ERR_DELAY, "max_delay_ms");
    MISTAKE(c.audio_level_id = c.absolute_send_time_id = 1, ALE_ERR_EXTENSION_ID, "absolute_send_time_id");
    MISTAKE(c.mixer_levels_id = 15, ALE_ERR_EXTENSION_ID, "mixer_levels_id");
    MISTAKE(c.mid_id = 3, ALE_ERR_INVALID_ARGUMENT, "mid");
    MISTAKE(c.direction = 4, ALE_ERR_INVALID_ARGUMENT, "direction");
    MISTAKE(c.nack = 3, ALE_ERR_INVALID_ARGUMENT, "nack");
    MISTAKE(c.inband_tones = 3, ALE_ERR_INVALID_ARGUMENT, "inband_tones");
    MISTAKE(c.level_trust = 3, ALE_ERR_INVALID_ARGUMENT, "level_trust");
    MISTAKE(c.delay_mode = 9, ALE_ERR_INVALID_ARGUMENT, "delay_mode");
    MISTAKE(c.keepalive_ms = 1; c.keepalive_payload_type = 8, ALE_ERR_PAYLOAD_TYPE, "keepalive_payload_type");
    MISTAKE(c.max_sources = 1, ALE_ERR_INVALID_ARGUMENT, "max_sources");
    MISTAKE(c.sample_rate_hz = 44100, ALE_ERR_SAMPLE_RATE, "sample_rate_hz");

    /* What only a new leg can have. */
    c = good;
    c.max_sources = 9;
    OK(ale_leg_config_check(control, &c, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_FIXED && strcmp(mistake.member, "max_sources") == 0);
    c = good;
    c.max_delay_ms = 400;
    OK(ale_leg_config_check(control, &c, &mistake, sizeof mistake));
    EXPECT(mistake.status == ALE_ERR_FIXED && strcmp(mistake.member, "max_delay_ms") == 0);
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
}

/* An enumeration is as wide as its type says, whatever the compiler makes of its values. */
static void enumerations(void)
{
    EXPECT(sizeof(ale_status) == 4 && sizeof(ale_received) == 4 && sizeof(ale_delay_mode) == 4);
    EXPECT(sizeof(ale_leg_event_kind) == 4 && sizeof(ale_jitter_operation) == 4);
    EXPECT(sizeof(ale_srtp_policy) == 4 && sizeof(ale_srtp_direction) == 4);
    EXPECT(sizeof(ale_srtp_event_kind) == 4 && sizeof(ale_srtp_cause) == 4);
    EXPECT(sizeof(ale_srtp_weakness) == 4 && sizeof(ale_srtp_operation) == 4);
    EXPECT((ale_status)ALE_ERR_SRTP_BACKEND < 0);
}

static void versions(void)
{
    char text[32];
    sprintf(text, "%d.%d.%d", ALE_VERSION_MAJOR, ALE_VERSION_MINOR, ALE_VERSION_PATCH);
    EXPECT(strcmp(text, ale_version()) == 0);
    EXPECT(ALE_VERSION == ALE_VERSION_MAJOR * 10000 + ALE_VERSION_MINOR * 100 + ALE_VERSION_PATCH);
}

int main(void)
{
    size_t i;
    for (i = 0; i < sizeof CONFIGS / sizeof *CONFIGS; i++)
        filled(&CONFIGS[i]);
    mistakes();
    enumerations();
    versions();
    return 0;
}
