// A program at work on the node, and what it has said so far: the controller's end of its stream (frames.hpp),
// whichever program it is. Between session.hpp and who asks. What it does not do: know the order of things.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "k3s/told.hpp"
#include "ssh/frames.hpp"
#include "ssh/session.hpp"
#include "ssh/target.hpp"

namespace ssh {

class Conversation {
 public:
  /// With `command`, to which it says `opening`. Throws: timeout, or storage for noise without end, before the hello.
  Conversation(const Target& target, Command command, std::string_view opening);

  /// What its program is only a replacement of, and why: said behind whatever the node then has against it.
  void replaces(std::string what) { replaced_ = std::move(what); }

  /// False when the command ended without a hello: then error_output() and exit_status() say why.
  bool greeted() const { return greeted_; }
  std::string_view error_output() const { return command_.error_output(); }
  std::optional<int> exit_status() { return command_.exit_status(); }

  /// The next line that is no fact; facts are kept. Throws: what a problem the node tells of stands for; as
  /// FrameReader.
  Line next();

  /// Reads on until `fact` is known, which is the next thing to come.
  void hear(const std::string& fact);

  void body(const Item& item, const std::function<void(std::string_view)>& sink);
  void bytes(std::uint64_t size_bytes, const std::function<void(std::string_view)>& sink);
  void say(std::string_view text) { command_.write(text); }

  /// From now on it has that long to come to its end, whatever it says meanwhile. At first it has
  /// `answer_timeout` of the target.
  void allow(std::chrono::seconds time);
  /// The same for a transfer of `size_bytes`, and `beside` it.
  void allow_transfer(std::uint64_t size_bytes, std::chrono::seconds beside);

  /// Empty when it was not said. Throws, for what must be a number: storage.
  std::string text(const std::string& fact) const;
  bool knows(const std::string& fact) const { return facts_.count(fact) != 0; }
  std::uint64_t number(const std::string& fact) const;
  std::chrono::nanoseconds nanoseconds(const std::string& fact) const;
  /// What it has said of its k3s; of an older drill-node, nothing.
  const k3s::Told& told() const { return told_; }
  /// What a problem that it tells of stands for.
  core::Error problem(std::string_view code_and_detail) const;
  /// Ours when the node said its own, `fact clock_nanoseconds`.
  core::UtcTime heard_clock() const { return heard_clock_; }

 private:
  template <class Work>
  auto explained(Work&& work) -> decltype(work());
  void keep_fact(std::string_view text);
  core::Error not_started(core::ErrorKind kind, std::string_view why) const;

  const Target& target_;
  Command command_;
  FrameReader frames_;
  bool greeted_ = false;
  std::string replaced_;
  std::map<std::string, std::string> facts_;
  k3s::Told told_;
  core::UtcTime heard_clock_;
};

}  // namespace ssh
