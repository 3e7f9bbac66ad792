/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nothing of a key is left behind by the functions that take keys: the host's allocator looks into each
 * block that comes back, and the thread that calls them has a stack of this program's, which is searched
 * afterwards. What is sought: the keys, their Base64, and the session keys of RFC 3711 appendix B.3.
 */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>

enum { KEYS = 4, KEY_BYTES = 30, STACK_BYTES = 1 << 20, WINDOW = 8 };

/* Kept so that looking for them leaves no copy. */
static volatile unsigned char mask = 0x5A;
static unsigned char secrets[32][40];
static size_t secret_bytes[32], secret_count;
static size_t found;
static const char *stage = "before all";

static void add_secret(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        secrets[secret_count][i] = bytes[i] ^ mask;
    secret_bytes[secret_count++] = count;
}

/* Eights of bytes at every place of the memory against the eights of each secret. */
static size_t search(const unsigned char *memory, size_t bytes, const char *where)
{
    size_t hits = 0;
    for (size_t at = 0; at + WINDOW <= bytes; at++)
        for (size_t secret = 0; secret < secret_count; secret++)
            for (size_t from = 0; from + WINDOW <= secret_bytes[secret]; from += WINDOW) {
                size_t i = 0;
                while (i < WINDOW && (memory[at + i] ^ mask) == secrets[secret][from + i])
                    i++;
                if (i == WINDOW && hits++ == 0)
                    fprintf(stderr, "%s: secret %zu, %zu bytes into %s of %zu\n", stage, secret, at,
                            where, bytes);
            }
    return hits;
}

static void *allocate(void *context, size_t size, size_t alignment)
{
    void *block = NULL;
    (void)context;
    if (posix_memalign(&block, alignment < sizeof block ? sizeof block : alignment, size) != 0)
        return NULL;
    return memset(block, 0xEE, size);
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
    (void)context;
    (void)alignment;
    found += search(memory, size, "a block");
    free(memory);
}

static char *base64(char *out, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        unsigned word = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *out++ = digits[word >> shift & 63];
    }
    *out = 0;
    return out;
}

/* What the host has: its own memory, which is not searched. */
static struct host {
    unsigned char key[KEYS][KEY_BYTES];
    char line[KEYS][128], several[1024], printed[1024], generated[128], halves[2][128];
    unsigned char exported[2 * KEY_BYTES], wrapping[32], checkpoint[2][4096];
    ale_srtp_crypto crypto;
} host;

static void make_keys(void)
{
    /* RFC 3711 appendix B.3: master key and salt, and what is derived for SRTP. */
    static const unsigned char first[KEY_BYTES] = {
        0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F, 0xA3, 0x2C, 0x06, 0xDE, 0x41,
        0x39, 0x0E, 0xC6, 0x75, 0xAD, 0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A, 0xAB, 0xE6};
    static const unsigned char cipher_key[16] = {0xC6, 0x1E, 0x7A, 0x93, 0x74, 0x4F, 0x39, 0xEE,
                                                 0x10, 0x73, 0x4A, 0xFE, 0x3F, 0xF7, 0xA0, 0x87};
    static const unsigned char cipher_salt[14] = {0x30, 0xCB, 0xBC, 0x08, 0x86, 0x3D, 0x8C,
                                                  0x85, 0xD4, 0x9D, 0xB3, 0x4A, 0x9A, 0xE1};
    static const unsigned char authentication[20] = {
        0xCE, 0xBE, 0x32, 0x1F, 0x6F, 0xF7, 0x71, 0x6B, 0x6F, 0xD4,
        0xAB, 0x49, 0xAF, 0x25, 0x6A, 0x15, 0x6D, 0x38, 0xBA, 0xA4};
    char *end = host.several + sprintf(host.several, "1 AES_CM_128_HMAC_SHA1_80 ");
    add_secret(cipher_key, sizeof cipher_key);
    add_secret(cipher_salt, sizeof cipher_salt);
    add_secret(authentication, sizeof authentication);
    srand(1);
    for (int k = 0; k < KEYS; k++) {
        char text[64];
        for (int i = 0; i < KEY_BYTES; i++)
            host.key[k][i] = k == 0 ? first[i] : (unsigned char)(rand() >> 7);
        base64(text, host.key[k], KEY_BYTES);
        add_secret(host.key[k], 16);
        add_secret(host.key[k] + 16, 14);
        add_secret((const unsigned char *)text, 40);
        sprintf(host.line[k], "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s", text);
        end += sprintf(end, "%sinline:%s|2^31|%d:2", k == 0 ? "" : ";", text, k + 1);
    }
    for (int i = 0; i < 16; i++) {
        host.exported[i] = host.key[1][i];
        host.exported[16 + i] = host.key[2][i];
    }
    for (int i = 0; i < 14; i++) {
        host.exported[32 + i] = host.key[1][16 + i];
        host.exported[46 + i] = host.key[2][16 + i];
    }
    for (int i = 0; i < 32; i++)
        host.wrapping[i] = (unsigned char)(rand() >> 7);
    add_secret(host.wrapping, sizeof host.wrapping);
}

