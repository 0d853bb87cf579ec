// What of a snapshot's word for its k3s version may name a file or an address.
#include "drill/engine/release.hpp"

#include <optional>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"

namespace {

// A cache of releases, and beside it a program that nobody asked for.
struct Machine {
  core::ScratchDir scratch;
  std::filesystem::path outside = scratch.path() / "outside";
  std::filesystem::path marker = scratch.path() / "it-ran";
  drill::EngineSettings settings;

  Machine() {
    settings.cache = scratch.path() / "cache";
    settings.release_url = "http://127.0.0.1:1";
    std::filesystem::create_directories(releases() / "v1");
    std::filesystem::create_directory(outside);
    core::write_new_file(outside / "k3s", "#!/bin/sh\n: > " + marker.string() + "\n");
    std::filesystem::permissions(outside / "k3s", std::filesystem::perms::owner_all);
  }
  std::filesystem::path releases() const { return settings.cache / "releases"; }

  std::optional<core::ErrorKind> refusal_of(const std::string& version) const {
    try {
      drill::choose_engine(settings, version);
    } catch (const core::Error& error) {
      CHECK_THAT(error.what(), Catch::Contains("is no k3s version"));
      return error.kind();
    }
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE_METHOD(Machine, "a version that is a path runs no program, asks no server and makes no directory") {
  for (const auto download : {drill::Download::no, drill::Download::yes}) {
    for (const auto kind : {std::optional<drill::EngineKind>(), std::optional(drill::EngineKind::k3s)}) {
      settings.download = download;
      settings.kind = kind;
      for (const std::string& version :
           {outside.string(), std::string("../../outside"), std::string("v1/../../../outside"), std::string("v1/../x"),
            std::string("..")}) {
        INFO(version);
        CHECK(refusal_of(version) == core::ErrorKind::not_found);
        CHECK_FALSE(std::filesystem::exists(marker));
        CHECK(std::distance(std::filesystem::recursive_directory_iterator(releases()), {}) == 1);
      }
    }
  }
}

TEST_CASE_METHOD(Machine,
                 "a release is named by its version, which has three numbers and nothing that means something") {
  for (const char* version : {"v1.36.2+k3s1", "v1.31.0-rc1+k3s1", "v1.20.15"})
    CHECK(drill::cached_release(settings, version) == releases() / version / "k3s");
  const std::string endless = "v1.36.2+k3s" + std::string(300, '1');
  for (const std::string& version : {std::string("v1.36"), std::string("v1.36."), std::string("1.36.2+k3s1"),
                                     std::string("v1..2"), std::string("v1.36.2 k3s1"), std::string("v1.36.2?x"),
                                     std::string("v1.36.2%2f.."), std::string("v1.36.2\n"), endless}) {
    INFO(version);
    CHECK_THROWS_AS(drill::cached_release(settings, version), core::Error);
  }
}
