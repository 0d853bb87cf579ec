// What a node would tell, made by a test.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "k3s/told.hpp"

using Lines = std::vector<std::string>;

/// "KIND PATH" and the text of each file, then other lines as they are, then that this is all.
k3s::Told told_of(const std::vector<std::pair<std::string, std::string>>& files, const Lines& lines = {});

std::string base64(std::string_view bytes);
