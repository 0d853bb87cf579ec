#include "tests/verifier/bounded.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <stdexcept>

#include "core/fd.hpp"
#include "tests/sanitized.hpp"

namespace {

[[noreturn]] void run_child(int out, const std::function<std::string()>& work) {
  std::string said;
  try {
    said = work();
  } catch (const std::exception& error) {
    said = std::string("threw: ") + error.what();
  }
  for (std::size_t at = 0; at < said.size();) {
    const ssize_t written = ::write(out, said.data() + at, said.size() - at);
    if (written <= 0) break;
    at += static_cast<std::size_t>(written);
  }
  ::_exit(0);
}

}  // namespace

Bounded bounded(const std::function<std::string()>& work, std::chrono::seconds limit) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const core::Fd in(ends[0]);
  core::Fd out(ends[1]);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child");
  if (child == 0) run_child(out.get(), work);
  out.reset();
  Bounded result;
  bool late = false;
  for (char buffer[4096];;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(begin + limit - std::chrono::steady_clock::now());
    pollfd ear{in.get(), POLLIN, 0};
    late = left.count() <= 0 || ::poll(&ear, 1, static_cast<int>(left.count())) <= 0;
    if (late) break;
    const ssize_t got = ::read(in.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    result.said.append(buffer, static_cast<std::size_t>(got));
  }
  if (late) ::kill(child, SIGKILL);
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  result.ended = !late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  result.peak_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  result.duration = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  return result;
}

std::uint64_t peak_allowed() { return kSanitized ? UINT64_MAX : std::uint64_t{300} << 20U; }

std::string told(const verifier::Verification& result) {
  std::string text;
  for (const core::Check& check : result.checks) {
    text += check.name + " " + std::string(core::to_string(check.verdict)) + "\n";
    for (const core::Finding& finding : check.findings) text += "  " + finding.message + "\n";
  }
  return text;
}
