/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A living leg: changed by signalling, keyed late, told where its peer is; and what is not RTP. */

#include "check.h"

#define MS 1000000ull
#define KEY_1 "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY_2 "1 AES_CM_128_HMAC_SHA1_80 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"

typedef struct {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    ale_leg_config config;
    int received[16];
    int payload_type;
} end;

static void set_up(end *leg, uint32_t ssrc)
{
    memset(leg, 0, sizeof *leg);
    EXPECT(ale_leg_config_init(&leg->config) == ALE_OK);
    leg->config.local_ssrc = ssrc;
    leg->config.send.payload_type = 8;
    leg->config.send.encoding = "PCMA/8000";
    leg->config.rtcp_interval_ms = 0;
}

static void make(end *leg)
{
    EXPECT(ale_leg_create(&leg->config, &leg->receiver, &leg->media, &leg->control) == ALE_OK);
}

static void destroy(end *leg)
{
    ale_leg_receiver_destroy(leg->receiver);
    ale_leg_media_destroy(leg->media);
    ale_leg_control_destroy(leg->control);
}

/* Both talk from one time to another; what becomes of datagrams is counted. */
static void talk(end *a, end *b, int from_ms, int to_ms)
{
    int ms, n;
    for (ms = from_ms; ms < to_ms; ms += 10) {
        end *ends[2];
        ends[0] = a;
        ends[1] = b;
        for (n = 0; n < 2; n++) {
            int16_t pcm[480];
            size_t samples = ale_leg_sample_rate_hz(ends[n]->media) / 100, i, length;
            const uint8_t *datagram;
            EXPECT(ale_leg_pull(ends[n]->media, ms * MS, pcm, samples, NULL) == ALE_OK);
            for (i = 0; i < samples; i++)
                pcm[i] = (int16_t)((i * 977 + (size_t)ms * 31) % 8000);
            EXPECT(ale_leg_push(ends[n]->media, pcm, samples) == ALE_OK);
            while (ale_leg_poll_transmit(ends[n]->media, ms * MS, &datagram, &length) == ALE_OK) {
                uint8_t copy[1500];
                ale_received received;
                memcpy(copy, datagram, length);
                ends[n]->payload_type = datagram[1] & 127;
                if (ale_leg_receive(ends[!n]->receiver, copy, length, ms * MS, &received) == ALE_OK)
                    ends[!n]->received[received]++;
            }
        }
    }
}

static int event_of(end *leg, ale_leg_event_kind kind, ale_leg_event *found)
{
    ale_leg_event event;
    int count = 0;
    while (ale_leg_next_event(leg->control, &event) == ALE_OK)
        if (event.kind == kind) {
            *found = event;
            count++;
        }
    return count;
}

static ale_leg_session_counters transport(const end *leg)
{
    ale_leg_session_counters counters;
    EXPECT(ale_leg_session_stats(leg->control, &counters, sizeof counters) == ALE_OK);
    return counters;
}