static void sessions(void)
{
    unsigned char packet[400] = {0x80, 8, 0, 9, 0, 0, 0, 1, 1, 2, 3, 4};
    unsigned char report[200] = {0x80, 200, 0, 6, 1, 2, 3, 4};
    size_t length, taken[2];
    uint64_t generation;
    ale_srtp_config config;
    ale_srtp_event event;
    ale_memory memory;
    ale_srtp *srtp, *restored;
    stage = "ale_srtp_create";
    OK(ale_srtp_config_init(&config));
    config.send_crypto = config.receive_crypto = host.line[0];
    OK(ale_srtp_memory_required(&config, &memory));
    OK(ale_srtp_create(&config, &srtp));
    OK(ale_srtp_protect(srtp, packet, 172, sizeof packet, &length));
    OK(ale_srtp_diagnose(host.line[1], packet, length, &event));
    OK(ale_srtp_unprotect(srtp, packet, length, &length));
    OK(ale_srtp_protect_rtcp(srtp, report, 28, sizeof report, &length));
    OK(ale_srtp_unprotect_rtcp(srtp, report, length, &length));
    stage = "ale_srtp_rekey";
    OK(ale_srtp_rekey(srtp, host.line[1], host.line[1]));
    EXPECT(ale_srtp_rekey(srtp, host.line[2], "nothing") == ALE_ERR_SRTP_CRYPTO_LINE);
    stage = "ale_srtp_checkpoint";
    for (int direction = 0; direction < 2; direction++)
        OK(ale_srtp_checkpoint(srtp, direction, host.wrapping,
                               (const unsigned char *)(direction ? "123456789abc" : "abc123456789"),
                               100, host.checkpoint[direction], sizeof host.checkpoint[direction],
                               &taken[direction], &generation));
    stage = "ale_srtp_restore";
    OK(ale_srtp_restore(&config, host.wrapping, host.checkpoint[0], taken[0], host.checkpoint[1],
                        taken[1], &restored));
    stage = "ale_srtp_destroy";
    ale_srtp_destroy(srtp);
    ale_srtp_destroy(restored);
    stage = "a session of several keys";
    config.receive_crypto = config.send_crypto = host.several;
    OK(ale_srtp_create(&config, &srtp));
    ale_srtp_destroy(srtp);
}

