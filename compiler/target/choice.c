/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a profile says of a shape: the choice that "cnxc tune" measured for it. */
#include "compiler/target/cpu.h"

#include <string.h>

bool schedule_shape_equal(const ScheduleShape *a, const ScheduleShape *b)
{
    return a->op == b->op && a->precision == b->precision && memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

const ScheduleChoice *cpu_choice(const CpuProfile *cpu, const ScheduleShape *shape)
{
    for (int64_t i = 0; i < cpu->n_choices; i++)
        if (schedule_shape_equal(&cpu->choices[i].shape, shape))
            return &cpu->choices[i];
    return NULL;
}
