#include <memory>

#include "cli/command.hpp"
#include "core/file.hpp"
#include "store/manifest.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

// Evidence that cannot be read is none; what the store itself knows of it is shown all the same.
std::optional<reports::EvidenceSummary> evidence_of(const store::Snapshot& snapshot, store::Evidence kind) {
  try {
    return reports::read_evidence(core::read_file(snapshot.file(store::evidence_file(kind))));
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

}  // namespace

Action declare_show(CLI::App& app) {
  auto specification = std::make_shared<std::string>();
  app.add_option("SNAPSHOT", *specification, "Which")->required();
  return [specification](const Globals& globals) {
    const store::Snapshot snapshot = store::Store(load_config(globals.config_path).store).find(*specification);
    const reports::ProofDetails proof{evidence_of(snapshot, store::Evidence::verify),
                                      evidence_of(snapshot, store::Evidence::run)};
    print(globals.format == Format::json ? reports::show_json(snapshot, proof)
                                         : reports::show_text(snapshot, proof, page(globals)));
    return 0;
  };
}

}  // namespace cli
