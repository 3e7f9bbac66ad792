/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A codec of the host's: what it makes up for is heard, and what it is said to be worth is judged. */
#include "wiring.h"

static call c;

/* Any state that is not NULL. */
static void *create(void *context)
{
    return context;
}

static void forget(void *state)
{
    (void)state;
}

/* One byte a sample: its upper half. */
static int32_t encode(void *state, const int16_t *pcm, size_t samples, uint8_t *payload, size_t room)
{
    size_t n;
    (void)state;
    if (room < samples) return -1;
    for (n = 0; n < samples; n++) payload[n] = (uint8_t)((pcm[n] + 32768) >> 8);
    return (int32_t)samples;
}

static int32_t packet_samples(void *state, const uint8_t *payload, size_t length)
{
    (void)state;
    (void)payload;
    return (int32_t)length;
}

static int32_t decode(void *state, const uint8_t *payload, size_t length, int16_t *pcm, size_t room)
{
    size_t n;
    (void)state;
    if (room < length) return -1;
    for (n = 0; n < length; n++) pcm[n] = (int16_t)(payload[n] * 256 - 32768);
    return (int32_t)length;
}

static int32_t conceal(void *state, int16_t *pcm, size_t samples)
{
    size_t n;
    (void)state;
    for (n = 0; n < samples; n++) pcm[n] = 12345;
    return (int32_t)samples;
}

static int loses_every_tenth(call *call, int from_a, uint8_t *bytes, size_t *length)
{
    (void)length;
    return !from_a || is_rtcp(bytes) || ++call->seen % 10 != 5;
}

static ale_leg_ticket talk(const ale_host_codec_config *functions, unsigned *made_up)
{
    ale_leg_config a = plain(1, NULL), b = plain(2, NULL);
    ale_host_codec *codec;
    ale_leg_ticket ticket;
    size_t n;
    OK(ale_host_codec_create(functions, &codec));
    a.send.host = b.send.host = codec;
    begin(&c, &a, &b);
    ale_host_codec_destroy(codec);
    c.wire = loses_every_tenth;
    run(&c, 300);
    run(&c, 100);
    *made_up = 0;
    for (n = 0; n < c.heard_samples; n++) *made_up += c.heard[n] == 12345;
    OK(ale_leg_ticket_read(c.b.control, &ticket));
    EXPECT(strcmp(ticket.codec, "UPPER") == 0);
    EXPECT(ticket.packets_lost >= 18 && ticket.packets_lost <= 21);
    end(&c);
    return ticket;
}

static void a_codec_of_ones_own(void)
{
    ale_host_codec_config functions;
    ale_leg_ticket ticket, other;
    unsigned made_up;
    int state;
    OK(ale_host_codec_config_init(&functions));
    functions.encoding = "UPPER/8000";
    functions.context = &state;
    functions.encoder_create = functions.decoder_create = create;
    functions.encoder_destroy = functions.decoder_destroy = forget;
    functions.encode = encode;
    functions.packet_samples = packet_samples;
    functions.decode = decode;
    ticket = talk(&functions, &made_up);
    EXPECT(made_up == 0);
    functions.conceal = conceal;
    other = talk(&functions, &made_up);
    /* Of five packets of 20 ms, where no repetition of the past was heard before. */
    EXPECT(made_up >= 100 && made_up < 1200);
    functions.conceal = NULL;
    /* Impairment is taken off the rating as it is; robustness makes losses cost less. */
    functions.impairment_x10 = 200;
    other = talk(&functions, &made_up);
    EXPECT(other.rating < ticket.rating - 10 && other.rating > ticket.rating - 21);
    functions.impairment_x10 = 0;
    functions.loss_robustness_x10 = 40;
    other = talk(&functions, &made_up);
    EXPECT(other.rating < ticket.rating - 10);
    functions.loss_robustness_x10 = 251;
    functions.wide_band_impairment_x10 = 600;
    other = talk(&functions, &made_up);
    EXPECT(other.wide_band_rating < ticket.wide_band_rating - 15);
    EXPECT(fabs(other.rating - ticket.rating) < 0.5);
}

int main(void)
{
    a_codec_of_ones_own();
    puts("wiring of a codec: ok");
    return 0;
}
