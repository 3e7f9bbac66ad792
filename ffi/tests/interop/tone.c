/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Makes and recognises tones in WAV files, by which interop tests know who hears whom.
 *
 *   tone make FILE.wav RATE-HZ FREQUENCY-HZ SECONDS
 *   tone hear FILE.wav SECONDS HEARD-HZ,... [UNHEARD-HZ,...]
 *
 * hear fails unless for so many seconds each of the one is in the sound, and for at most a tenth
 * of those (an onset, a cut of the jitter buffer) one of the other within 30 dB of them. Goertzel's
 * algorithm over 50 ms at a time.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TONES = 8 };
static const double PI = 3.14159265358979323846;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "tone: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static uint32_t little_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

static void write_little_endian(FILE *file, uint32_t value, int count)
{
    for (; count > 0; count--, value >>= 8)
        fputc((int)(value & 255), file);
}

static void make(const char *path, uint32_t rate_hz, double frequency_hz, double seconds)
{
    uint32_t samples = (uint32_t)(seconds * rate_hz), n;
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(path, "can't be written");
    fputs("RIFF", file);
    write_little_endian(file, 36 + samples * 2, 4);
    fputs("WAVEfmt ", file);
    write_little_endian(file, 16, 4);
    write_little_endian(file, 1, 2);
    write_little_endian(file, 1, 2);
    write_little_endian(file, rate_hz, 4);
    write_little_endian(file, rate_hz * 2, 4);
    write_little_endian(file, 2, 2);
    write_little_endian(file, 16, 2);
    fputs("data", file);
    write_little_endian(file, samples * 2, 4);
    for (n = 0; n < samples; n++) {
        double sample = 8000 * sin(2 * PI * frequency_hz * n / rate_hz);
        write_little_endian(file, (uint32_t)(int32_t)lrint(sample), 2);
    }
    if (fclose(file) != 0)
        fail(path, "can't be written");
}

/* Reads 16-bit PCM of any rate; the channels are added up. A file cut short ends where it ends. */
static double *read_wav(const char *path, uint32_t *rate_hz, size_t *samples)
{
    uint8_t chunk[8], format[16];
    uint32_t channels = 0;
    double *pcm = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 12, SEEK_SET) != 0)
        fail(path, "can't be read");
    while (fread(chunk, 1, sizeof chunk, file) == sizeof chunk) {
        uint32_t bytes = little_endian(chunk + 4, 4);
        if (memcmp(chunk, "fmt ", 4) == 0) {
            if (bytes < sizeof format || fread(format, 1, sizeof format, file) != sizeof format)
                fail(path, "malformed");
            channels = little_endian(format + 2, 2);
            *rate_hz = little_endian(format + 4, 4);
            if (channels == 0 || *rate_hz < 8000 || little_endian(format + 14, 2) != 16)
                fail(path, "not 16-bit PCM");
            fseek(file, (long)(bytes - sizeof format), SEEK_CUR);
        } else if (memcmp(chunk, "data", 4) == 0 && channels != 0) {
            size_t room = 0, count = 0;
            uint8_t sample[2];
            uint32_t channel = 0;
            while (fread(sample, 1, sizeof sample, file) == sizeof sample) {
                if (count == room) {
                    room = room * 2 + 4096;
                    pcm = realloc(pcm, room * sizeof *pcm);
                    if (pcm == NULL)
                        fail(path, "too long");
                }
                if (channel == 0)
                    pcm[count] = 0;
                pcm[count] += (int16_t)little_endian(sample, 2);
                channel = (channel + 1) % channels;
                count += channel == 0;
            }
            *samples = count;
        } else {
            fseek(file, (long)(bytes + bytes % 2), SEEK_CUR);
        }
    }
    fclose(file);
    if (pcm == NULL)
        fail(path, "no sound");
    return pcm;
}

/* Mean square of the part of a window that has a frequency. */
static double power(const double *pcm, size_t count, double frequency_hz, double rate_hz)
{
    double turn = 2 * cos(2 * PI * frequency_hz / rate_hz), last = 0, before = 0, energy;
    size_t n;
    for (n = 0; n < count; n++) {
        /* A Hann window keeps neighbours apart. */
        double weight = 1 - cos(2 * PI * (double)n / (double)count);
        double now = pcm[n] * weight + turn * last - before;
        before = last;
        last = now;
    }
    energy = last * last + before * before - turn * last * before;
    return 2 * energy / ((double)count * (double)count);
}

static int parse_list(char *text, double *list)
{
    int count = 0;
    char *word;
    for (word = strtok(text, ","); word != NULL && count < MAX_TONES; word = strtok(NULL, ","))
        list[count++] = atof(word);
    return count;
}

static int hear(const char *path, double seconds, char *heard_text, char *unheard_text)
{
    double heard[MAX_TONES], unheard[MAX_TONES], good = 0, bad = 0;
    int wanted = parse_list(heard_text, heard), unwanted = unheard_text ? parse_list(unheard_text, unheard) : 0, i;
    uint32_t rate_hz = 0;
    size_t samples = 0, at;
    double *pcm = read_wav(path, &rate_hz, &samples);
    size_t window = rate_hz / 20;
    for (at = 0; at + window <= samples; at += window) {
        double least = 1e12, most = 0;
        for (i = 0; i < wanted; i++) {
            double level = power(pcm + at, window, heard[i], rate_hz);
            least = level < least ? level : least;
        }
        if (least < 100 * 100) /* -50 dBov */
            continue;
        good += 0.05;
        for (i = 0; i < unwanted; i++) {
            double level = power(pcm + at, window, unheard[i], rate_hz);
            most = level > most ? level : most;
        }
        bad += most > least * 1e-3 ? 0.05 : 0;
    }
    free(pcm);
    printf("%s: heard for %.2f s, the unwanted for %.2f s\n", path, good, bad);
    return good >= seconds && bad <= good / 10 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "make") == 0) {
        make(argv[2], (uint32_t)atoi(argv[3]), atof(argv[4]), atof(argv[5]));
        return EXIT_SUCCESS;
    }
    if (argc >= 5 && strcmp(argv[1], "hear") == 0)
        return hear(argv[2], atof(argv[3]), argv[4], argc > 5 ? argv[5] : NULL);
    fail("usage", "tone make FILE RATE FREQUENCY SECONDS, or tone hear FILE SECONDS TONES [TONES]");
    return EXIT_FAILURE;
}
