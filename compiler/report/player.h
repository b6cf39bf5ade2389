/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A compiled program that runs when it is its turn (runtime/cli/turns.c). */
#ifndef CNXC_REPORT_PLAYER_H
#define CNXC_REPORT_PLAYER_H

#include "ir/base/child.h"
#include "ir/base/diag.h"

#include <jansson.h>
#include <stdio.h>

typedef struct Player {
    const char *program;     /* its path */
    Child child;
    FILE *answers;
    char *line;              /* room for one of them */
    json_t *greeting;        /* threads, batch, flops, names of phases */
    Diag *diag;
} Player;

typedef struct PlayerOptions {
    int64_t threads, batch;
    bool per_op;             /* time its phases, too */
} PlayerOptions;

/* player_end is due in any case. False after a diagnostic. */
bool player_start(Player *player, const char *program, const PlayerOptions *options, Arena *arena, Diag *diag);

/* {"ms": [of each counted run], "phases_ms": [means of the turn]}; NULL after a diagnostic, else the caller's. */
json_t *player_turn(Player *player, int64_t uncounted, int64_t counted);

void player_end(Player *player);

#endif
