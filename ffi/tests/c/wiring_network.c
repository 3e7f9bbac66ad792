/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a leg does about a bad network: redundancy, requests, concealment, delay; and what RTCP says
   of it. */
#include "wiring.h"

static call c;
static uint8_t report[1600];
static size_t report_length;
static unsigned reports, red_bytes;

static void configs(ale_leg_config *a, ale_leg_config *b)
{
    *a = plain(1, "PCMA/8000");
    *b = plain(2, "PCMA/8000");
    a->rtcp_interval_ms = b->rtcp_interval_ms = 0;
}

static int loses_every_tenth(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (from_a && !is_rtcp(bytes) && payload_type(bytes) == 121)
        red_bytes = (unsigned)*length;
    return !from_a || is_rtcp(bytes) || ++call->seen % 10 != 5;
}

static int loses_pairs(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)loses_every_tenth(call, from_a, bytes, length);
    return !from_a || is_rtcp(bytes) || call->seen % 10 > 1;
}

/* RFC 2198: what is lost is in the packet behind it, as often as there are generations. */
static void redundancy(void)
{
    uint32_t generations;
    for (generations = 0; generations <= 2; generations++) {
        ale_leg_config a, b;
        configs(&a, &b);
        if (generations > 0) {
            a.redundancy_payload_type = b.redundancy_payload_type = 121;
            a.redundancy_generations = b.redundancy_generations = generations;
        }
        begin(&c, &a, &b);
        c.wire = generations == 2 ? loses_pairs : loses_every_tenth;
        red_bytes = 0;
        run(&c, 400);
        /* A header of 4 bytes for each that is repeated, one byte for the last. */
        EXPECT(red_bytes == (generations == 0 ? 0 : 12 + 160 + generations * 164 + 1));
        if (generations == 0) {
            EXPECT(counters(c.b).jitter.recovered == 0 && counters(c.b).concealed_percent > 5);
        } else {
            EXPECT(counters(c.b).jitter.recovered >= 15 && counters(c.b).concealed_percent < 2);
            EXPECT(is_heard(&c));
        }
        EXPECT(counters(c.b).loss_percent > 5 && counters(c.b).mos < 4.4f);
        end(&c);
    }
}

/* Up to as many follow the peer's reports; none, in packets of the codec's type, where nothing is lost. */
static void redundancy_follows_loss(void)
{
    int lossy;
    for (lossy = 0; lossy <= 1; lossy++) {
        ale_leg_config a, b;
        configs(&a, &b);
        a.redundancy_payload_type = b.redundancy_payload_type = 121;
        a.redundancy_generations = b.redundancy_generations = 2;
        a.redundancy_follows_loss = b.redundancy_follows_loss = 1;
        a.rtcp_interval_ms = b.rtcp_interval_ms = 500;
        begin(&c, &a, &b);
        c.wire = lossy ? loses_pairs : NULL;
        red_bytes = 0;
        run(&c, 400);
        EXPECT(red_bytes == (lossy ? 12 + 160 + 2 * 164 + 1 : 0));
        EXPECT((counters(c.b).jitter.recovered > 0) == lossy);
        /* Once it is there: before the first report, what was lost stayed so. */
        run(&c, 400);
        EXPECT(is_heard(&c));
        end(&c);
    }
}

static int b_to_a(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (!from_a && is_rtcp(bytes) && find_rtcp(bytes, *length, 205) != NULL) {
        memcpy(report, bytes, *length);
        report_length = *length;
        call->counted++;
    }
    return !from_a || is_rtcp(bytes) || ++call->seen != 50;
}

/* RFC 4585 section 6.2.1; and RFC 5506, where it goes alone. */
static void requests(void)
{
    uint32_t nack;
    for (nack = 0; nack <= 2; nack++) {
        ale_leg_config a, b;
        const uint8_t *request;
        configs(&a, &b);
        a.rtcp_interval_ms = b.rtcp_interval_ms = 5000;
        a.initial_sequence = 1000;
        b.nack = nack;
        b.delay_mode = ALE_DELAY_FIXED;
        b.target_delay_ms = 200;
        begin(&c, &a, &b);
        c.wire = b_to_a;
        run(&c, 200);
        if (nack == 0) {
            EXPECT(c.counted == 0 && counters(c.b).packets_requested == 0);
        } else {
            EXPECT(c.counted >= 1 && counters(c.b).packets_requested >= 1);
            EXPECT(counters(c.a).packets_nacked >= 1);
            request = find_rtcp(report, report_length, 205);
            EXPECT((request == report) == (nack == 2));
            EXPECT((request[0] & 0x1f) == 1 && word(request + 4) == 2 && word(request + 8) == 1);
            EXPECT(half(request + 12) == 1049 && half(request + 14) == 0);
        }
        end(&c);
    }
}

static int is_uneven(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)bytes;
    (void)length;
    if (from_a)
        call->delay_ns = (++call->seen % 8) * 12 * UINT64_C(1000000);
    return 1;
}

