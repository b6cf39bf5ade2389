/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The products that there are, by precision. One more is a row here and its inner step in codegen/. */
#include "compiler/target/product.h"

#include "ir/base/str.h"
#include "ir/base/vec.h"

static const Product products[] = {
    {DT_FLOAT, DT_FLOAT, DT_FLOAT, 1, 0},
    {DT_BFLOAT16, DT_BFLOAT16, DT_FLOAT, 2, 0},
    {DT_UINT8, DT_INT8, DT_INT32, 4, 0},
};

static const struct {
    const char *name;
    DType precision;
} precisions[] = {{"f32", DT_FLOAT}, {"bf16", DT_BFLOAT16}, {"int8", DT_INT8}};

const char *precision_name(DType precision)
{
    for (int i = 0; i < countof(precisions); i++)
        if (precisions[i].precision == precision)
            return precisions[i].name;
    unreachable();
}

DType precision_named(const char *name)
{
    for (int i = 0; i < countof(precisions); i++)
        if (str_equal(precisions[i].name, name))
            return precisions[i].precision;
    return DT_FLOAT;
}

/* Arm multiplies signed bytes by signed ones; x86, and its matrix unit, unsigned by signed. */
Product product_of(const CpuProfile *cpu, DType precision)
{
    Product product = products[0];
    for (int i = 0; i < countof(products); i++)
        if (products[i].b == precision)
            product = products[i];
    if (product.a == DT_UINT8 && cpu->arch == ARCH_AARCH64)
        product.a = DT_INT8;
    product.k_pack *= cpu_pairs_rows(cpu, precision) ? 2 : 1;
    product.unit = precision == DT_FLOAT ? 0 : cpu_matrix_unit(cpu, precision);
    return product;
}

bool product_equal(Product x, Product y)
{
    return x.a == y.a && x.b == y.b && x.sum == y.sum && x.k_pack == y.k_pack && x.unit == y.unit;
}

bool product_is_native(const CpuProfile *cpu, Product product)
{
    return product.b == DT_FLOAT || (product.b == DT_BFLOAT16 ? cpu_has_dot_bf16(cpu) : cpu_has_dot_int8(cpu));
}
