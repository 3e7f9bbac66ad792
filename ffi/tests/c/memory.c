/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory of the host's: all of it comes from there and goes back, creations say beforehand what they
 * take, and each that is refused at any point has changed nothing. The allocator puts a guard around
 * each block, and knows its size.
 */
#include "check.h"

#define LINE "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define TICK_NS UINT64_C(10000000)

enum { GUARD = 64, GUARD_BYTE = 0x5C };

static struct {
    size_t live_bytes, peak_bytes, total_bytes, live_blocks;
    long refuse_after; /* allocations that are still given; negative for all */
    int refused;
} host = {0, 0, 0, 0, -1, 0};

static void *allocate(void *context, size_t size, size_t alignment)
{
    size_t room = alignment > GUARD ? alignment : GUARD;
    unsigned char *whole, *block;
    EXPECT(context == &host && size > 0);
    EXPECT(alignment != 0 && (alignment & (alignment - 1)) == 0);
    if (host.refuse_after == 0) {
        host.refused = 1;
        return NULL;
    }
    if (host.refuse_after > 0)
        host.refuse_after--;
    whole = malloc(size + 3 * room);
    EXPECT(whole != NULL);
    block = whole + room;
    while (((uintptr_t)block - room) % room != 0)
        block++;
    memset(block - GUARD, GUARD_BYTE, GUARD);
    memset(block + size, GUARD_BYTE, room);
    memcpy(block - sizeof whole, &whole, sizeof whole);
    memcpy(block - sizeof whole - sizeof size, &size, sizeof size);
    host.live_bytes += size;
    host.total_bytes += size;
    host.live_blocks++;
    if (host.live_bytes > host.peak_bytes)
        host.peak_bytes = host.live_bytes;
    return block;
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
    unsigned char *block = memory, *whole;
    size_t allocated, i;
    EXPECT(context == &host && alignment != 0);
    memcpy(&whole, block - sizeof whole, sizeof whole);
    memcpy(&allocated, block - sizeof whole - sizeof allocated, sizeof allocated);
    EXPECT(allocated == size);
    for (i = 0; i < GUARD; i++)
        EXPECT(block[size + i] == GUARD_BYTE);
    host.live_bytes -= size;
    host.live_blocks--;
    free(whole);
}

/* What is made: each with what it takes, if the library can say that. */
static ale_codec g711;
static union {
    ale_srtp_config srtp;
    ale_jitter_config jitter;
    ale_mixer_config mixer;
    ale_leg_config leg;
    ale_conference_config conference;
    ale_host_codec_config codec;
    ale_srtp_backend_config backend;
} in;
static void *made[3];
#define MADE(type, n) ((type **)(void *)&made[n])
static ale_jitter_reader *a_reader;
static uint8_t log_of_it[65536], checkpoint[4096];
static size_t log_bytes, checkpoint_bytes;
static const uint8_t key[ALE_SRTP_WRAPPING_KEY_BYTES];

