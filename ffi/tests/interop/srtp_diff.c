/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Random operations on two libsrtp2.so.1, the system's and ours, side by side: the same statuses and the
 * same bytes. usage: srtp_diff THEIRS OURS OPERATIONS [SEED]
 *
 * SRTCP indices begin with 1 in libsrtp and with 0 in RFC 3711 section 3.4, so that SRTCP is compared by
 * what both read of what each has written. AES-192 is left out, whose keys libsrtp derives by AES-256 before
 * 2.8 (RFC 6188 section 7.2 has the vectors). Where ours is meant to be different (the README of
 * ffi/libsrtp2), it is counted, and the sessions are made anew.
 */
#define _GNU_SOURCE
#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCES = 5, MOST = 1024, KEPT = 12, THEIRS = 0, OURS = 1 };

typedef struct {
    srtp_err_status_t (*init)(void);
    srtp_err_status_t (*create)(srtp_t *, const srtp_policy_t *);
    srtp_err_status_t (*dealloc)(srtp_t);
    srtp_err_status_t (*add)(srtp_t, const srtp_policy_t *);
    srtp_err_status_t (*remove)(srtp_t, unsigned);
    srtp_err_status_t (*update)(srtp_t, const srtp_policy_t *);
    srtp_err_status_t (*update_stream)(srtp_t, const srtp_policy_t *);
    srtp_err_status_t (*protect)(srtp_t, void *, int *, unsigned, unsigned);
    srtp_err_status_t (*unprotect)(srtp_t, void *, int *, unsigned);
    srtp_err_status_t (*protect_rtcp)(srtp_t, void *, int *, unsigned, unsigned);
    srtp_err_status_t (*unprotect_rtcp)(srtp_t, void *, int *, unsigned);
    srtp_err_status_t (*trailer)(srtp_t, uint32_t, uint32_t, uint32_t *);
    srtp_err_status_t (*rtcp_trailer)(srtp_t, uint32_t, uint32_t, uint32_t *);
    srtp_err_status_t (*set_roc)(srtp_t, uint32_t, uint32_t);
    srtp_err_status_t (*get_roc)(srtp_t, uint32_t, uint32_t *);
    void *(*get_stream)(srtp_t, uint32_t);
    srtp_err_status_t (*handler)(srtp_event_handler_func_t *);
} library;

static library lib[2];
static int events[2];
static int under_way;
static uint64_t state;
static unsigned long operations, exceptions[4];
static char story[4000];

static void on_event(srtp_event_data_t *data)
{
    events[under_way] += data->event == event_ssrc_collision;
}

static unsigned below(unsigned limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % limit;
}

static void load(int which, const char *path)
{
    static const char *const names[] = {
        "srtp_init", "srtp_create", "srtp_dealloc", "srtp_add_stream", "srtp_remove_stream",
        "srtp_update", "srtp_update_stream", "srtp_protect_mki", "srtp_unprotect_mki",
        "srtp_protect_rtcp_mki", "srtp_unprotect_rtcp_mki", "srtp_get_protect_trailer_length",
        "srtp_get_protect_rtcp_trailer_length", "srtp_set_stream_roc", "srtp_get_stream_roc",
        "srtp_get_stream", "srtp_install_event_handler"};
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    size_t i;
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        void *function = dlsym(handle, names[i]);
        if (function == NULL) {
            fprintf(stderr, "%s has no %s\n", path, names[i]);
            exit(2);
        }
        memcpy((char *)&lib[which] + i * sizeof function, &function, sizeof function);
    }
    lib[which].init();
    lib[which].handler(on_event);
}

static void say(const char *format, unsigned a, unsigned b, unsigned c)
{
    size_t at = strlen(story);
    if (at > sizeof story - 200)
        memmove(story, story + 1000, at - 1000 + 1), at -= 1000;
    snprintf(story + at, sizeof story - at, format, a, b, c);
}

static void differ(const char *what, long theirs, long ours)
{
    printf("%s: theirs %ld, ours %ld, operation %lu\n%s\n", what, theirs, ours, operations, story);
    exit(1);
}

/* What the policies of one session are made of; both libraries are given the same. */
typedef struct {
    srtp_policy_t policy;
    srtp_master_key_t keys[4], *list[4];
    unsigned char key[4][64], mki[4][4];
    int ids[2];
} recipe;

