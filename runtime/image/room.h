/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Room: memory that is kept from picture to picture. */
#ifndef CNXRT_IMAGE_ROOM_H
#define CNXRT_IMAGE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, it is empty. */
typedef struct Room {
    uint8_t *memory;    /* owned */
    size_t bytes, used; /* of it */
} Room;

/* Empties it and makes it `bytes` large at least; false: out of memory, and the room has none. */
bool room_begin(Room *room, double bytes);

/* The next n elements of `each` bytes, aligned to ROOM_ALIGNMENT; NULL: there is no such room left. */
void *room_take(Room *room, int64_t n, size_t each);

void room_free(Room *room);

enum { ROOM_ALIGNMENT = 16 };

/* What room_take uses up of it. */
double room_bytes(double n, size_t each);

#endif
