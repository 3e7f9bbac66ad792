/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* With a debug build of the library: what is destroyed twice ends the process. */
#include "../c/check.h"

#include <signal.h>

static void as_it_should(int signal)
{
    (void)signal;
    _Exit(0);
}

int main(int argc, char **argv)
{
    ale_mixer_config config;
    ale_mixer *mixer;
    ale_link_end *one, *other;
    int taken = argc > 1 && strcmp(argv[1], "taken") == 0;
    OK(ale_mixer_config_init(&config));
    OK(ale_mixer_create(&config, &mixer));
    OK(ale_link_create(8000, &one, &other));
    signal(SIGABRT, as_it_should);
    if (taken) { /* what a conference has is the conference's to destroy */
        ale_conference_config conferring;
        ale_conference *conference;
        uint64_t member;
        OK(ale_conference_config_init(&conferring));
        OK(ale_conference_create(&conferring, &conference));
        OK(ale_conference_join_link(conference, one, NULL, &member));
        ale_link_end_destroy(one);
    } else {
        ale_mixer_destroy(mixer);
        ale_mixer_destroy(mixer);
    }
    return 1;
}
