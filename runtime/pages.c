/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Large memory lies on huge pages, where the system has them for the asking.
 *
 *   UperNet-T at 512x512: an arena of 274 MB, logits of 157      105,000 pages of 4 KB   →   206 of 2 MB
 *
 * A processor keeps the places of some hundred or thousand pages; a virtual machine looks up the others in two tables after another.
 * Only whole huge pages are asked for, so that no more memory is in use than before. Copies of weights lie there, too: products read them
 * equally fast wherever they come to lie. */
#include "runtime/pages.h"
#include "runtime/internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20, WORTH_IT = 2 * HUGE_PAGE };

void *pages_new(size_t bytes)
{
    size_t alignment = bytes < WORTH_IT ? CNXRT_WORKSPACE_ALIGNMENT : HUGE_PAGE;
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    void *memory = aligned_alloc(alignment, bytes ? (bytes + alignment - 1) / alignment * alignment : alignment);
#ifdef MADV_HUGEPAGE
    if (memory && bytes >= WORTH_IT)
        madvise(memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return memory;
}
