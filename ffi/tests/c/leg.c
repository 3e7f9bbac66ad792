/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a leg does besides sound: digits, redundancy, pauses, levels, the ticket. */

#include "check.h"

#define TICK_NS 10000000ull

struct leg {
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
};

static struct leg make_leg(uint32_t ssrc, const char *encoding, int32_t telephone_event)
{
    ale_leg_config config;
    struct leg leg;
    EXPECT(ale_leg_config_init_sized(&config, sizeof config) == ALE_OK);
    EXPECT(config.struct_size == sizeof config);
    EXPECT(config.telephone_event_payload_type == -1);
    config.local_ssrc = ssrc;
    config.send.payload_type = 96;
    config.send.encoding = encoding;
    config.telephone_event_payload_type = telephone_event;
    EXPECT(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control) == ALE_OK);
    return leg;
}

/* A leg with every option on. */
static struct leg make_rich_leg(uint32_t ssrc)
{
    ale_leg_config config;
    struct leg leg;
    EXPECT(ale_leg_config_init(&config) == ALE_OK);
    config.local_ssrc = ssrc;
    config.send.payload_type = 8;
    config.send.encoding = "PCMA/8000";
    config.redundancy_payload_type = 121;
    config.redundancy_generations = 2;
    config.silence_suppression = 1;
    config.audio_level_id = 1;
    config.absolute_send_time_id = 2;
    config.mid_id = 3;
    config.mid = "audio";
    config.rtcp_interval_ms = 200;
    config.nack = 2;
    EXPECT(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control) == ALE_OK);
    config.nack = 3;
    INVALID(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control));
    config.nack = 2;
    config.redundancy_generations = 5;
    INVALID(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control));
    config.redundancy_generations = 1;
    config.audio_level_id = 15;
    REFUSED(ALE_ERR_EXTENSION_ID, ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control));
    config.audio_level_id = 1;
    config.mid = NULL;
    INVALID(ale_leg_create(&config, &leg.receiver, &leg.media, &leg.control));
    return leg;
}

static void destroy_leg(struct leg leg)
{
    ale_leg_receiver_destroy(leg.receiver);
    ale_leg_media_destroy(leg.media);
    ale_leg_control_destroy(leg.control);
}

/* One side talks, the other hears, for some ticks of 10 ms. */
static void run(struct leg *from, struct leg *to, unsigned first_tick, unsigned ticks)
{
    int16_t pcm[480];
    uint8_t copy[2048];
    size_t samples = ale_leg_sample_rate_hz(from->media) / 100;
    unsigned tick;
    size_t n;
    for (tick = first_tick; tick < first_tick + ticks; tick++) {
        const uint8_t *datagram;
        size_t length;
        for (n = 0; n < samples; n++)
            pcm[n] = (int16_t)(n * 37 % 4001);
        EXPECT(ale_leg_push(from->media, pcm, samples) == ALE_OK);
        while (ale_leg_poll_transmit(from->media, tick * TICK_NS, &datagram, &length) == ALE_OK) {
            EXPECT(length <= sizeof copy);
            memcpy(copy, datagram, length);
            EXPECT(ale_leg_receive(to->receiver, copy, length, tick * TICK_NS, NULL) == ALE_OK);
        }
        EXPECT(ale_leg_pull(to->media, tick * TICK_NS, pcm, samples, NULL) == ALE_OK);
    }
}

static void digits(const char *encoding)
{
    static const char said[] = "159#D";
    struct leg a = make_leg(1, encoding, 101), b = make_leg(2, encoding, 101);
    ale_leg_event event;
    unsigned heard = 0;
    run(&a, &b, 0, 20);
    EXPECT(ale_leg_send_dtmf(a.control, said, 100, 8) == ALE_OK);
    run(&a, &b, 20, 200);
    while (ale_leg_next_event(b.control, &event) == ALE_OK) {
        if (event.kind == ALE_LEG_SOURCE_CHANGED) {
            EXPECT(event.ssrc == 1);
        } else if (event.kind == ALE_LEG_DIGIT_STARTED) {
            EXPECT(heard < strlen(said) && event.digit == said[heard]);
        } else {
            EXPECT(event.kind == ALE_LEG_DIGIT_ENDED && event.digit == said[heard]);
            EXPECT(event.duration_ms == 100);
            heard++;
        }
    }
    EXPECT(heard == strlen(said));
    EXPECT(ale_leg_send_dtmf(a.control, "0", 60000, 8) == ALE_OK);
    run(&a, &b, 220, 20);
    EXPECT(ale_leg_stop_dtmf(a.control) == ALE_OK);
    run(&a, &b, 240, 20);
    EXPECT(ale_leg_next_event(b.control, &event) == ALE_OK);
    EXPECT(event.kind == ALE_LEG_DIGIT_STARTED);
    EXPECT(ale_leg_next_event(b.control, &event) == ALE_OK);
    EXPECT(event.kind == ALE_LEG_DIGIT_ENDED && event.duration_ms < 300);
    destroy_leg(a);
    destroy_leg(b);
}

