#include "drill/engine/patience.hpp"

#include <utility>

namespace drill {

ServedAnswer send_patiently(ApiClient& api, const std::string& method, const std::string& path, const std::string& body,
                            const MayRetry& may_retry) {
  ServedAnswer answer;
  do {
    answer = api.send(method, path, body);
  } while (answer.not_yet() && may_retry());
  return answer;
}

void read_patiently(ApiClient& api, const std::vector<std::string>& paths, const MayRetry& may_retry,
                    const std::function<void(std::size_t, ServedAnswer&&)>& take) {
  std::vector<std::size_t> open(paths.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  std::vector<std::pair<std::size_t, ServedAnswer>> refused;
  do {
    std::vector<std::string> asked;
    for (const std::size_t i : open) asked.push_back(paths[i]);
    refused.clear();
    api.read_all(asked, [&](std::size_t i, ServedAnswer&& answer) {
      if (answer.not_yet())
        refused.emplace_back(open[i], std::move(answer));
      else
        take(open[i], std::move(answer));
    });
    open.clear();
    for (const auto& [i, answer] : refused) open.push_back(i);
  } while (!open.empty() && may_retry());
  for (auto& [i, answer] : refused) take(i, std::move(answer));
}

std::map<std::string, ServedList> list_patiently(ApiClient& api, std::vector<ListedResource> requested,
                                                 std::optional<core::Revision> revision,
                                                 const std::function<bool(const ServedList&)>& may_come,
                                                 const MayRetry& may_retry) {
  std::map<std::string, ServedList> lists;
  do {
    std::vector<ListedResource> again;
    std::vector<ServedList> answers = api.list(requested, revision);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (may_come(answers[i])) again.push_back(requested[i]);
      lists[requested[i].name] = std::move(answers[i]);
    }
    requested = std::move(again);
  } while (!requested.empty() && may_retry());
  return lists;
}

}  // namespace drill