static void updates(void)
{
    end a, b;
    ale_codec both[2];
    ale_leg_counters counters;
    ale_leg_event event;
    memset(both, 0, sizeof both);
    both[0].encoding = "PCMA/8000";
    both[0].payload_type = 8;
    both[1].encoding = "G722/8000";
    both[1].payload_type = 9;
    set_up(&a, 1);
    set_up(&b, 2);
    b.config.sample_rate_hz = 16000;
    b.config.media_timeout_ms = 1000;
    b.config.max_sources = 2;
    make(&a);
    make(&b);
    EXPECT(ale_leg_sample_rate_hz(b.media) == 16000);
    talk(&a, &b, 0, 400);
    EXPECT(transport(&a).packets_left == UINT64_MAX);
    /* Another codec on the same call: neither the rate of the PCM nor the counters change. */
    b.config.receive = both;
    b.config.receive_count = 2;
    EXPECT(ale_leg_update(b.control, &b.config) == ALE_OK);
    a.config.send = both[1];
    a.config.receive = both;
    a.config.receive_count = 2;
    EXPECT(ale_leg_update(a.control, &a.config) == ALE_OK);
    talk(&a, &b, 400, 800);
    EXPECT(ale_leg_sample_rate_hz(a.media) == 8000 && a.payload_type == 9);
    EXPECT(b.received[ALE_RECEIVED_MEDIA] >= 38);
    EXPECT(ale_leg_stats(b.control, &counters) == ALE_OK);
    EXPECT(counters.unknown_payload_type == 0 && counters.loss_percent == 0);
    /* On hold: the one sends nothing, the other says that it comes. */
    a.config.direction = 2;
    EXPECT(ale_leg_update(a.control, &a.config) == ALE_OK);
    talk(&a, &b, 800, 2200);
    EXPECT(event_of(&b, ALE_LEG_MEDIA_STOPPED, &event) == 1 && event.count == 0);
    a.config.direction = 0;
    EXPECT(ale_leg_update(a.control, &a.config) == ALE_OK);
    talk(&a, &b, 2200, 2600);
    EXPECT(event_of(&b, ALE_LEG_MEDIA_STARTED, &event) == 1);
    b.config.direction = 1;
    EXPECT(ale_leg_update(b.control, &b.config) == ALE_OK);
    talk(&a, &b, 2600, 2800);
    EXPECT(b.received[ALE_RECEIVED_NOT_WANTED] >= 8);
    EXPECT(transport(&b).not_wanted == (uint64_t)b.received[ALE_RECEIVED_NOT_WANTED]);
    /* What can't be done changes nothing. */
    b.config.direction = 4;
    INVALID(ale_leg_update(b.control, &b.config));
    b.config.direction = 0;
    b.config.max_delay_ms = 300;
    EXPECT(ale_leg_update(b.control, &b.config) == ALE_ERR_FIXED);
    b.config.max_delay_ms = 600;
    b.config.max_sources = 1;
    INVALID(ale_leg_update(b.control, &b.config));
    b.config.max_sources = 2;
    b.config.audio_level_id = b.config.absolute_send_time_id = 3;
    REFUSED(ALE_ERR_EXTENSION_ID, ale_leg_update(b.control, &b.config));
    INVALID(ale_leg_update(NULL, &b.config));
    INVALID(ale_leg_update(b.control, NULL));
    destroy(&a);
    destroy(&b);
}