static void ticket(void)
{
    struct leg a = make_rich_leg(7), b = make_rich_leg(8);
    ale_leg_ticket ticket;
    char json[1024];
    size_t length = 0;
    run(&a, &b, 0, 300);
    EXPECT(ale_leg_ticket_read(b.control, &ticket) == ALE_OK);
    EXPECT(strcmp(ticket.codec, "PCMA") == 0 && ticket.suite[0] == 0);
    EXPECT(ticket.remote_ssrc == 7 && ticket.local_ssrc == 8);
    EXPECT(ticket.packets_received == 150 && ticket.packets_lost == 0);
    EXPECT(ticket.duration_ms > 2900 && ticket.mos_cq > 4.0f);
    EXPECT(ale_leg_ticket_json(b.control, json, sizeof json, &length) == ALE_OK);
    EXPECT(strlen(json) == length && strstr(json, "\"codec\":\"PCMA\"") != NULL);
    json[0] = 'x';
    EXPECT(ale_leg_ticket_json(b.control, json, length, NULL) == ALE_ERR_CAPACITY);
    EXPECT(json[0] == 'x');
    INVALID(ale_leg_ticket_json(NULL, json, sizeof json, NULL));
    INVALID(ale_leg_ticket_json(b.control, NULL, 9, NULL));
    INVALID(ale_leg_ticket_read(NULL, &ticket));
    INVALID(ale_leg_ticket_read(b.control, NULL));
    destroy_leg(a);
    destroy_leg(b);
}

/* A modem that answers is told by its 2100 Hz: cos(2 pi 2100 / 8000) is -0.0784591. */
static void answering_tone(void)
{
    ale_leg_config config;
    ale_leg_event event;
    struct leg a = make_leg(9, "PCMA/8000", -1), b;
    double before = 0, last = 6000 * 0.9969173;
    unsigned tick, told = 0;
    int16_t pcm[80];
    EXPECT(ale_leg_config_init(&config) == ALE_OK);
    config.local_ssrc = 10;
    config.send.payload_type = 96;
    config.send.encoding = "PCMA/8000";
    config.inband_tones = 3;
    INVALID(ale_leg_create(&config, &b.receiver, &b.media, &b.control));
    config.inband_tones = 1;
    EXPECT(config.freeze_for_modems == 0);
    config.freeze_for_modems = 1;
    EXPECT(ale_leg_create(&config, &b.receiver, &b.media, &b.control) == ALE_OK);
    for (tick = 0; tick < 100; tick++) {
        uint8_t copy[2048];
        const uint8_t *datagram;
        size_t length, n;
        for (n = 0; n < 80; n++) {
            double next = 2 * -0.0784591 * last - before;
            before = last;
            last = next;
            pcm[n] = (int16_t)next;
        }
        EXPECT(ale_leg_push(a.media, pcm, 80) == ALE_OK);
        while (ale_leg_poll_transmit(a.media, tick * TICK_NS, &datagram, &length) == ALE_OK) {
            memcpy(copy, datagram, length);
            EXPECT(ale_leg_receive(b.receiver, copy, length, tick * TICK_NS, NULL) == ALE_OK);
        }
        EXPECT(ale_leg_pull(b.media, tick * TICK_NS, pcm, 80, NULL) == ALE_OK);
    }
    while (ale_leg_next_event(b.control, &event) == ALE_OK)
        told += event.kind == ALE_LEG_FAX_ANSWERING;
    EXPECT(told == 1);
    destroy_leg(a);
    destroy_leg(b);
}

int main(void)
{
    struct leg leg = make_leg(3, "L16/16000", 101), deaf = make_leg(4, "PCMA/8000", -1);
    ale_leg_event event;
    digits("PCMU/8000");
    digits("G722/8000");
#ifndef ALE_WITHOUT_OPUS
    digits("opus/48000/2");
#endif
    EXPECT(ale_leg_sample_rate_hz(leg.media) == 16000);
    INVALID(ale_leg_send_dtmf(NULL, "1", 100, 8));
    INVALID(ale_leg_send_dtmf(leg.control, NULL, 100, 8));
    REFUSED(ALE_ERR_DIGIT, ale_leg_send_dtmf(leg.control, "", 100, 8));
    REFUSED(ALE_ERR_DIGIT, ale_leg_send_dtmf(leg.control, "1x", 100, 8));
    REFUSED(ALE_ERR_DIGIT, ale_leg_send_dtmf(leg.control, "1", 39, 8));
    REFUSED(ALE_ERR_DIGIT, ale_leg_send_dtmf(leg.control, "1", 100, 64));
    REFUSED(ALE_ERR_DIGIT, ale_leg_send_dtmf(deaf.control, "1", 100, 8));
    INVALID(ale_leg_stop_dtmf(NULL));
    INVALID(ale_leg_next_event(NULL, &event));
    INVALID(ale_leg_next_event(leg.control, NULL));
    EXPECT(ale_leg_next_event(leg.control, &event) == ALE_ERR_NOTHING);
    destroy_leg(leg);
    destroy_leg(deaf);
    ticket();
    answering_tone();
    puts("leg: ok");
    return 0;
}
