// A store with four snapshots of a small cluster: a secret is changed in the second, and in the third it and its
// namespace are gone; the fourth is like the third.
#pragma once

#include <fstream>

#include "core/clock.hpp"
#include "tests/cli/bench.hpp"
#include "tests/verifier/kine_database.hpp"

namespace bench {

inline constexpr const char* kCanary = "canary-value-of-a-secret";

struct Shop : Desk {
  std::filesystem::path files = scratch.path() / "files";

  Shop() {
    std::filesystem::create_directory(files);
    write_config("", "  edge:\n    host: 127.0.0.1\n");
    for (int hour = 0; hour < 4; ++hour) make(hour);
  }

  /// A minute apart, and soon after the newest change that is inside.
  static std::string name(int hour) { return "20260921T14" + std::to_string(17 + hour) + "00Z"; }
  std::filesystem::path file(int hour) const { return files / ("state.db." + name(hour)); }

  core::CommandResult import(const std::string& cluster = "edge") const {
    return drill({"import", "--ignore-mtime", "--cluster", cluster, files.string()});
  }

  void make(int hour) const {
    kine::Database database(file(hour));
    kine::populate(database);
    const kine::Meta space{"v1", "Namespace", "shop", "", "uid-shop"};
    const kine::Meta secret{"v1", "Secret", "db", "shop", "uid-db"};
    const std::string data = kine::field(2, kine::field(1, "password") + kine::field(2, kCanary));
    database.create("/registry/namespaces/shop", kine::protobuf(space));
    database.create("/registry/secrets/shop/db", kine::protobuf(secret, data));
    if (hour >= 1) database.update("/registry/secrets/shop/db", kine::protobuf(secret, data));
    if (hour < 2) return;
    database.remove("/registry/secrets/shop/db");
    database.remove("/registry/namespaces/shop");
    database.create("/registry/secrets/default/new", kine::protobuf({"v1", "Secret", "new", "default", "uid-new"}));
  }
};

/// Overwrites the last page of a database before it is stored: it can be brought back, and is damaged itself.
inline void spoil_page(const std::filesystem::path& database) {
  std::fstream file(database, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(database)) - 4096);
  file << std::string(4096, '\0');
}

/// Spoils the stored database of a snapshot.
inline void spoil(const std::filesystem::path& snapshot) {
  for (const auto& entry : std::filesystem::directory_iterator(snapshot))
    if (entry.path().filename().string().starts_with("state.db"))
      std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
}

}  // namespace bench