static void lines(void)
{
    stage = "ale_srtp_crypto_parse";
    OK(ale_srtp_crypto_init(&host.crypto));
    OK(ale_srtp_crypto_parse(host.several, &host.crypto));
    stage = "ale_srtp_crypto_print";
    OK(ale_srtp_crypto_print(&host.crypto, host.printed, sizeof host.printed));
    EXPECT(strcmp(host.printed + strlen("a=crypto:"), host.several) == 0);
    EXPECT(ale_srtp_crypto_print(&host.crypto, host.printed, 40) == ALE_ERR_CAPACITY);
    stage = "ale_srtp_crypto_generate";
    OK(ale_srtp_crypto_generate("AES_CM_128_HMAC_SHA1_80", 1, host.key[3], KEY_BYTES, host.generated,
                                sizeof host.generated));
    EXPECT(strcmp(host.generated, host.line[3]) == 0);
    stage = "ale_srtp_dtls_split";
    OK(ale_srtp_dtls_split(1, host.exported, sizeof host.exported, 1, host.halves[0], 128,
                           host.halves[1], 128));
    EXPECT(strcmp(host.halves[0], host.line[1]) == 0 && strcmp(host.halves[1], host.line[2]) == 0);
}

static void legs(void)
{
    ale_leg_config config;
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    const uint8_t *datagram;
    uint8_t junk[20] = {0};
    int16_t pcm[160] = {0};
    size_t bytes;
    stage = "ale_leg_create";
    OK(ale_leg_config_init(&config));
    config.send.encoding = "PCMA/8000";
    config.send.payload_type = 8;
    config.send_crypto = config.receive_crypto = host.line[0];
    OK(ale_leg_create(&config, &receiver, &media, &control));
    stage = "ale_leg_rekey";
    for (int k = 1; k < KEYS; k++) {
        OK(ale_leg_rekey(control, host.line[k], host.line[k]));
        ale_leg_receive(receiver, junk, sizeof junk, (uint64_t)k, NULL);
        OK(ale_leg_pull(media, (uint64_t)k, pcm, 160, NULL));
        OK(ale_leg_push(media, pcm, 160));
        while (ale_leg_poll_transmit(media, (uint64_t)k, &datagram, &bytes) == ALE_OK)
            ;
    }
    stage = "ale_leg_destroy";
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
}

/* What a careless library would leave: for the searches to find. */
static void planted(void)
{
    volatile unsigned char copy[4096];
    stage = "planted";
    for (size_t i = 0; i < sizeof copy; i++)
        copy[i] = host.key[1][i % 16];
}

static void *run(void *work)
{
    void (*function)(void);
    memcpy(&function, work, sizeof function);
    function();
    return NULL;
}

/* Copies that are on the stack of a thread after its work. */
static size_t left_on_the_stack(void (*work)(void))
{
    void *stack = NULL;
    pthread_attr_t attributes;
    pthread_t thread;
    size_t hits;
    EXPECT(posix_memalign(&stack, 4096, STACK_BYTES) == 0);
    memset(stack, 0, STACK_BYTES);
    EXPECT(pthread_attr_init(&attributes) == 0);
    EXPECT(pthread_attr_setstack(&attributes, stack, STACK_BYTES) == 0);
    EXPECT(pthread_create(&thread, &attributes, run, &work) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    hits = search(stack, STACK_BYTES, "a stack");
    free(stack);
    return hits;
}

int main(void)
{
    ale_allocator allocator;
    unsigned char *forgotten;
    OK(ale_allocator_init(&allocator));
    allocator.allocate = allocate;
    allocator.release = release;
    OK(ale_set_allocator(&allocator));
    make_keys();
    EXPECT(left_on_the_stack(sessions) == 0);
    EXPECT(left_on_the_stack(lines) == 0);
    EXPECT(left_on_the_stack(legs) == 0);
    EXPECT(found == 0);

    EXPECT(freopen("/dev/null", "w", stderr) != NULL);
    if (left_on_the_stack(planted) == 0)
        return 1;
    forgotten = allocate(NULL, 100, 16);
    memcpy(forgotten + 7, host.printed + 50, 40);
    release(NULL, forgotten, 100, 16);
    return found == 0;
}
