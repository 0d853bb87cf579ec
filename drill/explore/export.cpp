#include "drill/explore/export.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>

#include "core/edit_distance.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "drill/explore/kubernetes_manifest.hpp"

namespace drill {
namespace {

constexpr std::array<std::string_view, 3> kMadeByK3s{"kube-system", "kube-public", "kube-node-lease"};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Whether kubectl would take `word` for this resource.
bool is_called(const ServedResource& resource, const std::string& word) {
  const std::string plural = resource.name.substr(0, resource.name.find('.'));
  return word == resource.name || word == plural || word == lower(resource.kind) ||
         std::find(resource.other_names.begin(), resource.other_names.end(), word) != resource.other_names.end();
}

Json parsed(const ServedAnswer& answer, const std::string& what) {
  if (!answer.ok())
    throw core::Error(core::ErrorKind::unreachable, fmt::format("{}: {} {}", what, answer.status, answer.message));
  Json document = Json::parse(answer.body, nullptr, false);
  if (!document.is_object()) throw core::Error(core::ErrorKind::damaged, what + ": the answer is no JSON object");
  return document;
}

class Exporter {
 public:
  Exporter(ApiClient& api, const verifier::Verification& snapshot, const ExportOptions& options,
           const MayRetry& may_retry)
      : api_(api),
        snapshot_(snapshot),
        options_(options),
        may_retry_(may_retry),
        scratch_(std::filesystem::absolute(options.directory).parent_path()),
        definitions_(defined_resources(snapshot.objects)),
        stored_(snapshot.objects) {}

  ExportReport run() {
    report_.directory = options_.directory;
    survey();
    choose_namespaces();
    choose_kinds();
    std::filesystem::create_directories(root() / "namespaces");
    std::filesystem::permissions(root(), std::filesystem::perms::owner_all);
    for (const std::string& space : report_.namespaces) export_namespace(space);
    export_cluster();
    publish();
    return std::move(report_);
  }

 private:
  std::filesystem::path root() const { return scratch_.path() / "export"; }

  // What the snapshot has where, and by what names and versions it is served. Custom resources come one by one.
  void survey() {
    for (const verifier::Object& object : snapshot_.objects) {
      if (!object.namespace_name.empty()) ++held_[std::string(object.namespace_name)][std::string(object.resource)];
      if (object.resource == "namespaces") spaces_.emplace(object.name);
    }
    std::set<std::string> expected;
    for (const auto& [resource, count] : snapshot_.census.by_resource)
      if (definitions_.count(resource) != 0) expected.insert(resource);
    do {
      served_.clear();
      for (ServedResource& resource : api_.discover_kinds()) served_.emplace(resource.name, std::move(resource));
    } while (std::any_of(expected.begin(), expected.end(),
                         [&](const std::string& resource) { return served_.count(resource) == 0; }) &&
             may_retry_());
    for (const std::string& resource : expected) {
      const auto served = served_.find(resource);
      if (served == served_.end() || !stored_.need_conversion(resource, served->second.versions)) continue;
      if (std::optional<WebhookVersions> versions = webhook_versions(api_, resource, may_retry_))
        converted_.emplace(resource, std::move(*versions));
    }
  }

  void choose_namespaces() {
    for (const std::string& space : options_.namespaces) {
      if (spaces_.count(space) == 0) throw no_namespace(space);
      if (std::find(report_.namespaces.begin(), report_.namespaces.end(), space) == report_.namespaces.end())
        report_.namespaces.push_back(space);
    }
    if (!options_.namespaces.empty()) return;
    std::copy_if(spaces_.begin(), spaces_.end(), std::back_inserter(report_.namespaces), [](const std::string& space) {
      return std::find(kMadeByK3s.begin(), kMadeByK3s.end(), space) == kMadeByK3s.end();
    });
  }

  core::Error no_namespace(const std::string& requested) const {
    const std::string meant = core::nearest(requested, {spaces_.begin(), spaces_.end()});
    return {core::ErrorKind::not_found,
            fmt::format("no namespace '{0}' in this snapshot, which has {1} others{2}: drill log namespaces/{0} says "
                        "which snapshot has it",
                        requested, spaces_.size(), meant.empty() ? "" : fmt::format(" (did you mean {}?)", meant))};
  }

  void choose_kinds() {
    for (const std::string& given : options_.kinds) {
      bool known = false;
      for (const auto& [name, resource] : served_) {
        if (!is_called(resource, lower(given))) continue;
        known = true;
        if (!resource.namespaced && name != "namespaces")
          throw core::Error(core::ErrorKind::usage,
                            fmt::format("{} are in no namespace: what the exported objects need of them is written "
                                        "to cluster/ by itself",
                                        name));
        kinds_.insert(name);
      }
      if (!known)
        throw core::Error(
            core::ErrorKind::usage,
            fmt::format("no kind '{}' here: give them as kubectl does, deployments.apps or deploy", given));
    }
  }

