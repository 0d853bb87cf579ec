// What every test of verify() needs: a directory, a database in it, and a look at one check.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/scratch_dir.hpp"
#include "tests/verifier/kine_database.hpp"
#include "verifier/verify.hpp"

class VerifyFixture {
 public:
  std::filesystem::path path() const { return scratch_.path() / "state.db"; }

  /// Makes a sound cluster of `era`, then lets `change` at it, and closes it.
  void make(const std::function<void(kine::Database&)>& change = {}, kine::Era era = kine::Era::c) const;
  /// Changes the database behind kine's back.
  void exec(const std::string& sql) const;
  /// Compacts as kine does, up to `behind` revisions before the newest.
  void compact(int behind) const;
  void overwrite(std::uint64_t offset, std::string_view bytes) const;
  std::string bytes() const;
  void replace(std::string_view bytes) const;

  verifier::Verification verify(std::optional<std::string> token = {}, std::optional<std::string> sha256 = {}) const;

 private:
  core::ScratchDir scratch_;
};

const core::Check& check_named(const verifier::Verification& result, std::string_view name);

/// The one finding of severity error of the check; fails the test when there is not exactly one.
core::Finding only_error(const verifier::Verification& result, std::string_view name);
core::Finding only_warning(const verifier::Verification& result, std::string_view name);

bool contains(std::string_view text, std::string_view part);
