/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A desk phone over UDP: one leg, one socket, one thread that wakes every 10 ms.
 *
 *   phone --local PORT --remote HOST:PORT --send IN.wav --receive OUT.wav --duration SECONDS
 *         [--codec PCMA/8000 --payload-type 8] [--send-crypto LINE --receive-crypto LINE]
 *
 * WAV files are 8 kHz, 16-bit, mono. Where a real phone has an audio device, this one has files.
 */
#define _POSIX_C_SOURCE 200809L

#include <ale_media.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RATE_HZ = 8000, FRAME_SAMPLES = RATE_HZ / 100, MAX_DATAGRAM = 2048, WAV_HEADER = 44 };
#define TICK_NS UINT64_C(10000000)

struct options {
    int local_port;
    struct sockaddr_in remote;
    const char *send_path, *receive_path;
    const char *codec;
    int payload_type;
    const char *send_crypto, *receive_crypto;
    double seconds;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "phone: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void check(ale_status status, const char *what)
{
    if (status != ALE_OK)
        fail(what, ale_status_message(status));
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* RFC 3550 wants the first identifiers to be hard to guess; the library leaves that to the host. */
static void random_bytes(void *bytes, size_t count)
{
    FILE *source = fopen("/dev/urandom", "rb");
    if (source == NULL || fread(bytes, 1, count, source) != count)
        fail("/dev/urandom", "can't be read");
    fclose(source);
}

static void parse_remote(const char *text, struct sockaddr_in *remote)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        fail(text, "expected HOST:PORT");
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    memset(remote, 0, sizeof *remote);
    remote->sin_family = AF_INET;
    remote->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &remote->sin_addr) != 1)
        fail(host, "not an IPv4 address");
}

static void parse_options(int argc, char **argv, struct options *o)
{
    int i;
    memset(o, 0, sizeof *o);
    o->codec = "PCMA/8000";
    o->payload_type = 8;
    o->seconds = 10;
    for (i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--local") == 0) o->local_port = atoi(value);
        else if (strcmp(name, "--remote") == 0) parse_remote(value, &o->remote);
        else if (strcmp(name, "--send") == 0) o->send_path = value;
        else if (strcmp(name, "--receive") == 0) o->receive_path = value;
        else if (strcmp(name, "--codec") == 0) o->codec = value;
        else if (strcmp(name, "--payload-type") == 0) o->payload_type = atoi(value);
        else if (strcmp(name, "--send-crypto") == 0) o->send_crypto = value;
        else if (strcmp(name, "--receive-crypto") == 0) o->receive_crypto = value;
        else if (strcmp(name, "--duration") == 0) o->seconds = atof(value);
        else fail(name, "unknown option");
    }
    if (i != argc || o->remote.sin_family == 0 || o->send_path == NULL || o->receive_path == NULL)
        fail("usage", "phone --remote HOST:PORT --send IN.wav --receive OUT.wav [options]");
}

/* Opens a WAV file and skips its 44 bytes of header. */
static FILE *open_wav(const char *path)
{
    uint8_t header[WAV_HEADER];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path, strerror(errno));
    if (fread(header, 1, sizeof header, file) != sizeof header || memcmp(header, "RIFF", 4) != 0)
        fail(path, "not a WAV file");
    if (header[22] != 1 || header[24] + header[25] * 256 != RATE_HZ || header[34] != 16)
        fail(path, "not 8 kHz, 16-bit, mono");
    return file;
}

static void put_le(uint8_t *to, uint32_t value, int bytes)
{
    while (bytes-- > 0) {
        *to++ = (uint8_t)value;
        value >>= 8;
    }
}

/* Writes the header in front of the samples: once empty, and again when their number is known. */
static void write_wav_header(FILE *file, uint32_t samples)
{
    uint8_t header[WAV_HEADER] = "RIFF....WAVEfmt ";
    put_le(header + 4, 36 + samples * 2, 4);
    put_le(header + 16, 16, 4);
    put_le(header + 20, 1, 2);
    put_le(header + 22, 1, 2);
    put_le(header + 24, RATE_HZ, 4);
    put_le(header + 28, RATE_HZ * 2, 4);
    put_le(header + 32, 2, 2);
    put_le(header + 34, 16, 2);
    memcpy(header + 36, "data", 4);
    put_le(header + 40, samples * 2, 4);
    if (fseek(file, 0, SEEK_SET) != 0 || fwrite(header, 1, sizeof header, file) != sizeof header)
        fail("WAV", strerror(errno));
}

