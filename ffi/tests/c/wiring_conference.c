/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Four phones, each with a leg in a conference, and what each hears: an octave apart, so that a
   sum shows who is in it. */
#include "wiring.h"

enum { PHONES = 4, RATE = 8000, SAMPLES = 80 };

static const double hz[PHONES] = {300, 600, 1200, 2400};

static struct {
    ale_conference *conference;
    leg phones[PHONES], legs[PHONES];
    uint64_t members[PHONES];
    int amplitude[PHONES];
    unsigned tick, datagrams, most_in_a_tick;
    int16_t heard[PHONES][RATE];
    size_t heard_samples;
    /* What came last of each, to compare. */
    uint8_t last[PHONES][400];
    size_t last_length[PHONES];
} room;

static ale_conference_config defaults(void)
{
    ale_conference_config config;
    OK(ale_conference_config_init(&config));
    return config;
}

static ale_join_options joining(void)
{
    ale_join_options options;
    OK(ale_join_options_init(&options));
    return options;
}

static leg phone(unsigned n, const char *encoding)
{
    ale_leg_config config = plain(n, encoding);
    config.rtcp_interval_ms = 0;
    return make(&config);
}

/* options may be NULL. */
static void open_room(const ale_conference_config *config, const ale_join_options *options,
                      const char *encoding)
{
    unsigned n;
    memset(&room, 0, sizeof room);
    OK(ale_conference_create(config, &room.conference));
    for (n = 0; n < PHONES; n++) {
        ale_join_options own = options != NULL ? options[n] : joining();
        room.phones[n] = phone(1 + n, encoding);
        room.legs[n] = phone(11 + n, encoding);
        own.tag = 1000 + n;
        OK(ale_conference_join(room.conference, room.legs[n].media, &own, &room.members[n]));
        room.amplitude[n] = 2000;
    }
}

static void close_room(void)
{
    unsigned n;
    ale_conference_destroy(room.conference);
    for (n = 0; n < PHONES; n++) {
        room.legs[n].media = NULL; /* went with the conference */
        destroy(room.legs[n]);
        destroy(room.phones[n]);
    }
}

static void speak_all(uint64_t now_ns)
{
    unsigned n;
    for (n = 0; n < PHONES; n++) {
        static int16_t pcm[SAMPLES];
        uint8_t copy[1600];
        const uint8_t *bytes;
        size_t length;
        say(pcm, SAMPLES, RATE, (uint64_t)room.tick * SAMPLES, hz[n], room.amplitude[n]);
        OK(ale_leg_push(room.phones[n].media, pcm, SAMPLES));
        while (ale_leg_poll_transmit(room.phones[n].media, now_ns, &bytes, &length) == ALE_OK) {
            memcpy(copy, bytes, length);
            /* Of who has left nobody takes packets any more. */
            ale_status status = ale_leg_receive(room.legs[n].receiver, copy, length, now_ns, NULL);
            EXPECT(status == ALE_OK || status == ALE_ERR_NO_SLOT);
        }
    }
}

static void talk(unsigned ticks)
{
    room.heard_samples = 0;
    for (; ticks > 0; ticks--, room.tick++) {
        uint64_t now_ns = room.tick * TICK_NS;
        ale_datagram datagram;
        unsigned n, in_tick = 0;
        speak_all(now_ns);
        OK(ale_conference_tick(room.conference, now_ns));
        while (ale_conference_next_datagram(room.conference, &datagram) == ALE_OK) {
            uint8_t copy[1600];
            EXPECT(datagram.tag >= 1000 && datagram.tag < 1000 + PHONES);
            n = (unsigned)datagram.tag - 1000;
            EXPECT(datagram.member == room.members[n]);
            memcpy(copy, datagram.bytes, datagram.length);
            if (datagram.length <= sizeof room.last[n]) {
                memcpy(room.last[n], copy, datagram.length);
                room.last_length[n] = datagram.length;
            }
            OK(ale_leg_receive(room.phones[n].receiver, copy, datagram.length, now_ns, NULL));
            in_tick++;
        }
        room.datagrams += in_tick;
        room.most_in_a_tick = in_tick > room.most_in_a_tick ? in_tick : room.most_in_a_tick;
        if (room.heard_samples + SAMPLES > RATE)
            room.heard_samples = 0;
        for (n = 0; n < PHONES; n++)
            OK(ale_leg_pull(room.phones[n].media, now_ns, room.heard[n] + room.heard_samples,
                            SAMPLES, NULL));
        room.heard_samples += SAMPLES;
    }
}

