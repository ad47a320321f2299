"""The extension as CMake installs it, without a build of Slicer: stand-ins for Slicer's macros."""
