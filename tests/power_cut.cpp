#include "tests/power_cut.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace crash {
namespace {

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool is_in(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

}  // namespace

void Unflushed::forget(const std::string& path) {
  std::erase_if(changed_, [&](const std::string& entry) { return is_in(entry, path); });
}

void Unflushed::see(const Step& step) {
  const auto is = [&](std::string_view word) { return step.call.find(word) != std::string::npos; };
  if (is("sync")) {
    changed_.erase(step.path);
  } else if (is("rename")) {
    std::set<std::string> moved;
    for (const std::string& entry : changed_)
      if (is_in(entry, step.path)) moved.insert(step.target + entry.substr(step.path.size()));
    forget(step.path);
    changed_.merge(moved);
    changed_.insert({directory_of(step.path), directory_of(step.target)});
  } else if (is("unlink") || is("rmdir")) {
    forget(step.path);
    changed_.insert(directory_of(step.path));
  } else if (is("link")) {
    changed_.insert(directory_of(step.target));
  } else {
    const bool makes = is("open") || is("mk") || is("creat");
    if (makes && std::filesystem::exists(step.path)) return;
    changed_.insert(step.path);
    if (makes) changed_.insert(directory_of(step.path));
  }
}

std::vector<std::string> Unflushed::in(const std::string& directory) const {
  std::vector<std::string> found;
  std::copy_if(changed_.begin(), changed_.end(), std::back_inserter(found), [&](const std::string& path) {
    return is_in(path, directory) && !path.ends_with(" (deleted)");  // scratch files have no name to be lost
  });
  return found;
}

}  // namespace crash
