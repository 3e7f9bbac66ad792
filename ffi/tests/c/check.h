/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the C tests check with: the first thing that is not so ends the test and says where. */

#ifndef CHECK_H
#define CHECK_H

#include "ale_media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                  \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)
#define OK(call) EXPECT((call) == ALE_OK)
#define INVALID(call) EXPECT((call) == ALE_ERR_INVALID_ARGUMENT)
#define REFUSED(status, call) EXPECT((call) == (status))

#endif