static void destroy_srtp(void) { ale_srtp_destroy(made[0]); }
static ale_status create_srtp(ale_memory *memory)
{
    OK(ale_srtp_config_init(&in.srtp));
    in.srtp.send_crypto = in.srtp.receive_crypto = LINE;
    if (memory != NULL)
        return ale_srtp_memory_required(&in.srtp, memory);
    return ale_srtp_create(&in.srtp, MADE(ale_srtp, 0));
}
static ale_status restore_srtp(ale_memory *memory)
{
    OK(ale_srtp_config_init(&in.srtp));
    if (memory != NULL)
        return ALE_ERR_UNSUPPORTED;
    return ale_srtp_restore(&in.srtp, key, NULL, 0, checkpoint, checkpoint_bytes, MADE(ale_srtp, 0));
}
static void destroy_jitter(void)
{
    ale_jitter_writer_destroy(made[0]);
    ale_jitter_reader_destroy(made[1]);
}
static void init_jitter(void)
{
    OK(ale_jitter_config_init(&in.jitter));
    in.jitter.codecs = &g711;
    in.jitter.codec_count = 1;
    in.jitter.black_box_bytes = 4096;
}
static ale_status create_jitter(ale_memory *memory)
{
    init_jitter();
    if (memory != NULL)
        return ale_jitter_memory_required(&in.jitter, memory);
    return ale_jitter_create(&in.jitter, MADE(ale_jitter_writer, 0), MADE(ale_jitter_reader, 1));
}
static void destroy_control(void) { ale_jitter_control_destroy(made[0]); }
static ale_status create_control(ale_memory *memory)
{
    if (memory != NULL)
        return ALE_ERR_UNSUPPORTED;
    return ale_jitter_control_create(a_reader, MADE(ale_jitter_control, 0));
}
static void destroy_replay(void) { ale_jitter_replay_destroy(made[0]); }
static ale_status create_replay(ale_memory *memory)
{
    init_jitter();
    if (memory != NULL)
        return ALE_ERR_UNSUPPORTED;
    return ale_jitter_replay_create(log_of_it, log_bytes, &in.jitter, MADE(ale_jitter_replay, 0));
}
static void destroy_mixer(void) { ale_mixer_destroy(made[0]); }
static ale_status create_mixer(ale_memory *memory)
{
    OK(ale_mixer_config_init(&in.mixer));
    in.mixer.limiter = 1;
    in.mixer.max_pair_gains = 4;
    if (memory != NULL)
        return ale_mixer_memory_required(&in.mixer, memory);
    return ale_mixer_create(&in.mixer, MADE(ale_mixer, 0));
}
static void destroy_leg(void)
{
    ale_leg_receiver_destroy(made[0]);
    ale_leg_media_destroy(made[1]);
    ale_leg_control_destroy(made[2]);
}
static ale_status create_leg(ale_memory *memory)
{
    OK(ale_leg_config_init(&in.leg));
    in.leg.send = g711;
    in.leg.send_crypto = in.leg.receive_crypto = LINE;
    in.leg.telephone_event_payload_type = 101;
    in.leg.silence_suppression = 1;
    in.leg.inband_tones = 2;
    in.leg.call_progress = 1;
    if (memory != NULL)
        return ale_leg_memory_required(&in.leg, memory);
    return ale_leg_create(&in.leg, MADE(ale_leg_receiver, 0), MADE(ale_leg_media, 1),
                          MADE(ale_leg_control, 2));
}
static void destroy_conference(void) { ale_conference_destroy(made[0]); }
static ale_status create_conference(ale_memory *memory)
{
    OK(ale_conference_config_init(&in.conference));
    if (memory != NULL)
        return ale_conference_memory_required(&in.conference, memory);
    return ale_conference_create(&in.conference, MADE(ale_conference, 0));
}
static void destroy_link(void)
{
    ale_link_end_destroy(made[0]);
    ale_link_end_destroy(made[1]);
}
static ale_status create_link(ale_memory *memory)
{
    if (memory != NULL)
        return ALE_ERR_UNSUPPORTED;
    return ale_link_create(16000, MADE(ale_link_end, 0), MADE(ale_link_end, 1));
}
static void destroy_sums(void) { ale_partial_sums_destroy(made[0]); }
static ale_status create_sums(ale_memory *memory)
{
    return memory != NULL ? ALE_ERR_UNSUPPORTED : ale_partial_sums_create(MADE(ale_partial_sums, 0));
}
static void destroy_repacketizer(void) { ale_repacketizer_destroy(made[0]); }
static ale_status create_repacketizer(ale_memory *memory)
{
    if (memory != NULL)
        return ALE_ERR_UNSUPPORTED;
    return ale_repacketizer_create(&g711, 40, MADE(ale_repacketizer, 0));
}
static void *state(void *context) { return context; }
static void no_state(void *context) { (void)context; }
static int32_t no_samples(void *context, const uint8_t *payload, size_t length)
{
    (void)context;
    (void)payload;
    (void)length;
    return -1;
}
static int32_t no_pcm(void *context, const uint8_t *payload, size_t length, int16_t *pcm, size_t room)
{
    (void)pcm;
    (void)room;
    return no_samples(context, payload, length);
}
static void destroy_codec(void) { ale_host_codec_destroy(made[0]); }
static ale_status create_codec(ale_memory *memory)
{
    OK(ale_host_codec_config_init(&in.codec));
    in.codec.encoding = "X/8000";
    in.codec.decoder_create = state;
    in.codec.decoder_destroy = no_state;
    in.codec.packet_samples = no_samples;
    in.codec.decode = no_pcm;
    return memory != NULL ? ALE_ERR_UNSUPPORTED
                          : ale_host_codec_create(&in.codec, MADE(ale_host_codec, 0));
}
static int32_t no_key(void *context, const ale_srtp_backend_keys *keys, void **out)
{
    (void)context;
    (void)keys;
    (void)out;
    return -1;
}
static void free_key(void *context, void *old)
{
    (void)context;
    (void)old;
}
static void no_jobs(void *context, ale_srtp_backend_job *jobs, size_t count)
{
    (void)context;
    (void)jobs;
    (void)count;
}
static void destroy_backend(void) { ale_srtp_backend_destroy(made[0]); }
static ale_status create_backend(ale_memory *memory)
{
    OK(ale_srtp_backend_config_init(&in.backend));
    in.backend.schedule = no_key;
    in.backend.release = free_key;
    in.backend.seal = in.backend.open = no_jobs;
    return memory != NULL ? ALE_ERR_UNSUPPORTED
                          : ale_srtp_backend_create(&in.backend, MADE(ale_srtp_backend, 0));
}

