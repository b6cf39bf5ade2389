/* Answers as JSON. */
#ifndef CNXC_REPORT_JSON_H
#define CNXC_REPORT_JSON_H

#include <jansson.h>

/* To standard output, and lets go of it; numbers that are not whole have so many digits. */
void json_print(json_t *answer, int digits);

#endif
