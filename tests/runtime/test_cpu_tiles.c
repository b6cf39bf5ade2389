/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* AMX needs three yeses, of CPUID, XCR0 and the kernel; and the kernel is asked by nobody who can do without.
 *
 * The runtime's file is compiled here with another processor and another kernel under it. */
#include <cpuid.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    uint32_t leaf7_d;
    uint64_t saved;
    bool grants;
    int asked;
} machine;

static int fake_cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a = *b = *d = 0;
    *c = ~0u;
    return leaf == 1;
}

static int fake_cpuid_count(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a = *b = *c = ~0u;
    *d = machine.leaf7_d;
    return leaf == 7 && subleaf <= 1;
}

static long fake_syscall(long number, long code, long feature)
{
    machine.asked += number == SYS_arch_prctl && code == 0x1023 && feature == 18;
    errno = machine.grants ? 0 : EPERM;
    return machine.grants ? 0 : -1;
}

#define __get_cpuid fake_cpuid
#define __get_cpuid_count fake_cpuid_count
#define syscall fake_syscall
#define saved_states(...) SAVED_##__VA_ARGS__ /* the definition, with (void), and the call, with () */
#define SAVED_void __attribute__((unused)) really_saved_states(void)
#define SAVED_ machine.saved
#include "runtime/cpu.c"
#undef syscall

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, ALL = CNXRT_CPU_AVX512 | CNXRT_CPU_AVX512_BF16 | CNXRT_CPU_AMX_BF16 };

static const CnxrtVariant tiles = {.cpu_name = "tiles", .cpu_features = ALL};
static const CnxrtVariant vectors = {.cpu_name = "vectors", .cpu_features = CNXRT_CPU_AVX512};

static const CnxrtVariant *pick(uint32_t leaf7_d, uint64_t saved, bool grants)
{
    CnxrtModel model = {.n_variants = 2, .variants = (const CnxrtVariant *const[]){&tiles, &vectors}};
    machine.leaf7_d = leaf7_d;
    machine.saved = saved;
    machine.grants = grants;
    machine.asked = 0;
    return cpu_variant(&model);
}

static void taken_where_all_agree(void **state)
{
    (void)state;
    assert_ptr_equal(pick(AMX_BF16 | AMX_TILE, 0x600e7, true), &tiles);
    assert_int_equal(machine.asked, 1);
}

static void left_where_one_denies(void **state)
{
    (void)state;
    assert_ptr_equal(pick(AMX_TILE, 0x600e7, true), &vectors);
    assert_ptr_equal(pick(AMX_BF16, 0x600e7, true), &vectors);
    assert_ptr_equal(pick(AMX_BF16 | AMX_TILE, 0x200e7, true), &vectors);
    assert_ptr_equal(pick(AMX_BF16 | AMX_TILE, 0x400e7, true), &vectors);
    assert_int_equal(machine.asked, 0);
    assert_ptr_equal(pick(AMX_BF16 | AMX_TILE, 0x600e7, false), &vectors);
    assert_int_equal(machine.asked, 1);
    assert_int_equal(cpu_missing(ALL), CNXRT_CPU_AMX_BF16);
}

static void not_asked_for_without_need(void **state)
{
    (void)state;
    pick(AMX_BF16 | AMX_TILE, 0x600e7, true);
    machine.asked = 0;
    assert_int_equal(cpu_missing(vectors.cpu_features), 0);
    assert_int_equal(machine.asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_where_all_agree),
        cmocka_unit_test(left_where_one_denies),
        cmocka_unit_test(not_asked_for_without_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
