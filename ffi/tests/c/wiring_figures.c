/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Figures: what is counted of a call, a buffer, a session and a mixer is what the test did to them. */
#include "wiring.h"

static call c;
static unsigned lost, sent;

/* Of each hundred packets the last five, and one alone in the middle now and then. */
static int loses_bursts(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)length;
    if (!from_a || is_rtcp(bytes))
        return 1;
    sent++;
    if (++call->seen % 100 < 95)
        return 1;
    lost++;
    return 0;
}

static void the_ticket(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    ale_leg_counters now;
    ale_leg_ticket ticket;
    a.rtcp_interval_ms = b.rtcp_interval_ms = 500;
    begin(&c, &a, &b);
    lost = sent = 0;
    c.wire = loses_bursts;
    c.delay_ns = 20 * UINT64_C(1000000);
    run(&c, 980);
    OK(ale_leg_ticket_read(c.b.control, &ticket));
    now = counters(c.b);
    EXPECT(lost >= 20 && ticket.packets_received + 2 >= sent - lost);
    EXPECT(ticket.packets_received <= sent - lost);
    EXPECT(ticket.octets_received == 160 * ticket.packets_received);
    EXPECT(ticket.packets_lost >= 20 && ticket.packets_lost <= 25);
    EXPECT(ticket.packets_late == 0 && ticket.packets_recovered == 0);
    EXPECT(ticket.source_changes == 0 && ticket.remote_ssrc == 1);
    EXPECT(ticket.burst_packets > 4 && ticket.burst_packets < 6.5f);
    EXPECT(ticket.burst_loss_percent > 90 && ticket.gap_loss_percent < 1);
    EXPECT(ticket.gap_packets > 60 && ticket.loss_percent > 3 && ticket.loss_percent < 7);
    EXPECT(ticket.buffer_ms > 0 && ticket.buffer_p95_ms >= ticket.buffer_ms);
    EXPECT(ticket.buffer_p95_ms < 150 && ticket.round_trip_ms > 35 && ticket.round_trip_ms < 65);
    /* Loss costs, and the wide-band scale ends higher but not for narrow band. */
    EXPECT(ticket.rating > 30 && ticket.rating < 90 && ticket.mos_lq >= ticket.mos_cq);
    EXPECT(ticket.mos_lq < 4.3f && ticket.wide_band_mos < 3.7f && ticket.wide_band_mos > 1);
    EXPECT(ticket.wide_band_rating < 94 && ticket.wide_band_rating > 10);
    EXPECT(fabs(now.mos - ticket.mos_cq) < 0.01);
    EXPECT(fabs(now.wide_band_mos - ticket.wide_band_mos) < 0.01);
    /* A sine of 8000 is 15 dB below overload; what was said is as loud as what is heard. */
    c.wire = NULL;
    run(&c, 50);
    now = counters(c.b);
    EXPECT(now.pulled_level_dbov >= 14 && now.pulled_level_dbov <= 16);
    EXPECT(counters(c.a).pushed_level_dbov == now.pulled_level_dbov);
    EXPECT(counters(c.b).pushed_level_dbov > 90);
    OK(ale_leg_change_ssrc(c.a.control, 77));
    run(&c, 200);
    run(&c, 100);
    OK(ale_leg_ticket_read(c.b.control, &ticket));
    EXPECT(ticket.source_changes == 1 && ticket.remote_ssrc == 77 && is_heard(&c));
    end(&c);
}

static void lateness_and_recovery(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    ale_leg_ticket ticket;
    a.redundancy_payload_type = b.redundancy_payload_type = 121;
    begin(&c, &a, &b);
    c.wire = loses_bursts;
    run(&c, 400);
    /* One is held up until its time is over. */
    c.wire = NULL;
    c.delay_ns = 300 * UINT64_C(1000000);
    run(&c, 2);
    c.delay_ns = 0;
    run(&c, 100);
    OK(ale_leg_ticket_read(c.b.control, &ticket));
    EXPECT(ticket.packets_late >= 1 && ticket.packets_late <= 2);
    EXPECT(ticket.packets_recovered >= 3);
    end(&c);
}

