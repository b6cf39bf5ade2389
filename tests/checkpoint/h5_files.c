/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Makes Inputs/*.h5, small HDF5 files in forms that Keras writes and in forms that it never does. By hand, when one is added:
 *
 *   h5cc tests/checkpoint/h5_files.c -o build/h5_files && cd tests/checkpoint/Inputs && ../../../build/h5_files */
#include <hdf5.h>

static const hsize_t dims[] = {2, 3, 2, 2}, high[] = {1, 1, 1, 1, 1, 1, 1, 1, 2};

static hid_t create(const char *name, H5F_libver_t version)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, version, H5F_LIBVER_LATEST);
    return H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
}

/* How a dataset is stored: with bytes in the file, though none are written. */
static hid_t stored(void)
{
    hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
    return how;
}

static void dataset(hid_t at, const char *name, hid_t type, hid_t space, hid_t how)
{
    H5Dclose(H5Dcreate2(at, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT));
}

static hid_t shape(int rank) { return H5Screate_simple(rank, rank > 4 ? high : dims, NULL); }

static hid_t group(hid_t at, const char *name) { return H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT); }

/* Layers, models and tensors as Keras names them. */
static void plain(hid_t file)
{
    hid_t model = group(group(file, "layer"), "model");
    dataset(model, "kernel:0", H5T_IEEE_F32LE, shape(4), stored());
    dataset(model, "bias:0", H5T_IEEE_F64LE, shape(1), stored());
    dataset(model, "steps:0", H5T_STD_I64LE, shape(0), stored());
}

static hid_t half(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

static hid_t strings(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    return type;
}

/* Types, ranks and links that are no weights, and a group that holds itself. */
static void odd(hid_t file)
{
    dataset(file, "half", half(), shape(1), stored());
    dataset(file, "high", H5T_IEEE_F32LE, shape(9), stored());
    dataset(file, "null", H5T_IEEE_F32LE, H5Screate(H5S_NULL), stored());
    dataset(file, "strings", strings(), shape(1), stored());
    H5Lcreate_soft("/half", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/x", file, "external", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "loop", H5P_DEFAULT, H5P_DEFAULT);
}

static void chunks(hid_t file)
{
    hid_t how = stored();
    H5Pset_chunk(how, 2, dims);
    H5Pset_deflate(how, 6);
    dataset(file, "chunks", H5T_IEEE_F32LE, shape(2), how);
}

static void compact(hid_t file)
{
    hid_t how = stored();
    H5Pset_layout(how, H5D_COMPACT);
    dataset(file, "compact", H5T_IEEE_F32LE, shape(2), how);
}

/* Its bytes are in other files: those of a list, or whatever "%b" stands for. */
static void elsewhere(hid_t file)
{
    hid_t how = stored();
    H5Pset_external(how, "w.bin", 0, 24);
    dataset(file, "elsewhere", H5T_IEEE_F32LE, shape(2), how);
}

static void virtual(hid_t file)
{
    static const hsize_t most[] = {2, H5S_UNLIMITED}, start[] = {0, 0}, step[] = {2, 3}, count[] = {1, H5S_UNLIMITED},
                         block[] = {2, 3};
    hid_t how = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, dims, most);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, step, count, block);
    H5Pset_virtual(how, space, "other%b.h5", "x", shape(2));
    dataset(file, "virtual", H5T_IEEE_F32LE, space, how);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*fill)(hid_t file);
        H5F_libver_t version;
    } files[] = {
        {"plain.h5", plain, H5F_LIBVER_EARLIEST},   {"plain-latest.h5", plain, H5F_LIBVER_LATEST},
        {"odd.h5", odd, H5F_LIBVER_LATEST},         {"chunks.h5", chunks, H5F_LIBVER_LATEST},
        {"compact.h5", compact, H5F_LIBVER_LATEST}, {"elsewhere.h5", elsewhere, H5F_LIBVER_LATEST},
        {"virtual.h5", virtual, H5F_LIBVER_LATEST},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        hid_t file = create(files[i].name, files[i].version);
        files[i].fill(file);
        H5Fclose(file);
    }
    return H5close() < 0;
}