/* How loud a listener hears a talker, as an amplitude. */
static double amplitude(unsigned listener, unsigned talker)
{
    double energy = loudness(room.heard[listener], room.heard_samples);
    double share = share_at(room.heard[listener], room.heard_samples, RATE, hz[talker]);
    return sqrt(2 * share) * energy;
}

static int near(double value, double expected)
{
    return fabs(value - expected) < 60 + expected / 20;
}

/* Settles, and then checks what each hears of each against a table of amplitudes. */
static void expect_heard(double table[PHONES][PHONES])
{
    unsigned listener, talker;
    talk(60);
    talk(100);
    for (listener = 0; listener < PHONES; listener++)
        for (talker = 0; talker < PHONES; talker++)
            if (!near(amplitude(listener, talker), table[listener][talker])) {
                fprintf(stderr, "%u hears %u at %.0f, not %.0f\n", listener, talker,
                        amplitude(listener, talker), table[listener][talker]);
                exit(1);
            }
}

#define A 2000

static void all_hear_all_but_themselves(void)
{
    ale_conference_config config = defaults();
    ale_conference_counters stats;
    double all[4][4] = {{0, A, A, A}, {A, 0, A, A}, {A, A, 0, A}, {A, A, A, 0}};
    open_room(&config, NULL, "PCMA/8000");
    expect_heard(all);
    OK(ale_conference_stats(room.conference, &stats));
    EXPECT(stats.members == 4 && stats.joins == 4 && stats.ticks == 160);
    EXPECT(stats.datagrams == room.datagrams && stats.missed_ticks == 0);
    EXPECT(room.datagrams >= 4 * 79 && room.datagrams <= 4 * 80);
    close_room();
}