/* A call changes what only a new leg can have; its session goes on. */
static void renewed(void)
{
    end a, b;
    ale_leg_session_counters counters;
    ale_leg_counters stats;
    uint64_t words[12];
    set_up(&a, 1);
    set_up(&b, 2);
    a.config.send_crypto = b.config.receive_crypto = KEY_1;
    a.config.receive_crypto = b.config.send_crypto = KEY_2;
    make(&a);
    make(&b);
    talk(&a, &b, 0, 1000);
    EXPECT(ale_leg_set_muted(a.control, 1) == ALE_OK);
    talk(&a, &b, 1000, 1100);
    /* No crypto lines: the keys are those of the session, and what has been sent stays counted. */
    a.config.send_crypto = a.config.receive_crypto = NULL;
    a.config.sample_rate_hz = 16000;
    a.config.max_delay_ms = 300;
    EXPECT(ale_leg_update(a.control, &a.config) == ALE_ERR_FIXED);
    EXPECT(ale_leg_renew(a.receiver, a.media, a.control, &a.config) == ALE_OK);
    EXPECT(ale_leg_sample_rate_hz(a.media) == 16000);
    talk(&a, &b, 1100, 2000);
    EXPECT(ale_leg_stats(b.control, &stats) == ALE_OK);
    EXPECT(stats.datagrams == 100 && stats.packets_received >= 99);
    EXPECT(stats.replayed == 0 && stats.authentication_failed == 0 && stats.loss_percent == 0);
    EXPECT(ale_leg_stats(a.control, &stats) == ALE_OK);
    EXPECT(stats.packets_received >= 98 && stats.packets_sent == 100 && stats.loss_percent == 0);
    EXPECT(stats.pulled_level_dbov < 40 && stats.pushed_level_dbov == 127); /* muting went on */
    EXPECT(ale_leg_stats(b.control, &stats) == ALE_OK);
    EXPECT(stats.pulled_level_dbov > 60);
    EXPECT(ale_leg_session_stats(a.control, &counters, sizeof counters) == ALE_OK);
    EXPECT(counters.probation == 1 && counters.restarts == 0 && counters.not_protected == 0);
    EXPECT(counters.packets_left == ((uint64_t)1 << 48) - 100);
    /* An older and a newer header's struct. */
    memset(words, 0xff, sizeof words);
    EXPECT(ale_leg_session_stats(a.control, (ale_leg_session_counters *)words, 8) == ALE_OK);
    EXPECT(words[0] == counters.probation && words[1] == UINT64_MAX);
    EXPECT(ale_leg_session_stats(a.control, (ale_leg_session_counters *)words, sizeof words)
           == ALE_OK);
    EXPECT(words[0] == counters.probation && words[11] == 0);
    INVALID(ale_leg_session_stats(a.control, &counters, 0));
    /* Refused: nothing has changed. */
    INVALID(ale_leg_renew(a.receiver, b.media, a.control, &a.config));
    INVALID(ale_leg_renew(b.receiver, a.media, a.control, &a.config));
    a.config.packet_ms = 7;
    REFUSED(ALE_ERR_PACKET_TIME, ale_leg_renew(a.receiver, a.media, a.control, &a.config));
    a.config.packet_ms = 20;
    a.config.keys_pending = 1;
    EXPECT(ale_leg_renew(a.receiver, a.media, a.control, &a.config) == ALE_ERR_FIXED);
    talk(&a, &b, 2000, 2200);
    EXPECT(ale_leg_stats(b.control, &stats) == ALE_OK && stats.packets_received >= 109);
    destroy(&a);
    destroy(&b);
}

static void late_keys(void)
{
    end a, b;
    ale_leg_event event;
    ale_leg_counters counters;
    set_up(&a, 1);
    set_up(&b, 2);
    a.config.send_crypto = KEY_1;
    a.config.receive_crypto = KEY_2;
    b.config.keys_pending = 1;
    make(&a);
    make(&b);
    talk(&a, &b, 0, 200);
    EXPECT(b.received[ALE_RECEIVED_KEPT] == 10 && a.received[ALE_RECEIVED_MEDIA] == 0);
    EXPECT(transport(&b).before_keys == 10 && transport(&b).not_protected == 10);
    EXPECT(transport(&b).packets_left == 0);
    REFUSED(ALE_ERR_ONE_DIRECTION, ale_leg_rekey(b.control, KEY_2, NULL));
    EXPECT(ale_leg_rekey(b.control, KEY_2, KEY_1) == ALE_OK);
    talk(&a, &b, 200, 400);
    EXPECT(ale_leg_stats(b.control, &counters) == ALE_OK);
    EXPECT(counters.packets_received == 20); /* those kept among them */
    EXPECT(a.received[ALE_RECEIVED_MEDIA] >= 8);
    /* A key that is used up is told, before and after. */
    EXPECT(ale_leg_rekey(a.control, KEY_2 "|2^8", NULL) == ALE_OK);
    EXPECT(ale_leg_rekey(b.control, NULL, KEY_2) == ALE_OK);
    talk(&a, &b, 400, 800);
    EXPECT(transport(&a).packets_left == 256 - 20 && transport(&a).not_protected == 0);
    talk(&a, &b, 800, 6400);
    EXPECT(transport(&a).packets_left == 0 && transport(&a).not_protected == 300 - 256);
    {
        int expiring = 0, exhausted = 0;
        while (ale_leg_next_event(a.control, &event) == ALE_OK) {
            expiring += event.kind == ALE_LEG_KEY_EXPIRING && event.count > 0;
            exhausted += event.kind == ALE_LEG_KEY_EXHAUSTED;
        }
        EXPECT(expiring == 1 && exhausted == 1);
    }
    destroy(&a);
    destroy(&b);
}

