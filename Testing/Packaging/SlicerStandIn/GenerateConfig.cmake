# Slicer writes the extension's description here; the stand-in writes down what it would have been made of.
set(_text "{\n")
foreach(
  _name
  EXTENSION_VERSION EXTENSION_HOMEPAGE EXTENSION_CONTRIBUTORS EXTENSION_DESCRIPTION EXTENSION_ICONURL
  EXTENSION_SCREENSHOTURLS EXTENSION_DEPENDS
  )
  if(NOT DEFINED ${_name})
    message(FATAL_ERROR "${_name} is not set")
  endif()
  string(APPEND _text " \"${_name}\": \"${${_name}}\",\n")
endforeach()
get_property(_modules GLOBAL PROPERTY STAND_IN_MODULES)
get_property(_tests GLOBAL PROPERTY STAND_IN_TESTS)
string(APPEND _text " \"project\": \"${PROJECT_NAME}\",\n")
string(APPEND _text " \"modules\": \"${_modules}\",\n \"tests\": \"${_tests}\"\n}\n")
file(WRITE ${CMAKE_BINARY_DIR}/extension.json "${_text}")
