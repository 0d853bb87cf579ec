// printable: any text on its way to a terminal.
#include "core/printable.hpp"

#include <string>

#include "core/utf8.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  const std::string once = core::printable(input);
  fuzz::demand(core::printable(once) == once, "what is printable stays as it is");
  for (const char c : once)
    fuzz::demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control character is left");
  fuzz::demand(once.find("\xc2\x9b") == std::string::npos, "no C1 character is left");
  fuzz::demand(once.find("\xe2\x80\xae") == std::string::npos, "nothing turns the direction");
  const std::string lines = core::printable_lines(input);
  for (const char c : lines)
    fuzz::demand(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t', "lines hold lines");
  return 0;
}
