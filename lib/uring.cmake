# liburing brings no package config.
if(NOT TARGET uring::uring)
  find_path(PAGESTALL_URING_INCLUDE_DIR liburing.h REQUIRED)
  find_library(PAGESTALL_URING_LIBRARY uring REQUIRED)
  add_library(uring::uring UNKNOWN IMPORTED)
  set_target_properties(uring::uring PROPERTIES
    IMPORTED_LOCATION ${PAGESTALL_URING_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${PAGESTALL_URING_INCLUDE_DIR})
endif()
