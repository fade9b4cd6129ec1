# Zig as a program of its own, else the one of the Python package ziglang.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
find_program(TD_ZIG NAMES zig python-zig HINTS $ENV{VIRTUAL_ENV}/bin $ENV{VIRTUAL_ENV}/Scripts)
if(NOT TD_ZIG)
    message(FATAL_ERROR "zig is not on the PATH. Install it (pip install ziglang, with the "
        "environment active), or name it: cmake --preset zig -DTD_ZIG=path/to/zig")
endif()
set(CMAKE_C_COMPILER ${TD_ZIG} cc)
set(CMAKE_C_FLAGS_INIT "@ZIG_FLAGS@")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
