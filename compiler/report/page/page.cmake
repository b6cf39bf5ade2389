# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes OUTPUT: the page HTML, in it the style CSS and SCRIPTS, one after the other. The page's policy names both by their hashes: a
# browser runs nothing else, whatever got into the page.
#
#   <style>@style@</style> … script-src '@script_hash@' ─► <style>body { …</style> … script-src 'sha256-4kz…='
set(digits ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)

# Base64 of the SHA-256 of text: 43 digits of 6 bits.
function(hash_of text result)
  string(SHA256 hex "${text}")
  set(hash "")
  foreach(place RANGE 0 63 3)
    string(SUBSTRING "${hex}00" ${place} 3 part)
    math(EXPR high "0x${part} >> 6")
    math(EXPR low "0x${part} & 63")
    string(SUBSTRING ${digits} ${high} 1 high)
    string(SUBSTRING ${digits} ${low} 1 low)
    string(APPEND hash ${high}${low})
  endforeach()
  string(SUBSTRING ${hash} 0 43 hash)
  set(${result} "sha256-${hash}=" PARENT_SCOPE)
endfunction()

file(READ ${HTML} html)
file(READ ${CSS} style)
set(script "")
foreach(file IN LISTS SCRIPTS)
  file(READ ${file} part)
  string(APPEND script "${part}")
endforeach()
hash_of("${style}" style_hash)
hash_of("${script}" script_hash)
foreach(name style_hash script_hash style script)
  string(REPLACE "@${name}@" "${${name}}" html "${html}")
endforeach()
file(WRITE ${OUTPUT} "${html}")
