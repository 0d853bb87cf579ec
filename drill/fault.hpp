// The damages of the negative control: what is done to the twin of a snapshot that a drill then has to refuse. One a
// night, in turn. What it does not do: drill it (control.hpp).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "drill/candidate.hpp"

namespace drill {

enum class Fault { flipped_bytes, wrong_token, truncated, another_cluster, stale_wal };

inline constexpr std::array<Fault, 5> kFaults{Fault::flipped_bytes, Fault::wrong_token, Fault::truncated,
                                              Fault::another_cluster, Fault::stale_wal};

/// "flipped-bytes", "wrong-token", "truncated", "another-cluster", "stale-wal"
std::string_view to_string(Fault fault);
std::optional<Fault> fault_named(std::string_view name);

/// In five nights each once, by the day in UTC.
Fault fault_of_night(core::UtcTime now);

/// Damages `twin`, whose database has no -wal and is a copy that may be written to, always in the same way.
/// flipped_bytes: one bit each of 64 bytes all over the file. wrong_token: another password. truncated: the last third
/// of the pages is gone. another_cluster: `kube_system_uid` is another valid one everywhere in the file. stale_wal:
/// beside the file lies a -wal of an earlier life, valid in itself. Throws: storage; damaged for a file that is no
/// database or does not hold the uid.
void inflict(Fault fault, Material& twin, std::string_view kube_system_uid);

}  // namespace drill
