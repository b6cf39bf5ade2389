# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# libcnxrt for systems other than this machine's, so that cnxc --target=SYSTEM has something to link.
#
#   runtime/*.c ─ aarch64-linux-gnu-gcc ─► lib/cnxc/aarch64-linux-gnu/libcnxrt.a, beside it what parts.cmake lists
#
# One project compiles for one system in CMake, and a project of its own would be configured anew each time; a dozen files
# need neither. Where the compiler or a library for the system is missing, cnxc is built without and says what to install.
set(cross_options -std=gnu11 -Wall -Wextra -fno-strict-aliasing -ffp-contract=off
    -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -O2 -DNDEBUG -I${CMAKE_SOURCE_DIR})

# The first of the needed files that a system's C compiler does not find; nothing if it finds all.
function(find_missing compiler result)
  set(${result} "" PARENT_SCOPE)
  foreach(library IN LISTS image_libraries)
    find_with(${compiler} ${library} path)
    if(NOT IS_ABSOLUTE "${path}")
      set(${result} ${library} PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

function(compile_runtime system processor compiler archiver)
  set(folder ${CMAKE_BINARY_DIR}/lib/cnxc/${system})
  set(work ${CMAKE_BINARY_DIR}/runtime/${system})
  file(MAKE_DIRECTORY ${folder} ${work})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/*.c ${CMAKE_SOURCE_DIR}/runtime/image/*.c
       ${CMAKE_SOURCE_DIR}/runtime/cli/*.c)
  foreach(source IN LISTS sources runtime_shared)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/runtime ${source})
    string(REPLACE "/" "_" name ${name})
    set(object ${work}/${name}.o)
    add_custom_command(OUTPUT ${object} DEPENDS ${source} licenses DEPFILE ${object}.d VERBATIM
                       COMMAND ${compiler} ${cross_options} ${runtime_options_${processor}} -MD -MT ${object} -MF ${object}.d -c ${source} -o ${object})
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(OUTPUT ${folder}/libcnxrt.a DEPENDS ${objects} VERBATIM
                     COMMAND ${CMAKE_COMMAND} -E rm -f ${folder}/libcnxrt.a
                     COMMAND ${archiver} rcsD ${folder}/libcnxrt.a ${objects})
  add_parts(${processor} ${compiler} ${folder} parts)
  add_custom_target(cnxrt-${system} ALL DEPENDS ${folder}/libcnxrt.a ${parts})
  add_dependencies(cnxc cnxrt-${system})
endfunction()

foreach(system IN ITEMS x86_64-linux-gnu aarch64-linux-gnu)
  string(REGEX MATCH "^[^-]+" processor ${system})
  find_program(CROSS_CC_${processor} ${system}-gcc)
  find_program(CROSS_AR_${processor} ${system}-ar)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL processor)
    continue()
  endif()
  set(missing "${system}-gcc")
  if(CROSS_CC_${processor} AND CROSS_AR_${processor})
    find_missing(${CROSS_CC_${processor}} missing)
  endif()
  if(missing)
    message(STATUS "${missing} is missing: cnxc will not link for ${system}")
  else()
    compile_runtime(${system} ${processor} ${CROSS_CC_${processor}} ${CROSS_AR_${processor}})
  endif()
endforeach()
