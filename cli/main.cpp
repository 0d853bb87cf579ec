#include "cli/command.hpp"
#include "core/cancel.hpp"

int main(int argc, char** argv) {
  core::install_cancel_handlers();
  return cli::run_command_line(argc, argv);
}
