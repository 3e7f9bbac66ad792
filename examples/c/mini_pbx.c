/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A small PBX with fifty legs: twenty calls between an encrypted extension and a plain trunk, each a
 * conference of two, and ten members in a room. A call is put on hold with music, taken up again, and
 * transferred into the room. The fifty phones are in this program, too; it fails unless each hears whom it
 * should, and nobody else.
 */
#include "in_memory.h"

/* A bridge is what may be talked in: a call's, the room, or where music plays. */
enum { LEGS = 50, CALLS = 20, IN_CALLS = 2 * CALLS, ROOM = CALLS, MUSIC, BRIDGES, MUSIC_HZ = 3200 };

struct leg {
    struct end here, phone;
    uint64_t member;
    int bridge;  /* where it is, or goes to next */
    int leaving; /* what it has left and is not back from, or -1 */
};

static struct leg legs[LEGS];
static ale_conference *bridges[BRIDGES];
static ale_link_end *music; /* the host's end of a link to where music plays */
static uint64_t tick;

/* By what it says a phone is known; multiples of 5 Hz that the 200 ms of listening tell apart. */
static int hz_of(int leg)
{
    return 400 + 50 * leg;
}

static void bridge_create(int bridge, uint32_t members)
{
    ale_conference_config config;
    check(ale_conference_config_init_sized(&config, sizeof config), "conference config");
    config.max_members = members;
    config.limiter = 1;
    /* One rate, and so a third of the memory. */
    memset(config.rates_hz, 0, sizeof config.rates_hz);
    config.rates_hz[0] = 8000;
    check(ale_conference_create(&config, &bridges[bridge]), "conference");
}

static void music_create(void)
{
    ale_link_end *end;
    ale_join_options options;
    uint64_t member;
    check(ale_link_create(8000, &music, &end), "link");
    check(ale_join_options_init_sized(&options, sizeof options), "join options");
    check(ale_conference_join_link(bridges[MUSIC], end, &options, &member), "music");
}

/* Lets a leg in; the conference has its media half from then on. */
static void leg_join(int n, int bridge)
{
    ale_join_options options;
    check(ale_join_options_init_sized(&options, sizeof options), "join options");
    options.tag = (uint64_t)n;
    /* Those on hold hear music and not each other. */
    options.muted = bridge == MUSIC;
    legs[n].bridge = bridge;
    legs[n].leaving = -1;
    check(ale_conference_join(bridges[bridge], legs[n].here.media, &options, &legs[n].member), "join");
    legs[n].here.media = NULL;
}

/* Moves a leg to another bridge: it leaves at the next tick, and joins when its half is back. Members are
 * numbered by each conference for itself. */
static void leg_move(int n, int bridge)
{
    check(ale_conference_leave(bridges[legs[n].bridge], legs[n].member), "leave");
    legs[n].leaving = legs[n].bridge;
    legs[n].bridge = bridge;
}

static void leg_create(int n)
{
    ale_leg_config config;
    int extension = n % 2 == 0;
    end_config(&config, 1000 + (uint32_t)n, extension ? "PCMA/8000" : "PCMU/8000", extension ? 8 : 0,
               extension ? CRYPTO : NULL);
    end_create(&legs[n].here, &config);
    config.local_ssrc = 2000 + (uint32_t)n;
    end_create(&legs[n].phone, &config);
    leg_join(n, n < IN_CALLS ? n / 2 : ROOM);
}

/* The audio thread of the PBX, every 10 ms. */
static void pbx_tick(void)
{
    ale_datagram datagram;
    ale_leg_media *media;
    int16_t pcm[FRAME];
    uint64_t member;
    int bridge, n;

    say(pcm, MUSIC_HZ, tick);
    check(ale_link_end_push(music, pcm, FRAME), "music");
    (void)ale_link_end_pull(music, pcm, FRAME); /* what is said to it; nobody listens */
    for (bridge = 0; bridge < BRIDGES; bridge++) {
        check(ale_conference_tick(bridges[bridge], tick * TICK_NS), "tick");
        while (ale_conference_next_datagram(bridges[bridge], &datagram) == ALE_OK)
            deliver(&legs[datagram.tag].phone, datagram.bytes, datagram.length, tick * TICK_NS);
        while (ale_conference_reclaim(bridges[bridge], &member, &media) == ALE_OK)
            for (n = 0; n < LEGS; n++)
                if (legs[n].leaving == bridge && legs[n].member == member) {
                    legs[n].here.media = media;
                    leg_join(n, legs[n].bridge);
                    break;
                }
    }
}

/* Lets a second and a half pass for all; then looks who hears whom. */
static void step(const char *name)
{
    int16_t pcm[FRAME];
    int n, other;
    for (n = 0; n < 150; n++, tick++) {
        for (other = 0; other < LEGS; other++) {
            say(pcm, hz_of(other), tick);
            talk(&legs[other].phone, &legs[other].here, pcm, tick * TICK_NS);
        }
        pbx_tick();
    }
    for (n = 0; n < LEGS; n++) {
        const int16_t *heard = legs[n].phone.window;
        for (other = 0; other < LEGS; other++) {
            int together = other != n && legs[other].bridge == legs[n].bridge && legs[n].bridge != MUSIC;
            /* The music's frequency is nobody's. */
            expect((hears(heard, hz_of(other)) != 0) == together, name);
        }
        expect((hears(heard, MUSIC_HZ) != 0) == (legs[n].bridge == MUSIC), name);
    }
    printf("mini_pbx: %s\n", name);
}

int main(void)
{
    ale_leg_ticket ticket;
    double worst = 5.0;
    int n;

    for (n = 0; n < CALLS; n++)
        bridge_create(n, 2);
    bridge_create(ROOM, 16);
    bridge_create(MUSIC, 16);
    music_create();
    for (n = 0; n < LEGS; n++)
        leg_create(n);

    step("twenty calls, and ten in a room");
    leg_move(1, MUSIC);
    step("the trunk of a call is on hold, with music");
    leg_move(1, 0);
    step("it is taken up again");
    leg_move(1, ROOM);
    step("it is transferred into the room");
    leg_move(0, ROOM);
    step("and the extension follows");

    for (n = 0; n < LEGS; n++) {
        check(ale_leg_ticket_read(legs[n].here.control, &ticket), "ticket");
        worst = ticket.mos_lq < worst ? ticket.mos_lq : worst;
    }
    printf("mini_pbx: the worst of %d legs is worth a MOS of %.2f\n", LEGS, worst);
    expect(worst > 4.0, "all sound well");
    for (n = 0; n < BRIDGES; n++)
        ale_conference_destroy(bridges[n]); /* and the halves in it */
    ale_link_end_destroy(music);
    for (n = 0; n < LEGS; n++) {
        end_destroy(&legs[n].here);
        end_destroy(&legs[n].phone);
    }
    return EXIT_SUCCESS;
}
