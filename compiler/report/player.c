/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Player: a program started once, warm, and asked for some runs at a time through a pipe: starting it for each turn would
 * measure the reading of its weights.
 *
 *   player_turn(&a, 1, 3)   →   "1 3"   →   {"ms": [12.1, 12.3, 12.2], "phases_ms": []} */
#include "compiler/report/player.h"
#include "compiler/report/json.h"
#include "ir/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_LINE = 4 << 20 }; /* of an answer: a longer one is none */

static const char *words_of_end(int status)
{
    if (WIFSIGNALED(status))
        return strsignal(WTERMSIG(status));
    return WEXITSTATUS(status) ? "it has said why" : "it does not take turns; was it made by an older cnxc?";
}

/* What it said before is on standard error. */
static json_t *fail(Player *player)
{
    int status = 0;
    bool ended = player->child.pid > 0 && child_wait(&player->child, &status);
    player->child.pid = 0;
    if (ended && !diag_failed(player->diag))
        diag_resource(player->diag, NO_SPAN, "'%s' ended before its last turn: %s", player->program, words_of_end(status));
    return NULL;
}

static const JsonRule greeting_rules[] = {
    {NULL, "threads", NEED_NUMBER}, {NULL, "batch", NEED_NUMBER}, {NULL, "flops", NEED_NUMBER},
    {NULL, "phases", NEED_LIST},    {"phases", NULL, NEED_TEXT},
};
static const JsonRule turn_rules[] = {
    {NULL, "ms", NEED_LIST},
    {"ms", NULL, NEED_NUMBER},
    {NULL, "phases_ms", NEED_LIST},
    {"phases_ms", NULL, NEED_NUMBER},
};

static json_t *read_answer(Player *player, const JsonRule *rules, int64_t n_rules)
{
    bool read = fgets(player->line, MOST_LINE, player->answers);
    json_t *answer = read ? json_loads(player->line, 0, NULL) : NULL;
    if (!answer || json_is_of_program(answer, rules, n_rules, player->program, player->diag))
        return answer ? answer : fail(player);
    json_decref(answer);
    return NULL;
}

bool player_start(Player *player, const char *program, const PlayerOptions *options, Arena *arena, Diag *diag)
{
    *player = (Player){.program = program, .line = memory_new(MOST_LINE), .diag = diag};
    char *words[] = {(char *)(uintptr_t)program,
                     "--bench",
                     "--turns",
                     "--threads",
                     arena_printf(arena, "%lld", (long long)options->threads),
                     options->per_op ? "--per-op" : NULL,
                     NULL,
                     NULL,
                     NULL};
    int n = options->per_op ? 6 : 5;
    words[n] = options->batch ? "--batch" : NULL;
    words[n + 1] = options->batch ? arena_printf(arena, "%lld", (long long)options->batch) : NULL;
    fflush(NULL);
    int error = child_start(words, CHILD_INPUT | CHILD_OUTPUT, &player->child);
    if (error) {
        diag_resource(diag, NO_SPAN, "'%s' can't be run: %s", program, strerror(error));
        return false;
    }
    if (!(player->answers = fdopen(player->child.output, "r")))
        out_of_memory();
    player->child.output = -1;
    return (player->greeting = read_answer(player, greeting_rules, countof(greeting_rules)));
}

json_t *player_turn(Player *player, int64_t uncounted, int64_t counted)
{
    if (dprintf(player->child.input, "%lld %lld\n", (long long)uncounted, (long long)counted) < 0)
        return fail(player);
    return read_answer(player, turn_rules, countof(turn_rules));
}

void player_end(Player *player)
{
    int status;
    if (player->child.pid > 0)
        child_wait(&player->child, &status);
    if (player->answers)
        fclose(player->answers);
    free(player->line);
    json_decref(player->greeting);
    *player = (Player){0};
}
