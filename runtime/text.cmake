# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes OUTPUT: the texts FILES as one C string SYMBOL, which HEADER declares; where there are several, each below its name.
#
#   libpng.txt, zlib.txt ─► const char licenses_text[] = "==== libpng ====\n\n…";
set(text "")
list(LENGTH FILES count)
foreach(file IN LISTS FILES)
  file(READ ${file} part)
  get_filename_component(name ${file} NAME_WE)
  if(count GREATER 1)
    string(APPEND text "${before}==== ${name} ====\n\n")
    set(before "\n\n")
  endif()
  string(APPEND text "${part}")
endforeach()
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE ${OUTPUT} "/* Made by text.cmake. */\n#include \"${HEADER}\"\n\nconst char ${SYMBOL}[] =\n    \"${text}\";\n")
