# Run by embed_files() at build time: IN → OUT, as a byte array called embedded_NAME.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "#include <stddef.h>
extern const unsigned char embedded_${NAME}[];
extern const size_t embedded_${NAME}_len;
const unsigned char embedded_${NAME}[] = { ${bytes} 0 };
const size_t embedded_${NAME}_len = sizeof embedded_${NAME} - 1;
")
