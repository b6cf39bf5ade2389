# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A shared library to link with, and nothing in it: the names, versions and sizes that the real one gives.
#   cmake -DLIBRARY=/lib/…/libm.so.6 -DREADELF=readelf -DCOMPILER=cc -DOUTPUT=libm.stub -P stub.cmake
#
#    412: 00000000000d4f60   123 FUNC    GLOBAL DEFAULT   15 expf@@GLIBC_2.27   →   .globl expf
#                                                                                  expf:           and GLIBC_2.27 { expf; };
# So artifacts are the same bytes on any machine, and need none of its libraries to be linked, for another system neither.
execute_process(COMMAND ${READELF} -W --dyn-syms -d ${LIBRARY} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "soname: \\[([^]]+)\\]" _ "${text}")
set(soname ${CMAKE_MATCH_1})
string(REGEX MATCHALL ": [0-9a-f]+ +[0-9a-fx]+ [A-Z]+ +(GLOBAL|WEAK) +DEFAULT +[0-9]+ [A-Za-z0-9_]+@@[A-Z0-9_.]+" rows "${text}")
set(versions "")
set(places "")
set(functions ".text\n")
foreach(row IN LISTS rows)
  string(REGEX MATCH ": ([0-9a-f]+) +([0-9a-fx]+) ([A-Z]+) .* ([A-Za-z0-9_]+)@@(.*)" _ "${row}")
  set(place ${CMAKE_MATCH_1})
  set(size ${CMAKE_MATCH_2})
  set(type ${CMAKE_MATCH_3})
  set(name ${CMAKE_MATCH_4})
  set(version ${CMAKE_MATCH_5})
  if(version MATCHES PRIVATE OR type STREQUAL TLS)
    continue()
  endif()
  list(APPEND versions ${version})
  string(APPEND names_${version} "${name};")
  if(NOT type STREQUAL OBJECT)
    string(APPEND functions ".globl ${name}\n.type ${name}, %function\n${name}:\n")
    continue()
  endif()
  list(APPEND places ${place}) # names of one place stay so, for a program may get a copy of what is there
  set(size_${place} ${size})
  string(APPEND data_${place} ".globl ${name}\n.type ${name}, %object\n.size ${name}, ${size}\n${name}:\n")
endforeach()
list(REMOVE_DUPLICATES versions)
list(REMOVE_DUPLICATES places)
set(data ".data\n")
foreach(place IN LISTS places)
  string(APPEND data ".balign 32\n${data_${place}}.skip ${size_${place}}\n")
endforeach()
set(map "")
foreach(version IN LISTS versions)
  string(APPEND map "${version} { ${names_${version}} };\n")
endforeach()
file(WRITE ${OUTPUT}.s "${functions}${data}.section .note.GNU-stack, \"\", %progbits\n")
file(WRITE ${OUTPUT}.map "${map}")
execute_process(COMMAND ${COMPILER} -shared -nostdlib -s -o ${OUTPUT} ${OUTPUT}.s -Wl,-soname,${soname}
                        -Wl,--version-script=${OUTPUT}.map -Wl,--hash-style=gnu -Wl,--build-id=none -Wl,-z,noseparate-code
                COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE ${OUTPUT}.s ${OUTPUT}.map)