static size_t rtp(uint8_t *packet, unsigned sequence)
{
    memset(packet, 0, 12);
    memset(packet + 12, sequence % 2 ? 0x20 : 0xa0, 160);
    packet[0] = 0x80;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    packet[5] = (uint8_t)(sequence * 160 >> 16);
    packet[6] = (uint8_t)(sequence * 160 >> 8);
    packet[7] = (uint8_t)(sequence * 160);
    return 172;
}

/* Every packet is in one of the counters, and time that is taken out or put in is counted. */
static void a_buffers_accounts(void)
{
    ale_codec codec;
    ale_jitter_config config;
    ale_jitter_writer *writer;
    ale_jitter_reader *reader;
    ale_jitter_control *control;
    ale_jitter_counters stats;
    ale_pull_info info;
    uint8_t packet[172];
    int16_t pcm[80];
    unsigned tick;
    memset(&codec, 0, sizeof codec);
    codec.encoding = "PCMU/8000";
    OK(ale_jitter_config_init(&config));
    config.codecs = &codec;
    config.codec_count = 1;
    OK(ale_jitter_create(&config, &writer, &reader));
    OK(ale_jitter_control_create(reader, &control));
    for (tick = 0; tick < 1200; tick++) {
        uint64_t now_ns = tick * TICK_NS;
        unsigned n = tick / 2;
        if (tick % 2 == 0 && n % 50 != 40) {
            OK(ale_jitter_insert(writer, packet, rtp(packet, n), now_ns));
            if (n % 100 == 7) OK(ale_jitter_insert(writer, packet, 172, now_ns));
        }
        if (tick == 400) OK(ale_jitter_control_set_delay_bounds(control, 200, 600));
        if (tick == 800) OK(ale_jitter_control_set_delay_bounds(control, 0, 60));
        OK(ale_jitter_pull(reader, now_ns, pcm, 80, &info));
        if (tick == 799) {
            OK(ale_jitter_stats(reader, &stats));
            EXPECT(stats.target_delay_us >= 199000 && info.target_delay_ms > 199);
        }
    }
    /* Some come long before their time, and wait. */
    for (; tick < 1210; tick += 2)
        OK(ale_jitter_insert(writer, packet, rtp(packet, tick / 2), 1200 * TICK_NS));
    OK(ale_jitter_pull(reader, 1200 * TICK_NS, pcm, 80, &info));
    OK(ale_jitter_stats(reader, &stats));
    EXPECT(stats.inserted == 588 + 6 + 5 && stats.duplicate == 6);
    EXPECT(stats.waiting == info.waiting_packets && stats.waiting >= 1);
    EXPECT(stats.inserted == stats.played + stats.late + stats.duplicate + stats.dropped
                                 + stats.flushed + stats.passed + stats.malformed + stats.oversized
                                 + stats.no_slot + stats.waiting);
    EXPECT(stats.missing == 12 && stats.merges + stats.concealments >= 12);
    EXPECT(stats.flushed + stats.removed_samples > 0 && stats.target_delay_us <= 61000);
    ale_jitter_control_destroy(control);
    ale_jitter_writer_destroy(writer);
    ale_jitter_reader_destroy(reader);
}

/* In pauses the delay goes up without a sound being lost. */
static void time_is_put_in(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    unsigned syllable;
    b.min_delay_ms = 0;
    begin(&c, &a, &b);
    run(&c, 50);
    for (syllable = 0; syllable < 20; syllable++) {
        c.amplitude = 0;
        /* The network becomes slower by and by. */
        c.delay_ns += 10 * UINT64_C(1000000);
        run(&c, 30);
        c.amplitude = 8000;
        run(&c, 30);
    }
    EXPECT(counters(c.b).jitter.expansions >= 1);
    EXPECT(counters(c.b).jitter.inserted_samples >= 40);
    end(&c);
}

