/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Payloads that go through two legs undecoded, and regrouped on their way; who and where the peers
 * are. */

#include "check.h"

typedef struct leg {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
} leg;

static leg make_leg(uint32_t ssrc)
{
    ale_pass_through video = {99, 90000};
    ale_leg_config config;
    leg leg;
    OK(ale_leg_config_init(&config));
    config.local_ssrc = ssrc;
    config.send.payload_type = 8;
    config.send.encoding = "PCMA/8000";
    config.pass_through = &video;
    config.pass_through_count = 1;
    OK(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control));
    video.payload_type = 300;
    REFUSED(ALE_ERR_PAYLOAD_TYPE, ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control));
    return leg;
}

static void destroy(leg leg)
{
    ale_leg_receiver_destroy(leg.receiver);
    ale_leg_media_destroy(leg.media);
    ale_leg_control_destroy(leg.control);
}

static void relayed(void)
{
    leg in = make_leg(1), out = make_leg(2);
    ale_passed passed;
    ale_received received;
    const uint8_t *datagram = NULL;
    size_t length = 0;
    unsigned n;

    EXPECT(ale_leg_passed(in.receiver, &passed) == ALE_ERR_NOTHING);
    for (n = 0; n < 5; n++) {
        uint8_t packet[40] = {0x80, 99, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 'a', 'b', 'c'};
        packet[3] = (uint8_t)(n == 4 ? 6 : n); /* two are lost before the last */
        packet[6] = (uint8_t)(n == 4 ? 6 : n);
        OK(ale_leg_receive(in.receiver, packet, 15, n, &received));
        if (n < 1) {
            EXPECT(received == ALE_RECEIVED_PROBATION);
            continue;
        }
        EXPECT(received == ALE_RECEIVED_PASS_THROUGH);
        OK(ale_leg_passed(in.receiver, &passed));
        EXPECT(passed.payload_type == 99 && passed.sequence == 256u + packet[3]);
        EXPECT(passed.ssrc == 7 && passed.payload_offset == 12 && passed.payload_bytes == 3);
        passed.payload_type = 101;
        OK(ale_leg_relay(out.media, &passed, packet + passed.payload_offset, passed.payload_bytes,
                         &datagram, &length));
        EXPECT(length == 15 && memcmp(datagram + 12, "abc", 3) == 0 && datagram[11] == 2);
        EXPECT((datagram[1] & 0x7f) == 101);
        EXPECT(datagram[3] == (n == 4 ? 5 : n - 1)); /* from 0, with the gap */
    }
    passed.payload_type = 128;
    INVALID(ale_leg_relay(out.media, &passed, (const uint8_t *)"x", 1, &datagram, &length));
    passed.payload_type = 101;
    passed.sequence = 65536;
    INVALID(ale_leg_relay(out.media, &passed, (const uint8_t *)"x", 1, &datagram, &length));
    INVALID(ale_leg_relay(NULL, &passed, NULL, 0, &datagram, &length));
    INVALID(ale_leg_relay(out.media, NULL, NULL, 0, &datagram, &length));
    INVALID(ale_leg_passed(NULL, &passed));
    INVALID(ale_leg_passed(in.receiver, NULL));
    destroy(in);
    destroy(out);
}

struct row {
    uint32_t timestamps[16];
    size_t lengths[16];
    size_t count;
};

static void keep(void *context, uint32_t timestamp, const uint8_t *payload, size_t length)
{
    struct row *row = context;
    EXPECT(row->count < 16 && payload != NULL);
    row->timestamps[row->count] = timestamp;
    row->lengths[row->count++] = length;
}

static void regrouped(void)
{
    ale_codec codec = {8, "PCMA/8000", 0, 0, 0, 0, 0, NULL, NULL};
    ale_repacketizer *repacketizer = NULL;
    struct row row = {{0}, {0}, 0};
    uint8_t payload[160] = {0};

    INVALID(ale_repacketizer_create(&codec, 5, &repacketizer));
    INVALID(ale_repacketizer_create(&codec, 70000, &repacketizer));
    INVALID(ale_repacketizer_create(NULL, 30, &repacketizer));
    INVALID(ale_repacketizer_create(&codec, 30, NULL));
    codec.encoding = "NOSUCH/8000";
    EXPECT(ale_repacketizer_create(&codec, 30, &repacketizer) == ALE_ERR_UNSUPPORTED);
    codec.encoding = "L16/8000";
    OK(ale_repacketizer_create(&codec, 30, &repacketizer));
    EXPECT(ale_repacketizer_push(repacketizer, 0, payload, 3, keep, &row) == ALE_ERR_PAYLOAD);
    ale_repacketizer_destroy(repacketizer);

    codec.encoding = "PCMA/8000";
    OK(ale_repacketizer_create(&codec, 30, &repacketizer));
    INVALID(ale_repacketizer_push(NULL, 0, payload, 160, keep, &row));
    INVALID(ale_repacketizer_push(repacketizer, 0, payload, 160, NULL, &row));
    OK(ale_repacketizer_push(repacketizer, 1000, payload, 160, keep, &row));
    OK(ale_repacketizer_push(repacketizer, 1160, payload, 160, keep, &row));
    EXPECT(row.count == 1 && row.timestamps[0] == 1000 && row.lengths[0] == 240);
    OK(ale_repacketizer_push(repacketizer, 2000, payload, 160, keep, &row)); /* after a gap */
    EXPECT(row.count == 2 && row.timestamps[1] == 1240 && row.lengths[1] == 80);
    OK(ale_repacketizer_push(repacketizer, 0, NULL, 0, keep, &row)); /* the end */
    EXPECT(row.count == 3 && row.timestamps[2] == 2000 && row.lengths[2] == 160);
    ale_repacketizer_destroy(repacketizer);
    ale_repacketizer_destroy(NULL);
}