static const struct {
    const char *name;
    ale_status (*create)(ale_memory *memory);
    void (*destroy)(void);
} creations[] = {
    {"srtp", create_srtp, destroy_srtp},
    {"srtp from a checkpoint", restore_srtp, destroy_srtp},
    {"jitter buffer", create_jitter, destroy_jitter},
    {"jitter control", create_control, destroy_control},
    {"replay", create_replay, destroy_replay},
    {"mixer", create_mixer, destroy_mixer},
    {"leg", create_leg, destroy_leg},
    {"conference", create_conference, destroy_conference},
    {"link", create_link, destroy_link},
    {"sums", create_sums, destroy_sums},
    {"repacketizer", create_repacketizer, destroy_repacketizer},
    {"codec", create_codec, destroy_codec},
    {"backend", create_backend, destroy_backend},
};
enum { CREATIONS = sizeof creations / sizeof creations[0] };

/* Each allocation of a creation is refused in turn, until one is enough. */
static void refused_in_turn(int which)
{
    ale_memory memory, before;
    size_t bytes = host.live_bytes, blocks = host.live_blocks;
    long given = 0;
    memset(&memory, 0, sizeof memory);
    memset(&before, 0, sizeof before);
    (void)creations[which].create(&memory); /* takes nothing of the host's */
    EXPECT(host.live_bytes == bytes && host.live_blocks == blocks);
    for (;; given++) {
        ale_status status;
        memset(made, 0xA5, sizeof made);
        host.refuse_after = given;
        host.refused = 0;
        host.peak_bytes = host.live_bytes;
        host.total_bytes = 0;
        status = creations[which].create(NULL);
        host.refuse_after = -1;
        if (status == ALE_OK)
            break;
        EXPECT(status == ALE_ERR_NO_MEMORY && host.refused);
        EXPECT(((unsigned char *)made)[0] == 0xA5 && ((unsigned char *)made)[sizeof made - 1] == 0xA5);
        EXPECT(host.live_bytes == bytes && host.live_blocks == blocks);
    }
    EXPECT(!host.refused && given > 0);
    if (memory.peak_bytes != 0) { /* the library can say what it takes */
        EXPECT(memory.kept_bytes == host.live_bytes - bytes);
        EXPECT(memory.kept_blocks == host.live_blocks - blocks);
        EXPECT(memory.peak_bytes == host.peak_bytes - bytes);
        EXPECT(memory.total_bytes == host.total_bytes);
    }
    printf("%-24s %7lu bytes in %lu blocks, %ld allocations\n", creations[which].name,
           (unsigned long)(host.live_bytes - bytes), (unsigned long)(host.live_blocks - blocks), given);
    creations[which].destroy();
    EXPECT(host.live_bytes == bytes && host.live_blocks == blocks);
}

/* What the other creations are made from. */
static void make_log_and_checkpoint(void)
{
    static const uint8_t nonce[ALE_SRTP_WRAPPING_NONCE_BYTES];
    uint8_t packet[172] = {0x80};
    int16_t pcm[80];
    uint64_t generation;
    int i;
    OK(create_jitter(NULL));
    a_reader = made[1];
    OK(ale_jitter_insert(made[0], packet, sizeof packet, 0));
    for (i = 0; i < 20; i++)
        OK(ale_jitter_pull(a_reader, (uint64_t)i * TICK_NS, pcm, 80, NULL));
    OK(ale_jitter_black_box(a_reader, log_of_it, sizeof log_of_it, &log_bytes));
    ale_jitter_writer_destroy(made[0]);
    OK(create_srtp(NULL));
    OK(ale_srtp_checkpoint(made[0], ALE_SRTP_RECEIVING, key, nonce, 0, checkpoint, sizeof checkpoint,
                           &checkpoint_bytes, &generation));
    destroy_srtp();
}

