# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# find_package(cnxc): the program cnxc::cnxc, and models as targets of a build.
#
#   find_package(cnxc REQUIRED)
#   cnxc_add_model(tiny MODEL path/to/convnext-tiny-224 KIND static OPTIONS --precision=int8)
#   target_link_libraries(program PRIVATE tiny)             # and in it: #include "tiny.h"
get_filename_component(_cnxc "${CMAKE_CURRENT_LIST_DIR}/../../../bin/cnxc" ABSOLUTE)
if(NOT EXISTS "${_cnxc}")
  set(cnxc_FOUND FALSE)
  set(cnxc_NOT_FOUND_MESSAGE "the program ${_cnxc} is missing")
  return()
endif()
if(NOT TARGET cnxc::cnxc)
  add_executable(cnxc::cnxc IMPORTED GLOBAL)
  set_target_properties(cnxc::cnxc PROPERTIES IMPORTED_LOCATION "${_cnxc}")
endif()
unset(_cnxc)

# A library target NAME, made of MODEL (a folder or a file) when something that is built needs it, and again when a file that was read for it
# has changed, an option or cnxc. Its functions and its header, NAME.h, have the prefix NAME.
#
#   KIND      shared (the default) or static
#   OPTIONS   of cnxc compile. Without -mcpu the code is for the CPU of the machine that builds; where CMake cross-compiles, for the
#             generic CPU of its CMAKE_SYSTEM_PROCESSOR
function(cnxc_add_model name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODEL;KIND" "OPTIONS")
  if(NOT arg_MODEL OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cnxc_add_model(NAME MODEL path [KIND shared|static] [OPTIONS option...]), got: ${ARGV}")
  endif()
  if(NOT name MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "cnxc_add_model: a model's name is the prefix of its functions, a C identifier, got: ${name}")
  endif()
  if(NOT arg_KIND)
    set(arg_KIND shared)
  endif()
  if(arg_KIND STREQUAL "shared")
    set(suffix .so)
  elseif(arg_KIND STREQUAL "static")
    set(suffix .a)
  else()
    message(FATAL_ERROR "cnxc_add_model: KIND is shared or static, got: ${arg_KIND}")
  endif()
  get_filename_component(model "${arg_MODEL}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  if(CMAKE_CROSSCOMPILING)
    set(target --target=${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${name}.model")
  set(library "${folder}/lib${name}${suffix}")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(OUTPUT "${library}" BYPRODUCTS "${folder}/lib${name}.h" "${folder}/${name}.h" DEPENDS cnxc::cnxc "${model}"
                     DEPFILE "${library}.d" COMMENT "Compiling the model ${name}" VERBATIM
                     COMMAND cnxc::cnxc compile "${model}" --emit=${arg_KIND} -o "${library}" --prefix=${name} "-MF=${library}.d"
                             ${target} ${arg_OPTIONS}
                     COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${folder}/lib${name}.h" "${folder}/${name}.h")
  add_custom_target(${name}_model DEPENDS "${library}")
  string(TOUPPER ${arg_KIND} type)
  add_library(${name} ${type} IMPORTED GLOBAL)
  add_dependencies(${name} ${name}_model)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION "${library}" INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  if(arg_KIND STREQUAL "static")
    set_target_properties(${name} PROPERTIES IMPORTED_LINK_INTERFACE_LANGUAGES C INTERFACE_LINK_LIBRARIES "m;pthread")
  else()
    set_target_properties(${name} PROPERTIES IMPORTED_SONAME lib${name}.so)
  endif()
endfunction()