static void orders(void)
{
    ale_conference_config config = defaults();
    ale_conference_counters stats;
    double muted[4][4] = {{0, A, A, A}, {0, 0, A, A}, {0, A, 0, A}, {0, A, A, 0}};
    double louder[4][4] = {{0, 2 * A, A, A}, {A, 0, A, A}, {A, 2 * A, 0, A}, {A, 2 * A, A, 0}};
    double deaf[4][4] = {{0, A, A, A}, {A, 0, A, A}, {0, 0, 0, 0}, {A, A, A, 0}};
    double coach[4][4] = {{0, A, A, 0}, {A, 0, A, A / 2.0}, {A, A, 0, 0}, {A, A, A, 0}};
    double pair[4][4] = {{0, A, A, A}, {A / 4.0, 0, A, A}, {A, A, 0, A}, {A, A, A, 0}};
    double all[4][4] = {{0, A, A, A}, {A, 0, A, A}, {A, A, 0, A}, {A, A, A, 0}};
    double three[4][4] = {{0, A, 0, A}, {A, 0, 0, A}, {0, 0, 0, 0}, {A, A, 0, 0}};
    uint64_t member = 0;
    ale_leg_media *media = NULL;
    config.max_pair_gains = 1;
    open_room(&config, NULL, "PCMA/8000");
    OK(ale_conference_set_muted(room.conference, room.members[0], 1));
    expect_heard(muted);
    OK(ale_conference_set_muted(room.conference, room.members[0], 0));
    OK(ale_conference_set_gain(room.conference, room.members[1], 2.0f));
    expect_heard(louder);
    OK(ale_conference_set_gain(room.conference, room.members[1], 1.0f));
    OK(ale_conference_set_listening(room.conference, room.members[2], 0));
    expect_heard(deaf);
    OK(ale_conference_set_listening(room.conference, room.members[2], 1));
    OK(ale_conference_set_private(room.conference, room.members[3], 1));
    OK(ale_conference_set_pair_gain(room.conference, room.members[1], room.members[3], 0.5f));
    expect_heard(coach);
    OK(ale_conference_set_private(room.conference, room.members[3], 0));
    OK(ale_conference_set_pair_gain(room.conference, room.members[1], room.members[3], -1.0f));
    talk(2); /* until its ramp is over it counts */
    OK(ale_conference_set_pair_gain(room.conference, room.members[1], room.members[0], 0.25f));
    expect_heard(pair);
    /* One more than there may be is refused when it is given, counted, and changes nothing. */
    EXPECT(ale_conference_set_pair_gain(room.conference, room.members[2], room.members[0], 0.25f)
           == ALE_ERR_FULL);
    expect_heard(pair);
    OK(ale_conference_stats(room.conference, &stats));
    EXPECT(stats.refused == 1);
    OK(ale_conference_set_pair_gain(room.conference, room.members[1], room.members[0], -1.0f));
    expect_heard(all);
    /* Who leaves is heard no more, hears nothing, and comes back. */
    OK(ale_conference_leave(room.conference, room.members[2]));
    expect_heard(three);
    OK(ale_conference_reclaim(room.conference, &member, &media));
    EXPECT(member == room.members[2] && media != NULL);
    OK(ale_conference_join(room.conference, media, NULL, &member));
    OK(ale_conference_leave(room.conference, member));
    OK(ale_conference_tick(room.conference, room.tick * TICK_NS));
    OK(ale_conference_reclaim(room.conference, &member, &media));
    OK(ale_conference_stats(room.conference, &stats));
    EXPECT(stats.members == 3 && stats.joins == 5 && stats.leaves == 2);
    ale_leg_media_destroy(media);
    close_room();
}

static void joining_as_wanted(void)
{
    ale_conference_config config = defaults();
    ale_join_options options[PHONES];
    double as_wanted[4][4] = {{0, A / 2.0, A, 0}, {0, 0, A, 0}, {0, 0, 0, 0}, {0, A / 2.0, A, 0}};
    unsigned n;
    for (n = 0; n < PHONES; n++) options[n] = joining();
    options[0].muted = 1;
    options[1].gain = 0.5f;
    options[2].listening = 0;
    options[3].is_private = 1;
    open_room(&config, options, "PCMA/8000");
    expect_heard(as_wanted);
    EXPECT(room.last_length[2] == 0); /* nothing is sent to it */
    close_room();
}

static void the_loudest_are_heard_and_lead(void)
{
    ale_conference_config config = defaults();
    ale_conference_counters stats;
    uint64_t dominant = 0;
    double two[4][4] = {{0, 0, 4000, 6000}, {0, 0, 4000, 6000}, {0, 0, 0, 6000}, {0, 0, 4000, 0}};
    config.max_speakers = 2;
    open_room(&config, NULL, "PCMA/8000");
    room.amplitude[0] = 100;
    room.amplitude[1] = 100;
    room.amplitude[2] = 4000;
    room.amplitude[3] = 6000;
    talk(300);
    expect_heard(two);
    OK(ale_conference_stats(room.conference, &stats));
    EXPECT(stats.speakers == 2);
    while (ale_conference_next_dominant_speaker(room.conference, &dominant) == ALE_OK) {}
    EXPECT(dominant == room.members[3]);
    /* Another takes the word. */
    room.amplitude[3] = 0;
    room.amplitude[2] = 0;
    room.amplitude[0] = 8000;
    talk(400);
    OK(ale_conference_next_dominant_speaker(room.conference, &dominant));
    EXPECT(dominant == room.members[0]);
    EXPECT(ale_conference_next_dominant_speaker(room.conference, &dominant) == ALE_ERR_NOTHING);
    EXPECT(near(amplitude(1, 0), 8000));
    close_room();
}

