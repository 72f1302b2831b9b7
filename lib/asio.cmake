# Asio is headers only and has no package config of its own. Whether it finds
# aligned_alloc() depends on which header comes before its first, so that two
# files could disagree on who frees what the other has allocated.
if(NOT TARGET asio::asio)
  find_path(PAGESTALL_ASIO_INCLUDE_DIR asio/awaitable.hpp REQUIRED)
  add_library(asio::asio INTERFACE IMPORTED)
  set_target_properties(asio::asio PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${PAGESTALL_ASIO_INCLUDE_DIR}
    INTERFACE_COMPILE_DEFINITIONS "ASIO_STANDALONE;ASIO_NO_DEPRECATED;ASIO_DISABLE_STD_ALIGNED_ALLOC"
    INTERFACE_LINK_LIBRARIES Threads::Threads
  )
  # Clang before 17 has the coroutines of C++20 but does not say so, and Asio and
  # libstdc++ ask.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 17)
    set_property(TARGET asio::asio APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS
      __cpp_impl_coroutine=201902L ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE)
  endif()
endif()