/* An even network and an uneven one, with each way to choose the delay. */
static void delays(void)
{
    ale_leg_config a, b;
    float adaptive;
    configs(&a, &b);
    begin(&c, &a, &b);
    run(&c, 300);
    adaptive = c.info.target_delay_ms;
    EXPECT(adaptive < 45);
    c.wire = is_uneven;
    run(&c, 500);
    EXPECT(c.info.target_delay_ms > adaptive + 20);
    EXPECT(counters(c.b).jitter_ms > 5);
    end(&c);

    b.min_delay_ms = 150;
    begin(&c, &a, &b);
    run(&c, 300);
    EXPECT(c.info.target_delay_ms >= 149 && c.info.delay_ms > 120);
    end(&c);

    b.min_delay_ms = 0;
    b.max_delay_ms = b.target_delay_ms = 40;
    begin(&c, &a, &b);
    c.wire = is_uneven;
    run(&c, 500);
    EXPECT(c.info.target_delay_ms <= 40.5f && counters(c.b).jitter.late > 50);
    end(&c);

    b.max_delay_ms = 600;
    b.delay_mode = ALE_DELAY_FIXED;
    b.target_delay_ms = 100;
    begin(&c, &a, &b);
    c.wire = is_uneven;
    run(&c, 500);
    EXPECT(c.info.target_delay_ms > 99 && c.info.target_delay_ms < 101);
    EXPECT(counters(c.b).jitter.mean_delay_us > 60000);
    EXPECT(counters(c.b).jitter.late == 0);
    end(&c);

    /* Frozen, nothing is taken out, put in or made up, even where packets are lost. */
    b.delay_mode = ALE_DELAY_FROZEN;
    b.target_delay_ms = 100;
    begin(&c, &a, &b);
    c.wire = loses_every_tenth;
    run(&c, 300);
    EXPECT(counters(c.b).jitter.missing >= 10);
    EXPECT(counters(c.b).jitter.removed_samples == 0 && counters(c.b).jitter.inserted_samples == 0);
    EXPECT(c.operations[ALE_JITTER_ACCELERATE] == 0 && c.operations[ALE_JITTER_EXPAND] == 0);
    {
        size_t n, zeros = 0;
        run(&c, 100);
        for (n = 0; n < c.heard_samples; n++)
            zeros += c.heard[n] == 0;
        EXPECT(zeros >= 4 * 160);
    }
    end(&c);
}

static int loses_all(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)call;
    (void)from_a;
    (void)bytes;
    (void)length;
    return 0;
}

/* Without a network what was said goes on at first and fades then; the next packet tells how much
   was missing. */
static void concealment(void)
{
    ale_leg_config a, b;
    configs(&a, &b);
    begin(&c, &a, &b);
    run(&c, 200);
    EXPECT(counters(c.b).jitter.concealed_samples == 0);
    c.wire = loses_all;
    run(&c, 100);
    EXPECT(c.operations[ALE_JITTER_CONCEAL] > 10);
    EXPECT(loudness(c.heard, 800) > 3000 && loudness(c.heard + 7200, 800) < 100);
    c.wire = NULL;
    run(&c, 50);
    EXPECT(counters(c.b).jitter.missing == 50 && counters(c.b).jitter.concealed_samples > 4000);
    EXPECT(counters(c.b).concealed_percent > 10);
    run(&c, 50);
    EXPECT(is_heard(&c));
    end(&c);
}

static int keeps_reports(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    if (from_a && is_rtcp(bytes)) {
        memcpy(report, bytes, *length);
        report_length = *length;
        reports++;
    }
    return !from_a || is_rtcp(bytes) || ++call->seen % 10 != 5;
}

static int loses_half_way_back(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)keeps_reports(call, from_a, bytes, length);
    return from_a || is_rtcp(bytes) || ++call->counted % 4 != 1;
}

static void reports_are_sent(void)
{
    ale_leg_config a, b;
    const uint8_t *at;
    double said;
    configs(&a, &b);
    a.rtcp_interval_ms = b.rtcp_interval_ms = 500;
    a.ntp_at_zero = UINT64_C(0xe000000000000000);
    a.cname = "alice@example.org";
    a.packet_ms = 20;
    begin(&c, &a, &b);
    c.wire = loses_half_way_back;
    c.delay_ns = UINT64_C(40000000);
    reports = 0;
    run(&c, 1000);
    /* Ten seconds of intervals from a half to one and a half of the mean (RFC 3550 section 6.3). */
    EXPECT(reports >= 12 && reports <= 32 && counters(c.a).rtcp_sent == reports);
    EXPECT(counters(c.b).rtcp_received >= reports - 1);
    at = find_rtcp(report, report_length, 200);
    EXPECT(at == report && word(at + 4) == 1);
    said = (double)(word(at + 8) - 0xe0000000u) + word(at + 12) / 4294967296.0;
    EXPECT(said > 9 && said <= 10);
    EXPECT(word(at + 20) > 450 && word(at + 20) <= 500); /* packets, and their bytes */
    EXPECT(word(at + 24) == 160 * word(at + 20));
    EXPECT((at[0] & 0x1f) == 1 && word(at + 28) == 2); /* what a says of b */
    EXPECT(at[32] > 40 && at[32] < 90);
    at = find_rtcp(report, report_length, 202);
    EXPECT(at != NULL && word(at + 4) == 1 && at[8] == 1 && at[9] == 17);
    EXPECT(memcmp(at + 10, "alice@example.org", 17) == 0);
    /* There and back. */
    EXPECT(counters(c.a).round_trip_ms > 75 && counters(c.a).round_trip_ms < 95);
    {
        ale_leg_ticket ticket;
        OK(ale_leg_ticket_read(c.b.control, &ticket));
        EXPECT(ticket.remote_loss_percent > 15 && ticket.remote_loss_percent < 35);
        EXPECT(ticket.remote_rating > 10); /* by the peer's extended reports */
    }
    end(&c);

    /* None where none are wanted. */
    configs(&a, &b);
    begin(&c, &a, &b);
    run(&c, 300);
    EXPECT(counters(c.a).rtcp_sent == 0 && counters(c.b).rtcp_received == 0);
    end(&c);
}

