#include <memory>

#include "cli/command.hpp"
#include "store/store.hpp"

namespace cli {

Action declare_show(CLI::App& app) {
  auto specification = std::make_shared<std::string>();
  app.add_option("SNAPSHOT", *specification, "Which")->required();
  return [specification](const Globals& globals) {
    const store::Snapshot snapshot = store::Store(load_config(globals.config_path).store).find(*specification);
    print(globals.format == Format::json ? reports::show_json(snapshot) : reports::show_text(snapshot, colour()));
    return 0;
  };
}

}  // namespace cli
