// Where k3s has its database, by what it is told and by what a running one has open, against where a pull reads.
// What it does not do: refuse; who asks does, with the words given here. No endpoint is in them: it may hold a
// password.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k3s/settings.hpp"
#include "k3s/told.hpp"

namespace k3s {

/// The datastore that k3s is told to use.
struct Datastore {
  std::string kind;  // "mysql", "etcd"; empty: SQLite
  std::string path;  // of the SQLite database
  std::string file;  // that says so; empty: k3s's default
};

/// Source: k3s-io/kine pkg/endpoint (an endpoint without "://" is SQLite's default), pkg/drivers/sqlite.
Datastore datastore_of(const Settings& settings);

/// What is to be said of a pull from `data_dir`.
struct PlaceFindings {
  std::optional<std::string> refusal;  // the database there is not the one in use: what is, and the cure
  std::optional<Datastore> external;   // it is no SQLite at all
  std::vector<std::string> warnings;
};

PlaceFindings check_place(const Told& told, const std::string& data_dir, const std::string& config_file);

}  // namespace k3s