static int open_socket(int port)
{
    struct sockaddr_in local;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&local, 0, sizeof local);
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    local.sin_port = htons((uint16_t)port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof local) != 0)
        fail("socket", strerror(errno));
    return fd;
}

static void send_datagram(int fd, const struct options *o, const uint8_t *bytes, size_t length)
{
    /* What the network refuses is lost, as any datagram may be. */
    (void)sendto(fd, bytes, length, 0, (const struct sockaddr *)&o->remote, sizeof o->remote);
}

int main(int argc, char **argv)
{
    struct options o;
    ale_leg_config config;
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    ale_leg_counters stats;
    uint16_t sequence;
    uint64_t start, tick = 0, ticks;
    uint32_t written = 0;
    const uint8_t *datagram;
    size_t length;
    FILE *in, *out;
    int fd;

    parse_options(argc, argv, &o);
    in = open_wav(o.send_path);
    out = fopen(o.receive_path, "wb+");
    if (out == NULL)
        fail(o.receive_path, strerror(errno));
    write_wav_header(out, 0);
    fd = open_socket(o.local_port);

    check(ale_leg_config_init(&config), "leg config");
    config.send.encoding = o.codec;
    config.send.payload_type = (uint8_t)o.payload_type;
    config.send_crypto = o.send_crypto;
    config.receive_crypto = o.receive_crypto;
    config.cname = "c-desk-phone";
    config.rtcp_interval_ms = 1000;
    random_bytes(&config.local_ssrc, sizeof config.local_ssrc);
    random_bytes(&sequence, sizeof sequence);
    config.initial_sequence = sequence;
    random_bytes(&config.initial_timestamp, sizeof config.initial_timestamp);
    check(ale_leg_create(&config, &receiver, &media, &control), "leg");
    if (ale_leg_sample_rate_hz(media) != RATE_HZ)
        fail(o.codec, "this phone's WAV files are 8 kHz");

    start = now_ns();
    ticks = (uint64_t)(o.seconds * 100);
    while (tick < ticks) {
        int16_t pcm[FRAME_SAMPLES] = {0};
        struct pollfd wait = {fd, POLLIN, 0};
        uint64_t now = now_ns(), due = start + tick * TICK_NS;

        if (now < due) {
            if (poll(&wait, 1, (int)((due - now + 999999) / 1000000)) > 0) {
                uint8_t bytes[MAX_DATAGRAM];
                ssize_t count = recv(fd, bytes, sizeof bytes, 0);
                /* What is wrong with a datagram is counted by the leg. */
                if (count > 0)
                    (void)ale_leg_receive(receiver, bytes, (size_t)count, now_ns(), NULL);
            }
            continue;
        }

        check(ale_leg_pull(media, due, pcm, FRAME_SAMPLES, NULL), "pull");
        written += (uint32_t)fwrite(pcm, sizeof pcm[0], FRAME_SAMPLES, out);
        length = fread(pcm, sizeof pcm[0], FRAME_SAMPLES, in);
        memset(pcm + length, 0, (FRAME_SAMPLES - length) * sizeof pcm[0]);
        check(ale_leg_push(media, pcm, FRAME_SAMPLES), "push");
        while (ale_leg_poll_transmit(media, due, &datagram, &length) == ALE_OK)
            send_datagram(fd, &o, datagram, length);
        tick++;
    }
    if (ale_leg_goodbye(media, now_ns(), &datagram, &length) == ALE_OK)
        send_datagram(fd, &o, datagram, length);

    check(ale_leg_stats(control, &stats), "statistics");
    printf("sent %llu, received %llu packets, loss %.1f %%, concealed %.1f %%, MOS %.2f\n",
           (unsigned long long)stats.packets_sent, (unsigned long long)stats.packets_received,
           stats.loss_percent, stats.concealed_percent, stats.mos);

    write_wav_header(out, written);
    fclose(out);
    fclose(in);
    close(fd);
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
    return EXIT_SUCCESS;
}
