# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# find_package(@name@): the targets @name@::shared and @name@::static, and @name@::@name@, which is the shared one unless
# find_package(@name@ COMPONENTS static) asks for the other.
if(CMAKE_SYSTEM_PROCESSOR AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(@processors@)$")
  set(@name@_FOUND FALSE)
  set(@name@_NOT_FOUND_MESSAGE "it was compiled for @processor@, not for ${CMAKE_SYSTEM_PROCESSOR}")
  return()
endif()
get_filename_component(_@name@ "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET @name@::@name@)
  add_library(@name@::shared SHARED IMPORTED)
  set_target_properties(@name@::shared PROPERTIES IMPORTED_LOCATION "${_@name@}/lib/lib@name@.so" IMPORTED_SONAME "lib@name@.so"
                        INTERFACE_INCLUDE_DIRECTORIES "${_@name@}/include")
  add_library(@name@::static STATIC IMPORTED)
  set_target_properties(@name@::static PROPERTIES IMPORTED_LOCATION "${_@name@}/lib/lib@name@.a" IMPORTED_LINK_INTERFACE_LANGUAGES C
                        INTERFACE_INCLUDE_DIRECTORIES "${_@name@}/include" INTERFACE_LINK_LIBRARIES "m;pthread")
  add_library(@name@::@name@ INTERFACE IMPORTED)
  if("static" IN_LIST @name@_FIND_COMPONENTS)
    set_target_properties(@name@::@name@ PROPERTIES INTERFACE_LINK_LIBRARIES @name@::static)
  else()
    set_target_properties(@name@::@name@ PROPERTIES INTERFACE_LINK_LIBRARIES @name@::shared)
  endif()
endif()
unset(_@name@)
