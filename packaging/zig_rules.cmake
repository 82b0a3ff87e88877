# How zig archives, and links for Windows; CMake includes this after its own rules.
foreach(language C CXX)
  set(CMAKE_${language}_ARCHIVE_CREATE "$ENV{ZIG} ar qc <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_APPEND "$ENV{ZIG} ar q <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_FINISH "$ENV{ZIG} ranlib <TARGET>")
endforeach()
if(CMAKE_SYSTEM_NAME STREQUAL "Windows")
  # `zig c++` would build all of MinGW's run-time library. The few functions that are needed are in the C run-time library
  # of Windows itself, which Python uses too; ucrtbase.def names them.
  set(CMAKE_C_CREATE_SHARED_LIBRARY
      "$ENV{ZIG} dlltool -m i386:x86-64 -d ${CMAKE_CURRENT_LIST_DIR}/ucrtbase.def -l ucrtbase.lib"
      "$ENV{ZIG} build-lib -dynamic -fcompiler-rt -fno-entry -fstrip -O ReleaseFast -target $ENV{ZIG_TARGET} -fno-emit-implib -femit-bin=<TARGET> <OBJECTS> ucrtbase.lib")
endif()
