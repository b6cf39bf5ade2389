/* Text: errors, JSON strings, TSV fields. */
#include "runtime/cli/cli.h"
#include "ir/base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ── Characters ──────────────────────────────────────────────────────────────────────────────────────── */

/* C0, DEL and C1 (U+0080 to U+009F, in UTF-8 c2 80 to c2 9f): a terminal obeys them. */
static bool is_control(const unsigned char *text, int n)
{
    return (n == 1 && (*text < 32 || *text == 127)) || (n == 2 && *text == 0xc2 && text[1] < 0xa0);
}

/* The escape of a byte, as C and Python read it. */
static void put_escaped(FILE *out, unsigned char byte)
{
    static const char letters[] = "\tt\nn\rr\\\\";
    for (const char *l = letters; *l; l += 2)
        if ((unsigned char)*l == byte) {
            fprintf(out, "\\%c", l[1]);
            return;
        }
    fprintf(out, "\\x%02x", byte);
}

void put_field(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int n = utf8_length((const char *)c, 4), length = n ? n : 1;
        bool plain = n && *c != '\\' && !is_control(c, n);
        for (int i = 0; i < length; i++)
            if (plain)
                fputc(c[i], out);
            else
                put_escaped(out, c[i]);
        c += length;
    }
}

void put_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int n = utf8_length((const char *)c, 4);
        if (n == 0)
            fputs("\xef\xbf\xbd", out);
        else if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (is_control(c, n))
            fprintf(out, "\\u%04x", n == 1 ? c[0] : c[1]);
        else
            fwrite(c, 1, (size_t)n, out);
        c += n ? n : 1;
    }
    fputc('"', out);
}

/* ── Errors ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool colored(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static void put_message(FILE *out, const char *format, va_list args)
{
    char small[512], *text = small;
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    if (n >= (int)sizeof small && (text = malloc((size_t)n + 1)))
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    put_field(out, text ? text : small); /* out of memory: what there is room for */
    if (text != small)
        free(text);
}

bool cli_error(Cli *cli, int exit_code, const char *place, const char *format, ...)
{
    if (cli->exit_code == CLI_OK)
        cli->exit_code = exit_code;
    fflush(stdout); /* answers before it stay before it */
    bool color = colored();
    put_field(stderr, place ? place : cli->program);
    fprintf(stderr, ": %serror:%s ", color ? "\033[1;31m" : "", color ? "\033[0m" : "");
    va_list args;
    va_start(args, format);
    put_message(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

static int exit_code_of(cnxrt_status status)
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
    return cli_error(cli, exit_code_of(status), place, "%s", *details ? details : cnxrt_status_text(status));
}
