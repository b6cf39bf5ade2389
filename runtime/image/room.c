/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Room: a steady stream of pictures allocates nothing.
 *
 * What preparing a picture needs is said beforehand, as a bound that never falls where a picture grows, and taken piece by
 * piece from one block, which is kept. Once the largest picture has been seen, the block stays as it is.
 *
 *   room_begin(room, bound of 640 x 480)    malloc
 *   room_take(room, 224 * 224, 3)           a piece of it
 *   room_begin(room, bound of 320 x 200)    nothing but used = 0
 *
 * Bounds are doubles: those of impossible pictures, too, are numbers, which no block has room for. */
#include "runtime/image/room.h"

#include <stdlib.h>

enum { LARGEST_SHIFT = 47 }; /* addresses have no more bits */

double room_bytes(double n, size_t each) { return n * (double)each + ROOM_ALIGNMENT; }

bool room_begin(Room *room, double bytes)
{
    room->used = 0;
    if (bytes <= (double)room->bytes)
        return true;
    room_free(room);
    if (!(bytes < (double)((int64_t)1 << LARGEST_SHIFT)))
        return false;
    room->memory = malloc((size_t)bytes + 1);
    room->bytes = room->memory ? (size_t)bytes + 1 : 0;
    return room->memory;
}

void *room_take(Room *room, int64_t n, size_t each)
{
    size_t bytes;
    if (n < 0 || __builtin_mul_overflow((size_t)n, each, &bytes) || bytes > room->bytes - room->used)
        return NULL;
    uint8_t *piece = room->memory + room->used;
    size_t next = room->used + (bytes + ROOM_ALIGNMENT - 1) / ROOM_ALIGNMENT * ROOM_ALIGNMENT;
    room->used = next < room->bytes ? next : room->bytes;
    return piece;
}

void room_free(Room *room)
{
    free(room->memory);
    *room = (Room){0};
}