static void crypto(srtp_crypto_policy_t *policy, unsigned suite, int tag)
{
    static const srtp_crypto_policy_t suites[] = {
        {SRTP_AES_ICM_128, 30, SRTP_HMAC_SHA1, 20, 10, sec_serv_conf_and_auth},
        {SRTP_AES_ICM_256, 46, SRTP_HMAC_SHA1, 20, 10, sec_serv_conf_and_auth},
        {SRTP_AES_ICM_128, 30, SRTP_HMAC_SHA1, 20, 10, sec_serv_auth},
        {SRTP_NULL_CIPHER, 30, SRTP_HMAC_SHA1, 20, 10, sec_serv_auth},
        {SRTP_AES_GCM_128, 28, SRTP_NULL_AUTH, 0, 16, sec_serv_conf_and_auth},
        {SRTP_AES_GCM_256, 44, SRTP_NULL_AUTH, 0, 16, sec_serv_conf_and_auth}};
    *policy = suites[suite];
    if (policy->auth_type == SRTP_HMAC_SHA1)
        policy->auth_tag_len = tag;
}

static void draw_keys(recipe *r)
{
    int k, i;
    for (k = 0; k < 4; k++)
        for (i = 0; i < r->policy.rtp.cipher_key_len; i++)
            r->key[k][i] = (unsigned char)below(256);
}

static void draw(recipe *r, srtp_ssrc_type_t type, unsigned ssrc, int identified)
{
    static const unsigned long windows[] = {0, 64, 128, 1024, 0x7FFF};
    unsigned suite = below(6);
    int tag = below(3) ? 10 : 4, rtcp_tag = below(3) ? 10 : 4, k;
    memset(r, 0, sizeof *r);
    crypto(&r->policy.rtp, suite, tag);
    /* libsrtp looks for an identifier in SRTCP where SRTP's tag would begin. */
    crypto(&r->policy.rtcp, suite, identified ? tag : rtcp_tag);
    r->policy.ssrc.type = type;
    r->policy.ssrc.value = ssrc;
    r->policy.window_size = windows[below(5)];
    r->policy.allow_repeat_tx = below(3) == 0;
    draw_keys(r);
    r->policy.key = r->key[0];
    if (identified) {
        r->policy.key = NULL;
        r->policy.num_master_keys = 1 + below(3);
        r->policy.keys = r->list;
        for (k = 0; k < 4; k++) {
            r->mki[k][0] = (unsigned char)(k + 1);
            r->keys[k].key = r->key[k];
            r->keys[k].mki_id = r->mki[k];
            r->keys[k].mki_size = 1 + (unsigned)k % 3;
            r->list[k] = &r->keys[k];
        }
    }
    if (below(3) == 0) {
        r->ids[0] = 1;
        r->ids[1] = 3;
        r->policy.enc_xtn_hdr = r->ids;
        r->policy.enc_xtn_hdr_count = 1 + (int)below(2);
    }
}

static void describe(const srtp_policy_t *policy)
{
    say("\n  cipher %u tags %u and %u", policy->rtp.cipher_type, (unsigned)policy->rtp.auth_tag_len,
        (unsigned)policy->rtcp.auth_tag_len);
    say(" services %u and %u, %u keys", policy->rtp.sec_serv, policy->rtcp.sec_serv,
        (unsigned)policy->num_master_keys);
    say(" window %u, %u ids, repeats %u", (unsigned)policy->window_size,
        (unsigned)policy->enc_xtn_hdr_count, (unsigned)policy->allow_repeat_tx);
}

