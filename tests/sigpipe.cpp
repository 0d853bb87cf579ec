// Part of every test program: a peer that goes away is a failed write, as it is in the program (core/cancel), and not
// the end of the test.
#include <csignal>

namespace {
[[maybe_unused]] const auto before = std::signal(SIGPIPE, SIG_IGN);
}
