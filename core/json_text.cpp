#include "core/json_text.hpp"

#include <nlohmann/json.hpp>

#include "core/printable.hpp"

namespace core {

std::string json_text(const nlohmann::ordered_json& value, JsonLayout layout) {
  const int indent = layout == JsonLayout::document ? 2 : -1;
  const std::string text =
      printable_json(value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return layout == JsonLayout::document ? text + "\n" : text;
}

}  // namespace core
