// What k3s on a node is set to, by everything that its owner has told it: its command line wins over its config files,
// and those over its environment. From Told to place.hpp and the restorer. Pure.
// Source: k3s-io/k3s pkg/configfilearg (the config's flags are put before those of the command line), urfave/cli (a
// flag wins over its variable).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k3s/environment.hpp"
#include "k3s/flags.hpp"
#include "k3s/told.hpp"

namespace k3s {

class Settings {
 public:
  /// `config_file`: where the config is taken to be when no file says how k3s is started.
  Settings(const Told& told, const std::string& config_file);

  /// The value of a flag that takes one, and the file that gives it; empty when nothing does, or an empty one.
  std::optional<Value> find(std::string_view flag) const;

  bool is_on(std::string_view flag) const;

  /// The data directory; `file` is empty where it is k3s's default.
  Value data_dir() const;

  /// Files say how k3s is started, and that is by k3s itself: what they do not set has its default.
  bool starts_k3s() const { return starts_k3s_; }

  /// Where k3s reads its config.
  const Value& config_file() const { return config_file_; }

  /// "FILE, line 3": config files that are no YAML; k3s would not start on them.
  const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  std::vector<Flag> flags_;
  Environment environment_;
  bool starts_k3s_ = false;
  Value config_file_;
  std::vector<std::string> unreadable_;
};

}  // namespace k3s
