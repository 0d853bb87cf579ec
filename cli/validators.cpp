#include <fmt/format.h>

#include <charconv>

#include "cli/command.hpp"
#include "core/edit_distance.hpp"

namespace cli {

CLI::Validator one_of(std::vector<std::string> words) {
  return {[words = std::move(words)](std::string& given) {
            for (const std::string& word : words)
              if (given == word) return std::string();
            return fmt::format("'{}' is none of {}{}", given, fmt::join(words, ", "),
                               core::nearest(given, words).empty() ? "" : ": " + core::did_you_mean(given, words, ""));
          },
          ""};
}

CLI::Validator whole_number(long least, long most) {
  return {[least, most](std::string& given) {
            long number = 0;
            const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
            const bool whole = error == std::errc() && end == given.data() + given.size();
            if (whole && number >= least && number <= most) return std::string();
            return fmt::format("'{}' must be a whole number from {} to {}", given, least, most);
          },
          ""};
}

}  // namespace cli