static void extended_reports(void)
{
    uint32_t wanted;
    for (wanted = 0; wanted < 2; wanted++) {
        ale_leg_config a, b;
        ale_leg_ticket ticket;
        configs(&a, &b);
        a.rtcp_interval_ms = b.rtcp_interval_ms = 200;
        a.extended_reports = b.extended_reports = wanted;
        begin(&c, &a, &b);
        c.wire = keeps_reports;
        run(&c, 400);
        EXPECT((find_rtcp(report, report_length, 207) != NULL) == (wanted == 1));
        OK(ale_leg_ticket_read(c.a.control, &ticket));
        EXPECT((ticket.remote_rating > 0) == (wanted == 1));
        end(&c);
    }
}

static void farewell(void)
{
    ale_leg_config a, b;
    const uint8_t *datagram;
    uint8_t copy[1600];
    size_t length;
    ale_received received;
    ale_leg_event event;
    configs(&a, &b);
    a.rtcp_interval_ms = b.rtcp_interval_ms = 1000;
    begin(&c, &a, &b);
    run(&c, 50);
    OK(ale_leg_goodbye(c.a.media, c.tick * TICK_NS, &datagram, &length));
    EXPECT(find_rtcp(datagram, length, 203) != NULL);
    EXPECT(word(find_rtcp(datagram, length, 203) + 4) == 1);
    memcpy(copy, datagram, length);
    OK(ale_leg_receive(c.b.receiver, copy, length, c.tick * TICK_NS, &received));
    EXPECT(received == ALE_RECEIVED_GOODBYE);
    EXPECT(events(c.b, ALE_LEG_GOODBYE, &event) == 1 && event.ssrc == 1);
    end(&c);
}

/* Each kind of datagram that is refused has its status, its counter, and once an event. */
static void what_is_refused(void)
{
    ale_leg_config a, b;
    uint8_t junk[40] = {0x80, 96}, rtp[1960] = {0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    ale_leg_ticket ticket;
    ale_leg_event event;
    unsigned n;
    configs(&a, &b);
    begin(&c, &a, &b);
    run(&c, 50);
    junk[0] = 0x40;
    EXPECT(ale_leg_receive(c.b.receiver, junk, 40, 0, NULL) == ALE_ERR_MALFORMED);
    junk[0] = 0x80;
    junk[1] = 97;
    EXPECT(ale_leg_receive(c.b.receiver, junk, 40, 0, NULL) == ALE_ERR_UNKNOWN_PAYLOAD_TYPE);
    EXPECT(ale_leg_receive(c.b.receiver, rtp, sizeof rtp, 0, NULL) == ALE_ERR_OVERSIZED);
    rtp[11] = 2;
    EXPECT(ale_leg_receive(c.b.receiver, rtp, 172, 0, NULL) == ALE_ERR_OWN_SSRC);
    /* The audio thread stalls. */
    for (n = 0; n < 200; n++) {
        rtp[11] = 1;
        rtp[3] = (uint8_t)(40 + n);
        if (ale_leg_receive(c.b.receiver, rtp, 172, c.tick * TICK_NS, NULL) == ALE_ERR_NO_SLOT)
            break;
    }
    EXPECT(n > 30 && n <= 40);
    EXPECT(counters(c.b).malformed == 1 && counters(c.b).unknown_payload_type == 1);
    EXPECT(counters(c.b).oversized == 1 && counters(c.b).own_ssrc == 1);
    EXPECT(counters(c.b).no_slot == 1);
    OK(ale_leg_ticket_read(c.b.control, &ticket));
    EXPECT(ticket.datagrams_refused == 5);
    EXPECT(events(c.b, ALE_LEG_REFUSED, &event) >= 4 && event.status == ALE_ERR_NO_SLOT);
    run(&c, 100);
    run(&c, 100);
    EXPECT(is_heard(&c));
    end(&c);
}

int main(void)
{
    redundancy();
    redundancy_follows_loss();
    requests();
    delays();
    concealment();
    reports_are_sent();
    extended_reports();
    farewell();
    what_is_refused();
    puts("wiring of the network: ok");
    return 0;
}