  bool is_wanted(const std::string& resource) const { return kinds_.empty() || kinds_.count(resource) != 0; }

  // Custom resources as they are stored; others as the server prefers them.
  std::string version_of(const ServedResource& resource) const {
    return definitions_.count(resource.name) != 0 ? stored_.choose(resource.name, resource.versions)
                                                  : resource.versions.front();
  }

  std::string path_to(const ServedResource& resource, const std::string& space = {},
                      const std::string& name = {}) const {
    return path_of({resource.name, version_of(resource)}, space, name);
  }

  std::vector<ServedAnswer> read(const std::vector<std::string>& paths) {
    std::vector<ServedAnswer> answers(paths.size());
    read_patiently(api_, paths, may_retry_,
                   [&](std::size_t i, ServedAnswer&& answer) { answers[i] = std::move(answer); });
    return answers;
  }

  void export_namespace(const std::string& space) {
    if (is_wanted("namespaces")) {
      const std::string path = path_to(served_.at("namespaces"), {}, space);
      write(space, served_.at("namespaces"), parsed(read({path}).front(), "reading namespace " + space), {});
    }
    std::vector<const ServedResource*> resources;
    std::vector<std::string> paths;
    for (const auto& [name, count] : held_[space]) {
      if (!is_wanted(name) && !others_depend_on(name)) continue;
      const auto served = served_.find(name);
      if (is_transient(name) || served == served_.end()) {
        report_.left_out[{name, is_transient(name) ? "transient" : "not_served"}] += count;
        continue;
      }
      resources.push_back(&served->second);
      if (converted_.count(name) == 0) paths.push_back(path_to(served->second, space));
    }
    const std::vector<ServedAnswer> answers = read(paths);
    auto answer = answers.begin();
    std::vector<Json> lists;
    Surroundings surroundings;
    for (std::size_t i = 0; i < resources.size(); ++i) {
      const std::string what = fmt::format("listing {} in {}", resources[i]->name, space);
      std::size_t expected = held_[space][resources[i]->name];
      lists.push_back(converted_.count(resources[i]->name) != 0 ? read_each(*resources[i], space, what, expected)
                                                                : parsed(*answer++, what)["items"]);
      if (lists.back().size() < expected)
        throw core::Error(core::ErrorKind::damaged,
                          fmt::format("{}: {} of {} are served", what, lists.back().size(), expected));
      for (const Json& object : lists.back()) note(resources[i]->name, object, surroundings);
      if (resources[i]->name == "persistentvolumeclaims") note_volumes(lists.back(), surroundings);
    }
    for (std::size_t i = 0; i < resources.size(); ++i)
      if (is_wanted(resources[i]->name))
        for (const Json& object : lists[i]) check(space, *resources[i], object, surroundings);
    if (is_wanted("serviceaccounts")) account_spaces_.insert(space);
  }

  // `expected` is less those that are left out, as only a webhook could convert them.
  Json read_each(const ServedResource& resource, const std::string& space, const std::string& what,
                 std::size_t& expected) {
    Json items = Json::array();
    read_one_by_one(
        api_, snapshot_.objects, resource.name, space, converted_.at(resource.name), may_retry_,
        [&](const verifier::Object&, ServedAnswer&& answer) { items.push_back(parsed(answer, what)); },
        [&](const verifier::Object&) {
          ++report_.left_out[{resource.name, "unconverted"}];
          --expected;
        });
    return items;
  }

  void check(const std::string& space, const ServedResource& resource, const Json& object,
             const Surroundings& surroundings) {
    const std::string_view reason = reason_to_leave_out(resource.name, object, surroundings);
    if (reason.empty()) return write(space, resource, object, surroundings);
    ++report_.left_out[{resource.name, std::string(reason)}];
  }

  void note_volumes(const Json& claims, Surroundings& surroundings) {
    std::vector<std::string> paths;
    for (const Json& claim : claims)
      for (const Need& need : needs_of("persistentvolumeclaims", claim))
        if (need.resource == "persistentvolumes") paths.push_back(path_of({"persistentvolumes", "v1"}, {}, need.name));
    for (const ServedAnswer& answer : read(paths))
      if (answer.status != 404) note("persistentvolumes", parsed(answer, "reading a volume"), surroundings);
  }

