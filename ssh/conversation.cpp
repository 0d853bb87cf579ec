#include "ssh/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "ssh/node_problem.hpp"
#include "ssh/root_shell.hpp"

namespace ssh {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::size_t kFactsAtMost = 100;
constexpr std::string_view kProblem = "problem ";

}  // namespace

// stdin stays open: its end tells the program that we are gone.
Conversation::Conversation(const Target& target, Command command, std::string_view opening)
    : target_(target),
      command_(std::move(command)),
      frames_([this](char* buffer, std::size_t size_bytes) { return command_.read(buffer, size_bytes); }) {
  allow(target.answer_timeout);
  const core::Stopwatch waiting;
  try {
    command_.write(opening);
    greeted_ = frames_.find_hello();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::timeout)
      throw not_started(error.kind(), fmt::format("no command has started {} s after the login: its start files wait "
                                                  "for something, or the node is overloaded",
                                                  std::chrono::round<std::chrono::seconds>(waiting.elapsed()).count()));
    if (error.kind() == ErrorKind::storage) throw not_started(error.kind(), error.what());
    throw;
  }
}

void Conversation::allow(std::chrono::seconds time) {
  command_.finish_by(std::chrono::steady_clock::now() + time, time);
}

void Conversation::allow_transfer(std::uint64_t size_bytes, std::chrono::seconds beside) {
  allow(beside + std::chrono::seconds(size_bytes / target_.least_bytes_per_second));
}

// A login shell reads ~/.bashrc before any command, also where there is no terminal.
Error Conversation::not_started(ErrorKind kind, std::string_view why) const {
  return Error(kind, fmt::format("{}: {}; let them end where there is no terminal; type on the node: sudo sed -i '1i "
                                 "case $- in *i*) ;; *) return ;; esac' ~{}/.bashrc",
                                 command_.peer(), why, command_.user()));
}

// A stream that ends early has its reason in what the program wrote to stderr, if it could still write.
template <class Work>
auto Conversation::explained(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (Error& error) {
    const std::string said = last_line(command_.error_output());
    if (error.kind() != ErrorKind::unreachable || said.empty()) throw;
    if (said.starts_with(kProblem)) throw problem(said.substr(kProblem.size()));
    throw Error(ErrorKind::unreachable, fmt::format("{} (the node's last words: {})", error.what(), said));
  }
}

Error Conversation::problem(std::string_view code_and_detail) const {
  const Error error = node_problem(code_and_detail, command_.user(), target_.host, target_.restore_command);
  return replaced_.empty() ? error : Error(error.kind(), fmt::format("{}; {}", error.what(), replaced_));
}

void Conversation::keep_fact(std::string_view text) {
  const std::string name(take_word(text));
  if (name == "told") return told_.add(text);
  facts_[name] = text;
  if (facts_.size() > kFactsAtMost) throw no_stream("facts without end");
  if (name == "clock_nanoseconds") heard_clock_ = core::utc_now();
}

Line Conversation::next() {
  while (true) {
    Line line = explained([&] { return frames_.line(); });
    if (line.word == "problem") throw problem(line.rest);
    if (line.word != "fact") return line;
    keep_fact(line.rest);
  }
}

void Conversation::hear(const std::string& fact) {
  const Line line = explained([&] { return frames_.line(); });
  if (line.word != "fact") throw no_stream("no " + fact);
  keep_fact(line.rest);
}

void Conversation::body(const Item& item, const std::function<void(std::string_view)>& sink) {
  explained([&] { frames_.body(item, sink); });
}

void Conversation::bytes(std::uint64_t size_bytes, const std::function<void(std::string_view)>& sink) {
  explained([&] { frames_.bytes(size_bytes, sink); });
}

std::string Conversation::text(const std::string& fact) const {
  const auto found = facts_.find(fact);
  return found == facts_.end() ? std::string() : found->second;
}

std::uint64_t Conversation::number(const std::string& fact) const { return parse_number(text(fact), fact); }

std::chrono::nanoseconds Conversation::nanoseconds(const std::string& fact) const {
  return parse_nanoseconds(text(fact), fact);
}

}  // namespace ssh
