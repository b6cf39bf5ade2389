/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* HDF5 in the child process: libhdf5 finds the datasets, and each is told by a record.
 *
 * Problem: the file that was checked and mapped must be the one that is read, whatever its name leads to by now, and it may be
 * of a stranger who names further files in it. Idea: libhdf5 gets the mapped bytes as a "file image", which it reads in place;
 * of a dataset that does not lie in the file in one piece, nothing is asked. This file alone is a module that only the child
 * loads: libhdf5 brings forty more libraries. */
#include "compiler/frontend/checkpoint/h5.h"

#include <hdf5.h>
#include <string.h>
#include <unistd.h>

/* ── The file: an image that is never copied, changed or freed ── */

static const uint8_t *image; /* of the one file that this process reads */

static void *image_allocate(size_t size, H5FD_file_image_op_t op, void *data)
{
    (void)size, (void)op, (void)data;
    return (void *)(uintptr_t)image;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *data)
{
    (void)from, (void)size, (void)op, (void)data;
    return to;
}

static void *image_resize(void *old, size_t size, H5FD_file_image_op_t op, void *data)
{
    (void)old, (void)size, (void)op, (void)data;
    return NULL;
}

static herr_t image_free(void *old, H5FD_file_image_op_t op, void *data)
{
    (void)old, (void)op, (void)data;
    return 0;
}

static hid_t open_image(const uint8_t *bytes, int64_t length)
{
    static H5FD_file_image_callbacks_t in_place = {image_allocate, image_copy, image_resize, image_free, NULL, NULL, NULL};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    image = bytes;
    if (H5Pset_fapl_core(access, 1, false) >= 0 && H5Pset_file_image_callbacks(access, &in_place) >= 0 &&
        H5Pset_file_image(access, image_allocate(0, 0, NULL), (size_t)length) >= 0)
        file = H5Fopen("image", H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

/* ── Datasets ── */

/* float16 has no name in this version of the library: its bits are described. */
static bool is_half(hid_t type)
{
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    return H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 2 && H5Tget_order(type) == H5T_ORDER_LE &&
           H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 && sign == 15 &&
           exponent == 10 && exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10;
}

static DType dtype_of(hid_t type)
{
    return H5Tequal(type, H5T_IEEE_F32LE) > 0   ? DT_FLOAT
           : H5Tequal(type, H5T_IEEE_F64LE) > 0 ? DT_DOUBLE
           : H5Tequal(type, H5T_STD_I64LE) > 0  ? DT_INT64
           : H5Tequal(type, H5T_STD_I32LE) > 0  ? DT_INT32
           : is_half(type)                      ? DT_FLOAT16
                                                : DT_UNDEFINED;
}

static bool is_contiguous(hid_t dataset)
{
    hid_t list = H5Dget_create_plist(dataset);
    bool contiguous = H5Pget_layout(list) == H5D_CONTIGUOUS && H5Pget_external_count(list) == 0 && H5Pget_nfilters(list) == 0 &&
                      H5Dget_offset(dataset) != HADDR_UNDEF;
    H5Pclose(list);
    return contiguous;
}

static void describe(hid_t dataset, H5Record *record)
{
    hsize_t dims[H5S_MAX_RANK];
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    record->dtype = dtype_of(type);
    record->rank = H5Sget_simple_extent_dims(space, dims, NULL);
    for (int64_t i = 0; i < record->rank && i < MAX_RANK; i++)
        record->dims[i] = (int64_t)dims[i];
    record->offset = (int64_t)H5Dget_offset(dataset);
    record->bytes = (int64_t)H5Dget_storage_size(dataset);
    H5Sclose(space);
    H5Tclose(type);
}

static herr_t tell(hid_t root, const char *path, const H5O_info_t *info, void *data)
{
    const int *pipe_end = data;
    H5Record record = {0};
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    hid_t dataset = strlen(path) < sizeof record.path ? H5Dopen2(root, path, H5P_DEFAULT) : -1;
    if (dataset < 0)
        return -1;
    strcpy(record.path, path);
    record.contiguous = is_contiguous(dataset);
    if (record.contiguous)
        describe(dataset, &record);
    H5Dclose(dataset);
    return write(*pipe_end, &record, sizeof record) == (ssize_t)sizeof record ? 0 : -1;
}

bool h5_tell(const uint8_t *bytes, int64_t length, int pipe_end)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = open_image(bytes, length);
    bool told = file >= 0 && H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, tell, &pipe_end) >= 0;
    if (file >= 0)
        H5Fclose(file);
    return told;
}
