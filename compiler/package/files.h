/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The texts of files/, embedded. Between two @ stands what differs from model to model: package.c says what. */
#ifndef CNXC_PACKAGE_FILES_H
#define CNXC_PACKAGE_FILES_H

extern const char package_model_hpp[];
extern const char package_Config_cmake[];
extern const char package_model_pc[];
extern const char package_model_py[]; /* python/cnxc/model.py, as it is */
extern const char package_Cargo_toml[];
extern const char package_build_rs[];
extern const char package_lib_rs[];

#endif
