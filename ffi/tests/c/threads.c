/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Objects made, measured and destroyed by several threads at once: what one thread makes is not
 * counted as what another does, and no block gets lost. */

#include "check.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 50 };

static ale_memory alone;

static void leg_config(ale_leg_config *config)
{
    OK(ale_leg_config_init(config));
    config->local_ssrc = 7;
    config->send.encoding = "PCMA/8000";
    config->send.payload_type = 8;
}

static void *make_and_measure(void *unused)
{
    ale_leg_config config;
    ale_leg_receiver *receiver;
    ale_leg_media *media;
    ale_leg_control *control;
    ale_memory memory;
    int round;
    (void)unused;
    leg_config(&config);
    for (round = 0; round < ROUNDS; round++) {
        OK(ale_leg_memory_required(&config, &memory));
        EXPECT(memcmp(&memory, &alone, sizeof alone) == 0);
        OK(ale_leg_create(&config, &receiver, &media, &control));
        ale_leg_receiver_destroy(receiver);
        ale_leg_media_destroy(media);
        ale_leg_control_destroy(control);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    ale_leg_config config;
    int n;
    leg_config(&config);
    OK(ale_leg_memory_required(&config, &alone));
    EXPECT(alone.kept_bytes > 0);
    for (n = 0; n < THREADS; n++)
        EXPECT(pthread_create(&threads[n], NULL, make_and_measure, NULL) == 0);
    for (n = 0; n < THREADS; n++)
        EXPECT(pthread_join(threads[n], NULL) == 0);
    puts("threads: as if alone");
    return 0;
}
