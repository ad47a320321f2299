# The macros that this extension calls. As Slicer's, they refuse unknown keywords and files that do not exist,
# and install what is listed and nothing else.
include_guard()

macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MODULE "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MODULE_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule: unknown keywords ${MODULE_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT MODULE_NAME)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule: NAME is mandatory")
  endif()
  set(_destination ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR})
  if(MODULE_WITH_SUBDIR)
    get_filename_component(_subdirectory ${CMAKE_CURRENT_SOURCE_DIR} NAME)
    string(APPEND _destination "/${_subdirectory}")
  endif()
  foreach(_file IN LISTS MODULE_SCRIPTS MODULE_RESOURCES)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${_file})
      message(FATAL_ERROR "slicerMacroBuildScriptedModule: ${_file} does not exist")
    endif()
    get_filename_component(_folder ${_file} DIRECTORY)
    install(
      FILES ${CMAKE_CURRENT_SOURCE_DIR}/${_file}
      DESTINATION ${_destination}/${_folder}
      COMPONENT RuntimeLibraries
      )
  endforeach()
  set_property(GLOBAL APPEND PROPERTY STAND_IN_MODULES ${MODULE_NAME})
  if(MODULE_WITH_GENERIC_TESTS)
    set_property(GLOBAL APPEND PROPERTY STAND_IN_TESTS "generic test of ${MODULE_NAME}")
  endif()
endmacro()

macro(slicer_add_python_unittest)
  cmake_parse_arguments(TEST "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS" ${ARGN})
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${TEST_SCRIPT})
    message(FATAL_ERROR "slicer_add_python_unittest: ${TEST_SCRIPT} does not exist")
  endif()
  set_property(GLOBAL APPEND PROPERTY STAND_IN_TESTS "self-test of ${TEST_SCRIPT}")
endmacro()
