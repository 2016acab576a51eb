# CUDA is compiled by nvcc alone (the project is C), into an object that the linker takes like any
# other; it stays unsanitized. Sets MILLRACE_CUDA_FOUND; add_cuda_object() makes one object.
set(MILLRACE_CUDA AUTO CACHE STRING "AUTO: compile CUDA code where nvcc is found. ON: or fail. OFF: never")
set_property(CACHE MILLRACE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(MILLRACE_CUDA_ARCHS "75;80;86;89;90" CACHE STRING
    "compute capabilities to compile for; the last one also as PTX for newer cards")
set(MILLRACE_CUDA_FOUND FALSE)
if(NOT MILLRACE_CUDA STREQUAL "OFF")
    find_package(CUDAToolkit QUIET)
    if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE)
        set(MILLRACE_CUDA_FOUND TRUE)
    elseif(MILLRACE_CUDA STREQUAL "ON")
        message(FATAL_ERROR "MILLRACE_CUDA is ON, but no CUDA toolkit with nvcc was found")
    endif()
endif()
if(MILLRACE_CUDA_FOUND)
    message(STATUS "CUDA ${CUDAToolkit_VERSION} for ${MILLRACE_CUDA_ARCHS}")
else()
    message(STATUS "CPU only (no nvcc found, or MILLRACE_CUDA is OFF)")
endif()

# add_cuda_object(NAME source DEPENDS header...): ${NAME} becomes the path of the object.
function(add_cuda_object name source)
    cmake_parse_arguments(object "" "" "DEPENDS" ${ARGN})
    set(codes)
    foreach(arch ${MILLRACE_CUDA_ARCHS})
        list(APPEND codes -gencode arch=compute_${arch},code=sm_${arch})
        set(last ${arch})
    endforeach()
    list(APPEND codes -gencode arch=compute_${last},code=compute_${last})
    set(path ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
    add_custom_command(OUTPUT ${path}
        COMMAND ${CUDAToolkit_NVCC_EXECUTABLE} -std=c++17 -O3 ${codes} --threads 2
            -Xcompiler -Wall,-Wextra
            -Xcompiler -fPIC,-fvisibility=hidden,-fno-exceptions,-fno-threadsafe-statics
            -Werror all-warnings -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${path}
        DEPENDS ${source} ${object_DEPENDS}
        COMMENT "Compiling CUDA object ${name}.o" VERBATIM)
    set(${name} ${path} PARENT_SCOPE)
endfunction()