static void show(const char *name, const unsigned char *bytes, int length)
{
    int i;
    printf("%s ", name);
    for (i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    puts("");
}

/* An RTP packet that is told by its content, padding between extension elements included. */
static int rtp(unsigned char *packet, unsigned ssrc, unsigned sequence, unsigned content)
{
    static const unsigned char extensions[4][12] = {
        {0xBE, 0xDE, 0, 2, 0x11, 7, 8, 0x32, 9, 10, 11, 0}, {0x10, 0, 0, 2, 1, 2, 7, 8, 3, 2, 9, 10},
        {0xBE, 0xDE, 0, 2, 0x10, 7, 0, 0, 0x31, 9, 10, 0}, {0x10, 0, 0, 2, 1, 1, 7, 0, 0, 3, 1, 9}};
    unsigned shape = content % 9, i;
    int length = 12;
    memset(packet, 0, MOST);
    packet[0] = 0x80;
    packet[1] = 8;
    packet[2] = (unsigned char)(sequence >> 8);
    packet[3] = (unsigned char)sequence;
    packet[10] = (unsigned char)(ssrc >> 8);
    packet[11] = (unsigned char)ssrc;
    if (shape == 1) {
        packet[0] |= 2;
        length += 8;
    }
    if (shape >= 2 && shape <= 5) {
        packet[0] |= 0x10;
        memcpy(packet + length, extensions[shape - 2], 12);
        length += 12;
    }
    for (i = 0; i < content % 190; i++)
        packet[length++] = (unsigned char)(content + i);
    return length;
}

/* libsrtp goes on with the key stream behind padding where the element before it ended; by RFC 6904 section
 * 3.1.1 it runs over the whole extension. All but the element behind the padding, and the tag, is the same. */
static int differs_behind_padding(const unsigned char *plain, int length, unsigned char sealed[2][MOST],
                                  const int lengths[2])
{
    enum { BEHIND = 20, END = 24 };
    return plain[0] == 0x90 && plain[18 + (plain[12] == 0x10)] == 0 && lengths[0] == lengths[1] &&
           memcmp(sealed[0], sealed[1], BEHIND) == 0 &&
           memcmp(sealed[0] + BEHIND, sealed[1] + BEHIND, END - BEHIND) != 0 &&
           memcmp(sealed[0] + END, sealed[1] + END, (size_t)(length - END)) == 0;
}

static int rtcp(unsigned char *packet, unsigned ssrc)
{
    unsigned words = 1 + below(12), i;
    memset(packet, 0, MOST);
    packet[0] = 0x80;
    packet[1] = (unsigned char)(200 + below(5));
    packet[3] = (unsigned char)words;
    packet[6] = (unsigned char)(ssrc >> 8);
    packet[7] = (unsigned char)ssrc;
    for (i = 8; i < 4 + 4 * words; i++)
        packet[i] = (unsigned char)below(256);
    return (int)(4 + 4 * words);
}

/* Both libraries read the same bytes. */
static void read_both(srtp_t sessions[2], int is_rtcp, const unsigned char *bytes, int length,
                      unsigned use_mki, int damaged)
{
    unsigned char copy[2][MOST];
    int lengths[2], which;
    srtp_err_status_t status[2];
    for (which = 0; which < 2; which++) {
        memcpy(copy[which], bytes, MOST);
        lengths[which] = length;
        under_way = which;
        status[which] = (is_rtcp ? lib[which].unprotect_rtcp : lib[which].unprotect)(
            sessions[which], copy[which], &lengths[which], use_mki);
    }
    operations++;
    if (damaged && status[0] != srtp_err_status_ok && status[1] != srtp_err_status_ok) {
        exceptions[2] += status[0] != status[1]; /* What is looked at first is no promise. */
        return;
    }
    if (status[0] != status[1]) {
        show("bytes ", bytes, length);
        differ(is_rtcp ? "unprotect_rtcp" : "unprotect", status[0], status[1]);
    }
    if (status[0] == srtp_err_status_ok &&
        (lengths[0] != lengths[1] || memcmp(copy[0], copy[1], (size_t)lengths[0]) != 0))
        differ("what unprotect gave", lengths[0], lengths[1]);
    if (status[0] != srtp_err_status_ok && memcmp(copy[OURS], bytes, (size_t)length) != 0)
        differ("a refused packet was changed", 0, 1);
}

static void episode(void)
{
    recipe recipes[SOURCES + 1];
    srtp_t sending[2], receiving[2], reading[2];
    unsigned sequence[SOURCES + 1], used[SOURCES + 1] = {0};
    static unsigned char kept[KEPT][MOST];
    int kept_length[KEPT] = {0}, kept_rtcp[KEPT] = {0};
    int named = (int)below(4), has_template = named == 0 || below(2), identified = below(2) == 0;
    unsigned kept_use_mki[KEPT] = {0};
    int added = 0, damaged, which, i, steps = 20 + (int)below(80);
    srtp_err_status_t status[2];
    story[0] = 0;
    say("\n%u named, template %u, identifiers %u", (unsigned)named, (unsigned)has_template,
        (unsigned)identified);
    for (i = 0; i <= SOURCES; i++) {
        draw(&recipes[i], i < SOURCES ? ssrc_specific : ssrc_any_outbound, 0x100 + (unsigned)i,
             identified);
        sequence[i] = below(65536);
        describe(&recipes[i].policy);
    }
    for (which = 0; which < 2; which++) {
        srtp_t *made[3] = {&sending[which], &receiving[which], &reading[which]};
        int role;
        for (role = 0; role < 3; role++) {
            lib[which].create(made[role], NULL);
            for (i = 0; i < named; i++)
                if (lib[which].add(*made[role], &recipes[i].policy) != srtp_err_status_ok)
                    differ("add", 0, which);
            recipes[SOURCES].policy.ssrc.type = role == 0 ? ssrc_any_outbound : ssrc_any_inbound;
            if (has_template &&
                lib[which].add(*made[role], &recipes[SOURCES].policy) != srtp_err_status_ok)
                differ("add a template", 0, which);
        }
    }
    while (steps-- > 0) {
        unsigned source = below(SOURCES), ssrc = 0x100 + source, action = below(24);
        unsigned use_mki = identified ? below(8) != 0 : below(30) == 0, key = identified ? below(3) : 0;
        unsigned char plain[MOST], sealed[2][MOST];
        int length, lengths[2] = {0, 0};
        if (action < 11) {
            unsigned step = below(12), before = used[source];
            int repeat = step == 0;
            sequence[source] += step == 1 ? below(3000) : step == 2 ? 0u - below(100) : step != 0;
            sequence[source] &= 0xFFFF;
            length = rtp(plain, ssrc, sequence[source],
                         repeat && before != 0 ? before : (used[source] = 1 + below(100000)));
            say("\nprotect %x seq %u key %u", ssrc, sequence[source], use_mki ? key : 99);
            for (which = 0; which < 2; which++) {
                memcpy(sealed[which], plain, MOST);
                lengths[which] = length;
                under_way = which;
                status[which] = lib[which].protect(sending[which], sealed[which], &lengths[which],
                                                   use_mki, key);
            }
            operations++;
            if (status[0] == srtp_err_status_ok && (status[1] == srtp_err_status_replay_fail ||
                                                   status[1] == srtp_err_status_replay_old)) {
                /* Another packet under an index that was used: libsrtp sends it if allow_repeat_tx is
                 * set, and two texts under one key stream (RFC 3711 section 9.1). */
                exceptions[0]++;
                break;
            }
            if (status[0] != status[1])
                differ("protect", status[0], status[1]);
            if (status[0] != srtp_err_status_ok)
                continue;
            if (differs_behind_padding(plain, length, sealed, lengths)) {
                exceptions[3]++;
                continue;
            }
            if (lengths[0] != lengths[1] ||
                memcmp(sealed[0], sealed[1], (size_t)lengths[0]) != 0) {
                show("plain ", plain, length);
                show("theirs", sealed[0], lengths[0]);
                show("ours  ", sealed[1], lengths[1]);
                differ("what protect gave", lengths[0], lengths[1]);
            }
            if (below(10) != 0)
                read_both(receiving, 0, sealed[0], lengths[0], use_mki, 0);
            i = (int)below(KEPT);
            memcpy(kept[i], sealed[0], MOST);
            kept_length[i] = lengths[0];
            kept_rtcp[i] = 0;
            kept_use_mki[i] = use_mki;
        } else if (action < 16) {
            length = rtcp(plain, ssrc);
            say("\nprotect_rtcp %x key %u", ssrc, use_mki ? key : 99, 0);
            for (which = 0; which < 2; which++) {
                memcpy(sealed[which], plain, MOST);
                lengths[which] = length;
                under_way = which;
                status[which] = lib[which].protect_rtcp(sending[which], sealed[which],
                                                        &lengths[which], use_mki, key);
            }
            operations++;
            if (status[0] != status[1] || lengths[0] != lengths[1])
                differ("protect_rtcp", status[0], status[1]);
            if (status[0] != srtp_err_status_ok)
                continue;
            read_both(receiving, 1, sealed[THEIRS], lengths[0], use_mki, 0);
            read_both(reading, 1, sealed[OURS], lengths[0], use_mki, 0);
            i = (int)below(KEPT);
            memcpy(kept[i], sealed[THEIRS], MOST);
            kept_length[i] = lengths[0];
            kept_rtcp[i] = 1;
            kept_use_mki[i] = use_mki;
        } else if (action < 19) {
            /* A replay, a late packet, or one that is damaged. */
            i = (int)below(KEPT);
            if (kept_length[i] == 0)
                continue;
            memcpy(plain, kept[i], MOST);
            damaged = (int)below(2) || use_mki != kept_use_mki[i];
            if (damaged)
                plain[8 + below((unsigned)kept_length[i] - 8)] ^= (unsigned char)(1 + below(255));
            say("\nagain %u, identified %u", (unsigned)i, use_mki, 0);
            read_both(receiving, kept_rtcp[i], plain, kept_length[i], use_mki, damaged);
        } else if (action == 19) {
            uint32_t bytes[2] = {0, 0}, rtcp_bytes[2] = {0, 0}, rocs[2] = {0, 0};
            say("\nask %x", ssrc, 0, 0);
            for (which = 0; which < 2; which++) {
                lib[which].trailer(sending[which], use_mki, key, &bytes[which]);
                lib[which].rtcp_trailer(sending[which], use_mki, key, &rtcp_bytes[which]);
                status[which] = lib[which].get_roc(sending[which], ssrc, &rocs[which]);
            }
            operations += 3;
            if (bytes[0] != bytes[1] || rtcp_bytes[0] != rtcp_bytes[1])
                differ("trailer", bytes[0], bytes[1]);
            if (status[0] != status[1] || rocs[0] != rocs[1])
                differ("rollover counter", rocs[0], rocs[1]);
            if ((lib[0].get_stream(sending[0], __builtin_bswap32(ssrc)) == NULL) !=
                (lib[1].get_stream(sending[1], __builtin_bswap32(ssrc)) == NULL))
                differ("get_stream", 0, 1);
        } else if (action == 20) {
            /* Another key for a source that is known or not, or for the template. */
            recipe *r = &recipes[has_template && !added && below(2) ? SOURCES : (int)source];
            int stream = (int)below(2), role;
            draw_keys(r);
            say("\nupdate %x", r->policy.ssrc.value, 0, 0);
            for (role = 0; role < 3; role++) {
                r->policy.ssrc.type = r != &recipes[SOURCES] ? ssrc_specific
                                      : role == 0            ? ssrc_any_outbound
                                                             : ssrc_any_inbound;
                for (which = 0; which < 2; which++) {
                    srtp_t session = role == 0   ? sending[which]
                                     : role == 1 ? receiving[which]
                                                 : reading[which];
                    status[which] = (stream ? lib[which].update_stream : lib[which].update)(
                        session, &r->policy);
                }
                if (status[0] != status[1])
                    differ("update", status[0], status[1]);
            }
            operations += 3;
            memset(kept_length, 0, sizeof kept_length);
        } else if (action == 21) {
            recipe *r = &recipes[source];
            draw(r, ssrc_specific, ssrc, identified);
            /* Where a source has a stream of its own and one of the template, libsrtp's update of the
             * template takes away the one for the other. */
            added = 1;
            say("\nadd %x", ssrc, 0, 0);
            for (which = 0; which < 2; which++) {
                status[which] = lib[which].add(sending[which], &r->policy);
                lib[which].add(receiving[which], &r->policy);
                lib[which].add(reading[which], &r->policy);
            }
            operations += 3;
            if (status[0] != status[1])
                differ("add", status[0], status[1]);
            memset(kept_length, 0, sizeof kept_length);
        } else if (action == 22) {
            say("\nremove %x", ssrc, 0, 0);
            for (which = 0; which < 2; which++)
                status[which] = lib[which].remove(sending[which], __builtin_bswap32(ssrc));
            operations++;
            if (status[0] != status[1])
                differ("remove", status[0], status[1]);
            if (status[0] == srtp_err_status_ok) {
                /* A source that comes back begins anew in libsrtp, and goes on in ours: its key may be
                 * the one that it had. */
                exceptions[1]++;
                break;
            }
        } else {
            uint32_t roc = 0;
            lib[0].get_roc(sending[0], ssrc, &roc);
            say("\nset_roc %x %u", ssrc, roc, 0);
            for (which = 0; which < 2; which++)
                status[which] = lib[which].set_roc(sending[which], ssrc, roc);
            operations++;
            if (status[0] != status[1])
                differ("set_roc", status[0], status[1]);
        }
        if (events[0] != events[1])
            differ("collisions told", events[0], events[1]);
    }
    for (which = 0; which < 2; which++) {
        lib[which].dealloc(sending[which]);
        lib[which].dealloc(receiving[which]);
        lib[which].dealloc(reading[which]);
        events[which] = 0;
    }
}

int main(int argc, char **argv)
{
    unsigned long wanted;
    if (argc < 4)
        return 2;
    load(THEIRS, argv[1]);
    load(OURS, argv[2]);
    wanted = strtoul(argv[3], NULL, 10);
    state = UINT64_C(0x9E3779B97F4A7C15) * (1 + (argc > 4 ? strtoul(argv[4], NULL, 10) : 1));
    while (operations < wanted)
        episode();
    printf("%lu operations as by libsrtp; sessions ended where ours is different: %lu for another packet "
           "under a used index, %lu for a source that was removed; %lu damaged packets "
           "refused for another reason; %lu with an element encrypted behind padding\n",
           operations, exceptions[0], exceptions[1], exceptions[2], exceptions[3]);
    return 0;
}
