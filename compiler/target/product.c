/* The products that there are, by precision. One more is a row here and its inner step in codegen/. */
#include "compiler/target/product.h"

#include "ir/base/vec.h"

static const Product products[] = {
    {DT_FLOAT, DT_FLOAT, DT_FLOAT, 1, 0},
    {DT_BFLOAT16, DT_BFLOAT16, DT_FLOAT, 2, 0},
};

/* The matrix unit takes pairs of bf16 alone. */
Product product_of(const CpuProfile *cpu, DType precision)
{
    Product product = products[0];
    for (int i = 0; i < countof(products); i++)
        if (products[i].b == precision)
            product = products[i];
    product.k_pack *= cpu_pairs_rows(cpu, precision) ? 2 : 1;
    product.unit = precision == DT_BFLOAT16 ? cpu_matrix_unit(cpu) : 0;
    return product;
}

bool product_equal(Product x, Product y)
{
    return x.a == y.a && x.b == y.b && x.sum == y.sum && x.k_pack == y.k_pack && x.unit == y.unit;
}

bool product_is_native(const CpuProfile *cpu, Product product) { return product.b == DT_FLOAT || cpu_has_dot_bf16(cpu); }
