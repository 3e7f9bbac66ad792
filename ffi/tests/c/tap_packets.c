/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A member's packets in a tap, as they came: only while it has agreed. */
#include "check.h"

#include <string.h>

static ale_conference *conference;
static ale_tap *tap;
static uint64_t member, tap_id, now;
static uint8_t payload[ALE_TAP_MAX_PAYLOAD_BYTES];
static ale_tap_packet packet;

/* A packet of RFC 3550 section 5.1 with 160 bytes of PCMA. */
static void send_packet(ale_leg_receiver *receiver, uint8_t sequence, uint8_t marker)
{
    uint8_t datagram[172] = {0x80, 8, 0, 0, 0x12, 0x34, 0x56, 0, 0xaa, 0xbb, 0xcc, 0xdd};
    ale_received received;
    datagram[1] |= (uint8_t)(marker << 7);
    datagram[3] = sequence;
    datagram[7] = (uint8_t)(sequence * 160);
    datagram[6] = (uint8_t)(0x56 + (sequence * 160 >> 8));
    memset(datagram + 12, sequence, 160);
    OK(ale_leg_receive(receiver, datagram, sizeof datagram, now, &received));
}

static void tick(void)
{
    ale_tap_event event;
    now += 10000000;
    OK(ale_conference_tick(conference, now));
    while (ale_tap_next_event(conference, &event) == ALE_OK)
        EXPECT(event.tap == tap_id);
}

static void is_read(uint32_t sequence, uint32_t marker, uint64_t lost)
{
    OK(ale_tap_read_packet(tap, payload, sizeof payload, &packet));
    EXPECT(packet.sequence == sequence && packet.marker == marker && packet.lost_packets == lost);
    EXPECT(packet.timestamp == 0x12345600 + sequence * 160 && packet.ssrc == 0xaabbccdd);
    EXPECT(packet.payload_type == 8 && packet.payload_bytes == 160 && packet.member == member);
    EXPECT(packet.arrival_ns == packet.time_ns - 10000000);
    EXPECT(payload[0] == sequence && payload[159] == sequence);
}

static void packets(ale_leg_receiver *receiver)
{
    ale_grant grant;
    int16_t pcm[480];
    ale_tap_frame frame;
    send_packet(receiver, 1, 0);
    tick();
    REFUSED(ALE_ERR_NOTHING, ale_tap_read_packet(tap, payload, sizeof payload, &packet));
    OK(ale_grant_init(&grant));
    grant.purposes = ALE_PURPOSE_ANALYSE;
    grant.sink = 7;
    OK(ale_member_grant(conference, member, &grant));
    send_packet(receiver, 2, 1);
    tick();
    REFUSED(ALE_ERR_CAPACITY, ale_tap_read_packet(tap, payload, sizeof payload - 1, &packet));
    REFUSED(ALE_ERR_UNSUPPORTED, ale_tap_read(tap, pcm, 480, &frame));
    is_read(2, 1, 0);
    send_packet(receiver, 3, 0);
    send_packet(receiver, 4, 0);
    send_packet(receiver, 5, 0);
    tick();
    is_read(4, 0, 1);
    is_read(5, 0, 0);
    OK(ale_conference_set_muted(conference, member, 1));
    send_packet(receiver, 6, 0);
    tick();
    REFUSED(ALE_ERR_NOTHING, ale_tap_read_packet(tap, payload, sizeof payload, &packet));
    OK(ale_conference_set_muted(conference, member, 0));
    send_packet(receiver, 7, 0);
    tick();
    OK(ale_member_withdraw(conference, member, ALE_PURPOSE_ANALYSE));
    REFUSED(ALE_ERR_NOTHING, ale_tap_read_packet(tap, payload, sizeof payload, &packet));
    OK(ale_tap_end(conference, tap_id));
    tick();
    REFUSED(ALE_ERR_NOT_FOUND, ale_tap_read_packet(tap, payload, sizeof payload, &packet));
}

int main(void)
{
    ale_tap_config config;
    ale_leg_config leg;
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    ale_conference_config room;
    OK(ale_leg_config_init(&leg));
    leg.local_ssrc = 1;
    leg.send.payload_type = 8;
    leg.send.encoding = "PCMA/8000";
    OK(ale_leg_create(&leg, &receiver, &media, &control));
    OK(ale_conference_config_init(&room));
    OK(ale_conference_create(&room, &conference));
    OK(ale_conference_join(conference, media, NULL, &member));
    OK(ale_tap_config_init(&config));
    EXPECT(config.is_packets == 0);
    config.purpose = ALE_PURPOSE_ANALYSE;
    config.sink = 7;
    config.buffer_ms = 20;
    config.is_packets = config.is_mix = 1;
    INVALID(ale_tap_create(conference, &config, &tap)); /* a mix has none */
    config.is_mix = 0;
    config.member = member + 1;
    REFUSED(ALE_ERR_NOT_FOUND, ale_tap_create(conference, &config, &tap));
    config.member = member;
    OK(ale_tap_create(conference, &config, &tap));
    OK(ale_tap_id(tap, &tap_id));
    packets(receiver);
    ale_tap_destroy(tap);
    ale_conference_destroy(conference);
    ale_leg_receiver_destroy(receiver);
    ale_leg_control_destroy(control);
    return 0;
}
