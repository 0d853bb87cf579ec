// What `drill explore --export` wrote and what it left out, as JSON and for people.
#pragma once

#include <string>

#include "drill/explore/export.hpp"

namespace reports {

std::string export_json(const std::string& snapshot, const drill::ExportReport& report);  // k3s-drill/explore-export/1
std::string export_text(const std::string& snapshot, const drill::ExportReport& report);

}  // namespace reports
