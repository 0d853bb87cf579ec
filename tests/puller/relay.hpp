// A TCP relay in front of a node's sshd that can hold, or drop, the node's answer after so many bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "core/fd.hpp"
#include "tests/lab_node.hpp"

namespace lab {

class Relay {
 public:
  /// Passes `bytes` of the node's answers on, then holds the rest.
  Relay(const Node& node, std::uint64_t bytes);
  ~Relay();

  /// The node's target, through the relay.
  puller::Target target(puller::Method method = puller::Method::automatic) const;

  /// Waits until it holds. False after 20 s.
  bool holding() const;
  void release() { hold_ = false; }
  void drop() { dropped_ = true; }

 private:
  void run();
  void pass(int puller, int node);

  puller::Target target_;
  std::string node_host_;
  core::ScratchDir scratch_;
  core::Fd listener_;
  std::uint64_t left_;
  std::atomic<bool> hold_{true};
  std::atomic<bool> holds_now_{false};
  std::atomic<bool> dropped_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

/// A pull of a new node's database of about 36 MB whose answer is held half way.
struct HalfWay {
  Node node;
  std::unique_ptr<Relay> relay;
  Shelf shelf;
  std::unique_ptr<Fork> pull;  // returns as try_pull()

  /// `before` runs in the child that pulls.
  explicit HalfWay(
      puller::Method method, const std::function<void()>& before = [] {});
};

}  // namespace lab
