/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Errors: their text and their exit codes. */
#include "runtime/cli/cli.h"
#include "ir/base/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_message(FILE *out, const char *format, va_list args)
{
    char small[512], *text = small;
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    if (n >= (int)sizeof small && (text = malloc((size_t)n + 1)))
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    put_escaped(out, text ? text : small); /* out of memory: what there is room for */
    if (text != small)
        free(text);
}

bool cli_error(Cli *cli, int exit_code, const char *place, const char *format, ...)
{
    if (cli->exit_code == CLI_OK)
        cli->exit_code = exit_code;
    fflush(stdout); /* answers before it stay before it */
    bool color = terminal_takes_color(STDERR_FILENO);
    terminal_clear();
    put_escaped(stderr, place ? place : cli->program);
    fprintf(stderr, ": %serror:%s ", color ? "\033[1;31m" : "", color ? "\033[0m" : "");
    va_list args;
    va_start(args, format);
    put_message(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

int cli_exit_code(cnxrt_status status)
{
    switch (status) {
    case CNXRT_OK: return CLI_OK;
    case CNXRT_ERROR_WEIGHTS_FORMAT:
    case CNXRT_ERROR_WEIGHTS_MODEL:
    case CNXRT_ERROR_WEIGHTS_DAMAGED:
    case CNXRT_ERROR_IMAGE: return CLI_INPUT;
    case CNXRT_ERROR_UNSUPPORTED: return CLI_UNSUPPORTED;
    case CNXRT_ERROR_CPU:
    case CNXRT_ERROR_MEMORY:
    case CNXRT_ERROR_THREADS:
    case CNXRT_ERROR_FILE: return CLI_RESOURCE;
    default: return CLI_BUG;
    }
}

bool cli_fail(Cli *cli, cnxrt_status status, const char *place)
{
    const char *details = cnxrt_context_error(cli->context);
    return cli_error(cli, cli_exit_code(status), place, "%s", *details ? details : cnxrt_status_text(status));
}
