/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stands between two phones that have different keys, the way of a session border controller: takes
 * SRTP and SRTCP from each, and sends it on under the other's keys, in batches. What is not authentic
 * goes no further.
 *
 *   srtp_proxy --near LOCAL-PORT HOST:PORT RECEIVE-LINE SEND-LINE
 *              --far  LOCAL-PORT HOST:PORT RECEIVE-LINE SEND-LINE --duration SECONDS
 *
 * A line is that of an a=crypto attribute (RFC 4568) without "a=crypto:".
 */

#define _POSIX_C_SOURCE 200112L

#include <ale_media.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, ROOM = 2048 };

typedef struct side {
    int fd;
    struct sockaddr_in remote;
    ale_srtp *srtp;
    unsigned long packets, refused;
} side;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "srtp_proxy: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static side open_side(char **arguments)
{
    struct sockaddr_in local;
    ale_srtp_config config;
    side side;
    char *colon = strrchr(arguments[1], ':');
    ale_status status;

    memset(&side, 0, sizeof side);
    memset(&local, 0, sizeof local);
    if (colon == NULL)
        fail(arguments[1], "expected HOST:PORT");
    *colon = 0;
    side.remote.sin_family = AF_INET;
    side.remote.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, arguments[1], &side.remote.sin_addr) != 1)
        fail(arguments[1], "not an IPv4 address");
    local.sin_family = AF_INET;
    local.sin_port = htons((uint16_t)atoi(arguments[0]));
    side.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (side.fd < 0 || bind(side.fd, (struct sockaddr *)&local, sizeof local) != 0 ||
        fcntl(side.fd, F_SETFL, O_NONBLOCK) != 0)
        fail(arguments[0], strerror(errno));

    ale_srtp_config_init(&config);
    config.receive_crypto = arguments[2];
    config.send_crypto = arguments[3];
    status = ale_srtp_create(&config, &side.srtp);
    if (status != ALE_OK)
        fail("keys", ale_status_message(status));
    return side;
}

/* RTCP has its packet types where RTP has marker and payload type (RFC 5761 section 4). */
static int is_rtcp(const uint8_t *packet, size_t length)
{
    return length >= 2 && packet[1] >= 192 && packet[1] <= 223;
}

/* Takes what has come from one side, as much as a batch holds, to the other. */
static void forward(side *from, side *to)
{
    static uint8_t packets[BATCH][ROOM];
    ale_srtp_job jobs[BATCH];
    size_t count = 0, i;

    while (count < BATCH) {
        ssize_t length = recv(from->fd, packets[count], ROOM - ALE_SRTP_MAX_TRAILER_BYTES, 0);
        if (length <= 0)
            break;
        if (is_rtcp(packets[count], (size_t)length)) { /* one in a hundred: no batch */
            size_t bytes;
            if (ale_srtp_unprotect_rtcp(from->srtp, packets[count], (size_t)length, &bytes) !=
                    ALE_OK ||
                ale_srtp_protect_rtcp(to->srtp, packets[count], bytes, ROOM, &bytes) != ALE_OK) {
                from->refused++;
                continue;
            }
            sendto(to->fd, packets[count], bytes, 0, (struct sockaddr *)&to->remote,
                   sizeof to->remote);
            continue;
        }
        jobs[count].srtp = from->srtp;
        jobs[count].packet = packets[count];
        jobs[count].length = (size_t)length;
        jobs[count].capacity = ROOM;
        count++;
    }
    ale_srtp_unprotect_batch(jobs, count);
    for (i = 0; i < count; i++) {
        jobs[i].srtp = to->srtp;
        jobs[i].length = jobs[i].status == ALE_OK ? jobs[i].result_length : 0;
    }
    ale_srtp_protect_batch(jobs, count); /* of no length: refused, each by itself */
    for (i = 0; i < count; i++) {
        if (jobs[i].status != ALE_OK) {
            from->refused++;
            continue;
        }
        from->packets++;
        sendto(to->fd, jobs[i].packet, jobs[i].result_length, 0, (struct sockaddr *)&to->remote,
               sizeof to->remote);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    side near, far;
    double end;

    if (argc != 13 || strcmp(argv[1], "--near") != 0 || strcmp(argv[6], "--far") != 0 ||
        strcmp(argv[11], "--duration") != 0)
        fail("arguments", "--near PORT HOST:PORT LINE LINE --far PORT HOST:PORT LINE LINE "
                          "--duration SECONDS");
    near = open_side(&argv[2]);
    far = open_side(&argv[7]);
    end = now() + atof(argv[12]);
    while (now() < end) {
        struct pollfd sockets[2] = {{0, POLLIN, 0}, {0, POLLIN, 0}};
        sockets[0].fd = near.fd;
        sockets[1].fd = far.fd;
        poll(sockets, 2, 100);
        forward(&near, &far);
        forward(&far, &near);
    }
    printf("near to far: %lu packets, %lu refused; far to near: %lu packets, %lu refused\n",
           near.packets, near.refused, far.packets, far.refused);
    ale_srtp_destroy(near.srtp);
    ale_srtp_destroy(far.srtp);
    close(near.fd);
    close(far.fd);
    return near.refused + far.refused > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
