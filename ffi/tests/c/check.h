/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the C tests check with. */

#ifndef CHECK_H
#define CHECK_H

#include "ale_media.h"
#include "expect.h"

#include <string.h>

#define OK(call) EXPECT((call) == ALE_OK)
#define INVALID(call) EXPECT((call) == ALE_ERR_INVALID_ARGUMENT)
#define REFUSED(status, call) EXPECT((call) == (status))

#endif
