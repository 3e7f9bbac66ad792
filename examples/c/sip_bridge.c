/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A SIP user agent that bridges its callers into one conference. SIP and SDP are libre's
 * (Debian's libre-dev), the media is ours; everything runs in libre's event loop.
 *
 *   sip_bridge [--listen ADDRESS:PORT] [--call SIP-URI]... [--codecs NAME,NAME...]
 *              [--suites NAME,NAME...] [--plain] [--dtmf DIGITS] [--duration SECONDS]
 *
 * It registers nowhere, answers every INVITE, and calls whom it is told to call. Codecs are opus,
 * G722, PCMU and PCMA; suites those of RFC 4568 and RFC 7714. --plain lets unencrypted calls in.
 * A caller who presses * is muted, and with another * heard again; --dtmf sends each caller digits.
 */
#define _GNU_SOURCE
/* How Debian builds libre; its headers ask. */
#define HAVE_INET6 1
#define HAVE_INTTYPES_H 1
#define HAVE_STDBOOL_H 1

#include <getopt.h>
#include <re.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ale_media.h>

enum { MAX_CALLS = 64, MAX_CODECS = 4, LINE_BYTES = 256, POLL_TICKS = 10, DTMF_AFTER_TICKS = 100 };
#define TICK_NS UINT64_C(10000000)

static const struct codec {
    const char *name, *encoding, *payload_type;
    uint32_t clock_hz, sample_rate_hz;
    uint8_t channels;
} codecs[] = {
    {"opus", "opus/48000/2", NULL, 48000, 48000, 2},
    {"G722", "G722/8000", "9", 8000, 0, 1},
    {"PCMU", "PCMU/8000", "0", 8000, 0, 1},
    {"PCMA", "PCMA/8000", "8", 8000, 0, 1},
};

/* Best first. */
static const struct suite {
    const char *name;
    uint32_t key_bytes;
} suites[] = {
    {"AEAD_AES_256_GCM", 44},
    {"AEAD_AES_128_GCM", 28},
    {"AES_CM_128_HMAC_SHA1_80", 30},
    {"AES_CM_128_HMAC_SHA1_32", 30},
};
enum { CODECS = sizeof codecs / sizeof codecs[0], SUITES = sizeof suites / sizeof suites[0] };

static struct {
    struct sip *sip;
    struct sipsess_sock *sessions;
    struct sa local;
    ale_conference *conference;
    struct list calls;
    struct tmr tick, end;
    uint64_t due_ns, ticks, next_id;
    struct mbuf *datagram;
    const char *codecs, *suites, *dtmf;
    bool plain;
} bridge;

struct call {
    struct le le;
    uint64_t id;
    char peer[128];
    struct sipsess *session;
    struct sdp_session *sdp;
    struct sdp_media *audio;
    struct udp_sock *rtp, *rtcp;
    bool rtcp_mux; /* RTCP goes the way of RTP (RFC 5761) */
    ale_leg_receiver *receiver; /* NULL until codec and keys are agreed on */
    ale_leg_control *control;
    uint64_t member, joined_at;
    bool established, muted;
    char ours[SUITES][LINE_BYTES]; /* our key for each suite */
    char theirs[LINE_BYTES];
    int suite; /* the one in use, -1 for none */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whether a comma-separated list has a name; no list has all. */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    while (list != NULL && *list != '\0') {
        size_t word = strcspn(list, ",");
        if (word == length && strncasecmp(list, name, length) == 0)
            return true;
        list += word + (list[word] == ',');
    }
    return list == NULL;
}

/* ---- Keys ---- */

static int suite_of(const char *name)
{
    for (int i = 0; i < SUITES; i++)
        if (strcmp(suites[i].name, name) == 0 && listed(bridge.suites, name))
            return i;
    return -1;
}

/* The line that sends with our key for a suite, under the tag of the offer's line. */
static int our_line(struct call *call, int suite, uint32_t tag)
{
    ale_srtp_crypto crypto;
    char line[LINE_BYTES];
    if (call->ours[suite][0] != '\0') /* only the tag changes */
        ale_srtp_crypto_parse(call->ours[suite], &crypto);
    else {
        ale_srtp_crypto_init(&crypto);
        crypto.suite = suites[suite].name;
        crypto.key_count = 1;
        crypto.keys[0].key_bytes = suites[suite].key_bytes;
        rand_bytes(crypto.keys[0].key, suites[suite].key_bytes);
    }
    crypto.tag = tag;
    if (ale_srtp_crypto_print(&crypto, line, sizeof line) != ALE_OK)
        return EPROTO;
    str_ncpy(call->ours[suite], line + strlen("a=crypto:"), LINE_BYTES);
    memset(&crypto, 0, sizeof crypto);
    return 0;
}

/* Keeps the best of the peer's a=crypto lines; those that can't be read are not ours to take. */
static bool take_line(const char *name, const char *value, void *arg)
{
    struct call *call = arg;
    ale_srtp_crypto crypto;
    (void)name;
    if (ale_srtp_crypto_parse(value, &crypto) == ALE_OK) {
        int suite = suite_of(crypto.suite);
        if (suite >= 0 && (call->suite < 0 || suite < call->suite)) {
            call->suite = suite;
            str_ncpy(call->theirs, value, sizeof call->theirs);
            if (call->receiver == NULL || call->ours[suite][0] == '\0')
                our_line(call, suite, crypto.tag);
        }
    }
    return false;
}

/* ---- Media ---- */

static void on_datagram(const struct sa *source, struct mbuf *mb, void *arg)
{
    struct call *call = arg;
    ale_address from = {.port = sa_port(source), .ip_bytes = 4};
    if (call->receiver == NULL)
        return;
    if (sa_af(source) == AF_INET6) {
        from.ip_bytes = 16;
        sa_in6(source, from.ip);
    } else {
        memcpy(from.ip, &source->u.in.sin_addr, 4);
    }
    /* What is wrong with a datagram is counted by the leg. */
    (void)ale_leg_receive_from(call->receiver, mbuf_buf(mb), mbuf_get_left(mb), &from, now_ns(), NULL);
}

/* Where the peer's sound comes from, or before any has come, where it says that it is. */
static void peer_address(const struct call *call, bool rtcp, struct sa *to)
{
    ale_address latched;
    if (rtcp && !call->rtcp_mux) {
        sdp_media_raddr_rtcp(call->audio, to);
        return;
    }
    sa_cpy(to, sdp_media_raddr(call->audio));
    if (ale_leg_remote_address(call->receiver, &latched) != ALE_OK)
        return;
    if (latched.ip_bytes == 16)
        sa_set_in6(to, latched.ip, (uint16_t)latched.port);
    else {
        sa_set_in(to, 0, (uint16_t)latched.port);
        memcpy(&to->u.in.sin_addr, latched.ip, 4);
    }
}

static void send_datagram(const ale_datagram *datagram)
{
    bool rtcp = datagram->bytes[1] >= 192 && datagram->bytes[1] <= 223; /* RFC 5761 section 4 */
    struct le *le;
    for (le = bridge.calls.head; le != NULL; le = le->next) {
        const struct call *call = le->data;
        struct sa to;
        if (call->id != datagram->tag)
            continue;
        peer_address(call, rtcp, &to);
        mbuf_rewind(bridge.datagram);
        mbuf_write_mem(bridge.datagram, datagram->bytes, datagram->length);
        mbuf_set_pos(bridge.datagram, 0);
        /* What the network refuses is lost, as any datagram may be. */
        (void)udp_send(rtcp && !call->rtcp_mux ? call->rtcp : call->rtp, &to, bridge.datagram);
    }
}

static void poll_call(struct call *call)
{
    ale_leg_event event;
    if (bridge.dtmf != NULL && call->established && bridge.ticks == call->joined_at + DTMF_AFTER_TICKS)
        re_printf("call %llu: sending %s: %s\n", call->id, bridge.dtmf,
                  ale_status_message(ale_leg_send_dtmf(call->control, bridge.dtmf, 120, 8)));
    while (ale_leg_next_event(call->control, &event) == ALE_OK) {
        if (event.kind == ALE_LEG_REFUSED)
            re_printf("call %llu: %llu refused, %s\n", call->id, event.count, ale_status_message(event.status));
        if (event.kind != ALE_LEG_DIGIT_ENDED)
            continue;
        re_printf("call %llu: digit %c, %u ms\n", call->id, event.digit, event.duration_ms);
        if (event.digit == '*') {
            call->muted = !call->muted;
            (void)ale_conference_set_muted(bridge.conference, call->member, call->muted);
        }
    }
}

static void on_tick(void *arg)
{
    ale_datagram datagram;
    ale_leg_media *media;
    uint64_t member, now = now_ns();
    struct le *le;
    (void)arg;
    for (; bridge.due_ns <= now; bridge.due_ns += TICK_NS, bridge.ticks++) {
        (void)ale_conference_tick(bridge.conference, bridge.due_ns);
        while (ale_conference_next_datagram(bridge.conference, &datagram) == ALE_OK)
            send_datagram(&datagram);
        for (le = bridge.calls.head; le != NULL && bridge.ticks % POLL_TICKS == 0; le = le->next)
            if (((struct call *)le->data)->control != NULL)
                poll_call(le->data);
    }
    while (ale_conference_reclaim(bridge.conference, &member, &media) == ALE_OK)
        ale_leg_media_destroy(media);
    tmr_start(&bridge.tick, (bridge.due_ns - now + 999999) / 1000000, on_tick, NULL);
}

static bool add_codec(struct sdp_format *format, void *arg)
{
    ale_leg_config *config = arg;
    ale_codec *codec = (ale_codec *)config->receive + config->receive_count;
    for (int i = 0; i < CODECS; i++)
        if (format->sup && config->receive_count < MAX_CODECS && str_casecmp(format->name, codecs[i].name) == 0) {
            codec->payload_type = (uint8_t)format->pt;
            codec->encoding = codecs[i].encoding;
            codec->sample_rate_hz = codecs[i].sample_rate_hz;
            config->receive_count++;
        }
    return false;
}

/* Makes the leg of what both sides have agreed on, and lets it into the conference. */
static int start_media(struct call *call)
{
    const struct sdp_format *sent = sdp_media_rformat(call->audio, NULL), *events;
    ale_codec receive[MAX_CODECS] = {{0}};
    ale_leg_config config;
    ale_join_options options;
    ale_leg_media *media;
    ale_status status;
    uint16_t sequence;

    ale_leg_config_init(&config);
    for (int i = 0; i < CODECS && sent != NULL; i++)
        if (str_casecmp(sent->name, codecs[i].name) == 0) {
            config.send.encoding = codecs[i].encoding;
            config.send.sample_rate_hz = codecs[i].sample_rate_hz;
            config.send.payload_type = (uint8_t)sent->pt;
            config.send.fmtp = sent->params;
        }
    if (config.send.encoding == NULL || (call->suite < 0 && !bridge.plain))
        return EPROTO;
    config.receive = receive;
    sdp_media_format_apply(call->audio, true, NULL, -1, NULL, -1, -1, add_codec, &config);
    /* Telephone events go by the clock of the sound where the peer knows that. */
    events = sdp_media_format(call->audio, false, NULL, -1, "telephone-event", (int32_t)sent->srate, -1);
    if (events == NULL)
        events = sdp_media_rformat(call->audio, "telephone-event");
    if (events != NULL)
        config.telephone_event_payload_type = events->pt;
    if (call->suite >= 0) {
        config.send_crypto = call->ours[call->suite];
        config.receive_crypto = call->theirs;
        config.srtp_policy = ALE_SRTP_LEGACY; /* what is too weak is left out by --suites */
    }
    rand_bytes((uint8_t *)&config.local_ssrc, sizeof config.local_ssrc);
    rand_bytes((uint8_t *)&sequence, sizeof sequence);
    rand_bytes((uint8_t *)&config.initial_timestamp, sizeof config.initial_timestamp);
    config.initial_sequence = sequence;
    config.cname = "sip-bridge";
    status = ale_leg_create(&config, &call->receiver, &media, &call->control);
    if (status == ALE_OK) {
        ale_join_options_init(&options);
        options.tag = call->id;
        status = ale_conference_join(bridge.conference, media, &options, &call->member);
        if (status != ALE_OK)
            ale_leg_media_destroy(media);
    }
    call->joined_at = bridge.ticks - bridge.ticks % POLL_TICKS;
    re_printf("call %llu: %s, %s/%u, %s: %s\n", call->id, call->peer, sent->name, sent->srate,
              call->suite < 0 ? "plain" : suites[call->suite].name, ale_status_message(status));
    return status == ALE_OK ? 0 : EPROTO;
}

/* ---- Calls ---- */

static void call_destroy(void *arg)
{
    struct call *call = arg;
    ale_leg_counters stats;
    char json[1024];
    if (call->control != NULL) {
        if (ale_leg_ticket_json(call->control, json, sizeof json, NULL) == ALE_OK &&
            ale_leg_stats(call->control, &stats) == ALE_OK)
            re_printf("call %llu: ended %s\n", call->id, json);
        (void)ale_conference_leave(bridge.conference, call->member);
    }
    ale_leg_receiver_destroy(call->receiver);
    ale_leg_control_destroy(call->control);
    list_unlink(&call->le);
    mem_deref(call->session);
    mem_deref(call->sdp);
    mem_deref(call->rtp);
    mem_deref(call->rtcp);
    memset(call->ours, 0, sizeof call->ours);
    memset(call->theirs, 0, sizeof call->theirs);
}

static int call_create(struct call **out, const struct pl *peer)
{
    struct call *call = mem_zalloc(sizeof *call, call_destroy);
    struct sa rtp = bridge.local, rtcp = bridge.local;
    int error;
    if (call == NULL)
        return ENOMEM;
    call->id = ++bridge.next_id;
    call->suite = -1;
    pl_strcpy(peer, call->peer, sizeof call->peer);
    list_append(&bridge.calls, &call->le, call);
    sa_set_port(&rtp, 0);
    sa_set_port(&rtcp, 0);
    error = udp_listen(&call->rtp, &rtp, on_datagram, call);
    error = error ? error : udp_listen(&call->rtcp, &rtcp, on_datagram, call);
    error = error ? error : udp_local_get(call->rtp, &rtp);
    error = error ? error : udp_local_get(call->rtcp, &rtcp);
    error = error ? error : sdp_session_alloc(&call->sdp, &bridge.local);
    error = error ? error : sdp_media_add(&call->audio, call->sdp, "audio", sa_port(&rtp), "RTP/SAVP");
    error = error ? error : sdp_media_set_lattr(call->audio, true, "rtcp-mux", NULL);
    if (!error) {
        /* Some peers offer a=crypto lines under RTP/AVP. */
        sdp_media_set_alt_protos(call->audio, 2, "RTP/SAVP", "RTP/AVP");
        sdp_media_set_lport_rtcp(call->audio, sa_port(&rtcp));
    }
    for (int i = 0; i < CODECS && !error; i++)
        if (listed(bridge.codecs, codecs[i].name))
            error = sdp_format_add(NULL, call->audio, false, codecs[i].payload_type, codecs[i].name,
                                   codecs[i].clock_hz, codecs[i].channels, NULL, NULL, NULL, false, NULL);
    for (int i = 0; i < 2 && !error; i++)
        error = sdp_format_add(NULL, call->audio, false, NULL, "telephone-event", i == 0 ? 8000 : 48000, 1,
                               NULL, NULL, NULL, false, "0-15");
    if (error)
        mem_deref(call);
    else
        *out = call;
    return error;
}

/* Reads the peer's description; makes the leg, or gives it new keys if there is one already. */
static int take_description(struct call *call, const struct sip_msg *msg, bool offer)
{
    char before[LINE_BYTES];
    int error, suite = call->suite;
    str_ncpy(before, call->theirs, sizeof before);
    error = sdp_decode(call->sdp, msg->mb, offer);
    if (error)
        return error;
    call->suite = -1;
    call->rtcp_mux = sdp_media_rattr(call->audio, "rtcp-mux") != NULL;
    if (offer && !call->rtcp_mux)
        sdp_media_del_lattr(call->audio, "rtcp-mux");
    sdp_media_rattr_apply(call->audio, "crypto", take_line, call);
    if (call->receiver == NULL)
        error = start_media(call);
    else if (suite != call->suite)
        error = EPROTO;
    else if (suite >= 0 && strcmp(before, call->theirs) != 0)
        error = ale_leg_rekey(call->control, NULL, call->theirs) == ALE_OK ? 0 : EPROTO;
    if (!error && offer && call->suite >= 0)
        error = sdp_media_set_lattr(call->audio, true, "crypto", "%s", call->ours[call->suite]);
    return error;
}

static int on_offer(struct mbuf **answer, const struct sip_msg *msg, void *arg)
{
    struct call *call = arg;
    bool offer = mbuf_get_left(msg->mb) > 0;
    int error = offer ? take_description(call, msg, true) : 0;
    return error ? error : sdp_encode(answer, call->sdp, !offer);
}

static int on_answer(const struct sip_msg *msg, void *arg)
{
    return take_description(arg, msg, false);
}

static void on_established(const struct sip_msg *msg, void *arg)
{
    struct call *call = arg;
    (void)msg;
    call->established = true;
    call->joined_at = bridge.ticks - bridge.ticks % POLL_TICKS;
    re_printf("call %llu: established\n", call->id);
}

static void on_close(int error, const struct sip_msg *msg, void *arg)
{
    struct call *call = arg;
    if (msg != NULL && msg->scode >= 300)
        re_printf("call %llu: refused, %u %r\n", call->id, msg->scode, &msg->reason);
    else
        re_printf("call %llu: closed, %m\n", call->id, error);
    mem_deref(call);
}

static void on_invite(const struct sip_msg *msg, void *arg)
{
    struct call *call = NULL;
    struct mbuf *answer = NULL;
    int error = call_create(&call, &msg->from.auri);
    (void)arg;
    error = error ? error : take_description(call, msg, true);
    error = error ? error : sdp_encode(&answer, call->sdp, false);
    error = error ? error : sipsess_accept(&call->session, bridge.sessions, msg, 200, "OK", "bridge",
                                           "application/sdp", answer, NULL, NULL, false, on_offer, on_answer,
                                           on_established, NULL, NULL, on_close, call, NULL);
    mem_deref(answer);
    if (error) {
        re_printf("call from %r refused: %m\n", &msg->from.auri, error);
        (void)sip_treply(NULL, bridge.sip, msg, 488, "Not Acceptable Here");
        mem_deref(call);
    }
}

static int place_call(const char *uri)
{
    struct call *call = NULL;
    struct mbuf *offer = NULL;
    struct pl peer;
    char from[64];
    uint32_t tag = 1;
    int error;
    pl_set_str(&peer, uri);
    re_snprintf(from, sizeof from, "sip:bridge@%J", &bridge.local);
    error = call_create(&call, &peer);
    for (int i = 0; i < SUITES && !error; i++)
        if (listed(bridge.suites, suites[i].name)) {
            error = our_line(call, i, tag++);
            error = error ? error : sdp_media_set_lattr(call->audio, false, "crypto", "%s", call->ours[i]);
        }
    error = error ? error : sdp_encode(&offer, call->sdp, true);
    error = error ? error : sipsess_connect(&call->session, bridge.sessions, uri, NULL, from, "bridge", NULL, 0,
                                            "application/sdp", offer, NULL, NULL, false, on_offer, on_answer,
                                            NULL, on_established, NULL, NULL, on_close, call, NULL);
    mem_deref(offer);
    if (error)
        mem_deref(call);
    return error;
}

/* ---- The program ---- */

static void stop(int signal)
{
    (void)signal;
    re_cancel();
}

static void on_end(void *arg)
{
    (void)arg;
    re_cancel();
}

static int run(const char *const *to, int count)
{
    ale_conference_config config;
    int error;
    ale_conference_config_init(&config);
    config.max_members = MAX_CALLS;
    if (ale_conference_create(&config, &bridge.conference) != ALE_OK)
        return ENOMEM;
    bridge.datagram = mbuf_alloc(2048);
    error = sip_alloc(&bridge.sip, NULL, 32, 32, 32, "sip_bridge", NULL, NULL);
    error = error ? error : sip_transp_add(bridge.sip, SIP_TRANSP_UDP, &bridge.local);
    error = error ? error : sipsess_listen(&bridge.sessions, bridge.sip, 32, on_invite, NULL);
    for (int i = 0; i < count && !error; i++)
        error = place_call(to[i]);
    if (!error) {
        re_printf("listening on %J\n", &bridge.local);
        bridge.due_ns = now_ns();
        on_tick(NULL);
        error = re_main(stop);
    }
    return error;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"listen", 1, NULL, 'l'}, {"call", 1, NULL, 'c'},  {"codecs", 1, NULL, 'C'},   {"suites", 1, NULL, 's'},
        {"dtmf", 1, NULL, 'd'},   {"plain", 0, NULL, 'p'}, {"duration", 1, NULL, 'D'}, {0}};
    const char *to[MAX_CALLS];
    int option, error, count = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    error = libre_init();
    sa_set_str(&bridge.local, "127.0.0.1", 5060);
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (option) {
        case 'l': error = error ? error : sa_decode(&bridge.local, optarg, strlen(optarg)); break;
        case 'c': if (count < MAX_CALLS) to[count++] = optarg; break;
        case 'C': bridge.codecs = optarg; break;
        case 's': bridge.suites = optarg; break;
        case 'd': bridge.dtmf = optarg; break;
        case 'p': bridge.plain = true; break;
        case 'D': tmr_start(&bridge.end, strtoul(optarg, NULL, 10) * 1000, on_end, NULL); break;
        default: return EXIT_FAILURE;
        }
    error = error ? error : run(to, count);

    list_flush(&bridge.calls);
    if (bridge.sessions != NULL) /* says BYE to those that are left */
        sipsess_close_all(bridge.sessions);
    mem_deref(bridge.sessions);
    if (bridge.sip != NULL)
        sip_close(bridge.sip, false);
    mem_deref(bridge.sip);
    tmr_cancel(&bridge.tick);
    tmr_cancel(&bridge.end);
    mem_deref(bridge.datagram);
    ale_conference_destroy(bridge.conference);
    libre_close();
    if (error)
        fprintf(stderr, "sip_bridge: %s\n", strerror(error));
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