/* Nothing yet; sound; a loss; a delay that has become too long; one that is too short. */
static void what_pulls_say(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    unsigned total[7] = {0}, n, turn, half;
    begin(&c, &a, &b);
    for (turn = 0; turn < 60; turn++) {
        c.amplitude = turn % 2 ? 8000 : 0;
        if (turn % 20 == 16) c.delay_ns = 0;
        if (turn % 4 == 1) c.wire = loses_bursts;
        c.seen = 88;
        for (half = 0; half < 2; half++) {
            run(&c, 14 + half);
            for (n = 0; n < 7; n++) total[n] += c.operations[n];
            if (turn % 20 == 11) c.delay_ns = 35 * UINT64_C(1000000);
        }
        c.wire = NULL;
    }
    EXPECT(total[ALE_JITTER_SILENCE] >= 2 && total[ALE_JITTER_SILENCE] < 10);
    EXPECT(total[ALE_JITTER_NORMAL] > 900 && total[ALE_JITTER_CONCEAL] > 10);
    EXPECT(total[ALE_JITTER_EXPAND] > 0 && total[ALE_JITTER_ACCELERATE] > 0);
    EXPECT(total[ALE_JITTER_COMFORT_NOISE] == 0);
    end(&c);

    /* A packet that comes when its time is half over is joined to what was made up meanwhile. */
    b.delay_mode = ALE_DELAY_FIXED;
    b.target_delay_ms = 20;
    begin(&c, &a, &b);
    c.voice = 1;
    run(&c, 300);
    total[ALE_JITTER_MERGE] = 0;
    for (turn = 0; turn < 20; turn++) {
        c.delay_ns = 30 * UINT64_C(1000000);
        run(&c, 2 + 2 * (turn % 3));
        c.delay_ns = 0;
        run(&c, 31);
        total[ALE_JITTER_MERGE] += c.operations[ALE_JITTER_MERGE];
    }
    EXPECT(total[ALE_JITTER_MERGE] > 2 && counters(c.b).jitter.merges > 5);
    end(&c);
}

