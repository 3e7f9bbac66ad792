/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A conference inside an event loop that waits for other things, too: here poll(2), in a PBX its own.
 * Each leg has a socket, learns where its phone is from what arrives, and mutes with "*".
 *
 *   bridge SECONDS LOCAL-PORT CODEC PAYLOAD-TYPE CRYPTO-LINE [LOCAL-PORT CODEC PAYLOAD-TYPE ...]
 *
 * A codec is that of an a=rtpmap line, a crypto line that of an a=crypto attribute (RFC 4568) without
 * "a=crypto:", the same for both directions; "-" is plain RTP.
 */
#define _POSIX_C_SOURCE 200809L

#include <ale_media.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LEGS = 16, MAX_DATAGRAM = 2048, DIGITS_PAYLOAD_TYPE = 101 };
#define TICK_NS UINT64_C(10000000)

struct leg {
    ale_leg_receiver *receiver;
    ale_leg_control *control;
    uint64_t member;
    int muted;
};

static struct leg legs[MAX_LEGS];
static struct pollfd sockets[MAX_LEGS];
static nfds_t count;

static void check(ale_status status, const char *what)
{
    if (status == ALE_OK)
        return;
    fprintf(stderr, "bridge: %s: %s\n", what, ale_status_message(status));
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void random_bytes(void *bytes, size_t size)
{
    FILE *source = fopen("/dev/urandom", "rb");
    if (source == NULL || fread(bytes, 1, size, source) != size)
        check(ALE_ERR_NOTHING, "/dev/urandom");
    fclose(source);
}

static int open_socket(int port)
{
    struct sockaddr_in local;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&local, 0, sizeof local);
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    local.sin_port = htons((uint16_t)port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) != 0) {
        fprintf(stderr, "bridge: port %d: %s\n", port, strerror(errno));
        exit(EXIT_FAILURE);
    }
    return fd;
}

/* Makes a leg of four arguments and lets it into the conference. */
static void add_leg(ale_conference *conference, char **arguments)
{
    const char *crypto = strcmp(arguments[3], "-") == 0 ? NULL : arguments[3];
    struct leg *leg = &legs[count];
    ale_leg_config config;
    ale_join_options options;
    ale_leg_media *media;
    uint16_t sequence;

    check(ale_leg_config_init(&config), "leg config");
    config.send.encoding = arguments[1];
    config.send.payload_type = (uint8_t)atoi(arguments[2]);
    config.send_crypto = config.receive_crypto = crypto;
    config.telephone_event_payload_type = DIGITS_PAYLOAD_TYPE;
    config.cname = "bridge";
    random_bytes(&config.local_ssrc, sizeof config.local_ssrc);
    random_bytes(&config.initial_timestamp, sizeof config.initial_timestamp);
    random_bytes(&sequence, sizeof sequence);
    config.initial_sequence = sequence;
    check(ale_leg_create(&config, &leg->receiver, &media, &leg->control), arguments[1]);
    check(ale_join_options_init(&options), "join options");
    options.tag = count;
    check(ale_conference_join(conference, media, &options, &leg->member), "join");
    sockets[count].fd = open_socket(atoi(arguments[0]));
    sockets[count++].events = POLLIN;
}

static void on_readable(nfds_t n)
{
    uint8_t bytes[MAX_DATAGRAM];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(sockets[n].fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
    ale_address address;
    if (length <= 0)
        return;
    memset(&address, 0, sizeof address);
    memcpy(address.ip, &from.sin_addr, sizeof from.sin_addr);
    address.ip_bytes = sizeof from.sin_addr;
    address.port = ntohs(from.sin_port);
    /* What is wrong with a datagram is counted by the leg, and told by its events. */
    (void)ale_leg_receive_from(legs[n].receiver, bytes, (size_t)length, &address, now_ns(), NULL);
}

static void send_datagram(const ale_datagram *datagram)
{
    struct sockaddr_in to;
    ale_address address;
    if (ale_leg_remote_address(legs[datagram->tag].receiver, &address) != ALE_OK)
        return; /* nobody there yet */
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    memcpy(&to.sin_addr, address.ip, sizeof to.sin_addr);
    to.sin_port = htons((uint16_t)address.port);
    /* What the network refuses is lost, as any datagram may be. */
    (void)sendto(sockets[datagram->tag].fd, datagram->bytes, datagram->length, 0, (struct sockaddr *)&to,
                 sizeof to);
}

/* What the legs have to say; often enough once in a while. */
static void on_events(ale_conference *conference, nfds_t n)
{
    ale_leg_event event;
    while (ale_leg_next_event(legs[n].control, &event) == ALE_OK) {
        if (event.kind == ALE_LEG_REFUSED)
            printf("leg %lu: %llu refused, %s\n", (unsigned long)n, (unsigned long long)event.count,
                   ale_status_message(event.status));
        if (event.kind == ALE_LEG_DIGIT_ENDED && event.digit == '*') {
            legs[n].muted = !legs[n].muted;
            check(ale_conference_set_muted(conference, legs[n].member, legs[n].muted), "mute");
            printf("leg %lu: %s\n", (unsigned long)n, legs[n].muted ? "muted" : "heard");
        }
    }
}

int main(int argc, char **argv)
{
    ale_conference_config config;
    ale_conference *conference;
    ale_datagram datagram;
    ale_leg_counters stats;
    uint64_t due, end;
    nfds_t n;
    int i;

    if (argc < 6 || (argc - 2) % 4 != 0 || (argc - 2) / 4 > MAX_LEGS) {
        fprintf(stderr, "usage: bridge SECONDS LOCAL-PORT CODEC PAYLOAD-TYPE CRYPTO-LINE ...\n");
        return EXIT_FAILURE;
    }
    check(ale_conference_config_init(&config), "conference config");
    config.limiter = 1;
    check(ale_conference_create(&config, &conference), "conference");
    for (i = 2; i < argc; i += 4)
        add_leg(conference, argv + i);

    due = now_ns();
    end = due + (uint64_t)(atof(argv[1]) * 1e9);
    while (due < end) {
        uint64_t now = now_ns();
        if (now < due) {
            if (poll(sockets, count, (int)((due - now + 999999) / 1000000)) > 0)
                for (n = 0; n < count; n++)
                    if (sockets[n].revents != 0)
                        on_readable(n);
            continue;
        }
        check(ale_conference_tick(conference, due), "tick");
        while (ale_conference_next_datagram(conference, &datagram) == ALE_OK)
            send_datagram(&datagram);
        for (n = 0; n < count; n++)
            on_events(conference, n);
        due += TICK_NS;
    }

    for (n = 0; n < count; n++) {
        check(ale_leg_stats(legs[n].control, &stats), "statistics");
        printf("leg %lu: sent %llu, received %llu packets, MOS %.2f\n", (unsigned long)n,
               (unsigned long long)stats.packets_sent, (unsigned long long)stats.packets_received, stats.mos);
        ale_leg_receiver_destroy(legs[n].receiver);
        ale_leg_control_destroy(legs[n].control);
        close(sockets[n].fd);
    }
    ale_conference_destroy(conference); /* and the halves in it */
    return EXIT_SUCCESS;
}
