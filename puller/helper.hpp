// Method "helper": drill-node on the node. How it is started, what is asked of it, and how it gets there: into a
// root-only directory, and again when the drill has another one.
// What it does not do: know what comes back (pull does).
#pragma once

#include <memory>
#include <string_view>

#include "core/error.hpp"
#include "puller/conversation.hpp"
#include "puller/ssh_session.hpp"
#include "puller/target.hpp"

namespace puller {

/// Why drill-node cannot run on a node: the other method may. Names the cure.
class HelperUnavailable : public core::Error {
 public:
  using core::Error::Error;
};

/// Starts drill-node for `errand`, after sending it there when it is missing or another one than ours. `base`: lines of
/// ImageBuilder::request(). Throws: HelperUnavailable, and what ssh_session throws.
std::unique_ptr<Conversation> start_helper(const Target& target, SshSession& session, Errand errand,
                                           std::string_view base);

}  // namespace puller