static void addresses(void)
{
    leg leg = make_leg(1);
    ale_address home = {{192, 0, 2, 1}, 4, 5004}, other = {{0x20, 1, 0xd, 0xb8}, 16, 5004}, where;
    ale_leg_counters counters;
    ale_leg_ticket ticket;
    ale_leg_event event;
    const uint8_t *datagram;
    size_t length;
    int16_t pcm[160] = {0};
    unsigned n;

    EXPECT(ale_leg_remote_address(leg.receiver, &where) == ALE_ERR_NOTHING);
    for (n = 0; n < 3; n++) {
        uint8_t packet[20] = {0x80, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
        packet[3] = (uint8_t)n;
        OK(ale_leg_receive_from(leg.receiver, packet, 20, &home, n, NULL));
    }
    OK(ale_leg_remote_address(leg.receiver, &where));
    EXPECT(where.ip_bytes == 4 && where.port == 5004 && where.ip[0] == 192);
    {
        uint8_t packet[20] = {0x80, 99, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7};
        /* Addresses are learnt for two seconds. */
        EXPECT(ale_leg_receive_from(leg.receiver, packet, 20, &other, 3000000000u, NULL) ==
               ALE_ERR_FOREIGN_ADDRESS);
        OK(ale_leg_unlatch(leg.control));
        OK(ale_leg_receive_from(leg.receiver, packet, 20, &other, 3000000005u, NULL));
        OK(ale_leg_remote_address(leg.receiver, &where));
        EXPECT(where.ip_bytes == 16 && memcmp(where.ip, other.ip, 16) == 0);
        packet[11] = 1; /* as we ourselves */
        EXPECT(ale_leg_receive(leg.receiver, packet, 20, 6, NULL) == ALE_ERR_OWN_SSRC);
        other.ip_bytes = 5;
        INVALID(ale_leg_receive_from(leg.receiver, packet, 20, &other, 7, NULL));
        other.ip_bytes = 4;
        other.port = 65536;
        INVALID(ale_leg_receive_from(leg.receiver, packet, 20, &other, 7, NULL));
        INVALID(ale_leg_receive_from(leg.receiver, packet, 20, NULL, 7, NULL));
        INVALID(ale_leg_receive_from(NULL, packet, 20, &home, 7, NULL));
    }
    OK(ale_leg_stats(leg.control, &counters));
    EXPECT(counters.own_ssrc == 1 && counters.foreign_address == 1 && counters.passed_through == 3);
    OK(ale_leg_ticket_read(leg.control, &ticket));
    EXPECT(ticket.datagrams_refused == 2);
    OK(ale_leg_next_event(leg.control, &event));
    EXPECT(event.kind == ALE_LEG_SOURCE_CHANGED);
    OK(ale_leg_next_event(leg.control, &event));
    EXPECT(event.kind == ALE_LEG_ADDRESS_CHANGED);
    OK(ale_leg_next_event(leg.control, &event));
    EXPECT(event.kind == ALE_LEG_REFUSED && event.status == ALE_ERR_FOREIGN_ADDRESS);
    OK(ale_leg_next_event(leg.control, &event));
    EXPECT(event.kind == ALE_LEG_ADDRESS_CHANGED);
    OK(ale_leg_next_event(leg.control, &event));
    EXPECT(event.kind == ALE_LEG_SSRC_COLLISION && event.ssrc == 1);
    OK(ale_leg_next_event(leg.control, &event));
    EXPECT(event.kind == ALE_LEG_REFUSED && event.status == ALE_ERR_OWN_SSRC && event.count == 1);
    OK(ale_leg_change_ssrc(leg.control, 0x01020304));
    OK(ale_leg_push(leg.media, pcm, 160));
    OK(ale_leg_poll_transmit(leg.media, 8, &datagram, &length)); /* the farewell */
    EXPECT(datagram[1] == 200 || datagram[1] == 201);
    OK(ale_leg_poll_transmit(leg.media, 8, &datagram, &length));
    EXPECT(memcmp(datagram + 8, "\1\2\3\4", 4) == 0);
    INVALID(ale_leg_remote_address(NULL, &where));
    INVALID(ale_leg_remote_address(leg.receiver, NULL));
    INVALID(ale_leg_unlatch(NULL));
    INVALID(ale_leg_change_ssrc(NULL, 1));
    destroy(leg);
}

int main(void)
{
    relayed();
    addresses();
    regrouped();
    puts("relay: as the header says");
    return 0;
}
