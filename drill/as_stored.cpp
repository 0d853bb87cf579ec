#include "drill/as_stored.hpp"

#include <algorithm>

namespace drill {
namespace {

std::string_view version_of(const verifier::Object& object) {
  return object.api_version.substr(object.api_version.find('/') + 1);
}

bool is_one_of(std::string_view version, const std::vector<std::string>& served) {
  return std::find(served.begin(), served.end(), version) != served.end();
}

}  // namespace

StoredVersions::StoredVersions(const verifier::ObjectList& objects) {
  for (const verifier::Object& object : objects) {
    if (object.api_version.empty()) continue;
    const auto [known, is_new] = versions_.emplace(object.resource, version_of(object));
    if (!is_new && known->second != version_of(object)) mixed_.insert(known->first);
  }
}

std::string StoredVersions::choose(const std::string& resource, const std::vector<std::string>& served) const {
  const auto stored = versions_.find(resource);
  return stored != versions_.end() && is_one_of(stored->second, served) ? std::string(stored->second) : served.front();
}

bool StoredVersions::need_conversion(const std::string& resource, const std::vector<std::string>& served) const {
  const auto stored = versions_.find(resource);
  return differ(resource) || (stored != versions_.end() && !is_one_of(stored->second, served));
}

std::vector<ServedAnswer> read_patiently(ApiClient& api, const std::vector<std::string>& paths,
                                         const MayRetry& may_retry) {
  std::vector<ServedAnswer> answers(paths.size());
  std::vector<std::size_t> open(paths.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  do {
    std::vector<std::string> asked;
    for (const std::size_t i : open) asked.push_back(paths[i]);
    std::vector<std::size_t> again;
    api.read_all(asked, [&](std::size_t i, ServedAnswer&& answer) {
      if (answer.not_yet()) again.push_back(open[i]);
      answers[open[i]] = std::move(answer);
    });
    open = std::move(again);
  } while (!open.empty() && may_retry());
  return answers;
}

std::vector<StoredObject> read_one_by_one(ApiClient& api, const verifier::ObjectList& objects,
                                          std::string_view resource, std::string_view namespace_name,
                                          const std::vector<std::string>& served, const MayRetry& may_retry) {
  std::vector<StoredObject> found;
  std::vector<std::string> paths;
  for (const verifier::Object& object : objects) {
    if (object.resource != resource || (!namespace_name.empty() && object.namespace_name != namespace_name)) continue;
    found.push_back({object, is_one_of(version_of(object), served), {}});
    const std::string version = found.back().served_as_stored ? std::string(version_of(object)) : served.front();
    paths.push_back(path_of({std::string(resource), version}, object.namespace_name, object.name));
  }
  std::vector<ServedAnswer> answers = read_patiently(api, paths, may_retry);
  for (std::size_t i = 0; i < found.size(); ++i) found[i].answer = std::move(answers[i]);
  return found;
}

}  // namespace drill
