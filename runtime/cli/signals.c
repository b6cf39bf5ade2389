/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Signals: a stream of pictures ends with whole lines and whole rows, anything else at once and with nothing left behind.
 *
 *   SIGTERM while 3 of 9 pictures are being answered     these 3 are answered, files are finished, then it ends by SIGTERM
 *   SIGTERM twice, or while a single result is written   files that are not finished are removed, and it ends by SIGTERM */
#include "runtime/cli/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

enum { LOOK_MS = 100 }; /* another thread than the one that waits may be the one that hears the signal */

static atomic_int asked; /* the signal */
static atomic_bool gentle;
static void (*_Atomic clean)(void); /* may be NULL */

static void on_signal(int number)
{
    if (number != SIGPIPE && atomic_load(&gentle) && !atomic_load(&asked)) {
        atomic_store(&asked, number);
        return;
    }
    void (*clean_up)(void) = atomic_load(&clean);
    if (clean_up)
        clean_up();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch (void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup stays in force */
            sigaction(numbers[i], &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is a failed write */
}

void signals_catch(void (*clean_up)(void))
{
    atomic_store(&clean, clean_up);
    catch ();
}

void signals_ask_first(void)
{
    atomic_store(&gentle, true);
    catch ();
}

bool signals_asked(void) { return atomic_load(&asked) != 0; }

bool signals_wait(int file)
{
    struct pollfd what = {.fd = file, .events = POLLIN};
    while (!signals_asked()) {
        int n = poll(&what, 1, LOOK_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
    }
    return false;
}

void signals_obey(void)
{
    if (!signals_asked())
        return;
    signal(atomic_load(&asked), SIG_DFL);
    raise(atomic_load(&asked));
}