static void joins_late(void)
{
    /* The peer's rollover counter is at 1 already. */
    end a, b;
    ale_srtp *peer;
    ale_srtp_config config;
    uint8_t packet[200] = {0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    int n, taken = 0;
    set_up(&b, 2);
    b.config.send_crypto = KEY_2;
    b.config.receive_crypto = KEY_1;
    b.config.receive_roc = 1;
    make(&b);
    EXPECT(ale_srtp_config_init(&config) == ALE_OK);
    config.send_crypto = KEY_1;
    config.initial_roc = 1;
    EXPECT(ale_srtp_create(&config, &peer) == ALE_OK);
    for (n = 0; n < 5; n++) {
        size_t length;
        memset(packet + 12, 0xd5, 160);
        packet[0] = 0x80;
        packet[1] = 8;
        packet[3] = (uint8_t)n;
        packet[7] = (uint8_t)(n * 160);
        EXPECT(ale_srtp_protect(peer, packet, 172, sizeof packet, &length) == ALE_OK);
        taken += ale_leg_receive(b.receiver, packet, length, n * 20 * MS, NULL) == ALE_OK;
    }
    EXPECT(taken == 5);
    ale_srtp_destroy(peer);
    (void)a;
    destroy(&b);
}

static void where_the_peer_is(void)
{
    end leg;
    ale_address stranger = {{6, 6, 6, 6}, 4, 666}, peer = {{10, 0, 0, 2}, 4, 5000}, rtcp, rtp;
    uint8_t packet[172];
    int n, taken = 0;
    set_up(&leg, 1);
    leg.config.learning_ms = 500;
    make(&leg);
    EXPECT(ale_leg_peer_address(leg.control, &rtp, NULL) == ALE_ERR_NOTHING);
    EXPECT(ale_leg_relatch(leg.control, &peer, NULL) == ALE_OK);
    for (n = 0; n < 40; n++) {
        int of_peer = n >= 4;
        memset(packet, 0xd5, sizeof packet);
        packet[0] = 0x80;
        packet[1] = 8;
        packet[2] = 0;
        packet[3] = (uint8_t)n;
        memset(packet + 4, 0, 8);
        packet[6] = (uint8_t)((n * 160) >> 8);
        packet[7] = (uint8_t)(n * 160);
        packet[11] = of_peer ? 7 : 66;
        taken += ale_leg_receive_from(leg.receiver, packet, 172, of_peer ? &peer : &stranger,
                                      n * 20 * MS, NULL) == ALE_OK;
    }
    EXPECT(taken == 40);
    rtcp = stranger;
    EXPECT(ale_leg_peer_address(leg.control, &rtp, &rtcp) == ALE_OK);
    EXPECT(rtp.ip[0] == 10 && rtp.port == 5000 && rtcp.port == 5000);
    rtcp.port = 5005;
    EXPECT(ale_leg_relatch(leg.control, &peer, &rtcp) == ALE_OK);
    packet[3] = 0;
    (void)ale_leg_receive_from(leg.receiver, packet, 172, &peer, 900 * MS, NULL);
    EXPECT(ale_leg_peer_address(leg.control, &rtp, &rtcp) == ALE_OK && rtcp.port == 5005);
    INVALID(ale_leg_relatch(leg.control, NULL, NULL));
    INVALID(ale_leg_relatch(NULL, &peer, NULL));
    INVALID(ale_leg_peer_address(NULL, &rtp, NULL));
    INVALID(ale_leg_peer_address(leg.control, NULL, NULL));
    destroy(&leg);
}

static void not_rtp(void)
{
    end leg;
    uint8_t stun[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, dtls[40] = {22, 0xfe, 0xfd};
    uint8_t zrtp[24] = {0x10, 0, 0, 1, 'Z', 'R', 'T', 'P'}, turn[8] = {0x40, 0, 0, 4};
    uint8_t odd[20] = {0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 202, 0, 2, 0, 0, 0, 7, 1, 200, 'x', 'y'};
    uint8_t junk[30] = {0};
    ale_received received;
    set_up(&leg, 1);
    make(&leg);
    EXPECT(ale_leg_receive(leg.receiver, stun, 20, 1, &received) == ALE_OK);
    EXPECT(received == ALE_RECEIVED_STUN);
    EXPECT(ale_leg_receive(leg.receiver, dtls, 40, 2, &received) == ALE_OK);
    EXPECT(received == ALE_RECEIVED_DTLS);
    EXPECT(ale_leg_receive(leg.receiver, zrtp, 24, 3, &received) == ALE_OK);
    EXPECT(received == ALE_RECEIVED_ZRTP);
    EXPECT(ale_leg_receive(leg.receiver, turn, 8, 4, &received) == ALE_OK);
    EXPECT(received == ALE_RECEIVED_TURN);
    EXPECT(ale_leg_receive(leg.receiver, junk, 30, 5, &received) == ALE_ERR_MALFORMED);
    EXPECT(transport(&leg).not_rtp == 4);
    /* An SDES chunk without its end, behind a report that can be read. */
    EXPECT(ale_leg_receive(leg.receiver, odd, sizeof odd, 6, &received) == ALE_OK);
    EXPECT(received == ALE_RECEIVED_REPORT && transport(&leg).rtcp_skipped == 1);
    destroy(&leg);
}

static void event_clock(void)
{
    /* telephone-event/8000 beside a codec that counts at 48 kHz: 100 ms are 800 ticks. */
    end leg;
    int n, longest = 0, events = 0;
    ale_leg_event event;
    set_up(&leg, 1);
    leg.config.send.encoding = "L16/48000";
    leg.config.send.payload_type = 96;
    leg.config.packet_ms = 10;
    leg.config.telephone_event_payload_type = 101;
    leg.config.telephone_event_clock_hz = 8000;
    make(&leg);
    EXPECT(ale_leg_send_dtmf(leg.control, "5", 100, 8) == ALE_OK);
    for (n = 0; n < 40; n++) {
        int16_t pcm[480] = {0};
        const uint8_t *datagram;
        size_t length;
        EXPECT(ale_leg_push(leg.media, pcm, 480) == ALE_OK);
        while (ale_leg_poll_transmit(leg.media, n * 10 * MS, &datagram, &length) == ALE_OK)
            if ((datagram[1] & 127) == 101)
                longest = datagram[14] << 8 | datagram[15];
    }
    EXPECT(longest == 800);
    /* Nobody reads, and much happens: the digits are there, and that something was lost is told. */
    for (n = 0; n < 400; n++) {
        uint8_t packet[16] = {0x80, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0x8a, 3, 32};
        int16_t pcm[480];
        packet[2] = (uint8_t)(n >> 8);
        packet[3] = (uint8_t)n;
        packet[6] = (uint8_t)(n * 4);
        packet[12] = (uint8_t)(n % 10);
        (void)ale_leg_receive(leg.receiver, packet, 16, (uint64_t)n * 100 * MS, NULL);
        (void)ale_leg_pull(leg.media, (uint64_t)n * 100 * MS, pcm, 480, NULL);
    }
    while (ale_leg_next_event(leg.control, &event) == ALE_OK)
        events++;
    {
        uint8_t packet[16] = {0x80, 101, 2, 0, 9, 0, 0, 0, 0, 0, 0, 9, 1, 0x8a, 3, 32};
        int16_t pcm[480];
        (void)ale_leg_receive(leg.receiver, packet, 16, 50000 * MS, NULL);
        (void)ale_leg_pull(leg.media, 50000 * MS, pcm, 480, NULL);
    }
    EXPECT(events >= 32 && event_of(&leg, ALE_LEG_EVENTS_LOST, &event) == 1 && event.count > 0);
    destroy(&leg);
}

int main(void)
{
    updates();
    renewed();
    late_keys();
    joins_late();
    where_the_peer_is();
    not_rtp();
    event_clock();
    return 0;
}
