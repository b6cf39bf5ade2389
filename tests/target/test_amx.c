/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What is said of AMX on machines that are not there. */
#include "compiler/target/amx.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Sapphire Rapids without a hypervisor: all is there. */
static const AmxFacts good = {.is_x86 = true,
                              .id.is_intel = true,
                              .id.family = 6,
                              .id.model = 0x8f,
                              .tile = true,
                              .bf16 = true,
                              .int8 = true,
                              .saved = true,
                              .kernel = "6.1.0-13-amd64"};

static void assert_says(AmxFacts facts, bool expected, const char *part)
{
    Arena *arena = arena_new();
    bool usable;
    const char *words = amx_words(&facts, &usable, arena);
    if (!strstr(words, part))
        fail_msg("'%s' is not in '%s'", part, words);
    assert_int_equal(usable, expected);
    arena_free(arena);
}

static void test_there(void **state)
{
    (void)state;
    AmxFacts facts = good;
    assert_says(facts, true, "nothing is missing: the processor has it for bf16 and int8, Linux 6.1.0-13-amd64 saves");
    facts.is_guest = true;
    facts.int8 = false;
    assert_says(facts, true, "the processor that the hypervisor shows has it for bf16 alone");
}

static void test_no_processor(void **state)
{
    (void)state;
    AmxFacts facts = good;
    facts.tile = facts.bf16 = facts.int8 = facts.saved = false;
    assert_says(facts, false, "(Intel, model 0x8f) has it, but it is switched off");
    facts.is_guest = true;
    assert_says(facts, false, "(Intel, model 0x8f) has it, but the hypervisor does not pass it on");
    facts.id.model = 0x6a;
    assert_says(facts, false, "(Intel, model 0x6a) has none; if it is a Xeon from Sapphire Rapids on, the hypervisor");
    facts.is_guest = false;
    assert_says(facts, false, "the processor has none");
    facts.id.is_intel = false;
    facts.is_guest = true;
    assert_says(facts, false, "the processor has none");
    facts.is_x86 = false;
    assert_says(facts, false, "no x86-64 processor");
}

static void test_kernel(void **state)
{
    (void)state;
    AmxFacts facts = good;
    facts.saved = false;
    facts.kernel = "5.15.0-91-generic";
    assert_says(facts, false, "Linux 5.15.0-91-generic does not save its registers; Linux 5.16 and later do");
    facts.kernel = "5.16.0";
    assert_says(facts, false, "started without them");
    facts.is_guest = true;
    assert_says(facts, false, "the hypervisor shows no room for them");
    facts = good;
    facts.refused = EPERM;
    assert_says(facts, false, "this process gets no tiles (Operation not permitted): a container's seccomp filter");
    facts.refused = ENOSPC;
    assert_says(facts, false, "signal stack is too small");
}

/* Here: whatever it is, it is said. */
static void test_here(void **state)
{
    (void)state;
    Arena *arena = arena_new();
    AmxFacts facts = amx_facts(arena);
    bool usable;
    assert_true(strlen(amx_words(&facts, &usable, arena)) > 20);
    assert_true(!usable || (facts.tile && facts.saved));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there), cmocka_unit_test(test_no_processor),
                                       cmocka_unit_test(test_kernel), cmocka_unit_test(test_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
