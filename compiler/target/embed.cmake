# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes OUTPUT: the files PROFILES and SCHEMA as C arrays, for embedded.h.
function(append_file file symbol)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
  set(text "${text}static const char ${symbol}[] = {\n${bytes}};\n" PARENT_SCOPE)
endfunction()

set(text "/* Made by embed.cmake from the XML files; their texts, byte for byte. */\n#include \"compiler/target/embedded.h\"\n\n")
append_file(${SCHEMA} schema)
set(rows "")
set(count 0)
foreach(file IN LISTS PROFILES)
  get_filename_component(name ${file} NAME_WE)
  append_file(${file} profile_${count})
  string(APPEND rows "    {\"${name}\", profile_${count}, sizeof profile_${count}},\n")
  math(EXPR count "${count} + 1")
endforeach()
string(APPEND text "\nconst EmbeddedFile embedded_schema = {\"profile.rng\", schema, sizeof schema};\n"
       "const EmbeddedFile embedded_profiles[] = {\n${rows}};\nconst int64_t n_embedded_profiles = ${count};\n")
file(WRITE ${OUTPUT} "${text}")
