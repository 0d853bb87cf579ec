// A JSON-like tree as a sequence of events, so that neither encoding builds one in memory.
// json_tree.cpp is the door to nlohmann; CBOR is read by hand because nlohmann's reader calls itself for every nested
// tag and string chunk, which a hostile value turns into a stack overflow.
#pragma once

#include <string_view>

namespace verifier {

class TreeVisitor {
 public:
  TreeVisitor() = default;
  TreeVisitor(const TreeVisitor&) = delete;
  TreeVisitor& operator=(const TreeVisitor&) = delete;
  virtual ~TreeVisitor() = default;

  virtual void begin() = 0;  // an object or an array
  virtual void end() = 0;
  virtual void key(std::string_view key) = 0;  // inside an object, before its value
  virtual void text(std::string_view text) = 0;
  virtual void other() = 0;  // a number, null
  virtual void boolean(bool) { other(); }
};

/// The nesting at which Kubernetes' own JSON decoder gives up. Source: Go encoding/json, scanner.go.
constexpr int kDeepestNesting = 10'000;

/// Throws: damaged (no JSON, something after it, nested too deep).
void walk_json(std::string_view document, TreeVisitor& visitor);

/// Throws: damaged. Source: RFC 8949.
void walk_cbor(std::string_view document, TreeVisitor& visitor);

}  // namespace verifier
