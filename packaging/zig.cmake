# A CMake toolchain: zig's clang as a cross compiler. From the environment: ZIG, the program, and ZIG_TARGET, what it is
# to compile for, such as x86_64-linux-gnu.2.17. wheels.py sets both.
if(NOT DEFINED ENV{ZIG} OR NOT DEFINED ENV{ZIG_TARGET})
  message(FATAL_ERROR "zig.cmake: set ZIG and ZIG_TARGET in the environment; `make wheels` does")
endif()
string(REGEX MATCH "^([^-]+)-([a-z]+)" _ "$ENV{ZIG_TARGET}")
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_MATCH_1})
set(_name_linux Linux)
set(_name_macos Darwin)
set(_name_windows Windows)
set(CMAKE_SYSTEM_NAME ${_name_${CMAKE_MATCH_2}})

# zig adds checks for undefined behaviour by default.
set(CMAKE_C_COMPILER $ENV{ZIG} cc -target $ENV{ZIG_TARGET} -fno-sanitize=undefined)
set(CMAKE_CXX_COMPILER $ENV{ZIG} c++ -target $ENV{ZIG_TARGET} -fno-sanitize=undefined)
# CMake would find these out by linking programs, for which zig builds all of the C++ library.
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_ID_RUN TRUE)
  set(CMAKE_${language}_COMPILER_ID Clang)
  set(CMAKE_${language}_COMPILER_VERSION 22)
  set(CMAKE_${language}_COMPILER_FRONTEND_VARIANT GNU)
  set(CMAKE_${language}_STANDARD_COMPUTED_DEFAULT 14)
  set(CMAKE_${language}_EXTENSIONS_COMPUTED_DEFAULT ON)
endforeach()
# For the same reason its other tests do not link.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# So CMake does not know that a library is of ELF, and cannot change its search path when it installs it.
set(CMAKE_BUILD_WITH_INSTALL_RPATH TRUE)
set(CMAKE_USER_MAKE_RULES_OVERRIDE ${CMAKE_CURRENT_LIST_DIR}/zig_rules.cmake)

if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # without the symbols of a debugger
  set(CMAKE_SHARED_LINKER_FLAGS_INIT -s)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Darwin")
  # zig brings what it needs of the SDK, and CMake would look for Apple's.
  set(CMAKE_OSX_SYSROOT "")
  set(CMAKE_OSX_DEPLOYMENT_TARGET "")
elseif(CMAKE_SYSTEM_NAME STREQUAL "Windows")
  # CMake wants a compiler of resources, of which there are none.
  set(CMAKE_RC_COMPILER $ENV{ZIG})
endif()
