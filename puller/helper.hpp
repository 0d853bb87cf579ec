// Method "helper": drill-node on the node. How it is started, what is asked of it, and how it gets there: into a
// root-only directory, and again when the drill has another one.
// What it does not do: know what comes back (pull does).
#pragma once

#include <memory>
#include <string_view>

#include "core/error.hpp"
#include "puller/target.hpp"
#include "ssh/conversation.hpp"
#include "ssh/session.hpp"

namespace puller {

/// Why drill-node cannot run on a node: the other method may. Names the cure.
class HelperUnavailable : public core::Error {
 public:
  using core::Error::Error;
};

/// Starts drill-node for `kind`, after sending it there when it is missing or another one than ours. `base`: lines of
/// ImageBuilder::request(). Throws: HelperUnavailable, and what ssh::Session throws.
std::unique_ptr<ssh::Conversation> start_helper(const Target& target, ssh::Session& session, RequestKind kind,
                                                std::string_view base);

}  // namespace puller
