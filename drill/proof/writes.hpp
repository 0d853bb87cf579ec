// Does it take writes? A restored control plane that only reads is none. The drill's last look at the API, after all
// comparisons, as it changes what is there.
#pragma once

#include <string_view>

#include "core/finding.hpp"
#include "core/revision.hpp"
#include "drill/engine/patience.hpp"

namespace drill {

/// What is written into, and removed again.
inline constexpr std::string_view kWritesNamespace = "k3s-drill-writes";

/// Check `writes`: in a namespace of its own a ConfigMap is made, read and removed, and each change has a revision
/// beyond `restored` and beyond the one before. Skipped, with the reason, where a webhook of the cluster refuses, as
/// what answers it does not run here, or one of its admission policies. Throws: unreachable, timeout, storage.
core::Check prove_writes(ApiClient& api, core::Revision restored, const MayRetry& may_retry);

}  // namespace drill
