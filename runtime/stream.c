/* What stands in for stderr inside a library made from the runtime (compiler/link/link.c renames the image libraries'
 * references to it). Their messages go to our own handlers, so nothing is ever written to it: a library is silent. */
#include <stdio.h>

extern FILE *const cnxrt_no_stream;
FILE *const cnxrt_no_stream = NULL;
