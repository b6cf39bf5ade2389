/* Segments of a region's body, and the epilogues that their anchors take. */
#ifndef CNXC_SCHEDULE_REGION_H
#define CNXC_SCHEDULE_REGION_H

#include "compiler/schedule/expr.h"

/* The epilogue waiting for this node, with its constant bias split off; NULL: none. Taking it makes the node
 * write the region's output instead of its own. */
typedef struct Result {
    const Value *value;     /* what to write */
    const Fusion *epilogue; /* what to apply; NULL: nothing */
} Result;
Result result_take(Lowering *l, const Node *node, bool (*fits)(const Fusion *epilogue)); /* fits NULL: any */

/* Part of a region's body: an anchor and the elementwise nodes behind it, [first, last]. */
typedef struct Segment {
    const Node *first, *last, *anchor;
} Segment;
int segments_of(const Graph *body, Segment *segments, int most); /* their number; 0: more than most */
bool segment_fuse(Lowering *l, const Segment *segment, Fusion *fusion); /* false: it has no such form */
bool lower_segment(Lowering *l, const Segment *segment);

#endif
