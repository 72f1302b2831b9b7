# Where the libraries come from: the system's packages, or pinned sources for a
# system without them.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

if(PAGESTALL_FETCH_DEPENDENCIES)
  include(FetchContent)
  set(ABSL_PROPAGATE_CXX_STD ON)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  set(INSTALL_GTEST OFF)
  FetchContent_Declare(absl
    GIT_REPOSITORY https://github.com/abseil/abseil-cpp.git
    GIT_TAG 20240722.0)
  FetchContent_Declare(benchmark
    GIT_REPOSITORY https://github.com/google/benchmark.git
    GIT_TAG v1.9.1)
  FetchContent_Declare(asio
    GIT_REPOSITORY https://github.com/chriskohlhoff/asio.git
    GIT_TAG asio-1-30-2)
  FetchContent_MakeAvailable(absl benchmark asio)
  set(PAGESTALL_ASIO_INCLUDE_DIR ${asio_SOURCE_DIR}/asio/include)
  set(absl_VERSION 20240722.0)
  set(benchmark_VERSION 1.9.1)
  if(PAGESTALL_BUILD_TESTS)
    FetchContent_Declare(googletest
      GIT_REPOSITORY https://github.com/google/googletest.git
      GIT_TAG v1.15.2)
    FetchContent_MakeAvailable(googletest)
  endif()
else()
  find_package(absl REQUIRED)
  find_package(benchmark REQUIRED)
  if(PAGESTALL_BUILD_TESTS)
    find_package(GTest REQUIRED)
  endif()
endif()

include(${CMAKE_CURRENT_LIST_DIR}/asio.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/uring.cmake)
