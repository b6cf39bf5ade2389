# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# -DCNXC_STATIC_LLVM=ON: LLVM, LLD, the C++ library and those for text are inside cnxc, which needs a machine's libc and libm.
#
# Problem: static libraries name much that cnxc never uses. LLD registers each of LLVM's targets, LTO asks Polly, and libxml2 has
# ICU open encodings, 30 MB of tables. Idea: files made here define those names, functions that do nothing: no other target
# is there, and a text in an encoding that libxml2 does not read by itself (UTF-8, UTF-16, Latin-1) is refused.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(static_targets X86 AArch64)
execute_process(COMMAND ${LLVM_CONFIG} --targets-built OUTPUT_VARIABLE targets OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${LLVM_CONFIG} --link-static --libfiles x86 aarch64 passes objcopy lto option
                OUTPUT_VARIABLE LLVM_LIBRARY OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(targets)
separate_arguments(LLVM_LIBRARY)
list(REMOVE_ITEM targets ${static_targets})
list(FILTER LLVM_LIBRARY EXCLUDE REGEX Polly)
set(code "#include <llvm/Passes/PassPlugin.h>\nllvm::PassPluginLibraryInfo getPollyPluginInfo() { return {}; }\nextern \"C\" {\n")
foreach(target IN LISTS targets)
  foreach(part IN ITEMS TargetInfo Target TargetMC AsmPrinter AsmParser)
    string(APPEND code "void LLVMInitialize${target}${part}(void) {}\n")
  endforeach()
endforeach()

file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/targets.cpp CONTENT "${code}}\n" @ONLY)
add_library(static-targets STATIC ${CMAKE_CURRENT_BINARY_DIR}/targets.cpp)
target_include_directories(static-targets SYSTEM PRIVATE ${llvm_include})

find_library(XML_LIBRARY xml2 REQUIRED)
execute_process(COMMAND ${CMAKE_NM} -u ${XML_LIBRARY} OUTPUT_VARIABLE wanted ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL " U (ucnv|UCNV)_[A-Za-z_]+_[0-9]+" wanted "${wanted}")
list(TRANSFORM wanted REPLACE " U " "")
list(REMOVE_DUPLICATES wanted)
set(code "")
foreach(name IN LISTS wanted)
  string(APPEND code "void *${name}(void) { return 0; }\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/icu.c CONTENT "${code}" @ONLY)
add_library(static-icu STATIC ${CMAKE_CURRENT_BINARY_DIR}/icu.c)
foreach(library IN ITEMS static-targets static-icu)
  target_compile_options(${library} PRIVATE -w)
endforeach()

foreach(library IN ITEMS zstd z lzma) # lzma where libxml2 was built with it
  find_library(static_${library} ${library})
  if(static_${library})
    list(APPEND static_libraries ${static_${library}})
  endif()
endforeach()
list(PREPEND LLVM_LIBRARY static-targets)
list(APPEND LLVM_LIBRARY ${static_libraries})
set(xml_needs static-icu ${static_libraries})
add_link_options(-static-libstdc++ -static-libgcc -Wl,--gc-sections -s)

# The notices of what is inside lie beside it.
foreach(package IN ITEMS llvm-19-dev libxml2-dev libjansson-dev libprotobuf-c-dev libzstd-dev liblzma-dev zlib1g-dev)
  install(FILES /usr/share/doc/${package}/copyright DESTINATION share/doc/cnxc RENAME ${package} OPTIONAL)
endforeach()