/* A call takes nothing and gives nothing back; and what can't be refused goes on without the host. */
static void calls_take_nothing(void)
{
    ale_conference *conference;
    ale_datagram datagram;
    ale_leg_media *media;
    ale_leg_receiver *receiver;
    ale_leg_control *control;
    size_t bytes, blocks;
    uint64_t member;
    int i;
    OK(create_conference(NULL));
    conference = made[0];
    OK(create_leg(NULL));
    receiver = made[0];
    control = made[2];
    OK(ale_conference_join(conference, made[1], NULL, &member));
    bytes = host.live_bytes;
    blocks = host.live_blocks;
    host.refuse_after = host.refused = 0;
    for (i = 0; i < 300; i++) {
        OK(ale_conference_tick(conference, (uint64_t)i * TICK_NS));
        while (ale_conference_next_datagram(conference, &datagram) == ALE_OK) {
            uint8_t copy[2048];
            memcpy(copy, datagram.bytes, datagram.length);
            (void)ale_leg_receive(receiver, copy, datagram.length, (uint64_t)i * TICK_NS, NULL);
        }
    }
    EXPECT(!host.refused && host.live_bytes == bytes && host.live_blocks == blocks);
    OK(ale_leg_rekey(control, "1 AEAD_AES_128_GCM inline:GhsZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAA==", NULL));
    EXPECT(host.refused);
    OK(ale_conference_tick(conference, 300 * TICK_NS));
    OK(ale_conference_leave(conference, member));
    OK(ale_conference_tick(conference, 301 * TICK_NS));
    OK(ale_conference_reclaim(conference, &member, &media));
    host.refuse_after = -1;
    ale_leg_receiver_destroy(receiver);
    ale_leg_media_destroy(media);
    ale_leg_control_destroy(control);
    ale_conference_destroy(conference);
}

/* A backend that frees one session and gives another new keys whenever it is to schedule some. */
static ale_srtp *dropped, *rekeyed;

static int32_t schedule(void *context, const ale_srtp_backend_keys *keys, void **key)
{
    (void)context;
    (void)keys;
    *key = NULL;
    ale_srtp_destroy(dropped);
    dropped = NULL;
    if (rekeyed != NULL)
        OK(ale_srtp_rekey(rekeyed, NULL, LINE));
    return 0;
}

static void forget(void *context, void *key)
{
    (void)context;
    (void)key;
}

static void leave(void *context, ale_srtp_backend_job *jobs, size_t count)
{
    (void)context;
    (void)jobs;
    (void)count;
}

/* What a measurement makes is the system's, and what others make and free meanwhile stays the host's. */
static void measured_while_others_come_and_go(void)
{
    ale_srtp_backend_config functions;
    ale_srtp_config plain, config;
    ale_srtp_backend *backend;
    ale_memory quiet, busy;
    size_t before = host.live_bytes;
    OK(ale_srtp_backend_config_init(&functions));
    functions.schedule = schedule;
    functions.release = forget;
    functions.seal = functions.open = leave;
    OK(ale_srtp_backend_create(&functions, &backend));
    OK(ale_srtp_config_init(&config));
    plain = config;
    config.send_crypto = config.receive_crypto = plain.receive_crypto = LINE;
    config.backend = backend;
    OK(ale_srtp_memory_required(&config, &quiet));
    OK(ale_srtp_create(&plain, &dropped));
    OK(ale_srtp_create(&plain, &rekeyed));
    OK(ale_srtp_memory_required(&config, &busy));
    EXPECT(dropped == NULL && busy.kept_bytes >= quiet.kept_bytes);
    ale_srtp_destroy(rekeyed);
    ale_srtp_backend_destroy(backend);
    EXPECT(host.live_bytes == before);
}

int main(void)
{
    ale_allocator allocator;
    ale_memory early, late;
    int i;
    g711.encoding = "PCMU/8000";
    OK(create_leg(&early)); /* may be asked before there is an allocator */
    OK(ale_allocator_init(&allocator));
    INVALID(ale_set_allocator(&allocator));
    allocator.context = &host;
    allocator.allocate = allocate;
    INVALID(ale_set_allocator(&allocator));
    allocator.release = release;
    OK(ale_set_allocator(&allocator));
    EXPECT(ale_set_allocator(&allocator) == ALE_ERR_TOO_LATE);
    OK(create_leg(&late));
    EXPECT(memcmp(&early, &late, sizeof early) == 0 && host.total_bytes == 0);

    make_log_and_checkpoint();
    for (i = 0; i < CREATIONS; i++)
        refused_in_turn(i);
    ale_jitter_reader_destroy(a_reader);
    calls_take_nothing();
    measured_while_others_come_and_go();
    EXPECT(host.live_bytes == 0 && host.live_blocks == 0);
    return 0;
}
