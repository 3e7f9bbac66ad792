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
CALLS(ale_srtp_config, ale_srtp_config_init, ale_srtp_config_init_sized)
CALLS(ale_srtp_crypto, ale_srtp_crypto_init, ale_srtp_crypto_init_sized)
CALLS(ale_srtp_backend_config, ale_srtp_backend_config_init, ale_srtp_backend_config_init_sized)

#define CONFIG(name) {#name, sizeof(name), name##_fill, name##_fill_sized}

static const struct config CONFIGS[] = {
    CONFIG(ale_allocator), CONFIG(ale_host_codec_config), CONFIG(ale_leg_config),
    CONFIG(ale_conference_config), CONFIG(ale_join_options), CONFIG(ale_jitter_config),
    CONFIG(ale_mixer_config), CONFIG(ale_srtp_config), CONFIG(ale_srtp_crypto),
    CONFIG(ale_srtp_backend_config),
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

    /* Both say how large it is, write all of it, the same, and nothing behind it. */
    memset(&one, 0xFF, sizeof one);
    memset(&other, 0xFF, sizeof other);
    OK(config->fill(&one));
    OK(config->fill_sized(&other, config->size));
    EXPECT(one.size == config->size);
    EXPECT(memcmp(&one, &other, sizeof one) == 0);
    EXPECT(untouched(one.bytes + config->size, BEHIND));

    /* A newer header's struct, none at all, and what is too small to be one. */
    memset(&other, 0xFF, sizeof other);
    EXPECT(config->fill_sized(&other, config->size + 8) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(config->fill_sized(&other, 0) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(config->fill_sized(&other, 4) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(config->fill_sized(NULL, config->size) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(config->fill(NULL) == ALE_ERR_INVALID_ARGUMENT);
    EXPECT(untouched(other.bytes, sizeof other.bytes));
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
    enumerations();
    versions();
    return 0;
}
