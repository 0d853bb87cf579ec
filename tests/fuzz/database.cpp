// verify() of a whole database file: header, pages, schema, rows, values and the sealed row. It always comes back with
// a result, and its numbers fit together.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "core/fd.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "verifier/verify.hpp"

namespace {

// A file in memory; verify() takes such a path.
std::filesystem::path write_input(std::string_view input) {
  static const core::Fd file(::memfd_create("state.db", MFD_CLOEXEC));
  if (!file || ::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), input.data(), input.size(), 0) != static_cast<ssize_t>(input.size()))
    throw std::runtime_error("no memory for the input");
  return "/proc/self/fd/" + std::to_string(file.get());
}

void check_numbers(const verifier::Verification& result) {
  const verifier::Census& census = result.census;
  std::uint64_t by_resource = 0;
  for (const auto& entry : census.by_resource) by_resource += entry.second;
  std::uint64_t by_namespace = 0;
  for (const auto& entry : census.by_namespace) by_namespace += entry.second;
  fuzz::demand(census.objects_total == by_resource, "every object is of a resource");
  fuzz::demand(census.objects_total == by_namespace + census.cluster_scoped, "every object has its place");
  fuzz::demand(census.objects_total == result.objects.size(), "every object is listed");
  fuzz::demand(result.rows.live <= result.coverage.rows_checked, "every live row was read");
  for (const core::Check& check : result.checks)
    for (const core::Finding& finding : check.findings)
      fuzz::demand(finding.message.size() < 2000, "a finding is short");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  check_numbers(verifier::verify({write_input(input), verifier::parse_token("5f3c1b7e9a2d4c6850e1f2a3b4c5d6e7"), {}}));
  return 0;
}
