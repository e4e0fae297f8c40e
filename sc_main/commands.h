// The subcommands of the pagoda program: each adds itself to the command line, in a file of its own.
#pragma once

#include <functional>
#include <vector>

#include <CLI/App.hpp>

namespace pagoda {

/// What the chosen subcommand does; returns the exit status.
using Command = std::function<int()>;

void add_run(CLI::App& app, Command& chosen);
void add_platforms(CLI::App& app, Command& chosen);
void add_report(CLI::App& app, Command& chosen);
void add_check(CLI::App& app, Command& chosen);
void add_describe(CLI::App& app, Command& chosen);
void add_schema(CLI::App& app, Command& chosen);
void add_sweep(CLI::App& app, Command& chosen);
void add_sweep_probe(CLI::App& app, Command& chosen);
void add_sweep_worker(CLI::App& app, Command& chosen);
void add_trace(CLI::App& app, Command& chosen);
void add_translate(CLI::App& app, Command& chosen);

}  // namespace pagoda
