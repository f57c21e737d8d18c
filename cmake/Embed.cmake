# embed_files(OUT FILE...): makes from each FILE a C source that defines
#   const unsigned char embedded_NAME[];  const size_t embedded_NAME_len;
# where NAME is the file's base name with "." as "_". OUT gets the sources' paths.
function(embed_files out)
  set(sources)
  foreach(file ${ARGN})
    get_filename_component(base ${file} NAME)
    string(REPLACE "." "_" name ${base})
    set(source ${PROJECT_BINARY_DIR}/embedded/${name}.c)
    add_custom_command(
      OUTPUT ${source}
      COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/${file} -DOUT=${source} -DNAME=${name}
              -P ${PROJECT_SOURCE_DIR}/cmake/EmbedOne.cmake
      DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/EmbedOne.cmake
      VERBATIM)
    list(APPEND sources ${source})
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()
