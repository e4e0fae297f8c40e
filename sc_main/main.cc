// The pagoda program: reads the command line and hands over to a subcommand.
//
// Exit status: 0 done, 1 internal error, 2 the user's input is wrong, 3 a modelled invariant was violated.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <systemc>

#include "pagoda/base/error.h"
#include "sc_main/commands.h"

namespace {

constexpr int kInternalError = 1;
constexpr int kUserError = 2;
constexpr int kInvariantViolated = 3;

int fail(int status, const std::string& line) {
  fmt::print(stderr, "pagoda: {}\n", line);
  return status;
}

int run_command(int argc, char** argv) {
  CLI::App app{
      "Pagoda simulates virtual-memory hardware: TLBs, page-table walkers, caches and DRAM of a platform that you "
      "describe\n"
      "in YAML, driven by a memory trace or a synthetic pattern.\n\n"
      "  pagoda platforms                        what comes with Pagoda\n"
      "  pagoda run desktop                      run a shipped platform\n"
      "  pagoda run guest --all-variants         compare its variants\n"
      "  pagoda run desktop --set cpus.mmu.dtlb.entries=128\n"
      "  pagoda sweep tlb.yaml --out results     run many points\n"
      "  pagoda describe cpus.mmu                what can be set, with units and defaults"};
  app.name("pagoda");
  app.set_version_flag("--version", "pagoda " PAGODA_VERSION);
  app.require_subcommand(1);
  pagoda::Command chosen;
  pagoda::add_run(app, chosen);
  pagoda::add_report(app, chosen);
  pagoda::add_platforms(app, chosen);
  pagoda::add_check(app, chosen);
  pagoda::add_describe(app, chosen);
  pagoda::add_schema(app, chosen);
  pagoda::add_sweep(app, chosen);
  pagoda::add_sweep_probe(app, chosen);
  pagoda::add_sweep_worker(app, chosen);
  pagoda::add_trace(app, chosen);
  pagoda::add_translate(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& answer) {  // --help, --version
    return app.exit(answer);
  } catch (const CLI::ParseError& error) {
    return fail(kUserError, std::string(error.what()) + "; see `pagoda --help`");
  }
  return chosen();
}

}  // namespace

int sc_main(int argc, char** argv) {
  try {
    return run_command(argc, argv);
  } catch (const pagoda::UserError& error) {
    return fail(kUserError, error.what());
  } catch (const pagoda::InvariantError& error) {
    return fail(kInvariantViolated, std::string("invariant violated: ") + error.what());
  } catch (const sc_core::sc_report& report) {
    return fail(kInternalError,
                fmt::format("internal error: {}: {}",
                            report.get_process_name() != nullptr ? report.get_process_name() : "", report.what()));
  } catch (const std::exception& error) {
    return fail(kInternalError, std::string("internal error: ") + error.what());
  }
}

int main(int argc, char** argv) {
  setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
  return sc_core::sc_elab_and_sim(argc, argv);
}