  void export_cluster() {
    const ServedResource& bindings = served_.at("clusterrolebindings.rbac.authorization.k8s.io");
    if (!account_spaces_.empty()) {
      const Json list = parsed(read({path_to(bindings)}).front(), "listing " + bindings.name);
      for (const Json& binding : list["items"])
        if (binds_accounts_of(binding, account_spaces_) && !is_built_in(binding)) write({}, bindings, binding, {});
    }
    // What is needed may need something itself.
    for (std::set<Need> done; needs_.size() > done.size();) {
      std::set<Need> open;
      std::set_difference(needs_.begin(), needs_.end(), done.begin(), done.end(), std::inserter(open, open.end()));
      done = needs_;
      export_needs(open);
    }
  }

  void export_needs(const std::set<Need>& needs) {
    std::vector<std::string> paths;
    std::vector<const ServedResource*> resources;
    for (const Need& need : needs) {
      const auto served = served_.find(need.resource);
      if (served == served_.end()) continue;
      resources.push_back(&served->second);
      paths.push_back(path_to(served->second, {}, need.name));
    }
    const std::vector<ServedAnswer> answers = read(paths);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].status == 404) continue;  // named, and not there in the snapshot either
      const Json object = parsed(answers[i], "reading " + paths[i]);
      if (!is_built_in(object)) write({}, *resources[i], object, {});
    }
  }

  // Below cluster/ when `space` is empty.
  void write(const std::string& space, const ServedResource& resource, const Json& object,
             const Surroundings& surroundings) {
    const Origin origin = definitions_.count(resource.name) != 0 ? Origin::custom : Origin::built_in;
    const std::size_t dot = resource.name.find('.');
    const std::string version = version_of(resource);
    const std::string api_version = dot == std::string::npos ? version : resource.name.substr(dot + 1) + "/" + version;
    const Manifest manifest =
        manifest_of(resource.name, object.value("apiVersion", api_version), resource.kind, object, surroundings);
    const std::filesystem::path directory =
        (space.empty() ? root() / "cluster" : root() / "namespaces" / file_name(space)) /
        order_of(resource.name, origin);
    std::filesystem::create_directories(directory);
    const std::filesystem::path file =
        directory / (file_name(object.at("metadata").at("name").get<std::string>()) + ".yaml");
    core::write_all(core::open_file(file, O_WRONLY | O_CREAT | O_EXCL).get(), yaml_of(manifest), file);
    ++(space.empty() ? report_.cluster : report_.written)[resource.name];
    if (origin == Origin::custom) needs_.insert({kDefinitions, resource.name});
    for (Need& need : needs_of(resource.name, object)) needs_.insert(std::move(need));
  }

  // All of it or nothing: an empty directory of that name is replaced.
  void publish() {
    core::Fd directory = core::open_file(root(), O_RDONLY | O_DIRECTORY);
    if (::syncfs(directory.get()) != 0) throw core::system_error(errno, "flushing " + root().string());
    directory.reset();  // not every file system renames what is open
    std::filesystem::rename(root(), options_.directory);
  }

  ApiClient& api_;
  const verifier::Verification& snapshot_;
  const ExportOptions& options_;
  const MayRetry& may_retry_;
  core::ScratchDir scratch_;  // beside the target, so that it can become it
  ExportReport report_;
  std::map<std::string, std::map<std::string, std::size_t>> held_;  // namespace: resource: objects
  std::set<std::string> spaces_;
  const std::set<std::string> definitions_;  // custom resources, by their full names
  const StoredVersions stored_;
  std::map<std::string, ServedResource> served_;      // by full name
  std::map<std::string, WebhookVersions> converted_;  // custom resources that are read one by one
  std::set<std::string> kinds_;                       // that were asked for
  std::set<std::string> account_spaces_;              // whose service accounts are exported
  std::set<Need> needs_;
};

}  // namespace

void check_target(const std::filesystem::path& directory) {
  core::open_file(std::filesystem::absolute(directory).parent_path(), O_RDONLY | O_DIRECTORY);
  const auto status = std::filesystem::symlink_status(directory);
  if (!std::filesystem::exists(status)) return;
  if (!std::filesystem::is_directory(status) || !std::filesystem::is_empty(directory))
    throw core::Error(core::ErrorKind::usage,
                      directory.string() + " is there already and is no empty directory: nothing is written over");
}

ExportReport export_objects(ApiClient& api, const verifier::Verification& snapshot, const ExportOptions& options,
                            const MayRetry& may_retry) {
  check_target(options.directory);
  try {
    return Exporter(api, snapshot, options, may_retry).run();
  } catch (const Json::exception& error) {
    throw core::Error(core::ErrorKind::damaged, std::string("an object is not made as its kind is: ") + error.what());
  }
}

}  // namespace drill