/* A sum of three voices at full scale is clamped, which distorts, or limited, which does not. */
static void the_limiter(void)
{
    double distortion[2];
    unsigned limited, n;
    for (limited = 0; limited < 2; limited++) {
        ale_conference_config config = defaults();
        double energy, pure = 0;
        config.limiter = limited;
        open_room(&config, NULL, "L16/8000");
        for (n = 0; n < PHONES; n++) room.amplitude[n] = 26000;
        talk(100);
        talk(100);
        energy = loudness(room.heard[3], room.heard_samples);
        for (n = 0; n < 3; n++) pure += amplitude(3, n) * amplitude(3, n) / 2;
        distortion[limited] = 1 - pure / (energy * energy);
        close_room();
    }
    EXPECT(distortion[0] > 0.03 && distortion[1] < distortion[0] / 3);
}

/* Listeners alone hear the same: their payloads are encoded once, and are the same bytes. */
static void encode_once(void)
{
    unsigned groups;
    for (groups = 0; groups <= 4; groups += 4) {
        ale_conference_config config = defaults();
        ale_conference_counters stats;
        config.encode_groups = groups;
        config.max_speakers = 1;
        open_room(&config, NULL, "PCMA/8000");
        room.amplitude[1] = room.amplitude[2] = room.amplitude[3] = 0;
        talk(200);
        OK(ale_conference_stats(room.conference, &stats));
        EXPECT((stats.shared_payloads > 100) == (groups > 0));
        EXPECT((stats.shared_payloads == 0) == (groups == 0));
        EXPECT(room.last_length[2] == 172);
        EXPECT(memcmp(room.last[2] + 12, room.last[3] + 12, 160) == 0);
        close_room();
    }
}

/* A tick leaves no more datagrams than it may; the others wait for the next, and all are heard. */
static void room_for_datagrams(void)
{
    ale_conference_config config = defaults();
    ale_conference_counters stats;
    double all[4][4] = {{0, A, A, A}, {A, 0, A, A}, {A, A, 0, A}, {A, A, A, 0}};
    config.max_datagrams = 2;
    open_room(&config, NULL, "PCMA/8000");
    expect_heard(all);
    OK(ale_conference_stats(room.conference, &stats));
    EXPECT(stats.deferred > 50 && room.most_in_a_tick == 2);
    close_room();
}

static void ticks_that_did_not_come(void)
{
    ale_conference_config config = defaults();
    ale_conference_counters stats;
    open_room(&config, NULL, "PCMA/8000");
    talk(50);
    room.tick += 7;
    talk(1);
    OK(ale_conference_stats(room.conference, &stats));
    EXPECT(stats.missed_ticks == 7 && stats.ticks == 51);
    close_room();
}

/* Two ticks at once sound as one by one: a pair begins with the tick that is asked for, and the other tick of it sends
 * nothing. */
static void ticks_at_once(void)
{
    unsigned from;
    double all[4][4] = {{0, A, A, A}, {A, 0, A, A}, {A, A, 0, A}, {A, A, A, 0}};
    for (from = 0; from <= 2; from++) {
        ale_conference_config config = defaults();
        ale_conference_counters stats;
        EXPECT(config.joined_ticks == 0);
        config.joined_ticks = from;
        open_room(&config, NULL, "PCMA/8000");
        expect_heard(all);
        OK(ale_conference_stats(room.conference, &stats));
        EXPECT(from ? stats.joined_ticks > stats.ticks / 2 - 5 : stats.joined_ticks == 0);
        close_room();
    }
    {
        ale_conference_config config = defaults();
        ale_conference *conference = NULL;
        config.joined_ticks = 3;
        EXPECT(ale_conference_create(&config, &conference) == ALE_ERR_INVALID_ARGUMENT);
        EXPECT(conference == NULL);
    }
}

