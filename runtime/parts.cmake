# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What lies beside libcnxrt.a for whatever is compiled: the libraries for pictures, and stubs of the C library's (stub.cmake),
# so that the compiler needs no package on the machine where it runs.
#
#   lib/cnxc/libjpeg.a libpng16.a …  libc.stub libm.stub ld.stub  api.h
set(image_libraries libjpeg.a libpng16.a libwebpdemux.a libwebp.a libz.a)
set(loader_x86_64 ld-linux-x86-64.so.2)
set(loader_aarch64 ld-linux-aarch64.so.1)
set(runtime_options_aarch64 -mno-outline-atomics) # which are in libgcc

# Where a system's C compiler finds a library; only its name if it does not.
function(find_with compiler library result)
  execute_process(COMMAND ${compiler} -print-file-name=${library} OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(${result} ${path} PARENT_SCOPE)
endfunction()

function(add_stub compiler library output)
  find_with(${compiler} ${library} path)
  if(NOT IS_ABSOLUTE "${path}")
    message(FATAL_ERROR "${compiler} finds no ${library}")
  endif()
  add_custom_command(OUTPUT ${output} DEPENDS ${path} ${CMAKE_SOURCE_DIR}/runtime/stub.cmake VERBATIM
                     COMMAND ${CMAKE_COMMAND} -DLIBRARY=${path} -DREADELF=${CMAKE_READELF} -DCOMPILER=${compiler}
                             -DOUTPUT=${output} -P ${CMAKE_SOURCE_DIR}/runtime/stub.cmake)
endfunction()

# Sets `result` to the files of folder that a target must depend on.
function(add_parts processor compiler folder result)
  set(parts ${folder}/libc.stub ${folder}/libm.stub ${folder}/ld.stub)
  add_stub(${compiler} libc.so.6 ${folder}/libc.stub)
  add_stub(${compiler} libm.so.6 ${folder}/libm.stub)
  add_stub(${compiler} ${loader_${processor}} ${folder}/ld.stub)
  foreach(library IN LISTS image_libraries)
    find_with(${compiler} ${library} path)
    if(NOT IS_ABSOLUTE "${path}")
      message(FATAL_ERROR "${compiler} finds no ${library}; docs/DEPENDENCIES.md names the packages")
    endif()
    configure_file(${path} ${folder}/${library} COPYONLY)
  endforeach()
  configure_file(${CMAKE_SOURCE_DIR}/runtime/api.h ${folder}/api.h COPYONLY)
  set(${result} ${parts} PARENT_SCOPE)
endfunction()
