#include "k3s/settings.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "k3s/config_file.hpp"
#include "k3s/shell_file.hpp"
#include "k3s/unit_file.hpp"

namespace k3s {
namespace {

constexpr std::string_view kDataDir = "/var/lib/rancher/k3s";
constexpr std::string_view kConfigFile = "/etc/rancher/k3s/config.yaml";

// Source: k3s-io/k3s pkg/cli/cmds/server.go. secrets-encryption has none.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kVariables{
    {{"data-dir", "K3S_DATA_DIR"},
     {"token", "K3S_TOKEN"},
     {"token-file", "K3S_TOKEN_FILE"},
     {"datastore-endpoint", "K3S_DATASTORE_ENDPOINT"},
     {"write-kubeconfig", "K3S_KUBECONFIG_OUTPUT"}}};

FindText finder(const Told& told) {
  return [&told](const std::string& path) -> std::optional<std::string> {
    for (const NodeFile& file : told.files_of(FileKind::sourced))
      if (file.path == path) return file.text;
    return std::nullopt;
  };
}

// Where there is no file of a service, the usual environment files are taken for what k3s is given.
Start start_of(const Told& told) {
  const std::vector<NodeFile> environments = told.files_of(FileKind::environment);
  if (const std::vector<NodeFile> units = told.files_of(FileKind::unit); !units.empty())
    return systemd_start(units, environments);
  if (const std::vector<NodeFile> scripts = told.files_of(FileKind::openrc); !scripts.empty())
    return openrc_start(scripts.front().text, scripts.front().path, finder(told));
  Start start;
  for (const NodeFile& file : environments) read_environment_file(file.text, file.path, start.environment);
  return start;
}

// What is in front of k3s, as nice and ionice are, has flags of its own. Behind it stands what it is to be: a name or a
// directory that only looks like it is followed by something else.
std::vector<std::string> from_k3s_on(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool looks_like_it =
        word == "k3s" || (word.starts_with('/') && word.ends_with("/k3s") && word.find(':') == std::string::npos);
    const bool is_started = i == 0 || words[i - 1] == "exec" || (i + 1 < words.size() && words[i + 1] == "server");
    if (looks_like_it && is_started) return {words.begin() + static_cast<std::ptrdiff_t>(i), words.end()};
  }
  return {};
}

// `otherwise` where no k3s is among the words: it may be told more by what starts it.
Value config_file_of(const Start& start, const std::vector<Flag>& flags, const std::string& otherwise) {
  if (const auto found = start.environment.find("K3S_CONFIG_FILE");
      found != start.environment.end() && !found->second.text.empty())
    return found->second;
  const auto flag = std::find_if(flags.begin(), flags.end(), [](const Flag& one) { return one.name == "config"; });
  if (flag != flags.end()) return {flag->value, flag->file};
  return {from_k3s_on(start.words).empty() ? otherwise : std::string(kConfigFile), {}};
}

// Source: rancher/wrangler pkg/resolvehome.
std::string with_home(std::string path, const Environment& environment) {
  const std::string set = value_of(environment, "HOME");
  const std::string home = set.empty() ? "/root" : set;
  for (const std::string_view word : {"$HOME", "${HOME}", "~"})
    for (std::size_t at = path.find(word); at != std::string::npos; at = path.find(word, at + home.size()))
      path.replace(at, word.size(), home);
  return path;
}

}  // namespace

Settings::Settings(const Told& told, const std::string& config_file) {
  const Start start = start_of(told);
  const std::vector<std::string> words = from_k3s_on(start.words);
  const std::vector<Flag> command_line = flags_of(words, start.file);
  environment_ = start.environment;
  starts_k3s_ = !words.empty();
  config_file_ = config_file_of(start, command_line, config_file);
  std::vector<ConfigFile> configs;
  for (const NodeFile& file : told.files_of(FileKind::config))
    if (file.path == config_file_.text || file.path.starts_with(config_file_.text + ".d/"))
      configs.push_back({file.path, file.text});
  ConfigFlags config = flags_of_config(configs);
  flags_ = std::move(config.flags);
  flags_.insert(flags_.end(), command_line.begin(), command_line.end());
  unreadable_ = std::move(config.unreadable);
}

std::optional<Value> Settings::find(std::string_view flag) const {
  const auto found = std::find_if(flags_.rbegin(), flags_.rend(), [&](const Flag& one) { return one.name == flag; });
  std::optional<Value> value;
  if (found != flags_.rend()) {
    value = Value{found->value, found->file};
  } else {
    for (const auto& [name, variable] : kVariables)
      if (const auto set = environment_.find(variable); name == flag && set != environment_.end()) value = set->second;
  }
  return value && !value->text.empty() ? value : std::nullopt;
}

// Source: Go's strconv.ParseBool.
bool Settings::is_on(std::string_view flag) const {
  const std::optional<Value> value = find(flag);
  constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
  return value && std::find(yes.begin(), yes.end(), value->text) != yes.end();
}

Value Settings::data_dir() const {
  const std::optional<Value> told = find("data-dir");
  if (!told) return {std::string(kDataDir), {}};
  return {plain_path(with_home(told->text, environment_)), told->file};
}

}  // namespace k3s