/* The amplitude of a tone in a second of sound. */
static double amplitude_of(const int16_t *pcm, uint32_t rate_hz, double at_hz)
{
    return sqrt(2 * share_at(pcm, rate_hz, rate_hz, at_hz)) * loudness(pcm, rate_hz);
}

/* Two rooms and a line between them: all hear all. The other room has a wide-band phone, and an
   announcement that the host plays into it through a line of its own. */
static void lines_between_conferences(void)
{
    static int16_t near_heard[8000], far_heard[16000];
    ale_conference_config config = defaults();
    ale_conference *other;
    ale_link_end *here, *there, *host, *inside;
    uint64_t member;
    int16_t pcm[160];
    leg bridge, far;
    unsigned tick, n;
    open_room(&config, NULL, "PCMA/8000");
    OK(ale_conference_create(&config, &other));
    OK(ale_link_create(16000, &here, &there));
    OK(ale_conference_join_link(room.conference, here, NULL, &member));
    OK(ale_conference_join_link(other, there, NULL, &member));
    OK(ale_link_create(8000, &host, &inside));
    OK(ale_conference_join_link(other, inside, NULL, &member));
    bridge = phone(21, "L16/16000");
    far = phone(22, "L16/16000");
    OK(ale_conference_join(other, bridge.media, NULL, &member));
    for (tick = 0; tick < 150; tick++) {
        uint64_t now_ns = tick * TICK_NS;
        const uint8_t *bytes;
        uint8_t copy[1600];
        size_t length;
        ale_datagram datagram;
        say(pcm, 160, 16000, (uint64_t)tick * 160, 3400, 3000);
        OK(ale_leg_push(far.media, pcm, 160));
        while (ale_leg_poll_transmit(far.media, now_ns, &bytes, &length) == ALE_OK) {
            memcpy(copy, bytes, length);
            OK(ale_leg_receive(bridge.receiver, copy, length, now_ns, NULL));
        }
        say(pcm, 80, 8000, (uint64_t)tick * 80, 800, 5000);
        OK(ale_link_end_push(host, pcm, 80));
        (void)ale_link_end_pull(host, pcm, 80);
        talk(1);
        OK(ale_conference_tick(other, now_ns));
        while (ale_conference_next_datagram(other, &datagram) == ALE_OK) {
            memcpy(copy, datagram.bytes, datagram.length);
            OK(ale_leg_receive(far.receiver, copy, datagram.length, now_ns, NULL));
        }
        OK(ale_leg_pull(far.media, now_ns, pcm, 160, NULL));
        if (tick >= 50) {
            memcpy(near_heard + (tick - 50) * 80, room.heard[0], 80 * sizeof *pcm);
            memcpy(far_heard + (tick - 50) * 160, pcm, 160 * sizeof *pcm);
        }
    }
    EXPECT(near(amplitude_of(near_heard, 8000, 3400), 3000));
    EXPECT(near(amplitude_of(near_heard, 8000, 800), 5000));
    EXPECT(near(amplitude_of(far_heard, 16000, 800), 5000));
    EXPECT(near(amplitude_of(far_heard, 16000, 3400), 0));
    for (n = 0; n < PHONES; n++)
        EXPECT(near(amplitude_of(far_heard, 16000, hz[n]), A));
    ale_conference_destroy(other);
    bridge.media = NULL;
    destroy(bridge);
    destroy(far);
    ale_link_end_destroy(host);
    close_room();
}

int main(void)
{
    all_hear_all_but_themselves();
    orders();
    joining_as_wanted();
    the_loudest_are_heard_and_lead();
    the_limiter();
    encode_once();
    room_for_datagrams();
    ticks_that_did_not_come();
    ticks_at_once();
    lines_between_conferences();
    puts("wiring of conferences: ok");
    return 0;
}
