# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What is installed beside cnxc and its runtime: what others' builds find by find_package(cnxc), here as when installed, and pages; and
# the Debian package, `cpack -G DEB` in the build folder.
include(CMakePackageConfigHelpers)
configure_file(cmake/cnxcConfig.cmake ${CMAKE_BINARY_DIR}/lib/cmake/cnxc/cnxcConfig.cmake COPYONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/lib/cmake/cnxc/cnxcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(DIRECTORY ${CMAKE_BINARY_DIR}/lib/cmake/cnxc DESTINATION lib/cmake)
# Man pages, completions, its licence with the notices of what lies in lib/cnxc: cnxc writes them itself.
function(install_said name folder)
  set(said ${CMAKE_BINARY_DIR}/pages/${name})
  add_custom_command(OUTPUT ${said} DEPENDS cnxc COMMAND cnxc ${ARGN} > ${said} VERBATIM)
  install(FILES ${said} DESTINATION share/${folder})
  set(pages ${pages} ${said} PARENT_SCOPE)
endfunction()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/pages)
install_said(cnxc.1 man/man1 help --format=man)
install_said(cnxc-program.7 man/man7 help --format=man-program)
install_said(cnxc bash-completion/completions help --format=bash)
install_said(_cnxc zsh/site-functions help --format=zsh)
install_said(cnxc.fish fish/vendor_completions.d help --format=fish)
install_said(copyright doc/cnxc --licenses)
add_custom_target(pages ALL DEPENDS ${pages})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the maintainers of cnxc")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "compiler of ConvNeXt models to native code")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON) # libllvm19 and the like, by dpkg-shlibdeps
include(CPack)
