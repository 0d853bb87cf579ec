#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "core/file.hpp"
#include "store/manifest.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

// Evidence that cannot be read is none; what the store itself knows of it is shown all the same.
std::optional<reports::EvidenceSummary> evidence_of(const store::Snapshot& snapshot, store::Evidence kind) {
  try {
    return reports::read_evidence(core::read_regular_file(snapshot.file(store::evidence_file(kind))));
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

}  // namespace

Action declare_show(CLI::App& app) {
  auto specification = std::make_shared<std::string>();
  app.add_option("SNAPSHOT", *specification, "Which; of a cluster, its latest")->required();
  return [specification](const Globals& globals) {
    const Config config = load_config(globals.config_path);
    const store::Snapshot snapshot = Names(config, store::Store(config.store)).snapshot(*specification);
    reports::ProofDetails proof;
    if (!snapshot.verified_by_drill()) proof.verify = evidence_of(snapshot, store::Evidence::verify);
    proof.run = evidence_of(snapshot, store::Evidence::run);
    print(globals.format == Format::json ? reports::show_json(snapshot, proof)
                                         : reports::show_text(snapshot, proof, page(globals)));
    return 0;
  };
}

}  // namespace cli
