// Method "helper": drill-node on the node. The command line that starts it, what is asked of it, how it gets there, and
// the one line in sudoers that lets nothing else run. It lives in a root-only directory and is sent again when the
// drill has another one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "puller/conversation.hpp"
#include "puller/ssh_session.hpp"
#include "puller/target.hpp"

namespace puller {

inline constexpr std::string_view kHelperPath = "/var/lib/k3s-drill/drill-node";

/// What the program is asked: puller/node/request.hpp. `base`: lines of ImageBuilder::request().
std::string helper_request(const Target& target, std::string_view errand, std::string_view base);

/// Starts the program with `request`, after sending it there when it is missing or another one than ours.
/// Throws: HelperUnavailable, and what ssh_session throws.
std::unique_ptr<Conversation> start_helper(const Target& target, SshSession& session, const std::string& request);

/// Starts what is there, and sends nothing: for looking. Empty when there is none that runs.
std::unique_ptr<Conversation> start_present_helper(const Target& target, SshSession& session,
                                                   const std::string& request);

/// Why the program cannot run on this node: the other method may. Of kind denied or not_found, with the cure.
class HelperUnavailable : public core::Error {
 public:
  using core::Error::Error;
};

}  // namespace puller