static void a_sessions_accounts(void)
{
    ale_srtp_config config;
    ale_srtp *srtp;
    ale_srtp_counters out, in;
    uint8_t report[200] = {0x80, 201, 0, 1, 0, 0, 0, 7};
    size_t length = 8;
    OK(ale_srtp_config_init(&config));
    config.send_crypto = config.receive_crypto = GCM_A;
    OK(ale_srtp_create(&config, &srtp));
    OK(ale_srtp_protect_rtcp(srtp, report, length, sizeof report, &length));
    /* The E bit says that it is encrypted; without it, it must not be taken. */
    report[length - 4] &= 0x7f;
    EXPECT(ale_srtp_unprotect_rtcp(srtp, report, length, &length) == ALE_ERR_SRTP_NOT_PERMITTED);
    report[length - 4] |= 0x80;
    OK(ale_srtp_unprotect_rtcp(srtp, report, length, &length));
    OK(ale_srtp_stats(srtp, &out, &in));
    EXPECT(out.rtcp_packets == 1 && in.rtcp_packets == 1 && in.not_permitted == 1);
    EXPECT(out.rtp_packets == 0 && in.events_lost == 0);
    ale_srtp_destroy(srtp);

    /* Nobody asks for events: all but some are lost, and that is counted. */
    config.send_crypto = config.receive_crypto = SHA1_A "|2^20|1:1;inline:" KEY_B "|2^20|2:1";
    OK(ale_srtp_create(&config, &srtp));
    {
        static const uint8_t keys[] = {1, 2};
        unsigned n;
        for (n = 0; n < 300; n++) {
            uint8_t packet[100] = {0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
            packet[2] = (uint8_t)(n >> 8);
            packet[3] = (uint8_t)n;
            OK(ale_srtp_select_key(srtp, &keys[n % 2], 1));
            OK(ale_srtp_protect(srtp, packet, 32, sizeof packet, &length));
            OK(ale_srtp_unprotect(srtp, packet, length, &length));
        }
        OK(ale_srtp_stats(srtp, NULL, &in));
        EXPECT(in.events_lost > 100 && in.events_lost < 300 && in.rtp_packets == 300);
    }
    ale_srtp_destroy(srtp);
}

static void a_legs_srtp(void)
{
    ale_leg_config a = plain(1, "PCMA/8000"), b = plain(2, "PCMA/8000");
    uint8_t packet[64] = {0x80, 96, 0, 99, 0, 0, 0, 0, 0, 0, 0, 1};
    const char *keys = SHA1_A "|2^20|1:1;inline:" KEY_B "|2^20|2:1";
    a.send_crypto = a.receive_crypto = b.send_crypto = b.receive_crypto = keys;
    begin(&c, &a, &b);
    run(&c, 20);
    /* An identifier that no key has. */
    EXPECT(ale_leg_receive(c.b.receiver, packet, sizeof packet, 0, NULL) == ALE_ERR_SRTP_UNKNOWN_MKI);
    EXPECT(counters(c.b).srtp_refused == 1 && counters(c.b).authentication_failed == 0);
    end(&c);
}

static void a_mixers_accounts(void)
{
    ale_mixer_config config;
    ale_mixer *mixer;
    ale_mixer_counters stats;
    uint64_t one, other;
    int16_t pcm[80];
    int n;
    OK(ale_mixer_config_init(&config));
    OK(ale_mixer_create(&config, &mixer));
    OK(ale_mixer_add(mixer, &one));
    OK(ale_mixer_add(mixer, &other));
    say(pcm, 80, 8000, 0, 400, 5000);
    for (n = 0; n < 7; n++) {
        OK(ale_mixer_input(mixer, one, pcm, 80));
        OK(ale_mixer_run(mixer));
        OK(ale_mixer_output(mixer, other, pcm, 80));
        OK(ale_mixer_output(mixer, other, pcm, 80));
    }
    OK(ale_mixer_stats(mixer, &stats));
    EXPECT(stats.runs == 7 && stats.rows_mixed == 7 && stats.outputs == 14);
    EXPECT(stats.participants == 2);
    ale_mixer_destroy(mixer);
}

/* The marker of a packet that is handed on goes with it. */
static void markers_are_handed_on(void)
{
    ale_pass_through pass = {99, 90000};
    ale_leg_config config = plain(1, "PCMA/8000");
    uint8_t packet[20] = {0x80, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    const uint8_t *datagram;
    ale_passed passed;
    size_t length;
    unsigned n;
    leg in, out;
    config.pass_through = &pass;
    config.pass_through_count = 1;
    in = make(&config);
    config.local_ssrc = 2;
    out = make(&config);
    for (n = 0; n < 6; n++) {
        uint8_t copy[20];
        packet[1] = (uint8_t)(99 | (n == 4 ? 0x80 : 0));
        packet[3] = (uint8_t)n;
        memcpy(copy, packet, 20);
        OK(ale_leg_receive(in.receiver, copy, 20, n, NULL));
        if (n < 2) continue;
        OK(ale_leg_passed(in.receiver, &passed));
        EXPECT(passed.marker == (n == 4));
        OK(ale_leg_relay(out.media, &passed, copy + 12, 8, &datagram, &length));
        EXPECT(datagram[1] >> 7 == (n == 4 || n == 2)); /* the first begins a spurt */
    }
    destroy(in);
    destroy(out);
}

int main(void)
{
    the_ticket();
    lateness_and_recovery();
    a_buffers_accounts();
    time_is_put_in();
    what_pulls_say();
    a_sessions_accounts();
    a_legs_srtp();
    a_mixers_accounts();
    markers_are_handed_on();
    puts("wiring of figures: ok");
    return 0;
}
