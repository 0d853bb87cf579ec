#include "drill/sandbox/owner.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace drill {
namespace {

std::string mark_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string stat;
  std::getline(file, stat, '\0');
  // The name, in brackets, may hold anything; what follows it is field 3, and the start time is field 22.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) {
    fields >> field;
    if (number == 3 && (field == "Z" || field == "X")) return {};  // dead, and only not waited for yet
  }
  return pid + "." + field;
}

}  // namespace

std::string owner_mark() { return mark_of(std::to_string(::getpid())); }

bool owner_lives(std::string_view mark) {
  const std::string pid(mark.substr(0, mark.find('.')));
  if (pid.empty() || !std::all_of(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  const std::string living = mark_of(pid);
  return !living.empty() && (mark == living || mark.starts_with(living + "."));
}

}  // namespace drill
